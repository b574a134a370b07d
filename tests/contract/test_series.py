"""Series and families' changes on both databases, with others doing the same at the same time."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from core.access import Viewer, viewer_for
from core.clock import tick_timers
from core.domain import (
    AvailabilityHours,
    ClassSession,
    DomainEvent,
    LessonChange,
    LessonPackage,
    MakeUpCredit,
    Qualification,
    Seat,
    Series,
)
from core.errors import UserError
from core.lifecycle import changes, make_up, schedule, wiring
from core.lifecycle.series import NewSeries, schedule_series
from core.lifecycle.series_change import SeriesChange, cancel_series, change_series
from core.queries import series as series_query
from core.queries import upcoming
from core.services import Services, using
from core.testing import seed, services, work_off

pytestmark = pytest.mark.contract

RACERS = 6
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


@dataclass
class School:
    app: Services
    one: seed.Lesson
    coordinator: Viewer
    guardian: Viewer

    @property
    def new(self) -> NewSeries:
        """Six Thursdays at 16:00."""
        return NewSeries(
            course_id=self.one.course.id,
            instructor_id=self.one.instructor.id,
            student_ids=(self.one.students[0].id,),
            rule="FREQ=WEEKLY",
            first_local=datetime(2026, 12, 3, 16),
            tz="UTC",
            length_min=45,
            count=6,
        )

    def all(self, table: Any) -> list[Any]:
        with self.app.store.read() as db:
            return list(db.exec(select(table)).all())


@pytest.fixture
def school(db_url: str, tmp_path: Path) -> Iterator[School]:
    url = "" if db_url.startswith("sqlite") else db_url
    with services(tmp_path, database_url=url, built_ins=("plugins.notifications",)) as app:
        wiring.wire()
        app.clock.set(NOW)  # type: ignore[attr-defined]
        with app.store.write() as db:
            one = seed.lesson(db, starts_in_s=200 * 86_400)
            db.add(Qualification(instructor_id=one.instructor.id, course_id=one.course.id))
            for weekday in range(7):
                db.add(
                    AvailabilityHours(
                        person_id=one.instructor.id, weekday=weekday, starts=time(8), ends=time(20), tz="UTC"
                    )
                )
        with app.store.read() as db:
            people = [viewer_for(db, who.id) for who in (one.coordinator, one.guardians[0])]
        assert people[0] is not None and people[1] is not None
        yield School(app, one, people[0], people[1])


def race(
    school: School, work: Callable[[int], Any], count: int = RACERS
) -> tuple[list[Any], list[UserError]]:
    """Results and refusals of `work(number)` in so many threads at once; any other error is raised."""
    done: list[Any] = []
    refused: list[UserError] = []
    broken: list[BaseException] = []
    start = threading.Barrier(count)

    def run(number: int) -> None:
        start.wait()
        try:
            with using(school.app):
                done.append(work(number))
        except UserError as error:
            refused.append(error)
        except BaseException as error:
            broken.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if broken:
        raise broken[0]
    return done, refused


def seats_overlap(school: School) -> bool:
    """The invariant: nobody is in two places."""
    seats = sorted((seat.person_id, seat.starts_at, seat.ends_at) for seat in school.all(Seat) if seat.active)
    return any(a[0] == b[0] and a[2] > b[1] for a, b in pairwise(seats))


def test_of_series_at_the_same_times_one_is_booked_whole(school: School) -> None:
    done, refused = race(school, lambda _: schedule_series(school.coordinator, school.new))
    assert (len(done), len(refused)) == (1, RACERS - 1)
    assert len(school.all(Series)) == 1
    assert len([row for row in school.all(ClassSession) if row.series_id]) == 6
    assert not seats_overlap(school)


def test_series_that_cross_each_other_never_deadlock(school: School) -> None:
    def book(number: int) -> Any:
        first = datetime(2026, 12, 3 + number % 3, 16, 15 * (number % 2))
        return schedule_series(
            school.coordinator,
            replace(school.new, first_local=first, rule="FREQ=DAILY;INTERVAL=3", count=8),
            all_or_nothing=number % 2 == 0,
        )

    done, _ = race(school, book)
    assert done
    assert not seats_overlap(school)


def test_a_package_is_not_used_up_twice(school: School) -> None:
    with school.app.store.write() as db:
        package = LessonPackage(
            student_id=school.one.students[0].id,
            course_id=school.one.course.id,
            lessons=6,
            created_by=school.coordinator.person_id,
            created_at=NOW,
        )
        db.add(package)

    def book(number: int) -> Any:
        first = datetime(2026, 12, 3, 8 + number)
        new = replace(school.new, first_local=first, package_id=package.id, count=4)
        return schedule_series(school.coordinator, new)

    done, _ = race(school, book)
    assert len(done) == 1


def test_of_two_coordinators_who_move_one_lesson_one_hears_so(school: School) -> None:
    booked = schedule_series(school.coordinator, school.new)
    session_id = booked.session_ids[2]

    def move(number: int) -> Any:
        if number % 2:
            at = NOW + timedelta(days=20, hours=number)
            return schedule.move_session(school.coordinator, session_id, at, at + timedelta(minutes=45), 1)
        change = SeriesChange(starts_local=datetime(2026, 12, 18, 8 + number))
        return change_series(school.coordinator, booked.series_id, session_id, "following", change, 1)

    done, refused = race(school, move)
    assert (len(done), len(refused)) == (1, RACERS - 1)
    assert all("meantime" in str(error) or "faster" in str(error) for error in refused)
    assert not seats_overlap(school)


def test_a_series_that_is_cancelled_and_moved_at_once_is_one_of_both(school: School) -> None:
    booked = schedule_series(school.coordinator, school.new)

    def change(number: int) -> Any:
        pointed = booked.session_ids[number]
        if number % 2:
            return cancel_series(school.coordinator, booked.series_id, pointed, "all", 1)
        return change_series(
            school.coordinator, booked.series_id, pointed, "all", SeriesChange(length_min=30), 1
        )

    done, _ = race(school, change)
    assert len(done) == 1
    status = {row.status for row in school.all(ClassSession) if row.series_id}
    assert len(status) == 1


def test_a_familys_changes_are_counted_one_by_one(school: School) -> None:
    booked = schedule_series(school.coordinator, school.new)
    most = school.app.settings.change_most_per_month

    def move(number: int) -> Any:
        at = datetime(2026, 12, 2, 8 + number, tzinfo=UTC) + timedelta(days=7 * number + 1)
        return changes.reschedule(school.guardian, booked.session_ids[number], at, 1)

    done, refused = race(school, move)
    assert len(done) == most
    assert all(f"The {most} changes" in str(error) for error in refused)
    assert len(school.all(LessonChange)) == most


def test_two_guardians_who_change_one_lesson_do_it_once(school: School) -> None:
    booked = schedule_series(school.coordinator, school.new)
    session_id = booked.session_ids[0]

    def change(number: int) -> Any:
        if number % 2:
            return changes.cancel(school.guardian, session_id, 1)
        at = datetime(2026, 12, 3, 9 + number, tzinfo=UTC)
        return changes.reschedule(school.guardian, session_id, at, 1)

    done, _ = race(school, change)
    assert len(done) == 1
    assert len(school.all(LessonChange)) == 1


def test_a_credit_is_used_once(school: School) -> None:
    booked = schedule_series(school.coordinator, school.new)
    credit_id = changes.cancel(school.guardian, booked.session_ids[0], 1)
    done, refused = race(
        school,
        lambda number: make_up.book_make_up(
            school.guardian, credit_id, datetime(2026, 12, 4, 8 + number, tzinfo=UTC)
        ),
    )
    assert (len(done), len(refused)) == (1, RACERS - 1)
    assert [row.used_session_id for row in school.all(MakeUpCredit)] == [done[0].id]


def test_every_lesson_of_a_series_is_told_and_the_family_once(school: School) -> None:
    booked = schedule_series(school.coordinator, school.new)
    while tick_timers(school.app):
        pass
    work_off(school.app)
    told = [row for row in school.all(DomainEvent) if row.kind == "session.scheduled"]
    assert sorted(row.session_id for row in told) == sorted(booked.session_ids)
    with school.app.store.read() as db:
        seats = db.exec(select(Seat).where(col(Seat.session_id).in_(booked.session_ids))).all()
    assert all(seat.invited_at is not None for seat in seats)


def test_what_pages_ask_is_answered(school: School) -> None:
    booked = schedule_series(school.coordinator, school.new)
    preview = series_query.preview(school.coordinator, school.new, skip_holidays=True)
    assert (len(preview.dates), preview.clashes) == (6, 6)
    assert "already has Algebra" in preview.dates[0].says
    options = upcoming.options(school.guardian, booked.session_ids[0])
    assert (options.move, options.cancel, options.credit) == ("allowed", "allowed", True)
    starts = [start for day in options.days for start in day.starts]
    assert starts and all(len(day.starts) <= 4 for day in options.days)
    assert "2026-12-03T16:00:00+00:00" not in starts
    assert len({start[:10] for start in starts}) >= 7
    credit_id = changes.cancel(school.guardian, booked.session_ids[0], 1)
    student_id = school.one.students[0].id
    assert [one.id for one in upcoming.credits(school.guardian, student_id)] == [credit_id]
    assert upcoming.make_up_options(school.guardian, credit_id).days
    assert upcoming.waiting(school.guardian, student_id) == {}
