"""When many people can have a lesson: one picture of each, however many, in the same number of queries."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from core.domain import (
    AvailabilityException,
    AvailabilityHours,
    BookingProfile,
    BusyCalendar,
    BusyTime,
    HolidayCalendar,
    Qualification,
)
from core.queries.bookable import bookable, teachers_of
from core.scheduling.availability import open_windows
from core.scheduling.windows import Window, span
from core.services import Services
from core.testing import seed, services

pytestmark = pytest.mark.unit

HOUR = timedelta(hours=1)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Services]:
    with services(tmp_path) as made:
        yield made


def week(made: Services) -> Window:
    return span(made.clock.now(), timedelta(days=7))


def test_an_instructor_without_hours_is_closed_and_a_student_open(made: Services) -> None:
    with made.store.write() as db:
        one = seed.lesson(db)
        who = bookable(db, [one.instructor.id, one.students[0].id], week(made))
    assert open_windows(who[one.instructor.id].availability, week(made)) == []
    assert open_windows(who[one.students[0].id].availability, week(made)) == [week(made)]


def test_hours_exceptions_holidays_and_limits_are_read(made: Services) -> None:
    with made.store.write() as db:
        one = seed.lesson(db)
        me = one.instructor.id
        monday = datetime(2026, 11, 30, tzinfo=UTC)
        db.add(HolidayCalendar(id="h", name="Here", days={"2026-12-07": "A holiday"}))
        db.flush()
        db.add(
            BookingProfile(
                person_id=me,
                tz="Europe/Lisbon",
                buffer_s=600,
                most_a_day=3,
                languages=["pt"],
                holiday_calendar_id="h",
            )
        )
        db.add(AvailabilityHours(person_id=me, weekday=0, starts=time(16), ends=time(18), tz="Europe/Lisbon"))
        db.add(
            AvailabilityException(
                person_id=me,
                kind="away",
                starts_at=monday + 17 * HOUR,
                ends_at=monday + 19 * HOUR,
                created_by=me,
                created_at=made.clock.now(),
            )
        )
        db.add(Qualification(instructor_id=me, course_id=one.course.id))
        db.flush()
        found = bookable(db, [me], span(monday, timedelta(days=8)))[me]
        assert teachers_of(db, one.course.id) == [me]
    assert open_windows(found.availability, span(monday, timedelta(days=8))) == [
        span(monday + 16 * HOUR, HOUR)
    ]
    assert found.availability.holidays == {date(2026, 12, 7)}
    assert (found.availability.limits.buffer, found.availability.limits.most_a_day) == (
        timedelta(minutes=10),
        3,
    )
    assert (found.tz, found.languages, found.courses) == ("Europe/Lisbon", {"pt"}, {one.course.id})


def test_lessons_and_busy_times_count_but_not_the_lesson_that_moves(made: Services) -> None:
    with made.store.write() as db:
        one = seed.lesson(db)
        me, lesson = one.instructor.id, Window(one.session.starts_at, one.session.ends_at)
        db.add(BusyCalendar(id="c", person_id=me, url="https://example.org/c.ics", next_at=made.clock.now()))
        db.flush()
        db.add(
            BusyTime(calendar_id="c", person_id=me, starts_at=lesson.ends_at, ends_at=lesson.ends_at + HOUR)
        )
        db.flush()
        found = bookable(db, [me], week(made))[me]
        moving = bookable(db, [me], week(made), without_session=one.session.id)[me]
    assert found.booked == (lesson,) and moving.booked == ()
    assert found.busy == moving.busy == (span(lesson.ends_at, HOUR),)


def test_many_people_take_as_many_queries_as_one(made: Services) -> None:
    counted: list[str] = []
    with made.store.write() as db:
        people = [seed.person(db, f"Person {n}", "instructor").id for n in range(40)]
        db.flush()
        connection = db.connection()
        event.listen(connection, "before_cursor_execute", lambda *given: counted.append(given[2]))
        bookable(db, people[:1], week(made))
        few = len(counted)
        bookable(db, people, week(made))
        assert len(counted) - few == few
