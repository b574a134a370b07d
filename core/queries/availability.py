"""A person's hours: when can I be booked, what keeps me from it, and what do the clocks do to it?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from urllib.parse import urlsplit

from sqlmodel import Session, col, func, select

from core import services
from core.access import Viewer
from core.delivery import audit
from core.domain import (
    AvailabilityException,
    AvailabilityHours,
    BookingProfile,
    BusyCalendar,
    BusyTime,
    ClassSession,
    HolidayCalendar,
    Person,
    PersonRole,
)
from core.errors import NotAllowed, NotFound
from core.queries.common import Face, LessonLine, face, iso, lesson_lines
from core.scheduling.availability import Availability, WeeklyHours, clock_notes
from core.scheduling.times import zone
from core.scheduling.windows import Window
from core.scheduling.zones import clock_changes

NOTES_AHEAD = timedelta(days=366)
BUSY_AHEAD = timedelta(days=7)


@dataclass(frozen=True)
class HoursRow:
    """One entry of the week. starts, ends: "16:00"; `ends` not after `starts` is the next day. valid_*: ISO or ""."""

    weekday: int
    starts: str
    ends: str
    tz: str
    valid_from: str = ""
    valid_until: str = ""


@dataclass(frozen=True)
class ExceptionRow:
    """kind: away | extra. first, last: local dates; clocks: "" when it is whole days, else from and until."""

    id: str
    kind: str
    starts_at: str
    ends_at: str
    first: str
    last: str
    starts: str
    ends: str
    note: str


@dataclass(frozen=True)
class CalendarRow:
    """A subscribed calendar. host: all of its address that is shown, the rest is a secret. busy: in seven days."""

    host: str
    status: str
    problem: str
    fetched_at: str
    next_at: str
    busy: int


@dataclass(frozen=True)
class ClockLine:
    """A day on which clocks change. From `shows` they jump to `then`. hits: minutes that hours win or, below 0, lose."""

    day: str
    shows: str
    then: str
    skips: bool
    hits: int


@dataclass(frozen=True)
class HoursView:
    """Durations in minutes, 0 = no limit. version: 0 = nothing was ever said. dated: kept, with dates or another zone."""

    person: Face
    tz: str
    profile_tz: str
    week: list[HoursRow]
    dated: list[HoursRow]
    exceptions: list[ExceptionRow]
    notice_min: int
    buffer_min: int
    most_a_day: int
    most_a_week: int
    languages: list[str]
    holiday_calendar_id: str
    holidays: list[tuple[str, str]]
    calendar: CalendarRow | None
    clocks: list[ClockLine] = field(default_factory=list[ClockLine])
    version: int = 0


def hours(viewer: Viewer, person_id: str) -> HoursView:
    """Everything about one instructor's time, for themselves or a coordinator, whose look is audited."""
    mine = viewer.person_id == person_id
    if not mine and not viewer.has("coordinator"):
        raise NotAllowed()
    service = services.current()
    with service.store.read() if mine else service.store.write() as db:
        person = db.get(Person, person_id)
        if person is None or db.get(PersonRole, (person_id, "instructor")) is None:
            raise NotFound("We could not find that instructor.")
        if not mine:
            audit(db, viewer.person_id, "availability.view", person_id, person_id)
        profile = db.get(BookingProfile, person_id) or BookingProfile(person_id=person_id, version=0)
        rows = _rows(db, person_id)
        tz = _main_zone(rows) or profile.tz or person.tz
        week = [row for row in rows if row.tz == tz and not row.valid_from and not row.valid_until]
        now = service.clock.now()
        return HoursView(
            person=face(person),
            tz=tz,
            profile_tz=profile.tz,
            week=week,
            dated=[row for row in rows if row not in week],
            exceptions=_exceptions(db, person_id, tz, now),
            notice_min=profile.notice_s // 60,
            buffer_min=profile.buffer_s // 60,
            most_a_day=profile.most_a_day,
            most_a_week=profile.most_a_week,
            languages=list(profile.languages),
            holiday_calendar_id=profile.holiday_calendar_id or "",
            holidays=_holidays(db),
            calendar=_calendar(db, person_id, now),
            clocks=clock_lines(week, tz, now),
            version=profile.version,
        )


def lessons(viewer: Viewer, session_ids: Sequence[str]) -> list[LessonLine]:
    """The lessons a change hits, as they are shown: for coordinators, and for who teaches them."""
    service = services.current()
    with service.store.read() as db:
        query = select(ClassSession).where(col(ClassSession.id).in_(session_ids))
        rows = db.exec(query.order_by(col(ClassSession.starts_at), col(ClassSession.id))).all()
        lines = lesson_lines(db, rows, service.clock.now(), service.settings.no_show_s)
    return [one for one in lines if viewer.has("coordinator") or one.instructor_id == viewer.person_id]


def clock_lines(week: Sequence[HoursRow], tz: str, now: datetime) -> list[ClockLine]:
    """The clock changes of the coming year in `tz`, and what each does to these hours."""
    rules = Availability(tz, tuple(rule_of(row) for row in week))
    today = now.astimezone(zone(tz)).date()
    found: list[ClockLine] = []
    for one in clock_changes(today, today + NOTES_AHEAD, zone(tz)):
        # No zone changes twice in two days, so every note around this change is about it.
        notes = clock_notes(rules, Window(one.at, one.at).widened(timedelta(days=1)))
        hits = int(sum((note.gained for note in notes), timedelta()) / timedelta(minutes=1))
        day = one.shows.date().isoformat()
        found.append(ClockLine(day, f"{one.shows:%H:%M}", f"{one.then:%H:%M}", one.skips, hits))
    return found


def rule_of(row: HoursRow) -> WeeklyHours:
    """ValueError for what is no time or date."""
    return WeeklyHours(
        row.weekday,
        time.fromisoformat(row.starts),
        time.fromisoformat(row.ends),
        row.tz,
        date.fromisoformat(row.valid_from) if row.valid_from else None,
        date.fromisoformat(row.valid_until) if row.valid_until else None,
    )


def _rows(db: Session, person_id: str) -> list[HoursRow]:
    rows = db.exec(
        select(AvailabilityHours)
        .where(AvailabilityHours.person_id == person_id)
        .order_by(col(AvailabilityHours.weekday), col(AvailabilityHours.starts), col(AvailabilityHours.id))
    )
    return [
        HoursRow(
            row.weekday,
            f"{row.starts:%H:%M}",
            f"{row.ends:%H:%M}",
            row.tz,
            row.valid_from.isoformat() if row.valid_from else "",
            row.valid_until.isoformat() if row.valid_until else "",
        )
        for row in rows
    ]


def _main_zone(rows: Sequence[HoursRow]) -> str:
    """The zone most entries are in; the others are shown apart."""
    zones = [row.tz for row in rows if not row.valid_from and not row.valid_until]
    return max(zones, key=zones.count, default="")


def _exceptions(db: Session, person_id: str, tz: str, now: datetime) -> list[ExceptionRow]:
    rows = db.exec(
        select(AvailabilityException)
        .where(AvailabilityException.person_id == person_id, AvailabilityException.ends_at > now)
        .order_by(col(AvailabilityException.starts_at), col(AvailabilityException.id))
    )
    return [_exception(row, tz) for row in rows]


def _exception(row: AvailabilityException, tz: str) -> ExceptionRow:
    here = zone(tz)
    starts, ends = row.starts_at.astimezone(here), row.ends_at.astimezone(here)
    whole = starts.time() == ends.time() == time(0)
    last = (ends - timedelta(days=1) if whole else ends).date()
    return ExceptionRow(
        id=row.id,
        kind=row.kind,
        starts_at=iso(row.starts_at),
        ends_at=iso(row.ends_at),
        first=starts.date().isoformat(),
        last=last.isoformat(),
        starts="" if whole else f"{starts:%H:%M}",
        ends="" if whole else f"{ends:%H:%M}",
        note=row.note,
    )


def _holidays(db: Session) -> list[tuple[str, str]]:
    rows = db.exec(select(HolidayCalendar.id, HolidayCalendar.name).order_by(col(HolidayCalendar.name)))
    return [(calendar_id, name) for calendar_id, name in rows]


def _calendar(db: Session, person_id: str, now: datetime) -> CalendarRow | None:
    row = db.exec(
        select(BusyCalendar).where(BusyCalendar.person_id == person_id).order_by(col(BusyCalendar.id))
    ).first()
    if row is None:
        return None
    busy = db.exec(
        select(func.count())
        .select_from(BusyTime)
        .where(BusyTime.calendar_id == row.id, BusyTime.ends_at > now, BusyTime.starts_at < now + BUSY_AHEAD)
    ).one()
    return CalendarRow(
        host=urlsplit(row.url).hostname or "",
        status=row.status,
        problem=row.problem,
        fetched_at=iso(row.fetched_at),
        next_at=iso(row.next_at),
        busy=busy,
    )
