"""What mails are made of: their parts, and the words about one lesson that most of them need."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session, col, select

from core import services
from core.domain import ClassSession, Course, Person, Seat
from core.i18n import format_day, format_time


@dataclass(frozen=True, slots=True)
class Content:
    """A mail's parts. action: (words on the button, address). calendar: METHOD of an attached invitation.

    entry: the lesson's title in a calendar; "" = the subject.
    """

    subject: str
    heading: str
    paragraphs: tuple[str, ...]
    bullets: tuple[str, ...] = ()
    action: tuple[str, str] | None = None
    note: str = ""
    calendar: str = ""
    entry: str = ""
    seat_id: str = ""
    facts: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Lesson:
    """Words about one lesson for one reader."""

    session: ClassSession
    course: str
    instructor: str
    student: str
    day: str
    start: str
    end: str
    zone: str


Say = Callable[..., str]


def lesson_of(db: Session, session_id: str | None, reader: Person, person_id: str = "") -> Lesson:
    session = db.get_one(ClassSession, session_id)
    course = db.get_one(Course, session.course_id)
    people = db.exec(
        select(Person, Seat.role, Seat.active)
        .join(Seat, col(Seat.person_id) == Person.id)
        .where(Seat.session_id == session_id)
    ).all()
    instructor = next((p.name for p, role, active in people if role == "instructor" and active), "")
    students = [p for p, role, _ in people if role == "student"]
    student = next((p for p in students if p.id == person_id), students[0] if students else None)
    return Lesson(
        session,
        course.name,
        instructor,
        student.first_name if student else "",
        format_day(session.starts_at, reader.tz, reader.lang),
        format_time(session.starts_at, reader.tz, reader.lang),
        format_time(session.ends_at, reader.tz, reader.lang),
        reader.tz.replace("_", " "),
    )


def say_when(lesson: Lesson, say: Say) -> str:
    return say(
        "{day}, {start} to {end} ({zone})",
        day=lesson.day,
        start=lesson.start,
        end=lesson.end,
        zone=lesson.zone,
    )


def link_to(path: str) -> str:
    return services.current().settings.public_url.rstrip("/") + path


def lesson_facts(lesson: Lesson) -> dict[str, str]:
    return {"course": lesson.course, "day": lesson.day, "start": lesson.start}
