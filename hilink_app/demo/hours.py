"""When the demo academy's instructors work, where they live, their languages and holidays; one is on leave soon."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, select

from core.domain import AvailabilityException, AvailabilityHours, BookingProfile, HolidayCalendar, Person
from core.scheduling.zones import instant
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
LANGUAGES = {
    "instructor": ["en"],
    "mateus": ["en", "pt"],
    "ines": ["en", "pt"],
    "viktor": ["de", "en"],
    "priya": ["en", "hi"],
    "grace": ["en", "fr"],
}
HOLIDAYS = ("Portugal", ("mateus", "ines"))
"""A calendar, and who follows it."""
DAYS_OFF = ((60, 2, "Spring festival"), (95, 12, "Summer break"), (200, 1, "Founders’ day"))
"""In how many days, for how many, what."""
AWAY = ("viktor", 3, 2)
"""Who, in how many days, for how many."""


def add(db: Session, now: datetime) -> None:
    """Weekly hours and languages of every instructor, the holidays, and the leave."""
    today = now.date()
    holidays = HolidayCalendar(
        name=HOLIDAYS[0],
        days={
            (today + timedelta(days=ahead + number)).isoformat(): what
            for ahead, days, what in DAYS_OFF
            for number in range(days)
        },
    )
    db.add(holidays)
    db.flush()
    for name, (starts, ends, days) in HOURS.items():
        person = db.exec(select(Person).where(Person.email == f"{name}@{DOMAIN}")).one()
        follows = holidays.id if name in HOLIDAYS[1] else None
        db.add(BookingProfile(person_id=person.id, languages=LANGUAGES[name], holiday_calendar_id=follows))
        for weekday in days:
            db.add(
                AvailabilityHours(
                    person_id=person.id, weekday=weekday, starts=starts, ends=ends, tz=person.tz
                )
            )
        if name == AWAY[0]:
            here = ZoneInfo(person.tz)
            today = datetime.combine(now.astimezone(here).date(), time())
            first = today + timedelta(days=AWAY[1])
            db.add(
                AvailabilityException(
                    person_id=person.id,
                    kind="away",
                    starts_at=instant(first, here),
                    ends_at=instant(first + timedelta(days=AWAY[2]), here),
                    note="Visiting family",
                    created_by=person.id,
                    created_at=now,
                )
            )
