"""Step 1: a class session is scheduled, moved, reassigned or cancelled.

One transaction writes the rows, the event with its deliveries, the audit entry and the timers. The database
refuses a double-booking; the person gets a sentence that says with what.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select

from core import services
from core.access import Actor
from core.clock import cancel_timers, set_timer
from core.delivery import audit, emit
from core.domain import ClassSession, Course, Enrollment, JoinLink, Person, PersonRole, Qualification, Seat
from core.domain.load import get_session, seats, session_view
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from core.events import SessionScheduled
from core.scheduling.times import check_times
from core.store.constraints import double_booking, lost_race
from core.views import ClassSessionView

MAX_STUDENTS = 50


@dataclass(frozen=True, slots=True)
class NewSession:
    """What a coordinator asks for. Times are aware."""

    course_id: str
    instructor_id: str
    student_ids: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    title: str = ""
    topic_id: str | None = None


def schedule_session(actor: Actor, new: NewSession) -> ClassSessionView:
    """Schedule one lesson. Coordinators alone. InvalidInput, NotFound, Conflict; nothing is half done."""
    _coordinator(actor)
    service = services.current()
    check_times(new.starts_at, new.ends_at, service.clock.now())
    try:
        with service.store.write() as db:
            _check_people(db, new)
            row = ClassSession(
                course_id=new.course_id,
                topic_id=new.topic_id,
                title=new.title.strip()[:200],
                starts_at=new.starts_at,
                ends_at=new.ends_at,
                created_by=actor.person_id or new.instructor_id,
            )
            db.add(row)
            db.flush()
            people = [
                (new.instructor_id, "instructor"),
                *((student, "student") for student in new.student_ids),
            ]
            for person_id, role in sorted(people):  # one order for everybody: racing bookings cannot deadlock
                db.add(
                    Seat(
                        session_id=row.id,
                        person_id=person_id,
                        role=role,
                        starts_at=row.starts_at,
                        ends_at=row.ends_at,
                    )
                )
            db.flush()
            announce(db, actor, row, "scheduled")
            return session_view(db, row.id)
    except DBAPIError as error:
        raise clash(error, new.starts_at, new.ends_at, (new.instructor_id, *new.student_ids)) from error


def move_session(
    actor: Actor, session_id: str, starts_at: datetime, ends_at: datetime, version: int
) -> ClassSessionView:
    """Another time for a scheduled lesson; its people keep their seats. version: what the caller last saw."""
    _coordinator(actor)
    service = services.current()
    check_times(starts_at, ends_at, service.clock.now())
    people: tuple[str, ...] = ()
    try:
        with service.store.write() as db:
            row = _changeable(db, session_id, version)
            rows = seats(db, session_id)
            people = tuple(seat.person_id for seat in rows)
            row.starts_at, row.ends_at = starts_at, ends_at
            for seat in sorted(rows, key=lambda seat: seat.person_id):
                seat.starts_at, seat.ends_at = starts_at, ends_at
                db.add(seat)
                db.flush()
            announce(db, actor, row, "moved")
            return session_view(db, session_id)
    except DBAPIError as error:
        raise clash(error, starts_at, ends_at, people, session_id) from error


def reassign_session(actor: Actor, session_id: str, instructor_id: str, version: int) -> ClassSessionView:
    """Another instructor takes over. The old seat closes, with its links."""
    _coordinator(actor)
    service = services.current()
    try:
        with service.store.write() as db:
            row = _changeable(db, session_id, version)
            _check_instructor(db, instructor_id, row.course_id)
            for seat in seats(db, session_id):
                if seat.role == "instructor" and seat.person_id != instructor_id:
                    close_seat(db, seat, service.clock.now())
            existing = db.exec(
                select(Seat).where(Seat.session_id == session_id, Seat.person_id == instructor_id)
            ).first()
            seat = existing or Seat(
                session_id=session_id,
                person_id=instructor_id,
                role="instructor",
                starts_at=row.starts_at,
                ends_at=row.ends_at,
            )
            seat.active, seat.starts_at, seat.ends_at = True, row.starts_at, row.ends_at
            db.add(seat)
            announce(db, actor, row, "reassigned")
            return session_view(db, session_id)
    except DBAPIError as error:
        row_view = _view(session_id)
        raise clash(error, row_view.starts_at, row_view.ends_at, (instructor_id,), session_id) from error


def cancel_session(actor: Actor, session_id: str, version: int) -> ClassSessionView:
    """Cancelled: seats and links close, timers end, people are told by the deliveries."""
    _coordinator(actor)
    service = services.current()
    with service.store.write() as db:
        row = _changeable(db, session_id, version)
        row.status = "cancelled"
        for seat in seats(db, session_id):
            close_seat(db, seat, service.clock.now())
        announce(db, actor, row, "cancelled")
        return session_view(db, session_id)


def announce(db: Session, actor: Actor, row: ClassSession, change: str) -> None:
    """Event, audit and timers of a change, in the caller's transaction. Raises the session's version."""
    row.version = row.version + 1 if change != "scheduled" else row.version
    db.add(row)
    db.flush()
    emit(db, SessionScheduled(session_id=row.id, change=change, version=row.version))
    audit(db, actor.person_id, f"session.{change}", row.id)
    cancel_timers(db, row.id)
    if change != "cancelled":
        set_session_timers(db, row)


def set_session_timers(db: Session, row: ClassSession) -> None:
    """Reminders, no-show watch and the watch for a lesson nobody ended. Times already past are left out."""
    settings, now = services.current().settings, services.current().clock.now()
    for before_s in settings.reminders_s:
        due = row.starts_at - timedelta(seconds=before_s)
        if due > now:
            set_timer(db, "reminder", row.id, due, row.version, before_s=before_s)
    set_timer(db, "no_show", row.id, row.starts_at + timedelta(seconds=settings.no_show_s), row.version)
    set_timer(db, "overdue_end", row.id, row.ends_at + timedelta(seconds=settings.open_after_s), row.version)


def close_seat(db: Session, seat: Seat, now: datetime) -> None:
    """Frees the slot and revokes every link of the seat; open sockets follow (the room server reads the log)."""
    seat.active = False
    db.add(seat)
    for link in db.exec(
        select(JoinLink).where(JoinLink.seat_id == seat.id, col(JoinLink.revoked_at).is_(None))
    ):
        link.revoked_at = now
        db.add(link)


def clash(
    error: DBAPIError,
    starts_at: datetime,
    ends_at: datetime,
    people: tuple[str, ...],
    session_id: str | None = None,
) -> Exception:
    """The Conflict that names who is busy with what; any other database error is returned as it is."""
    if lost_race(error):
        return Conflict("Somebody else was faster. Please look again.")
    if not double_booking(error):
        return error
    with services.current().store.read() as db:
        busy = db.exec(
            select(Seat, Person, ClassSession, Course)
            .join(Person, col(Person.id) == Seat.person_id)
            .join(ClassSession, col(ClassSession.id) == Seat.session_id)
            .join(Course, col(Course.id) == ClassSession.course_id)
            .where(
                col(Seat.person_id).in_(people),
                col(Seat.active).is_(True),
                Seat.starts_at < ends_at,
                Seat.ends_at > starts_at,
                Seat.session_id != (session_id or ""),
            )
        ).first()
        if busy is None:
            return Conflict("Somebody is already booked at that time.")
        seat, person, _, course = busy
        zone = ZoneInfo(person.tz)
        return Conflict(
            "{name} already has {course} from {start} to {end} ({tz}).",
            name=person.name,
            course=course.name,
            start=f"{seat.starts_at.astimezone(zone):%H:%M}",
            end=f"{seat.ends_at.astimezone(zone):%H:%M}",
            tz=person.tz,
        )


def _coordinator(actor: Actor) -> None:
    if not actor.has("coordinator"):
        raise NotAllowed()


def _changeable(db: Session, session_id: str, version: int) -> ClassSession:
    row = get_session(db, session_id, lock=True)
    if row.version != version:
        raise Conflict()
    if row.status != "scheduled":
        raise Conflict("This lesson has started or is over; it cannot be changed any more.")
    return row


def _check_people(db: Session, new: NewSession) -> None:
    course = db.get(Course, new.course_id)
    if course is None or not course.active:
        raise InvalidInput("course_id", "Please choose a course.")
    _check_instructor(db, new.instructor_id, new.course_id)
    if not new.student_ids:
        raise InvalidInput("student_ids", "Please choose a student.")
    if len(set(new.student_ids)) != len(new.student_ids) or len(new.student_ids) > MAX_STUDENTS:
        raise InvalidInput("student_ids", "Each student once, and {most} at most.", most=MAX_STUDENTS)
    for student_id in new.student_ids:
        enrolled = db.exec(
            select(Enrollment.id).where(
                Enrollment.student_id == student_id,
                Enrollment.course_id == new.course_id,
                col(Enrollment.active).is_(True),
            )
        ).first()
        if enrolled is None:
            person = db.get(Person, student_id)
            if person is None:
                raise NotFound("This student does not exist.")
            raise InvalidInput(
                "student_ids", "{name} is not enrolled in {course}.", name=person.name, course=course.name
            )


def _check_instructor(db: Session, instructor_id: str, course_id: str) -> None:
    person = db.get(Person, instructor_id)
    if person is None or not person.active or db.get(PersonRole, (instructor_id, "instructor")) is None:
        raise InvalidInput("instructor_id", "Please choose an instructor.")
    if db.get(Qualification, (instructor_id, course_id)) is None:
        course = db.get_one(Course, course_id)
        raise InvalidInput(
            "instructor_id", "{name} is not qualified for {course}.", name=person.name, course=course.name
        )


def _view(session_id: str) -> ClassSessionView:
    with services.current().store.read() as db:
        return session_view(db, session_id)
