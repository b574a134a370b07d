"""Series of lessons on real rows: booked at once, changed from a lesson on, cancelled; families told once."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import col, select

from core.access import Viewer, viewer_for
from core.clock import tick_timers
from core.domain import (
    ClassSession,
    DomainEvent,
    JoinLink,
    LessonPackage,
    Message,
    Qualification,
    Seat,
    Series,
    Timer,
)
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound, SessionNotOpen
from core.lifecycle import join, schedule, wiring
from core.lifecycle.provision import new_join_link
from core.lifecycle.series import Booked, NewSeries, schedule_series
from core.lifecycle.series_change import SeriesChange, cancel_series, change_series
from core.services import Services
from core.testing import seed, services, work_off

pytestmark = pytest.mark.unit

LISBON = ZoneInfo("Europe/Lisbon")
FIRST = datetime(2026, 12, 1, 16)
"""A Tuesday."""


@dataclass
class School:
    app: Services
    one: seed.Lesson
    other: str
    """Another instructor of the course."""

    @property
    def coordinator(self) -> Viewer:
        return self.viewer(self.one.coordinator.id)

    def viewer(self, person_id: str) -> Viewer:
        with self.app.store.read() as db:
            found = viewer_for(db, person_id)
        assert found is not None
        return found

    @property
    def new(self) -> NewSeries:
        """Four Tuesdays at 16:00 in Lisbon."""
        return NewSeries(
            course_id=self.one.course.id,
            instructor_id=self.one.instructor.id,
            student_ids=(self.one.students[0].id,),
            rule="FREQ=WEEKLY",
            first_local=FIRST,
            tz="Europe/Lisbon",
            length_min=45,
            count=4,
        )

    def book(self, **changes: object) -> Booked:
        return schedule_series(self.coordinator, replace(self.new, **changes))  # type: ignore[arg-type]

    def lessons(self, series_id: str) -> list[ClassSession]:
        with self.app.store.read() as db:
            query = select(ClassSession).where(ClassSession.series_id == series_id)
            return list(db.exec(query.order_by(col(ClassSession.series_day))))

    def times(self, series_id: str) -> list[str]:
        """Local starts of the lessons that stand, "!" before one that has left its day."""
        return [
            f"{row.starts_at.astimezone(LISBON):%m-%d %H:%M}"
            for row in self.lessons(series_id)
            if row.status != "cancelled"
        ]

    def series(self, series_id: str) -> Series:
        with self.app.store.read() as db:
            return db.get_one(Series, series_id)

    def settle(self) -> None:
        """The clock and the worker do what is due."""
        while tick_timers(self.app):
            pass
        work_off(self.app)

    def mails(self, kind: str) -> list[str]:
        with self.app.store.read() as db:
            return sorted(db.exec(select(Message.to_person_id).where(Message.kind == kind)))


@pytest.fixture
def school(tmp_path: Path) -> Iterator[School]:
    with services(tmp_path, built_ins=("plugins.notifications",)) as app:
        wiring.wire()
        app.clock.set(datetime(2026, 11, 28, 12, tzinfo=UTC))  # type: ignore[attr-defined]
        with app.store.write() as db:
            one = seed.lesson(db, students=2, starts_in_s=300 * 86_400)
            other = seed.person(db, "Olga Other", "instructor")
            for who in (one.instructor.id, other.id):
                db.add(Qualification(instructor_id=who, course_id=one.course.id))
        yield School(app, one, other.id)


def test_a_series_books_every_lesson_and_tells_a_family_once(school: School):
    booked = school.book()
    assert school.times(booked.series_id) == ["12-01 16:00", "12-08 16:00", "12-15 16:00", "12-22 16:00"]
    school.settle()
    with school.app.store.read() as db:
        told = db.exec(select(DomainEvent).where(DomainEvent.kind == "session.scheduled")).all()
        reminders = db.exec(select(Timer).where(Timer.kind == "reminder", Timer.status == "waiting")).all()
    assert {event.session_id for event in told} == set(booked.session_ids)
    assert {event.payload["bulk"] for event in told} == {f"{booked.series_id}:1"}
    assert {timer.subject_id for timer in reminders} == set(booked.session_ids)
    assert school.mails("series_changed") == sorted([school.one.instructor.id, school.one.guardians[0].id])
    assert school.mails("invitation") == []


def test_a_lesson_of_a_series_is_told_by_itself_when_it_moves_by_itself(school: School):
    booked = school.book()
    school.settle()
    at = datetime(2026, 12, 9, 9, tzinfo=UTC)
    schedule.move_session(school.coordinator, booked.session_ids[1], at, at + timedelta(hours=1), 1)
    school.settle()
    assert len(school.mails("moved")) == 2
    assert school.lessons(booked.series_id)[1].series_day == "2026-12-08"


def test_a_lesson_changed_before_the_series_was_told_tells_of_itself_alone(school: School):
    booked = school.book()
    schedule.cancel_session(school.coordinator, booked.session_ids[0], 1)
    school.settle()
    with school.app.store.read() as db:
        query = select(DomainEvent).where(DomainEvent.session_id == booked.session_ids[0])
        changes = [event.payload["change"] for event in db.exec(query) if event.kind == "session.scheduled"]
    assert changes == ["cancelled"]


def test_one_clash_refuses_the_whole_series_and_names_the_lesson(school: School):
    school.book(first_local=datetime(2026, 12, 15, 16, 30), count=1)
    with pytest.raises(Conflict, match=r"already has Algebra from 16:30 to 17:15"):
        school.book()
    with school.app.store.read() as db:
        assert len(db.exec(select(Series)).all()) == 1


def test_dates_that_clash_can_be_left_out_for_good(school: School):
    school.book(first_local=datetime(2026, 12, 15, 16, 30), count=1)
    booked = schedule_series(school.coordinator, school.new, all_or_nothing=False)
    assert school.times(booked.series_id) == ["12-01 16:00", "12-08 16:00", "12-22 16:00"]
    assert [at.day for at, _ in booked.refused] == [15]
    assert "already has Algebra" in booked.refused[0][1]
    assert (school.series(booked.series_id).count, school.series(booked.series_id).skip) == (
        3,
        ["2026-12-15"],
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"count": None}, "when the series ends"),
        ({"rule": "FREQ=SECONDLY"}, "cannot read"),
        ({"rule": "FREQ=DAILY", "count": 4_000}, "400 lessons"),
        ({"tz": "Mars/Base"}, "time zone"),
        ({"first_local": datetime(2026, 11, 2, 9)}, "in the past"),
        ({"length_min": 0}, "six hours"),
        ({"student_ids": ()}, "choose a student"),
    ],
)
def test_a_series_that_makes_no_sense_is_refused(school: School, changes: dict[str, object], words: str):
    with pytest.raises(InvalidInput, match=words):
        school.book(**changes)


def test_only_coordinators_book_series(school: School):
    with pytest.raises(NotAllowed):
        schedule_series(school.viewer(school.one.instructor.id), school.new)


def test_the_wall_clock_stays_over_a_clock_change(school: School):
    booked = school.book(first_local=datetime(2027, 3, 23, 16), count=2)
    assert [row.starts_at.hour for row in school.lessons(booked.series_id)] == [16, 15]


def _package(school: School, lessons: int, valid_until: date | None = None) -> str:
    with school.app.store.write() as db:
        package = LessonPackage(
            student_id=school.one.students[0].id,
            course_id=school.one.course.id,
            lessons=lessons,
            valid_until=valid_until,
            created_by=school.one.coordinator.id,
            created_at=school.app.clock.now(),
        )
        db.add(package)
        return package.id


def test_a_package_ends_its_series_and_gets_cancelled_lessons_back(school: School):
    package = _package(school, 3)
    booked = school.book(count=None, package_id=package)
    assert len(booked.session_ids) == 3
    again = {"first_local": datetime(2027, 1, 12, 16), "package_id": package}
    with pytest.raises(InvalidInput, match="No lessons are left"):
        school.book(count=1, **again)
    schedule.cancel_session(school.coordinator, booked.session_ids[0], 1)
    with pytest.raises(InvalidInput, match="1 lessons left"):
        school.book(count=2, **again)
    assert len(school.book(count=None, **again).session_ids) == 1


def test_a_package_has_its_last_day(school: School):
    with pytest.raises(InvalidInput, match="ends on 2026-12-10"):
        school.book(package_id=_package(school, 4, date(2026, 12, 10)))


def test_this_alone_is_an_exception_that_keeps_its_day(school: School):
    booked = school.book()
    change_series(
        school.coordinator,
        booked.series_id,
        booked.session_ids[1],
        "this",
        SeriesChange(starts_local=datetime(2026, 12, 10, 9)),
        1,
    )
    rows = school.lessons(booked.series_id)
    assert school.times(booked.series_id) == ["12-01 16:00", "12-10 09:00", "12-15 16:00", "12-22 16:00"]
    assert [row.series_day for row in rows][1] == "2026-12-08"
    assert school.series(booked.series_id).version == 1


def test_this_and_following_begin_a_series_of_their_own(school: School):
    booked = school.book()
    school.settle()
    changed = change_series(
        school.coordinator,
        booked.series_id,
        booked.session_ids[2],
        "following",
        SeriesChange(starts_local=datetime(2026, 12, 16, 17, 30)),
        1,
    )
    assert school.times(booked.series_id) == ["12-01 16:00", "12-08 16:00"]
    assert school.times(changed.series_id) == ["12-16 17:30", "12-23 17:30"]
    assert changed.session_ids == booked.session_ids[2:]
    old, new = school.series(booked.series_id), school.series(changed.series_id)
    assert (old.status, old.until) == ("ended", date(2026, 12, 14))
    assert (new.split_from, new.count, new.first_local) == (old.id, 2, "2026-12-16T17:30")
    school.settle()
    assert len(school.mails("series_changed")) == 4
    assert school.mails("moved") == []


def test_all_changes_in_place_while_nothing_has_been(school: School):
    booked = school.book()
    changed = change_series(
        school.coordinator,
        booked.series_id,
        booked.session_ids[3],
        "all",
        SeriesChange(starts_local=datetime(2026, 12, 21, 15)),
        1,
    )
    assert changed.series_id == booked.series_id
    assert school.times(booked.series_id) == ["11-30 15:00", "12-07 15:00", "12-14 15:00", "12-21 15:00"]
    assert school.series(booked.series_id).version == 2


def test_past_and_live_lessons_are_never_touched(school: School):
    booked = school.book()
    with school.app.store.write() as db:
        live, ended = (db.get_one(ClassSession, booked.session_ids[n]) for n in (1, 0))
        live.status, ended.status = "live", "ended"
        db.add_all([live, ended])
    school.app.clock.set(datetime(2026, 12, 8, 16, 10, tzinfo=UTC))  # type: ignore[attr-defined]
    changed = change_series(
        school.coordinator, booked.series_id, booked.session_ids[2], "all", SeriesChange(length_min=30), 1
    )
    assert changed.session_ids == booked.session_ids[2:]
    assert [row.version for row in school.lessons(booked.series_id)] == [1, 1]
    for pointed in booked.session_ids[:2]:
        with pytest.raises(Conflict, match="started or is over"):
            cancel_series(school.coordinator, booked.series_id, pointed, "all", 1)


def test_moved_lessons_come_back_with_all_and_cancelled_ones_do_not(school: School):
    booked = school.book()
    at = datetime(2026, 12, 9, 9, tzinfo=UTC)
    schedule.move_session(school.coordinator, booked.session_ids[1], at, at + timedelta(hours=1), 1)
    schedule.cancel_session(school.coordinator, booked.session_ids[2], 1)
    change = SeriesChange(starts_local=datetime(2026, 12, 1, 18))
    change_series(school.coordinator, booked.series_id, booked.session_ids[0], "all", change, 1)
    assert school.times(booked.series_id) == ["12-01 18:00", "12-08 18:00", "12-22 18:00"]


def test_another_instructor_leaves_every_time_as_it_is(school: School):
    booked = school.book()
    school.settle()
    at = datetime(2026, 12, 9, 9, tzinfo=UTC)
    schedule.move_session(school.coordinator, booked.session_ids[1], at, at + timedelta(minutes=45), 1)
    with school.app.store.write() as db:
        seat = db.exec(
            select(Seat).where(
                Seat.session_id == booked.session_ids[0], Seat.person_id == school.one.instructor.id
            )
        ).one()
        link = new_join_link(db, seat.id)
    change_series(
        school.coordinator,
        booked.series_id,
        booked.session_ids[0],
        "all",
        SeriesChange(instructor_id=school.other),
        1,
    )
    assert school.times(booked.series_id)[1] == "12-09 09:00"
    with school.app.store.read() as db:
        query = select(Seat).where(col(Seat.session_id).in_(booked.session_ids), Seat.role == "instructor")
        active = {seat.person_id: seat.active for seat in db.exec(query)}
        assert db.exec(select(JoinLink)).one().revoked_at is not None
    assert active == {school.one.instructor.id: False, school.other: True}
    with pytest.raises(NotAllowed, match="withdrawn"):
        join.open_join_link(link.rsplit("/", 1)[-1], None)
    school.settle()
    assert school.other in school.mails("series_changed")


def test_another_repetition_keeps_makes_and_cancels_lessons(school: School):
    booked = school.book()
    changed = change_series(
        school.coordinator,
        booked.series_id,
        booked.session_ids[1],
        "following",
        SeriesChange(rule="FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH", count=4),
        1,
    )
    assert school.times(changed.series_id) == ["12-08 16:00", "12-10 16:00", "12-22 16:00", "12-24 16:00"]
    assert set(changed.session_ids) == {booked.session_ids[1], booked.session_ids[3]}
    assert changed.cancelled == (booked.session_ids[2],)
    assert len(changed.made) == 2


def test_lessons_may_go_where_the_next_ones_were(school: School):
    booked = school.book(rule="FREQ=DAILY", count=5)
    change = SeriesChange(starts_local=datetime(2026, 12, 2, 16))
    change_series(school.coordinator, booked.series_id, booked.session_ids[0], "all", change, 1)
    assert school.times(booked.series_id)[0] == "12-02 16:00"
    assert len(school.times(booked.series_id)) == 5


def test_a_change_that_clashes_changes_nothing(school: School):
    booked = school.book()
    school.book(first_local=datetime(2026, 12, 23, 9), count=1)
    with pytest.raises(Conflict, match="already has Algebra from 09:00"):
        change_series(
            school.coordinator,
            booked.series_id,
            booked.session_ids[1],
            "following",
            SeriesChange(starts_local=datetime(2026, 12, 9, 9)),
            1,
        )
    assert len(school.times(booked.series_id)) == 4
    assert school.series(booked.series_id).status == "active"


def test_whoever_saw_an_older_lesson_changes_nothing(school: School):
    booked = school.book()
    change = SeriesChange(length_min=30)
    change_series(school.coordinator, booked.series_id, booked.session_ids[0], "all", change, 1)
    for scope in ("this", "following", "all"):
        with pytest.raises(Conflict, match="in the meantime"):
            change_series(school.coordinator, booked.series_id, booked.session_ids[1], scope, change, 1)


def test_a_lesson_of_another_series_is_not_found(school: School):
    one, other = school.book(), school.book(first_local=datetime(2026, 12, 3, 16))
    for scope in ("this", "following"):
        with pytest.raises(NotFound):
            cancel_series(school.coordinator, one.series_id, other.session_ids[0], scope, 1)


def test_this_and_following_are_cancelled_and_the_family_is_told_once(school: School):
    booked = school.book()
    school.settle()
    with school.app.store.write() as db:
        seat = db.exec(
            select(Seat).where(Seat.session_id == booked.session_ids[3], Seat.role == "student")
        ).one()
        link = new_join_link(db, seat.id)
    cancel_series(school.coordinator, booked.series_id, booked.session_ids[2], "following", 1)
    assert school.times(booked.series_id) == ["12-01 16:00", "12-08 16:00"]
    assert school.series(booked.series_id).status == "ended"
    with pytest.raises(SessionNotOpen, match="was cancelled"):
        join.open_join_link(link.rsplit("/", 1)[-1], None)
    school.settle()
    assert len(school.mails("series_changed")) == 4
    assert school.mails("cancelled") == []
    with school.app.store.read() as db:
        waiting = set(db.exec(select(Timer.subject_id).where(Timer.status == "waiting")))
    assert waiting.isdisjoint(booked.session_ids[2:])


def test_a_cancelled_series_frees_its_slots(school: School):
    booked = school.book()
    cancel_series(school.coordinator, booked.series_id, booked.session_ids[1], "all", 1)
    assert school.series(booked.series_id).status == "cancelled"
    assert len(school.book().session_ids) == 4
