"""What a plan does to weeks: first lessons, holes between lessons, and who meets whom."""

import pickle
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta

import pytest

from core.scheduling.availability import Availability, WeeklyHours
from core.scheduling.batch_model import Ask
from core.scheduling.batch_process import SolverSlow, Task, Unwanted, solve_apart, solve_here
from core.scheduling.batch_weeks import first_starts, gap_min, lessons_of_a_week, meet, week_changes
from core.scheduling.matching import Teacher
from core.scheduling.windows import Window, span
from core.scheduling.wish import Slot, Wish, WishWindow

pytestmark = pytest.mark.unit

MONDAY = date(2027, 3, 1)
HOUR = timedelta(hours=1)


def wish(tz: str = "UTC") -> Wish:
    return Wish("algebra", (WishWindow(0, time(16), time(18)),), tz, MONDAY, HOUR)


def lesson(day: int, hour: float, length: timedelta = HOUR) -> Window:
    return span(datetime(2027, 3, day, tzinfo=UTC) + timedelta(hours=hour), length)


def teacher(*booked: Window, tz: str = "UTC") -> Teacher:
    hours = (WeeklyHours(0, time(16), time(18), tz),)
    return Teacher("ivy", "Ivy", tz, Availability(tz, hours), booked=booked, courses=frozenset({"algebra"}))


def test_first_lessons_are_at_the_wall_clock_from_the_first_day_on() -> None:
    slots = (Slot(0, time(16)), Slot(2, time(9)))
    assert first_starts(wish("America/Sao_Paulo"), slots, date(2027, 3, 2)) == [
        datetime(2027, 3, 3, 12, tzinfo=UTC),
        datetime(2027, 3, 8, 19, tzinfo=UTC),
    ]


def test_holes_are_counted_within_a_day_where_the_instructor_is() -> None:
    lessons = [lesson(1, 9), lesson(1, 10), lesson(1, 12.5), lesson(2, 9)]
    assert gap_min(lessons, "UTC") == 90
    late = [lesson(1, 22), lesson(2, 1)]
    assert (gap_min(late, "UTC"), gap_min(late, "America/New_York")) == (0, 120)
    assert gap_min([], "UTC") == 0


def test_weeks_before_and_after_of_those_who_get_lessons() -> None:
    ivy = teacher(lesson(1, 9), lesson(8, 9))
    other = Teacher("otto", "Otto", "UTC", ivy.availability)
    (change,) = week_changes([ivy, other], {"ivy": [lesson(1, 11), lesson(3, 9)]}, MONDAY)
    assert (change.person_id, change.lessons, change.gap_min) == ("ivy", (1, 3), (0, 60))


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (lesson(1, 16.5), True),
        (lesson(1, 17), False),
        (lesson(1, 15), False),
        (lesson(8, 15.5), True),  # another week
        (lesson(2, 16), False),
        (lesson(7, 23.75, timedelta(hours=17)), True),  # over the turn of the week
    ],
)
def test_lessons_that_repeat_meet_in_any_week(other: Window, expected: bool) -> None:
    assert meet([lesson(1, 16)], [other]) is expected
    assert meet([other], [lesson(1, 16)]) is expected


def test_a_requests_lessons_of_one_week() -> None:
    assert lessons_of_a_week(wish(), (Slot(0, time(16)),), MONDAY) == [lesson(1, 16)]


def task(seconds: float = 1) -> Task:
    asks = tuple(Ask(name, name, wish()) for name in ("sam", "sue", "sid"))
    students = {ask.student_id: teacher() for ask in asks}
    now = datetime(2027, 2, 20, tzinfo=UTC)
    return Task(asks, (teacher(),), students, MONDAY, MONDAY + timedelta(days=27), now, seconds)


def test_a_timetable_is_made_here_or_apart_with_the_same_answer() -> None:
    said: list[str] = []
    here = solve_here(task(), lambda phase, placed, asked: said.append(phase))
    assert len(here["placed"]) == 2 and here["figures"]["asked"] == 3 and said[0] == "bound"
    assert pickle.loads(pickle.dumps(task())) == task()


def test_a_process_that_nobody_wants_or_that_takes_too_long_is_ended() -> None:
    with pytest.raises(Unwanted):
        solve_apart(task(60), 60, lambda *_: False)
    with pytest.raises(SolverSlow):
        solve_apart(task(60), 0.01, lambda *_: True)


def test_whoever_works_on_plans_does_not_load_the_solver() -> None:
    code = "import sys, core.lifecycle.wiring; sys.exit('ortools' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
