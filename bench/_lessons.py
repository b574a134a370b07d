"""Lessons for benches: many at the same time, each with its own people and, if wanted, 45 minutes of talk."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, insert

from core.domain import (
    ClassSession,
    Course,
    CurriculumTopic,
    Enrollment,
    Guardianship,
    Person,
    PersonRole,
    PresenceInterval,
    Room,
    Seat,
    TranscriptSegment,
)
from core.domain.base import new_id
from core.services import Services
from hilink_app.demo.lessons import COURSES

LENGTH = timedelta(minutes=45)
LINE_S = 7
"""A sentence of the demo's lessons takes about this long to say: some 385 segments in 45 minutes."""
BATCH = 50


@dataclass(frozen=True, slots=True)
class BenchLesson:
    """Ids of one lesson's rows."""

    session_id: str
    instructor_id: str
    student_id: str
    guardian_id: str


def courses(made: Services) -> list[str]:
    """Write the demo's courses with their topics; their ids."""
    ids: list[str] = []
    with made.store.write() as db:
        for name, level, topics in COURSES.values():
            course = Course(name=name, level=level)
            db.add(course)
            db.flush()
            ids.append(course.id)
            for position, (topic, keywords, _) in enumerate(topics, start=1):
                db.add(
                    CurriculumTopic(
                        course_id=course.id, position=position, name=topic, keywords=list(keywords)
                    )
                )
    return ids


def lessons(
    made: Services, count: int, course_ids: list[str], starts_at: datetime, *, status: str, talk: bool
) -> list[BenchLesson]:
    """`count` lessons that all start at `starts_at`. status: "scheduled", or "live" with everybody there.

    talk: 45 minutes of transcript each, complete, as the agents leave it when a room closes.
    """
    found: list[BenchLesson] = []
    for first in range(0, count, BATCH):
        with made.store.write() as db:
            found += [
                _lesson(db, number, course_ids, starts_at, status=status, talk=talk)
                for number in range(first, min(first + BATCH, count))
            ]
    return found


def _lesson(
    db: Session, number: int, course_ids: list[str], starts_at: datetime, *, status: str, talk: bool
) -> BenchLesson:
    course_id = course_ids[number % len(course_ids)]
    instructor = _person(db, f"Ines Instructor{number}", "instructor", starts_at)
    guardian = _person(db, f"Gale Guardian{number}", "guardian", starts_at)
    student = _person(db, f"Sam Student{number}", "student", starts_at)
    row = ClassSession(
        course_id=course_id,
        starts_at=starts_at,
        ends_at=starts_at + LENGTH,
        status=status,
        started_at=starts_at if status == "live" else None,
        created_by=instructor,
    )
    db.add(row)
    db.flush()
    people = ((instructor, "instructor"), (student, "student"))
    db.add(Guardianship(guardian_id=guardian, student_id=student))
    db.add(Enrollment(student_id=student, course_id=course_id, enrolled_at=starts_at))
    db.add(
        Room(
            session_id=row.id,
            provisioned_at=starts_at,
            transcript_done_at=starts_at + LENGTH if talk else None,
        )
    )
    for person_id, role in people:
        db.add(
            Seat(session_id=row.id, person_id=person_id, role=role, starts_at=starts_at, ends_at=row.ends_at)
        )
        if status == "live":
            db.add(
                PresenceInterval(
                    session_id=row.id,
                    person_id=person_id,
                    participant_id=f"{row.id}-{role}",
                    role=role,
                    started_at=starts_at,
                )
            )
    db.flush()
    if talk:
        db.execute(insert(TranscriptSegment), _talk(number, row.id, instructor, student))
    return BenchLesson(row.id, instructor, student, guardian)


def _person(db: Session, name: str, role: str, at: datetime) -> str:
    row = Person(name=name, is_minor=role == "student", created_at=at)
    row.email = None if role == "student" else f"{row.id}@example.org"
    db.add(row)
    db.flush()
    db.add(PersonRole(person_id=row.id, role=role))
    return row.id


def _talk(number: int, session_id: str, instructor_id: str, student_id: str) -> list[dict[str, Any]]:
    """The course's lines over and over, each lesson from another place, until 45 minutes are full."""
    topics = list(COURSES.values())[number % len(COURSES)][2]
    lines = [line for _, _, spoken in topics for line in spoken]
    count = int(LENGTH.total_seconds()) // LINE_S
    return [
        {
            "id": new_id(),
            "session_id": session_id,
            "person_id": instructor_id if line[0] == "I" else student_id,
            "started_ms": place * LINE_S * 1_000,
            "ended_ms": place * LINE_S * 1_000 + 380 * len(line.split()),
            "text": line[2:].format(s="Sam"),
            "confidence": 0.93,
            "engine": "bench",
            "low_accuracy": False,
        }
        for place in range(count)
        for line in (lines[(place + number) % len(lines)],)
    ]
