"""A planted academy (core.testing.timetable) as rows: its people, their hours, and the lessons that are booked."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import SQLModel, insert

from core.domain import (
    AvailabilityHours,
    BookingProfile,
    ClassSession,
    Course,
    LessonRequest,
    Person,
    PersonRole,
    Qualification,
    Seat,
)
from core.scheduling.batch_model import Ask
from core.scheduling.zones import instant
from core.services import Services
from core.testing.timetable import Planted

COORDINATOR = "coordinator"
AT_ONCE = 20_000
"""Rows written by one statement."""
_WEEK = timedelta(days=7)

Row = dict[str, Any]


def fill(made: Services, planted: Planted, requests: int, weeks: int) -> list[str]:
    """Write it all. The first `requests` asks wait as requests for a term; all others are booked for so many weeks.

    Lessons an asking student has had are there, too, years before. Returns the ids of the requests.
    """
    waiting = planted.asks[:requests]
    booked = [lesson for ask in planted.asks[requests:] for lesson in _planned(planted, ask, weeks)]
    had = [lesson for ask in waiting for lesson in _had(ask)]
    _insert(made, Person, _people(planted))
    _insert(made, Course, ({"id": one, "name": one} for one in _courses(planted)))
    _insert(made, PersonRole, _roles(planted))
    _insert(made, Qualification, _qualified(planted))
    _insert(made, BookingProfile, _profiles(planted))
    _insert(made, AvailabilityHours, _hours(planted))
    _insert(made, ClassSession, (lesson.session for lesson in (*booked, *had)))
    _insert(made, Seat, (seat for lesson in (*booked, *had) for seat in lesson.seats()))
    _insert(made, LessonRequest, (_request(planted, ask) for ask in waiting))
    return [ask.request_id for ask in waiting]


@dataclass(frozen=True, slots=True)
class _Lesson:
    session: Row
    people: tuple[tuple[str, str], ...]

    def seats(self) -> Iterator[Row]:
        for person_id, role in self.people:
            yield {
                "id": f"{self.session['id']}-{role}",
                "session_id": self.session["id"],
                "person_id": person_id,
                "role": role,
                "starts_at": self.session["starts_at"],
                "ends_at": self.session["ends_at"],
            }


def _lesson(ask: Ask, name: str, teacher: str, starts_at: datetime, status: str) -> _Lesson:
    session: Row = {
        "id": f"{ask.request_id}-{name}",
        "course_id": ask.wish.course_id,
        "starts_at": starts_at,
        "ends_at": starts_at + ask.wish.length,
        "status": status,
        "created_by": COORDINATOR,
    }
    return _Lesson(session, ((teacher, "instructor"), (ask.student_id, "student")))


def _planned(planted: Planted, ask: Ask, weeks: int) -> Iterator[_Lesson]:
    """Where they were planted, every week by the student's clock."""
    teacher, slots = planted.answer[ask.request_id]
    here = ZoneInfo(ask.wish.tz)
    for week in range(weeks):
        for number, slot in enumerate(slots):
            day = planted.from_day + timedelta(days=slot.weekday) + week * _WEEK
            starts_at = instant(datetime.combine(day, slot.at), here)
            yield _lesson(ask, f"{week}-{number}", teacher, starts_at, "scheduled")


def _had(ask: Ask) -> Iterator[_Lesson]:
    """Years ago, each request on days of its own so that nobody has two at a time."""
    number = int(ask.request_id.removeprefix("request"))
    first = datetime(2000, 1, 3, 10, tzinfo=UTC) + number * 20 * timedelta(days=1)
    for teacher, times in ask.wish.taught.items():
        for past in range(times):
            yield _lesson(ask, f"past-{past}", teacher, first + past * timedelta(days=1), "ended")


def _people(planted: Planted) -> Iterator[Row]:
    yield {"id": COORDINATOR, "name": "Cora Coordinator"}
    for one in (*planted.teachers, *planted.students):
        yield {"id": one.person_id, "name": one.name, "tz": one.tz}


def _roles(planted: Planted) -> Iterator[Row]:
    yield {"person_id": COORDINATOR, "role": "coordinator"}
    for role, people in (("instructor", planted.teachers), ("student", planted.students)):
        for one in people:
            yield {"person_id": one.person_id, "role": role}


def _courses(planted: Planted) -> list[str]:
    return sorted({course for one in planted.teachers for course in one.courses})


def _qualified(planted: Planted) -> Iterator[Row]:
    for one in planted.teachers:
        for course in sorted(one.courses):
            yield {"instructor_id": one.person_id, "course_id": course}


def _profiles(planted: Planted) -> Iterator[Row]:
    for one in planted.teachers:
        limits = one.availability.limits
        yield {
            "person_id": one.person_id,
            "languages": sorted(one.languages),
            "buffer_s": int(limits.buffer.total_seconds()),
            "most_a_day": limits.most_a_day,
            "most_a_week": limits.most_a_week,
        }


def _hours(planted: Planted) -> Iterator[Row]:
    for one in planted.teachers:
        for number, hours in enumerate(one.availability.hours):
            yield {
                "id": f"{one.person_id}-{number}",
                "person_id": one.person_id,
                "weekday": hours.weekday,
                "starts": hours.starts,
                "ends": hours.ends,
                "tz": hours.tz,
            }


def _request(planted: Planted, ask: Ask) -> Row:
    wish = ask.wish
    return {
        "id": ask.request_id,
        "student_id": ask.student_id,
        "course_id": wish.course_id,
        "language": wish.language,
        "windows": [
            {"weekday": one.weekday, "starts": f"{one.starts:%H:%M}", "ends": f"{one.ends:%H:%M}"}
            for one in wish.windows
        ],
        "tz": wish.tz,
        "per_week": wish.per_week,
        "length_min": int(wish.length / timedelta(minutes=1)),
        "from_day": wish.from_day,
        "wishes": {"instructor_id": wish.instructor_id, "same_instructor": wish.same_instructor},
        "asked_by": COORDINATOR,
        "asked_at": planted.now,
        "due_at": planted.now + _WEEK,
    }


def _insert(made: Services, table: type[SQLModel], rows: Iterable[Row]) -> None:
    waiting = list(rows)
    for first in range(0, len(waiting), AT_ONCE):
        with made.store.write() as db:
            db.execute(insert(table), waiting[first : first + AT_ONCE])
