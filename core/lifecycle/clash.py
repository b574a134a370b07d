"""What the database's refusal of a double-booking means: a sentence that names the lesson in the way."""

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
    error: DBAPIError, lesson: Window, people: tuple[str, ...], session_id: str | None = None
) -> Exception:
    """The Conflict that names who is busy with what; any other database error is returned as it is.

    For after the transaction; inside one that goes on from a savepoint it is `clash_in`.
    """
    with services.current().store.read() as db:
        return clash_in(db, error, lesson, people, session_id)


def clash_in(
    db: Session, error: DBAPIError, lesson: Window, people: tuple[str, ...], session_id: str | None = None
) -> Exception:
    if lost_race(error):
        return Conflict("Somebody else was faster. Please look again.")
    if not double_booking(error):
        return error
    busy = db.exec(
        select(Seat, Person, Course)
        .join(Person, col(Person.id) == Seat.person_id)
        .join(ClassSession, col(ClassSession.id) == Seat.session_id)
        .join(Course, col(Course.id) == ClassSession.course_id)
        .where(
            col(Seat.person_id).in_(people),
            col(Seat.active).is_(True),
            Seat.starts_at < lesson.ends_at,
            Seat.ends_at > lesson.starts_at,
            Seat.session_id != (session_id or ""),
        )
        .order_by(col(Seat.starts_at))
    ).first()
    if busy is None:
        return Conflict("Somebody is already booked at that time.")
    seat, person, course = busy
    return Conflict(
        "{name} already has {course} from {start} to {end} ({tz}).",
        name=person.name,
        course=course.name,
        start=_clock(seat.starts_at, person.tz),
        end=_clock(seat.ends_at, person.tz),
        tz=person.tz,
    )


def _clock(at: datetime, tz: str) -> str:
    return f"{at.astimezone(ZoneInfo(tz)):%H:%M}"
