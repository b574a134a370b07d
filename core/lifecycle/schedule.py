"""Step 1: a class session is scheduled, moved, reassigned or cancelled.

One transaction writes the rows, the event with its deliveries, the audit entry and the timers. The database
refuses a double-booking; the person gets a sentence that says with what.

Each step has a form that works inside the caller's transaction (`schedule_in`, `move_in`, ...): series, plans and
families' changes are made of these. They check what is true of the lesson; who may do it is the caller's affair.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select

from core import services
from core.access import Actor
from core.clock import cancel_timers, set_timer
from core.delivery import audit, emit
from core.domain import (
    ClassSession,
    Course,
    Enrollment,
    JoinLink,
    Person,
    PersonRole,
    Qualification,
    Seat,
    Substitution,
)
from core.domain.change import LOOKING
from core.domain.load import get_session, seats, session_view
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from core.events import SessionScheduled
from core.lifecycle.cases import settle_cases
from core.lifecycle.clash import Booking, booking_of, clash
from core.lifecycle.provision import move_links
from core.lifecycle.reminders import set_reminder_timer
from core.lifecycle.staging import set_staging_timers
from core.scheduling.times import check_times
from core.scheduling.windows import Window
from core.views import ClassSessionView

MAX_STUDENTS = 50


@dataclass(frozen=True, slots=True)
class NewSession:
    """What a coordinator asks for. Times are aware. language: BCP 47, "" = the course's usual one."""

    course_id: str
    instructor_id: str
    student_ids: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    title: str = ""
    topic_id: str | None = None
    language: str = ""


def schedule_session(actor: Actor, new: NewSession) -> ClassSessionView:
    """Schedule one lesson. Coordinators alone. InvalidInput, NotFound, Conflict; nothing is half done."""
    _coordinator(actor)
    try:
        with services.current().store.write() as db:
            return session_view(db, schedule_in(db, actor, new).id)
    except DBAPIError as error:
        lesson = Window(new.starts_at, new.ends_at)
        raise clash(error, Booking(lesson, new.instructor_id, new.student_ids)) from error


def schedule_in(
    db: Session, actor: Actor, new: NewSession, *, series_id: str | None = None, series_day: str = ""
) -> ClassSession:
    """One lesson with its seats. series_day: the local date its series names.

    InvalidInput, NotFound. DBAPIError when somebody is booked already: `clash` makes a sentence of it.
    """
    check_times(new.starts_at, new.ends_at, services.current().clock.now())
    check_people(db, new.course_id, new.instructor_id, new.student_ids)
    row = session_row(actor.person_id or new.instructor_id, new, series_id=series_id, series_day=series_day)
    db.add(row)
    db.flush()
    db.add_all(seat_rows(row, new))
    db.flush()
    announce(db, actor, row, "scheduled")
    return row


def session_row(
    created_by: str, new: NewSession, *, series_id: str | None = None, series_day: str = ""
) -> ClassSession:
    return ClassSession(
        course_id=new.course_id,
        topic_id=new.topic_id,
        title=new.title.strip()[:200],
        starts_at=new.starts_at,
        ends_at=new.ends_at,
        created_by=created_by,
        series_id=series_id,
        series_day=series_day,
        language=new.language,
    )


def seat_rows(row: ClassSession, new: NewSession) -> list[Seat]:
    """In one order for everybody, the person's id: racing bookings cannot deadlock."""
    people = [(new.instructor_id, "instructor"), *((student, "student") for student in new.student_ids)]
    return [
        Seat(session_id=row.id, person_id=who, role=role, starts_at=row.starts_at, ends_at=row.ends_at)
        for who, role in sorted(people)
    ]


def move_session(
    actor: Actor, session_id: str, starts_at: datetime, ends_at: datetime, version: int
) -> ClassSessionView:
    """Another time for a scheduled lesson; its people keep their seats. version: what the caller last saw."""
    _coordinator(actor)
    check_times(starts_at, ends_at, services.current().clock.now())
    wanted: Booking | None = None
    try:
        with services.current().store.write() as db:
            row = changeable(db, session_id, version)
            wanted = booking_of(db, session_id, Window(starts_at, ends_at))
            move_in(db, actor, row, starts_at, ends_at)
            return session_view(db, session_id)
    except DBAPIError as error:
        raise clash(error, wanted) from error


def move_in(db: Session, actor: Actor, row: ClassSession, starts_at: datetime, ends_at: datetime) -> None:
    """Another time for a lesson from `changeable`. InvalidInput; DBAPIError when somebody is booked already."""
    _retime(db, row, seats(db, row.id), starts_at, ends_at)
    announce(db, actor, row, "moved")


def reassign_session(actor: Actor, session_id: str, instructor_id: str, version: int) -> ClassSessionView:
    """Another instructor takes over. The old seat closes, with its links."""
    _coordinator(actor)
    wanted: Booking | None = None
    try:
        with services.current().store.write() as db:
            row = changeable(db, session_id, version)
            wanted = booking_of(db, session_id, Window(row.starts_at, row.ends_at), instructor_id)
            reassign_in(db, actor, row, instructor_id)
            return session_view(db, session_id)
    except DBAPIError as error:
        raise clash(error, wanted) from error


def reassign_in(db: Session, actor: Actor, row: ClassSession, instructor_id: str) -> None:
    """Another instructor for a lesson from `changeable`. InvalidInput; DBAPIError when booked already."""
    check_instructor(db, instructor_id, row.course_id)
    for seat in seats(db, row.id):
        if seat.role == "instructor" and seat.person_id != instructor_id:
            close_seat(db, seat, services.current().clock.now())
    _seat(db, row, instructor_id, "instructor")
    announce(db, actor, row, "reassigned")


def _seat(db: Session, row: ClassSession, person_id: str, role: str) -> None:
    """A seat in the lesson, the one they had when there is one."""
    known = db.exec(select(Seat).where(Seat.session_id == row.id, Seat.person_id == person_id)).first()
    seat = known or Seat(
        session_id=row.id, person_id=person_id, role=role, starts_at=row.starts_at, ends_at=row.ends_at
    )
    seat.role, seat.active = role, True
    seat.starts_at, seat.ends_at = row.starts_at, row.ends_at
    db.add(seat)


def add_student(actor: Actor, session_id: str, student_id: str, version: int) -> ClassSessionView:
    """One more student in a lesson; the others hear nothing, the instructor does. Coordinators alone.

    NotFound, InvalidInput, Conflict: nobody is added twice, or to a lesson that has begun.
    """
    _coordinator(actor)
    wanted: Booking | None = None
    try:
        with services.current().store.write() as db:
            row = changeable(db, session_id, version)
            here = {seat.person_id: seat.role for seat in seats(db, session_id)}
            if student_id in here or list(here.values()).count("student") >= MAX_STUDENTS:
                raise InvalidInput("student_id", "Each student once, and {most} at most.", most=MAX_STUDENTS)
            check_enrolled(db, row.course_id, student_id)
            wanted = Booking(Window(row.starts_at, row.ends_at), "", (student_id,), session_id)
            _seat(db, row, student_id, "student")
            announce(db, actor, row, "joined")
            return session_view(db, session_id)
    except DBAPIError as error:
        raise clash(error, wanted) from error


def place_session(
    actor: Actor,
    session_id: str,
    starts_at: datetime,
    ends_at: datetime,
    instructor_id: str,
    version: int,
) -> ClassSessionView:
    """Another time and another instructor at once, as one drags it in the calendar: one change, told once.

    Either may stay as it is.
    """
    _coordinator(actor)
    wanted: Booking | None = None
    try:
        with services.current().store.write() as db:
            row = changeable(db, session_id, version)
            wanted = booking_of(db, session_id, Window(starts_at, ends_at), instructor_id)
            rows = seats(db, session_id)
            staying = [one for one in rows if one.role != "instructor" or one.person_id == instructor_id]
            _retime(db, row, staying, starts_at, ends_at)
            if any(seat.role == "instructor" for seat in staying):
                announce(db, actor, row, "moved")
            else:
                reassign_in(db, actor, row, instructor_id)
            return session_view(db, session_id)
    except DBAPIError as error:
        raise clash(error, wanted) from error


def cancel_session(actor: Actor, session_id: str, version: int) -> ClassSessionView:
    """Cancelled: seats and links close, timers end, people are told by the deliveries."""
    _coordinator(actor)
    with services.current().store.write() as db:
        cancel_in(db, actor, changeable(db, session_id, version))
        return session_view(db, session_id)


def cancel_in(db: Session, actor: Actor, row: ClassSession) -> None:
    """A lesson from `changeable` does not take place."""
    row.status = "cancelled"
    for seat in seats(db, row.id):
        close_seat(db, seat, services.current().clock.now())
    announce(db, actor, row, "cancelled")


def announce(db: Session, actor: Actor, row: ClassSession, change: str) -> None:
    """Event, audit and timers of a change, in the caller's transaction. Raises the session's version."""
    row.version = row.version + 1 if change != "scheduled" else row.version
    db.add(row)
    db.flush()
    cancel_timers(db, row.id)
    tell(db, actor.person_id, row, change)


def tell(db: Session, actor_id: str | None, row: ClassSession, change: str, bulk: str = "") -> None:
    """The facts of a change that was made: its event with the deliveries, its audit entry, its timers."""
    emit(db, SessionScheduled(session_id=row.id, change=change, version=row.version, bulk=bulk))
    audit(db, actor_id, f"session.{change}", row.id)
    if change != "scheduled":
        _end_searches(db, row.id)
    if change == "moved":
        move_links(db, row)
    if change == "cancelled":
        settle_cases(db, "not_ready", row.id, "The lesson was cancelled.")
    else:
        set_session_timers(db, row)


def _end_searches(db: Session, session_id: str) -> None:
    """Whoever was asked to substitute in the lesson as it was hears at once that it is settled."""
    looking = select(Substitution.id).where(
        Substitution.session_id == session_id, col(Substitution.status).in_(LOOKING)
    )
    for search_id in db.exec(looking).all():
        set_timer(db, "substitute_round", search_id, services.current().clock.now())


def set_session_timers(db: Session, row: ClassSession) -> None:
    """Reminders, the looks before it, the no-show watch and the watch for a lesson nobody ended. What is past is left out."""
    settings, now = services.current().settings, services.current().clock.now()
    set_reminder_timer(db, row, now)
    set_staging_timers(db, row, now)
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


def _retime(
    db: Session, row: ClassSession, rows: Sequence[Seat], starts_at: datetime, ends_at: datetime
) -> None:
    """The lesson and these seats, in one order for everybody. InvalidInput for a time that cannot be."""
    check_times(starts_at, ends_at, services.current().clock.now())
    row.starts_at, row.ends_at = starts_at, ends_at
    for seat in sorted(rows, key=lambda seat: seat.person_id):
        seat.starts_at, seat.ends_at = starts_at, ends_at
        db.add(seat)
        db.flush()


def _coordinator(actor: Actor) -> None:
    if not actor.has("coordinator"):
        raise NotAllowed()


def changeable(db: Session, session_id: str, version: int) -> ClassSession:
    """The lesson, locked, when nobody changed it since `version` and it has not begun. NotFound, Conflict."""
    row = get_session(db, session_id, lock=True)
    if row.version != version:
        raise Conflict()
    if row.status != "scheduled":
        raise Conflict("This lesson has started or is over; it cannot be changed any more.")
    return row


def check_people(db: Session, course_id: str, instructor_id: str, student_ids: tuple[str, ...]) -> None:
    """InvalidInput, NotFound: a course that is not taught, somebody not qualified or not enrolled."""
    course = db.get(Course, course_id)
    if course is None or not course.active:
        raise InvalidInput("course_id", "Please choose a course.")
    check_instructor(db, instructor_id, course_id)
    if not student_ids:
        raise InvalidInput("student_ids", "Please choose a student.")
    if len(set(student_ids)) != len(student_ids) or len(student_ids) > MAX_STUDENTS:
        raise InvalidInput("student_ids", "Each student once, and {most} at most.", most=MAX_STUDENTS)
    for student_id in student_ids:
        check_enrolled(db, course_id, student_id)


def check_enrolled(db: Session, course_id: str, student_id: str) -> None:
    """NotFound, InvalidInput for somebody who does not take the course."""
    enrolled = db.exec(
        select(Enrollment.id).where(
            Enrollment.student_id == student_id,
            Enrollment.course_id == course_id,
            col(Enrollment.active).is_(True),
        )
    ).first()
    if enrolled is None:
        person = db.get(Person, student_id)
        if person is None:
            raise NotFound("This student does not exist.")
        course = db.get_one(Course, course_id)
        raise InvalidInput(
            "student_ids", "{name} is not enrolled in {course}.", name=person.name, course=course.name
        )


def check_instructor(db: Session, instructor_id: str, course_id: str) -> None:
    """InvalidInput for somebody who does not teach, or not this course."""
    person = db.get(Person, instructor_id)
    if person is None or not person.active or db.get(PersonRole, (instructor_id, "instructor")) is None:
        raise InvalidInput("instructor_id", "Please choose an instructor.")
    if db.get(Qualification, (instructor_id, course_id)) is None:
        course = db.get_one(Course, course_id)
        raise InvalidInput(
            "instructor_id", "{name} is not qualified for {course}.", name=person.name, course=course.name
        )
