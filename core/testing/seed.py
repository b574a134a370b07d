"""Rows to test against: one lesson with its people, or the same after it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import Session, select

from core.domain.case import ExceptionCase
from core.domain.course import Course, CurriculumTopic, Enrollment
from core.domain.person import Guardianship, Person, PersonRole
from core.domain.record import StudentReport, Summary
from core.domain.session import Attendance, ClassSession, Room, Seat
from core.services import current

_SENTENCE: dict[str, object] = {"text": "We did fractions.", "spans": [], "section": "covered"}


@dataclass(frozen=True, slots=True)
class Lesson:
    """A scheduled class session and everybody around it."""

    session: ClassSession
    course: Course
    topic: CurriculumTopic
    instructor: Person
    students: Sequence[Person]
    guardians: Sequence[Person]
    coordinator: Person


def person(db: Session, name: str, *roles: str, is_minor: bool = False) -> Person:
    """A person with roles; minors have no email."""
    row = Person(name=name, is_minor=is_minor)
    row.email = None if is_minor else f"{row.id}@example.org"
    db.add(row)
    db.flush()
    db.add_all(PersonRole(person_id=row.id, role=role) for role in roles)
    return row


def lesson(db: Session, *, students: int = 1, starts_in_s: float = 3_600, length_s: float = 3_600) -> Lesson:
    """A lesson `starts_in_s` from the clock's now: instructor, minors with a guardian each, seats, room."""
    now = current().clock.now()
    instructor = person(db, "Ines Instructor", "instructor")
    coordinator = person(db, "Cora Coordinator", "coordinator")
    children = [person(db, f"Sam Student{n}", "student", is_minor=True) for n in range(students)]
    guardians = [person(db, f"Gale Guardian{n}", "guardian") for n in range(students)]
    course = Course(name="Algebra")
    db.add(course)
    db.flush()
    topic = CurriculumTopic(course_id=course.id, position=1, name="Fractions", keywords=["fraction", "half"])
    starts_at = now + timedelta(seconds=starts_in_s)
    ends_at = starts_at + timedelta(seconds=length_s)
    row = ClassSession(
        course_id=course.id,
        title="Fractions",
        starts_at=starts_at,
        ends_at=ends_at,
        created_by=coordinator.id,
    )
    db.add_all([topic, row])
    db.flush()
    for child, guardian in zip(children, guardians, strict=True):
        db.add(Guardianship(guardian_id=guardian.id, student_id=child.id))
        db.add(Enrollment(student_id=child.id, course_id=course.id, enrolled_at=now))
    people = [(instructor, "instructor"), *((child, "student") for child in children)]
    for who, role in people:
        db.add(Seat(session_id=row.id, person_id=who.id, role=role, starts_at=starts_at, ends_at=ends_at))
    db.add(Room(session_id=row.id, provisioned_at=now))
    db.flush()
    return Lesson(row, course, topic, instructor, children, guardians, coordinator)


def seats_of(db: Session, one: Lesson) -> list[Seat]:
    """The lesson's seats, instructor first."""
    return list(db.exec(select(Seat).where(Seat.session_id == one.session.id).order_by(Seat.role)))


def ended(db: Session, one: Lesson) -> None:
    """The lesson took place as planned, everybody was there, and attendance is final."""
    row = one.session
    row.status, row.started_at, row.ended_at = "ended", row.starts_at, row.ends_at
    row.end_reason, row.chain = "ended_by_instructor", "attended"
    db.add(row)
    for who, role in [(one.instructor, "instructor"), *((child, "student") for child in one.students)]:
        db.add(
            Attendance(
                session_id=row.id,
                person_id=who.id,
                role=role,
                status="present",
                present_s=int((row.ends_at - row.starts_at).total_seconds()),
                joined_at=row.starts_at,
                left_at=row.ends_at,
                intervals=1,
                final_at=row.ends_at,
            )
        )
    db.flush()


def drafted(db: Session, one: Lesson) -> Summary:
    """A draft of the summary with a report for each student."""
    now = current().clock.now()
    summary = Summary(
        session_id=one.session.id,
        engine="extractive",
        body={
            "sentences": [{"text": "We did fractions.", "spans": [], "section": "covered"}],
            "coverage": [],
        },
        drafted_at=now,
        due_at=now + timedelta(hours=1),
    )
    db.add(summary)
    db.flush()
    for child in one.students:
        db.add(
            StudentReport(
                session_id=one.session.id, student_id=child.id, summary_id=summary.id, body={"sentences": []}
            )
        )
    db.flush()
    return summary


def case(db: Session, one: Lesson, kind: str = "no_show") -> ExceptionCase:
    """An open exception case about the lesson."""
    now = current().clock.now()
    row = ExceptionCase(
        kind=kind,
        dedupe=f"{kind}:{one.session.id}",
        session_id=one.session.id,
        person_id=one.students[0].id if one.students else None,
        opened_at=now,
        due_at=now + timedelta(minutes=15),
    )
    db.add(row)
    db.flush()
    return row
