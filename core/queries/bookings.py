"""A person's time as programs read it: hours, limits, dates, what is open and what of it is free. Ids and facts."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from sqlmodel import col, select

from core import services
from core.access import Viewer
from core.domain import AvailabilityException, BookingProfile, BusyCalendar
from core.errors import NotAllowed, NotFound
from core.lifecycle.availability import Profile
from core.queries.bookable import bookable
from core.scheduling.availability import WeeklyHours, free_windows, open_windows
from core.scheduling.windows import Window


@dataclass(frozen=True, slots=True)
class ExceptionRecord:
    """kind: away | extra."""

    id: str
    kind: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class CalendarRecord:
    """A subscribed calendar. host: all of its address that is shown. status: waiting | ok | failed."""

    host: str
    status: str
    problem: str
    fetched_at: datetime | None


@dataclass(frozen=True, slots=True)
class AvailabilityRecord:
    """open: hours without dates away. free: of these, what is neither booked nor busy, after the notice.

    hours, profile: what is behind it; version: of these, 0 = never changed.
    """

    person_id: str
    tz: str
    profile: Profile
    calendar: CalendarRecord | None
    hours: list[WeeklyHours]
    exceptions: list[ExceptionRecord]
    open: list[Window]
    free: list[Window]
    version: int


def availability(viewer: Viewer, person_id: str, within: Window) -> AvailabilityRecord:
    """When somebody can be booked. NotFound."""
    if not viewer.has("coordinator"):
        raise NotAllowed()
    with services.current().store.read() as db:
        who = bookable(db, [person_id], within).get(person_id)
        row = db.get(BookingProfile, person_id) or BookingProfile(person_id=person_id, version=0)
        calendar = db.exec(select(BusyCalendar).where(BusyCalendar.person_id == person_id)).first()
        dated = db.exec(
            select(AvailabilityException)
            .where(
                AvailabilityException.person_id == person_id,
                AvailabilityException.starts_at < within.ends_at,
                AvailabilityException.ends_at > within.starts_at,
            )
            .order_by(col(AvailabilityException.starts_at))
        ).all()
    if who is None:
        raise NotFound()
    rules = who.availability
    return AvailabilityRecord(
        person_id=person_id,
        tz=who.tz,
        profile=Profile(
            row.tz,
            tuple(row.languages),
            row.notice_s,
            row.buffer_s,
            row.most_a_day,
            row.most_a_week,
            row.holiday_calendar_id,
        ),
        calendar=_calendar(calendar) if calendar else None,
        hours=list(rules.hours),
        exceptions=[ExceptionRecord(one.id, one.kind, one.starts_at, one.ends_at) for one in dated],
        open=open_windows(rules, within),
        free=free_windows(rules, [*who.booked, *who.busy], within, services.current().clock.now()),
        version=row.version,
    )


def _calendar(row: BusyCalendar) -> CalendarRecord:
    return CalendarRecord(urlsplit(row.url).hostname or "", row.status, row.problem, row.fetched_at)
