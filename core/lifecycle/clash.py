"""Who is busy when: the database's refusal of a double-booking as a sentence that names the lesson in the way."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select

from core import services
from core.domain import ClassSession, Course, Person, Seat
from core.errors import Conflict
from core.scheduling.windows import Window
from core.store.constraints import double_booking, lost_race


def clash(
    error: DBAPIError, lesson: Window | None = None, people: tuple[str, ...] = (), session_id: str = ""
) -> Exception:
    """The Conflict that names who is busy with what; any other database error is returned as it is."""
    if lost_race(error):
        return Conflict("Somebody else was faster. Please look again.")
    if not double_booking(error):
        return error
    found: dict[Window, Conflict] = {}
    if lesson is not None:
        with services.current().store.read() as db:
            found = taken(db, people, [lesson], without=(session_id,))
    return next(iter(found.values()), Conflict("Somebody is already booked at that time."))


def taken(
    db: Session, people: Sequence[str], lessons: Sequence[Window], *, without: Iterable[str] = ()
) -> dict[Window, Conflict]:
    """Of these lessons the ones somebody has another lesson in, with the sentence. One query.

    without: sessions that do not count, because they are what is being moved.
    """
    if not lessons:
        return {}
    ignored = set(without)
    booked = db.exec(
        select(Seat, Person, Course)
        .join(Person, col(Person.id) == Seat.person_id)
        .join(ClassSession, col(ClassSession.id) == Seat.session_id)
        .join(Course, col(Course.id) == ClassSession.course_id)
        .where(
            col(Seat.person_id).in_(people),
            col(Seat.active).is_(True),
            Seat.starts_at < max(one.ends_at for one in lessons),
            Seat.ends_at > min(one.starts_at for one in lessons),
        )
        .order_by(col(Seat.starts_at), col(Seat.id))
    ).all()
    found: dict[Window, Conflict] = {}
    for seat, person, course in booked:
        if seat.session_id in ignored:
            continue
        other = Window(seat.starts_at, seat.ends_at)
        for lesson in lessons:
            if lesson not in found and lesson.overlaps(other):
                found[lesson] = _sentence(other, person, course)
    return found


def _sentence(other: Window, person: Person, course: Course) -> Conflict:
    return Conflict(
        "{name} already has {course} from {start} to {end} ({tz}).",
        name=person.name,
        course=course.name,
        start=_clock(other.starts_at, person.tz),
        end=_clock(other.ends_at, person.tz),
        tz=person.tz,
    )


def _clock(at: datetime, tz: str) -> str:
    return f"{at.astimezone(ZoneInfo(tz)):%H:%M}"
