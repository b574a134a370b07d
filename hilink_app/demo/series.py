"""Lessons that repeat, and a family that asks for a change."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import col, select

from core.access import Viewer, viewer_for
from core.domain import ClassSession, Course, Guardianship, Person, Seat
from core.lifecycle.asked import Wish, ask
from core.lifecycle.series import NewSeries, schedule_series
from core.services import Services
from hilink_app.demo.lessons import COURSES
from hilink_app.demo.people import DOMAIN

REPEATED = (
    # student, instructor's email part, course key, days from now, wall clock where the student lives
    ("Aisha Rahman", "instructor", "algebra", 3, time(16, 30)),
    ("Hugo Martins", "mateus", "algebra", 4, time(17)),
)
ASKS = "Marta Novak"


def plan_ahead(made: Services, coordinator: Viewer) -> None:
    """After the lessons of today and tomorrow are there."""
    for student, instructor, key, days, clock in REPEATED:
        schedule_series(coordinator, _series(made, student, instructor, key, days, clock))
    _one_asks(made)


def _series(made: Services, student: str, instructor: str, key: str, days: int, clock: time) -> NewSeries:
    with made.store.read() as db:
        child = db.exec(select(Person).where(Person.name == student)).one()
        teacher = db.exec(select(Person).where(Person.email == f"{instructor}@{DOMAIN}")).one()
        course = db.exec(select(Course).where(Course.name == COURSES[key][0])).one()
    day = made.clock.now().astimezone(ZoneInfo(child.tz)).date() + timedelta(days=days)
    if day.weekday() == 6:
        day += timedelta(days=1)
    return NewSeries(
        course_id=course.id,
        instructor_id=teacher.id,
        student_ids=(child.id,),
        rule="FREQ=WEEKLY",
        first_local=datetime.combine(day, clock),
        tz=child.tz,
        length_min=45,
        count=8,
    )


def _one_asks(made: Services) -> None:
    """About the next lesson of a child of theirs, if there is one: it is too late to do it alone."""
    with made.store.read() as db:
        guardian = db.exec(select(Person).where(Person.name == ASKS)).one()
        viewer = viewer_for(db, guardian.id)
        session = db.exec(
            select(ClassSession)
            .join(Seat, col(Seat.session_id) == ClassSession.id)
            .join(Guardianship, col(Guardianship.student_id) == Seat.person_id)
            .where(Guardianship.guardian_id == guardian.id, col(Seat.active).is_(True))
            .where(ClassSession.status == "scheduled", ClassSession.starts_at > made.clock.now())
            .order_by(col(ClassSession.starts_at))
        ).first()
    if session is not None and viewer is not None:
        later = (session.starts_at + timedelta(days=2)).astimezone(UTC)
        wish = Wish(session.id, "move", "A birthday came in between, sorry.", later)
        ask(viewer, wish, session.version)
