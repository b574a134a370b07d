"""Where a lesson cannot go: asked once when it is picked up, so that the calendar can say so while it is moved."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from core import services
from core.access import Viewer
from core.domain import ClassSession, Course, Seat
from core.domain.load import get_session, seats
from core.errors import Conflict, NotAllowed
from core.i18n import N_, format_time, gettext
from core.queries.bookable import Bookable, bookable
from core.queries.calendar import DAY, away_windows, pieces
from core.scheduling.availability import open_windows
from core.scheduling.windows import Window, common, without
from core.scheduling.zones import spans

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class NoGo:
    """A lesson that overlaps this part of a day cannot be there. person_id: for whom, "" = whoever teaches.

    firm: the database or the clock would refuse it; otherwise it is against somebody's hours or wishes, and
    a coordinator may know better. says: why, in the viewer's language.
    """

    person_id: str
    day: str
    first: int
    last: int
    firm: bool
    says: str


@dataclass(frozen=True, slots=True)
class _Wall:
    """NoGo before it is cut into days."""

    window: Window
    firm: bool
    says: str


@dataclass(frozen=True, slots=True)
class _Taken:
    window: Window
    course: str


Say = Callable[..., str]


def moves(viewer: Viewer, session_id: str, within: Window, instructor_ids: Sequence[str]) -> list[NoGo]:
    """Everything that keeps this lesson from parts of `within`, for each of these instructors.

    Coordinators alone. NotFound; Conflict for a lesson that has begun or is over.
    """
    if not viewer.has("coordinator"):
        raise NotAllowed()
    now, zone = services.current().clock.now(), ZoneInfo(viewer.tz)
    with services.current().store.read() as db:
        row = get_session(db, session_id)
        if row.status != "scheduled":
            raise Conflict("This lesson has started or is over; it cannot be changed any more.")
        students = [seat.person_id for seat in seats(db, session_id) if seat.role == "student"]
        everybody = [*students, *instructor_ids]
        people = bookable(db, everybody, within, without_session=session_id)
        taken = _taken(db, everybody, within, session_id)
        course = db.get_one(Course, row.course_id)

    def say(msgid: str, **facts: object) -> str:
        return gettext(msgid, viewer.lang, **facts)

    walls: list[tuple[str, _Wall]] = [
        ("", _Wall(Window(BEGINNING, now), True, say("That time is over."))),
        *(
            ("", wall)
            for who in students
            if who in people
            for wall in _walls(people[who], taken.get(who, []), within, now, viewer, say)
        ),
    ]
    for who in instructor_ids:
        if who not in people:
            continue
        if course.id not in people[who].courses:
            says = say("{name} is not qualified for {course}.", name=people[who].name, course=course.name)
            walls.append((who, _Wall(within, True, says)))
            continue
        walls += [(who, wall) for wall in _walls(people[who], taken.get(who, []), within, now, viewer, say)]
    return [
        NoGo(who, one.day, one.first, one.last, wall.firm, wall.says)
        for who, wall in walls
        for window in common([wall.window], [within])
        for one in pieces(window, zone)
    ]


def _walls(
    who: Bookable, taken: Sequence[_Taken], within: Window, now: datetime, viewer: Viewer, say: Say
) -> Iterator[_Wall]:
    """What one person's day says, firm things first."""
    rules, limits = who.availability, who.availability.limits
    for one in taken:
        says = say(
            "{name} has {course} from {start} to {end}.",
            name=who.name,
            course=one.course,
            start=format_time(one.window.starts_at, viewer.tz, viewer.lang),
            end=format_time(one.window.ends_at, viewer.tz, viewer.lang),
        )
        yield _Wall(one.window, True, says)
    away = away_windows(rules, within)
    yield from (_soft(who, window, say, N_("is away")) for window in away)
    for window in without([within], [*open_windows(rules, within), *away]):
        yield _soft(who, window, say, N_("does not work at that time"))
    yield from (_soft(who, window, say, N_("is busy in their own calendar")) for window in who.busy)
    if limits.notice:
        hours = f"{limits.notice / timedelta(hours=1):g}"
        early = Window(BEGINNING, now + limits.notice)
        yield _soft(who, early, say, N_("asks for {hours} hours' notice"), hours=hours)
    if limits.buffer:
        minutes = int(limits.buffer / timedelta(minutes=1))
        for one in taken:
            around = one.window.widened(limits.buffer)
            yield _soft(who, around, say, N_("needs {minutes} minutes between lessons"), minutes=minutes)
    yield from _full(who, say)


def _full(who: Bookable, say: Say) -> Iterator[_Wall]:
    """Days and weeks, counted where they live, that have all the lessons they want."""
    zone, limits = ZoneInfo(who.availability.tz), who.availability.limits
    days = Counter(one.starts_at.astimezone(zone).date() for one in who.booked)
    weeks: Counter[date] = Counter()
    for day, count in days.items():
        weeks[day - DAY * day.weekday()] += count
    if most := limits.most_a_day:
        for day in (day for day, count in days.items() if count >= most):
            for window in _dates(day, 1, zone):
                yield _soft(who, window, say, N_("already has {most} lessons that day"), most=most)
    if most := limits.most_a_week:
        for monday in (day for day, count in weeks.items() if count >= most):
            for window in _dates(monday, 7, zone):
                yield _soft(who, window, say, N_("already has {most} lessons that week"), most=most)


def _dates(first: date, days: int, zone: ZoneInfo) -> list[Window]:
    start = datetime.combine(first, time(0))
    return [window for n in range(days) for window in spans(start + DAY * n, start + DAY * (n + 1), zone)]


def _soft(who: Bookable, window: Window, say: Say, msgid: str, **facts: object) -> _Wall:
    return _Wall(window, False, say("{name} {what}.", name=who.name, what=say(msgid, **facts)))


def _taken(
    db: Session, people: Sequence[str], within: Window, without_session: str
) -> dict[str, list[_Taken]]:
    """Lessons by person, with their course."""
    found: dict[str, list[_Taken]] = {}
    for who, starts_at, ends_at, course in db.exec(
        select(Seat.person_id, Seat.starts_at, Seat.ends_at, Course.name)
        .join(ClassSession, col(ClassSession.id) == Seat.session_id)
        .join(Course, col(Course.id) == ClassSession.course_id)
        .where(
            col(Seat.person_id).in_(people),
            col(Seat.active).is_(True),
            Seat.session_id != without_session,
            Seat.starts_at < within.ends_at,
            Seat.ends_at > within.starts_at,
        )
        .order_by(col(Seat.starts_at))
    ):
        found.setdefault(who, []).append(_Taken(Window(starts_at, ends_at), course))
    return found
