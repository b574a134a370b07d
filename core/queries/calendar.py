"""The coordinator's calendar: who teaches when, who could, and where a picked-up lesson cannot go.

Pages draw wall clocks: a span of time is said as a day (ISO) and minutes of that day in the viewer's zone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, func, select

from core import services
from core.access import Viewer
from core.domain import ClassSession, Person, PersonRole, Qualification, Seat
from core.errors import NotAllowed
from core.i18n import zone_name
from core.queries.bookable import bookable
from core.queries.common import Face, LessonLine, face, lesson_lines
from core.scheduling.availability import Availability, open_windows
from core.scheduling.windows import Window, common, merged
from core.scheduling.zones import instant, spans

DAY = timedelta(days=1)
DAY_MINUTES = 24 * 60


@dataclass(frozen=True)
class Piece:
    """Part of one day: day is its ISO date, first and last are minutes of the wall clock, 0..1440."""

    day: str
    first: int
    last: int


@dataclass(frozen=True)
class Band:
    """When somebody is open or away on one day. kind: open | away."""

    kind: str
    first: int
    last: int


@dataclass(frozen=True)
class Block:
    """A lesson, or the part of it that is on this day. begins: this is the part it begins with.

    length: minutes of the whole lesson. other: not of the course that the calendar is filtered by.
    """

    id: str
    first: int
    last: int
    length: int
    begins: bool
    state: str
    student: str
    group: int
    course: str
    movable: bool
    other: bool
    version: int


@dataclass(frozen=True)
class DayCell:
    """One instructor's day; day: ISO date in the viewer's zone."""

    day: str
    bands: list[Band]
    lessons: list[Block]


@dataclass(frozen=True)
class Row:
    """One instructor's days in order. place: the instructor's zone as people say it."""

    instructor: Face
    place: str
    days: list[DayCell]


def grid(
    viewer: Viewer,
    first: date,
    days: int = 7,
    *,
    find: str = "",
    course_id: str = "",
    person_id: str = "",
    page: int = 0,
    size: int = 12,
) -> tuple[list[Row], int]:
    """`days` days of the viewer's zone by instructor, and how many instructors there are in all.

    find: part of a name. course_id: those who may teach it. person_id: this one alone.
    """
    if not viewer.has("coordinator"):
        raise NotAllowed()
    service, zone = services.current(), ZoneInfo(viewer.tz)
    within = window_of(first, days, zone)
    with service.store.read() as db:
        teachers, total = _teachers(db, find, course_id, person_id, page, size)
        ids = [person.id for person in teachers]
        hours = bookable(db, ids, within)
        sessions = _sessions(db, ids, within)
        lines = lesson_lines(db, sessions, service.clock.now(), service.settings.no_show_s)
    other = {row.id for row in sessions if course_id and row.course_id != course_id}
    lessons: dict[tuple[str, str], list[Block]] = {}
    for line in lines:
        for day, block in _blocks(line, zone, line.id in other):
            lessons.setdefault((line.instructor_id, day), []).append(block)
    dates = [(first + DAY * number).isoformat() for number in range(days)]
    rows: list[Row] = []
    for person in teachers:
        bands = _bands(hours[person.id].availability, within, zone)
        cells = [DayCell(day, bands.get(day, []), lessons.get((person.id, day), [])) for day in dates]
        rows.append(Row(face(person), zone_name(person.tz, viewer.lang), cells))
    return rows, total


def window_of(first: date, days: int, zone: ZoneInfo) -> Window:
    """From midnight to midnight, wall clock."""
    start = datetime.combine(first, time(0))
    return Window(instant(start, zone), instant(start + DAY * days, zone))


def pieces(window: Window, zone: ZoneInfo) -> Iterator[Piece]:
    """The window cut at the viewer's midnights. A stretch that the clocks repeat keeps its real length."""
    at = window.starts_at
    while at < window.ends_at:
        local = at.astimezone(zone)
        midnight = instant(datetime.combine(local.date() + DAY, time(0)), zone)
        until = min(window.ends_at, midnight)
        end = until.astimezone(zone)
        first = local.hour * 60 + local.minute
        last = DAY_MINUTES if until == midnight else end.hour * 60 + end.minute
        if last <= first:
            last = min(DAY_MINUTES, first + round((until - at) / timedelta(minutes=1)))
        yield Piece(local.date().isoformat(), first, last)
        at = until


def away_windows(who: Availability, within: Window) -> list[Window]:
    """Dates away and holidays inside `within`."""
    here = ZoneInfo(who.tz)
    away = [one.window for one in who.exceptions if one.kind == "away"]
    midnights = [datetime.combine(day, time(0)) for day in who.holidays]
    free = [window for day in midnights for window in spans(day, day + DAY, here)]
    return common(merged([*away, *free]), [within])


def _bands(who: Availability, within: Window, zone: ZoneInfo) -> dict[str, list[Band]]:
    found: dict[str, list[Band]] = {}
    for kind, windows in (("open", open_windows(who, within)), ("away", away_windows(who, within))):
        for day, first, last in _cut(windows, zone):
            found.setdefault(day, []).append(Band(kind, first, last))
    return found


def _cut(windows: Iterable[Window], zone: ZoneInfo) -> Iterator[tuple[str, int, int]]:
    for window in windows:
        for one in pieces(window, zone):
            yield one.day, one.first, one.last


def _blocks(line: LessonLine, zone: ZoneInfo, other: bool) -> Iterator[tuple[str, Block]]:
    window = Window(datetime.fromisoformat(line.starts_at), datetime.fromisoformat(line.ends_at))
    for number, one in enumerate(pieces(window, zone)):
        yield (
            one.day,
            Block(
                id=line.id,
                first=one.first,
                last=one.last,
                length=round(window.length / timedelta(minutes=1)),
                begins=number == 0,
                state=line.state,
                student=line.student,
                group=line.group,
                course=line.course,
                movable=line.status == "scheduled",
                other=other,
                version=line.version,
            ),
        )


def _teachers(
    db: Session, find: str, course_id: str, person_id: str, page: int, size: int
) -> tuple[Sequence[Person], int]:
    query = (
        select(Person)
        .join(PersonRole, col(PersonRole.person_id) == Person.id)
        .where(PersonRole.role == "instructor", col(Person.active).is_(True))
    )
    if find.strip():
        query = query.where(col(Person.name).icontains(find.strip(), autoescape=True))
    if course_id:
        query = query.join(Qualification, col(Qualification.instructor_id) == Person.id).where(
            Qualification.course_id == course_id
        )
    if person_id:
        query = query.where(Person.id == person_id)
    total = db.exec(select(func.count()).select_from(query.subquery())).one()
    shown = query.order_by(col(Person.name), col(Person.id)).offset(page * size).limit(size)
    return db.exec(shown).all(), total


def _sessions(db: Session, teachers: Sequence[str], within: Window) -> Sequence[ClassSession]:
    return db.exec(
        select(ClassSession)
        .join(Seat, col(Seat.session_id) == ClassSession.id)
        .where(
            col(Seat.person_id).in_(teachers),
            Seat.role == "instructor",
            col(Seat.active).is_(True),
            ClassSession.starts_at < within.ends_at,
            ClassSession.ends_at > within.starts_at,
            ClassSession.status != "cancelled",
        )
        .order_by(col(ClassSession.starts_at), col(ClassSession.id))
    ).all()
