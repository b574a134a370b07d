"""The coordinator's question about holidays: which days are off by which calendar, and who follows it?"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from sqlmodel import Session, col, select

from core import services
from core.access import Viewer
from core.domain import BookingProfile, HolidayCalendar, Person
from core.errors import NotAllowed
from core.queries.common import Face, face


@dataclass(frozen=True)
class HolidaySpan:
    """Days in a row with one name. first, last: ISO dates, both included."""

    first: str
    last: str
    what: str


@dataclass(frozen=True)
class HolidaysLine:
    """One calendar. spans: by date; to_come: days that are not over; followers: active people, by name."""

    id: str
    name: str
    spans: list[HolidaySpan]
    to_come: int
    followers: list[Face]
    version: int


NO_CALENDAR = HolidaysLine("", "", [], 0, [], 0)
"""Stands where there is none: its id is empty."""


def calendars(viewer: Viewer) -> list[HolidaysLine]:
    """All holiday calendars by name. Coordinators alone."""
    if not viewer.has("coordinator"):
        raise NotAllowed()
    service = services.current()
    with service.store.read() as db:
        followers = _followers(db)
        rows = db.exec(select(HolidayCalendar).order_by(col(HolidayCalendar.name))).all()
    today = service.clock.now().date().isoformat()
    return [
        HolidaysLine(
            id=row.id,
            name=row.name,
            spans=spans({date.fromisoformat(day): str(what) for day, what in row.days.items()}),
            to_come=sum(day >= today for day in row.days),
            followers=followers[row.id],
            version=row.version,
        )
        for row in rows
    ]


def spans(days: dict[date, str]) -> list[HolidaySpan]:
    """Days in a row with the same name as one."""
    in_order = enumerate(sorted(days))
    rows = groupby(in_order, key=lambda one: (one[1] - timedelta(days=one[0]), days[one[1]]))
    found: list[HolidaySpan] = []
    for (_, what), row in rows:
        group = [day for _, day in row]
        found.append(HolidaySpan(group[0].isoformat(), group[-1].isoformat(), what))
    return found


def days_of(line: HolidaysLine) -> dict[date, str]:
    """The other way round: every day by itself."""
    found: dict[date, str] = {}
    for one in line.spans:
        first, last = date.fromisoformat(one.first), date.fromisoformat(one.last)
        found |= {first + timedelta(days=number): one.what for number in range((last - first).days + 1)}
    return found


def _followers(db: Session) -> dict[str, list[Face]]:
    """By calendar."""
    rows = db.exec(
        select(BookingProfile.holiday_calendar_id, Person)
        .join(Person, col(Person.id) == BookingProfile.person_id)
        .where(col(BookingProfile.holiday_calendar_id).is_not(None), col(Person.active).is_(True))
        .order_by(col(Person.name), col(Person.id))
    )
    found: dict[str, list[Face]] = defaultdict(list)
    for calendar_id, person in rows:
        found[str(calendar_id)].append(face(person))
    return found
