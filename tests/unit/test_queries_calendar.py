"""What the calendar reads: days of a reader's zone, availability, and where a picked-up lesson cannot go."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from core.access import Viewer
from core.domain import (
    AvailabilityException,
    AvailabilityHours,
    BookingProfile,
    Course,
    Enrollment,
    Person,
    Qualification,
)
from core.errors import Conflict, InvalidInput, NotAllowed
from core.lifecycle import schedule
from core.queries import calendar
from core.queries.moves import NoGo, moves
from core.scheduling.windows import Window
from core.services import Services
from core.testing import seed, services

pytestmark = pytest.mark.unit

MONDAY = date(2026, 11, 23)
HOUR = timedelta(hours=1)


@dataclass
class Office:
    """`one` is at 09:00 to 10:00 UTC on MONDAY; the clock says 08:00. Ines works 08:00 to 18:00 UTC."""

    app: Services
    one: seed.Lesson
    other: Person
    cora: Viewer


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with services(tmp_path) as app:
        with app.store.write() as db:
            one = seed.lesson(db)
            other = seed.person(db, "Otto Other", "instructor")
            for teacher in (one.instructor, other):
                db.add(Qualification(instructor_id=teacher.id, course_id=one.course.id))
                for weekday in range(7):
                    db.add(
                        AvailabilityHours(
                            person_id=teacher.id, weekday=weekday, starts=time(8), ends=time(18), tz="UTC"
                        )
                    )
        yield Office(app, one, other, Viewer(one.coordinator.id, "Cora", ("coordinator",), "UTC"))


def _week(office: Office) -> Window:
    return calendar.window_of(MONDAY, 7, ZoneInfo(office.cora.tz))


def _moves(office: Office) -> list[NoGo]:
    people = [office.one.instructor.id, office.other.id]
    return moves(office.cora, office.one.session.id, _week(office), people)


def _against(found: list[NoGo], person_id: str, day: date, minute: int, length: int = 60) -> list[str]:
    return [
        one.says
        for one in found
        if one.person_id in ("", person_id)
        and one.day == day.isoformat()
        and one.first < minute + length
        and minute < one.last
    ]


def _book(office: Office, instructor_id: str, starts_at: datetime) -> str:
    """A lesson of a student of its own, an hour long."""
    with office.app.store.write() as db:
        student = seed.person(db, "Uma Unrelated", "student")
        db.add(Enrollment(student_id=student.id, course_id=office.one.course.id))
    new = schedule.NewSession(office.one.course.id, instructor_id, (student.id,), starts_at, starts_at + HOUR)
    return schedule.schedule_session(office.cora, new).id


def test_rows_hold_lessons_and_open_hours_in_the_readers_zone(office: Office) -> None:
    lisbon = Viewer(office.cora.person_id, "Cora", ("coordinator",), "Asia/Kolkata")
    rows, total = calendar.grid(lisbon, MONDAY)
    assert total == 2
    ines = rows[0]
    assert (ines.instructor.name, [cell.day for cell in ines.days][:2]) == (
        "Ines Instructor",
        ["2026-11-23", "2026-11-24"],
    )
    block = ines.days[0].lessons[0]
    assert (block.first, block.last, block.length) == (14 * 60 + 30, 15 * 60 + 30, 60)
    assert (block.begins, block.movable, block.state, block.student) == (
        True,
        True,
        "expected",
        "Sam Student0",
    )
    assert [(band.kind, band.first, band.last) for band in ines.days[0].bands] == [
        ("open", 13 * 60 + 30, 23 * 60 + 30)
    ]


def test_a_lesson_over_midnight_is_in_both_days(office: Office) -> None:
    late = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    _book(office, office.other.id, late)
    otto = calendar.grid(office.cora, MONDAY)[0][1]
    tuesday, wednesday = otto.days[1].lessons[0], otto.days[2].lessons[0]
    assert (tuesday.first, tuesday.last, tuesday.begins) == (1_410, 1_440, True)
    assert (wednesday.first, wednesday.last, wednesday.begins) == (0, 30, False)
    assert tuesday.length == wednesday.length == 60


@pytest.mark.parametrize(
    ("tz", "day", "minutes"),
    [("Europe/Berlin", date(2026, 10, 25), 25 * 60), ("Australia/Lord_Howe", date(2026, 10, 4), 23.5 * 60)],
)
def test_days_of_a_clock_change_begin_and_end_at_midnight(tz: str, day: date, minutes: float) -> None:
    window = calendar.window_of(day, 1, ZoneInfo(tz))
    assert window.length == timedelta(minutes=minutes)
    assert list(calendar.pieces(window, ZoneInfo(tz))) == [calendar.Piece(day.isoformat(), 0, 1_440)]


def test_an_hour_that_comes_twice_is_as_long_as_it_is() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    window = Window(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 15, tzinfo=UTC))
    assert list(calendar.pieces(window, berlin)) == [calendar.Piece("2026-10-25", 150, 195)]


def test_filters_name_course_and_person(office: Office) -> None:
    with office.app.store.write() as db:
        physics = Course(name="Physics")
        db.add(physics)
        db.flush()
        db.add(Qualification(instructor_id=office.one.instructor.id, course_id=physics.id))
    rows, total = calendar.grid(office.cora, MONDAY, course_id=physics.id)
    assert (total, rows[0].instructor.id) == (1, office.one.instructor.id)
    assert rows[0].days[0].lessons[0].other
    assert calendar.grid(office.cora, MONDAY, person_id=office.other.id)[1] == 1
    assert calendar.grid(office.cora, MONDAY, find="otto")[1] == 1
    second, total = calendar.grid(office.cora, MONDAY, page=1, size=1)
    assert ([row.instructor.name for row in second], total) == (["Otto Other"], 2)


def test_others_may_not_look(office: Office) -> None:
    ines = Viewer(office.one.instructor.id, "Ines", ("instructor",))
    with pytest.raises(NotAllowed):
        calendar.grid(ines, MONDAY)
    with pytest.raises(NotAllowed):
        moves(ines, office.one.session.id, _week(office), [])


def test_leave_and_holidays_are_bands(office: Office) -> None:
    tuesday = datetime(2026, 11, 24, tzinfo=UTC)
    with office.app.store.write() as db:
        db.add(
            AvailabilityException(
                person_id=office.other.id,
                kind="away",
                starts_at=tuesday,
                ends_at=tuesday + timedelta(days=1),
                created_by=office.other.id,
                created_at=office.app.clock.now(),
            )
        )
    otto = calendar.grid(office.cora, MONDAY)[0][1]
    assert [(band.kind, band.first, band.last) for band in otto.days[1].bands] == [("away", 0, 1_440)]
    says = _against(_moves(office), office.other.id, date(2026, 11, 24), 9 * 60)
    assert says == ["Otto Other is away."]


def test_a_free_place_has_nothing_against_it(office: Office) -> None:
    assert _against(_moves(office), office.one.instructor.id, date(2026, 11, 24), 9 * 60) == []
    assert _against(_moves(office), office.other.id, MONDAY, 9 * 60) == []


def test_what_is_over_and_what_is_booked_is_firm(office: Office) -> None:
    _book(office, office.other.id, datetime(2026, 11, 24, 9, tzinfo=UTC))
    found = _moves(office)
    assert _against(found, office.other.id, MONDAY, 7 * 60 + 30)[0] == "That time is over."
    assert _against(found, office.other.id, date(2026, 11, 24), 9 * 60 + 45) == [
        "Otto Other has Algebra from 09:00 to 10:00."
    ]
    assert _against(found, office.one.instructor.id, date(2026, 11, 24), 9 * 60 + 45) == []
    assert all(one.firm for one in found if "from 09:00" in one.says)


def test_a_busy_student_blocks_every_instructor(office: Office) -> None:
    start = datetime(2026, 11, 25, 9, tzinfo=UTC)
    new = schedule.NewSession(
        office.one.course.id, office.other.id, (office.one.students[0].id,), start, start + HOUR
    )
    schedule.schedule_session(office.cora, new)
    says = _against(_moves(office), office.one.instructor.id, date(2026, 11, 25), 9 * 60)
    assert says == ["Sam Student0 has Algebra from 09:00 to 10:00."]


def test_hours_and_limits_are_said_but_not_firm(office: Office) -> None:
    with office.app.store.write() as db:
        db.add(
            BookingProfile(
                person_id=office.other.id, notice_s=86_400, buffer_s=900, most_a_day=1, most_a_week=1
            )
        )
    _book(office, office.other.id, datetime(2026, 11, 25, 9, tzinfo=UTC))
    found = _moves(office)
    assert _against(found, office.other.id, MONDAY, 9 * 60)[:1] == ["Otto Other asks for 24 hours' notice."]
    assert "Otto Other needs 15 minutes between lessons." in _against(
        found, office.other.id, date(2026, 11, 25), 10 * 60
    )
    day_full = _against(found, office.other.id, date(2026, 11, 25), 14 * 60)
    assert day_full == [
        "Otto Other already has 1 lessons that day.",
        "Otto Other already has 1 lessons that week.",
    ]
    night = _against(found, office.one.instructor.id, date(2026, 11, 25), 20 * 60)
    assert night == ["Ines Instructor does not work at that time."]
    assert not any(one.firm for one in found if "does not work" in one.says or "already has" in one.says)


def test_who_is_not_qualified_is_shut_out(office: Office) -> None:
    with office.app.store.write() as db:
        db.delete(db.get_one(Qualification, (office.other.id, office.one.course.id)))
    says = _against(_moves(office), office.other.id, date(2026, 11, 24), 9 * 60)
    assert says == ["Otto Other is not qualified for Algebra."]


def test_a_lesson_that_is_over_is_not_picked_up(office: Office) -> None:
    schedule.cancel_session(office.cora, office.one.session.id, 1)
    with pytest.raises(Conflict):
        _moves(office)


def test_a_lesson_is_placed_at_another_time_with_another_instructor_in_one_change(office: Office) -> None:
    start = datetime(2026, 11, 24, 11, tzinfo=UTC)
    placed = schedule.place_session(
        office.cora, office.one.session.id, start, start + HOUR, office.other.id, 1
    )
    assert (placed.starts_at, placed.version) == (start, 2)
    rows = calendar.grid(office.cora, MONDAY)[0]
    assert [len(cell.lessons) for cell in rows[0].days] == [0] * 7
    assert [block.first for block in rows[1].days[1].lessons] == [11 * 60]
    with pytest.raises(Conflict, match="Somebody changed"):
        schedule.place_session(
            office.cora, office.one.session.id, start, start + HOUR, office.one.instructor.id, 1
        )


def test_the_leaving_instructors_next_lesson_is_not_in_the_way(office: Office) -> None:
    start = datetime(2026, 11, 24, 11, tzinfo=UTC)
    _book(office, office.one.instructor.id, start)
    placed = schedule.place_session(
        office.cora, office.one.session.id, start, start + HOUR, office.other.id, 1
    )
    assert placed.starts_at == start


def test_a_clash_says_with_what_and_changes_nothing(office: Office) -> None:
    start = datetime(2026, 11, 24, 11, tzinfo=UTC)
    _book(office, office.other.id, start)
    with pytest.raises(Conflict, match="Otto Other already has Algebra from 11:00 to 12:00"):
        schedule.place_session(office.cora, office.one.session.id, start, start + HOUR, office.other.id, 1)
    rows = calendar.grid(office.cora, MONDAY)[0]
    assert [block.id for block in rows[0].days[0].lessons] == [office.one.session.id]


def test_nobody_is_placed_who_may_not_teach_it(office: Office) -> None:
    start = datetime(2026, 11, 24, 11, tzinfo=UTC)
    with pytest.raises(InvalidInput, match="choose an instructor"):
        schedule.place_session(
            office.cora, office.one.session.id, start, start + HOUR, office.one.students[0].id, 1
        )
