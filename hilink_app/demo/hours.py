"""When the demo academy's instructors work, where they live; one of them is on leave soon."""

from datetime import datetime, time, timedelta

from sqlmodel import Session, select

from core.domain import AvailabilityException, AvailabilityHours, Person
from hilink_app.demo.people import DOMAIN

HOURS = {
    # email part: from, until (wall clock at home), days of the week from Monday
    "instructor": (time(8), time(20, 30), range(7)),
    "mateus": (time(8), time(20), range(7)),
    "ines": (time(5), time(16), range(7)),
    "viktor": (time(9), time(21), range(6)),
    "priya": (time(13), time(0), range(7)),
    "grace": (time(8, 30), time(19), range(6)),
}
AWAY = ("viktor", timedelta(days=3), timedelta(days=5))
"""Who, from when, until when, counted from today."""


def add(db: Session, now: datetime) -> None:
    """Weekly hours of every instructor, and the leave."""
    for name, (starts, ends, days) in HOURS.items():
        person = db.exec(select(Person).where(Person.email == f"{name}@{DOMAIN}")).one()
        for weekday in days:
            db.add(
                AvailabilityHours(
                    person_id=person.id, weekday=weekday, starts=starts, ends=ends, tz=person.tz
                )
            )
        if name == AWAY[0]:
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
            db.add(
                AvailabilityException(
                    person_id=person.id,
                    kind="away",
                    starts_at=midnight + AWAY[1],
                    ends_at=midnight + AWAY[2],
                    created_by=person.id,
                    created_at=now,
                )
            )
