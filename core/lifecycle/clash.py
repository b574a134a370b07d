"""Who is busy when: the database's refusal of a double-booking as a sentence that names the lesson in the way,
with the nearest times at which it could be instead."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select

from core import services
from core.domain import ClassSession, Course, Person, Seat
from core.domain.load import session_view
from core.errors import Conflict, DoubleBooked
from core.queries.free import free_times, why_not
from core.scheduling.windows import Window
from core.store.constraints import double_booking, lost_race


@dataclass(frozen=True, slots=True)
class Booking:
    """A lesson somebody wants at this time. session_id: the one that would move there, "" for a new one."""

    lesson: Window
    instructor_id: str
    student_ids: tuple[str, ...]
    session_id: str = ""

    @property
    def people(self) -> tuple[str, ...]:
        return (self.instructor_id, *self.student_ids)


def booking_of(db: Session, session_id: str, lesson: Window, instructor_id: str = "") -> Booking:
    """A session's people at another time, or with another instructor."""
    view = session_view(db, session_id)
    instructors = view.people("instructor")
    teacher = instructor_id or (instructors[0] if instructors else "")
    return Booking(lesson, teacher, view.people("student"), session_id)


def clash(error: DBAPIError, wanted: Booking | None = None) -> Exception:
    """The DoubleBooked that names who is busy with what; any other database error is returned as it is."""
    if lost_race(error):
        return Conflict("Somebody else was faster. Please look again.")
    if not double_booking(error):
        return error
    if wanted is not None:
        with services.current().store.read() as db:
            found = taken(db, wanted.people, [wanted.lesson], without=(wanted.session_id,))
            if found:
                return offer(db, found[wanted.lesson], wanted)
    return Conflict("Somebody is already booked at that time.")


def check_free(db: Session, wanted: Booking) -> None:
    """Conflict unless everybody can: hours, other lessons, their own calendars, limits."""
    if not wanted.instructor_id:
        raise Conflict("Nobody teaches this lesson at the moment. Please ask a coordinator.")
    if why_not(
        db, wanted.instructor_id, wanted.student_ids, wanted.lesson, without_session=wanted.session_id
    ):
        raise Conflict("This time is not free any more. Please choose another one.")


def taken(
    db: Session, people: Sequence[str], lessons: Sequence[Window], *, without: Iterable[str] = ()
) -> dict[Window, DoubleBooked]:
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
        .order_by(col(Seat.starts_at), col(Seat.role), col(Seat.id))  # the instructor is named first
    ).all()
    found: dict[Window, DoubleBooked] = {}
    for seat, person, course in booked:
        if seat.session_id in ignored:
            continue
        other = Window(seat.starts_at, seat.ends_at)
        for lesson in lessons:
            if lesson not in found and lesson.overlaps(other):
                found[lesson] = _sentence(other, person, course)
    return found


def offer(db: Session, found: DoubleBooked, wanted: Booking) -> DoubleBooked:
    """The same sentence with up to three other times, in the zone it speaks in."""
    if not wanted.instructor_id:
        return found
    times = free_times(
        db, wanted.instructor_id, wanted.student_ids, wanted.lesson, without_session=wanted.session_id
    )
    here = ZoneInfo(str(found.facts["tz"]))
    return found.offering([one.starts_at.astimezone(here) for one in times])


def _sentence(other: Window, person: Person, course: Course) -> DoubleBooked:
    return DoubleBooked(
        name=person.name,
        course=course.name,
        start=_clock(other.starts_at, person.tz),
        end=_clock(other.ends_at, person.tz),
        tz=person.tz,
    )


def _clock(at: datetime, tz: str) -> str:
    return f"{at.astimezone(ZoneInfo(tz)):%H:%M}"
