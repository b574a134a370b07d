"""Many requests placed at once: hard rules hold whatever is done to a timetable, and the bound is one."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.scheduling.availability import Availability, Limits, WeeklyHours
from core.scheduling.batch import replan, solve
from core.scheduling.batch_bound import bound
from core.scheduling.batch_eject import eject
from core.scheduling.batch_model import Ask, Place, Problem, build
from core.scheduling.batch_repair import Effort, rearrange
from core.scheduling.batch_table import Table, conflicts, objective
from core.scheduling.matching import Teacher, reasons_against_teacher
from core.scheduling.times import zone
from core.scheduling.windows import Window, span
from core.scheduling.wish import Slot, Wish, WishWindow
from core.scheduling.zones import instant
from core.testing.timetable import LEVELS, Level, Planted, planted

pytestmark = pytest.mark.unit

MONDAY = date(2026, 11, 16)
WEEK = timedelta(days=7)
NOW = datetime(2026, 11, 1, tzinfo=UTC)
LESSON = timedelta(minutes=45)
TZ = "Europe/Lisbon"


def problem_of(made: Planted, weeks: int = 1) -> Problem:
    students = {one.person_id: one for one in made.students}
    until = made.from_day + weeks * WEEK - timedelta(days=1)
    return build(made.asks, made.teachers, students, made.from_day, until, made.now)


def small(level: Level, seed: int = 1) -> Planted:
    return planted(level, seed=seed, teachers=10, students=36, lessons=70, courses=4)


def answer(problem: Problem, made: Planted) -> dict[int, Place]:
    """The planted timetable, as places."""
    teachers = {one.person_id: number for number, one in enumerate(made.teachers)}
    return {
        number: Place(
            teachers[made.answer[job.ask.request_id][0]],
            tuple(sorted(job.slots.index(slot) for slot in made.answer[job.ask.request_id][1])),
        )
        for number, job in enumerate(problem.jobs)
    }


def one_by_one(problem: Problem) -> Table:
    table = Table(problem)
    for number in range(len(problem.jobs)):
        table.try_put(number)
    return table


def teacher(
    name: str, starts: time, ends: time, days: tuple[int, ...] = (0,), most_a_day: int = 0
) -> Teacher:
    hours = tuple(WeeklyHours(day, starts, ends, TZ) for day in days)
    limits = Limits(most_a_day=most_a_day)
    return Teacher(name, name, TZ, Availability(TZ, hours, limits=limits), courses=frozenset({"physics"}))


def ask(name: str, starts: time, ends: time, days: tuple[int, ...] = (0,), **wishes: object) -> Ask:
    windows = tuple(WishWindow(day, starts, ends) for day in days)
    wish = Wish("physics", windows, TZ, MONDAY, LESSON, until_day=MONDAY + WEEK)
    return Ask(f"ask-{name}", name, replace(wish, **wishes))  # pyright: ignore[reportArgumentType]


def tiny(teachers: list[Teacher], asks: list[Ask]) -> Problem:
    students = {one.student_id: Teacher(one.student_id, "", TZ, Availability(TZ)) for one in asks}
    return build(asks, teachers, students, MONDAY, MONDAY + WEEK - timedelta(days=1), NOW)


def closed(problem: Problem, day: int, starts: int, ends: int) -> np.ndarray:
    """Hours (UTC, as in Lisbon in winter) of one day, on every circle."""
    bits = np.zeros(problem.free.shape[1], dtype=np.bool_)
    for regime in range(problem.regimes):
        first = regime * 672 + day * 96
        bits[first + 4 * starts : first + 4 * ends] = True
    return bits


def by_name(problem: Problem, places: dict[int, Place]) -> dict[str, tuple[str, tuple[Slot, ...]]]:
    return {
        problem.jobs[number].ask.student_id: (
            problem.teachers[place.teacher].person_id,
            tuple(problem.jobs[number].slots[slot] for slot in place.slots),
        )
        for number, place in places.items()
    }


@pytest.mark.parametrize("level", LEVELS)
def test_a_planted_timetable_is_found_again_and_lies_under_the_bound(level: Level) -> None:
    made = small(level)
    problem = problem_of(made)
    hidden = answer(problem, made)
    assert conflicts(problem, hidden) == []
    said: list[str] = []
    solved = solve(problem, seconds=1.5, progress=lambda phase, placed, asked: said.append(phase))
    assert conflicts(problem, solved.places) == []
    assert solved.placed >= 0.95 * made.lessons and solved.asked == made.lessons
    assert solved.greedy <= solved.objective <= solved.bound + 1e-6
    assert objective(problem, hidden) <= solved.bound + 1e-6
    assert said[:2] == ["bound", "first"]


def test_every_lesson_of_a_plan_over_clock_changes_is_allowed_date_by_date() -> None:
    """Twenty weeks in which New York, Lisbon and Sydney change their clocks on different days."""
    made = small("medium")
    problem = problem_of(made, weeks=20)
    assert problem.regimes > 2
    places = solve(problem, seconds=1.5).places
    taught: dict[int, list[Window]] = defaultdict(list)
    learned: dict[int, list[Window]] = defaultdict(list)
    for number, place in places.items():
        job = problem.jobs[number]
        for slot in (job.slots[one] for one in place.slots):
            days = [made.from_day + week * WEEK + timedelta(days=slot.weekday) for week in range(20)]
            here = zone(job.ask.wish.tz)
            lessons = [
                span(instant(datetime.combine(day, slot.at), here), job.ask.wish.length) for day in days
            ]
            taught[place.teacher] += lessons
            learned[job.student] += lessons
    assert len(places) > len(problem.jobs) / 2
    for number, lessons in taught.items():
        for lesson in lessons:
            others = tuple(one for one in lessons if one is not lesson)
            one = replace(problem.teachers[number], booked=others)
            assert reasons_against_teacher(one, lesson, made.now) == []
    for lessons in learned.values():
        ordered = sorted(lessons)
        assert not any(one.overlaps(other) for one, other in pairwise(ordered))


@settings(max_examples=12, deadline=None)
@given(level=st.sampled_from(sorted(LEVELS)), seed=st.integers(0, 10**6), data=st.data())
def test_no_hard_rule_is_ever_broken(level: Level, seed: int, data: st.DataObject) -> None:
    problem = problem_of(small(level, seed))
    table = one_by_one(problem)
    assert conflicts(problem, table.places) == []
    table = Table(problem, eject(table, seconds=0.1, seed=seed))
    assert conflicts(problem, table.places) == []
    numbers = data.draw(st.permutations(range(len(problem.jobs))))
    before, held = objective(problem, table.places), len(table.places)
    rearrange(table, [numbers[:12], numbers[12:24]], Effort(seconds=0.5))
    assert conflicts(problem, table.places) == []
    assert len(table.places) >= held or objective(problem, table.places) >= before
    day, hour = data.draw(st.integers(0, 4)), data.draw(st.integers(6, 18))
    off, who = closed(problem, day, hour, hour + 4), data.draw(st.integers(0, len(problem.teachers) - 1))
    after = replan(problem, table.places, who, off)
    assert conflicts(problem, after) == []
    for number, place in after.items():
        cells = problem.cells(problem.jobs[number].at[list(place.slots)], problem.jobs[number].need)
        assert place.teacher != who or not off[cells].any()


@settings(max_examples=12, deadline=None)
@given(level=st.sampled_from(sorted(LEVELS)), seed=st.integers(0, 10**6))
def test_nothing_that_was_planted_beats_the_bound(level: Level, seed: int) -> None:
    made = small(level, seed)
    problem = problem_of(made)
    limit = bound(problem)
    assert objective(problem, answer(problem, made)) <= limit.points + 1e-6
    assert objective(problem, one_by_one(problem).places) <= limit.points + 1e-6


class TestReplan:
    def test_a_free_place_is_taken_and_nobody_else_moves(self) -> None:
        both = [teacher("ann", time(9), time(12)), teacher("bea", time(9), time(12))]
        problem = tiny(both, [ask("sam", time(9), time(10)), ask("tom", time(11), time(12))])
        places = {0: Place(0, (0,)), 1: Place(1, (0,))}
        after = by_name(problem, replan(problem, places, 0, closed(problem, 0, 9, 12)))
        assert after == {"sam": ("bea", (Slot(0, time(9)),)), "tom": ("bea", (Slot(0, time(11)),))}

    def test_another_moves_when_only_that_makes_room(self) -> None:
        """Bea is at 9 with Tom, who could come at 11; Sam can at 9 alone, and Ann is away."""
        both = [teacher("ann", time(9), time(12)), teacher("bea", time(9), time(12))]
        problem = tiny(both, [ask("sam", time(9), time(9, 45)), ask("tom", time(9), time(12))])
        places = {0: Place(0, (0,)), 1: Place(1, (0,))}
        after = by_name(problem, replan(problem, places, 0, closed(problem, 0, 9, 12)))
        assert after["sam"] == ("bea", (Slot(0, time(9)),))
        assert after["tom"][0] == "bea" and after["tom"][1] >= (Slot(0, time(9, 45)),)

    def test_a_day_that_is_full_is_made_room_in(self) -> None:
        """Bea gives one lesson a day, Tom has Monday's and could come on Tuesday."""
        bea = teacher("bea", time(9), time(12), days=(0, 1), most_a_day=1)
        problem = tiny(
            [teacher("ann", time(9), time(12)), bea],
            [ask("sam", time(9), time(9, 45)), ask("tom", time(11), time(11, 45), days=(0, 1))],
        )
        places = {0: Place(0, (0,)), 1: Place(1, (0,))}
        after = by_name(problem, replan(problem, places, 0, closed(problem, 0, 9, 12)))
        assert after == {"sam": ("bea", (Slot(0, time(9)),)), "tom": ("bea", (Slot(1, time(11)),))}

    def test_who_can_go_nowhere_is_missing_and_the_others_stay(self) -> None:
        problem = tiny(
            [teacher("ann", time(9), time(12))],
            [ask("sam", time(9), time(10)), ask("tom", time(11), time(12))],
        )
        places = {0: Place(0, (0,)), 1: Place(0, (0,))}
        after = by_name(problem, replan(problem, places, 0, closed(problem, 0, 9, 10)))
        assert after == {"tom": ("ann", (Slot(0, time(11)),))}

    def test_two_lost_lessons_do_not_take_the_same_place(self) -> None:
        """Bea has room at 9 and at 10; Sam can at 9 alone, Tom at both and comes first."""
        both = [teacher("ann", time(9), time(12)), teacher("bea", time(9), time(10, 45))]
        problem = tiny(both, [ask("tom", time(9), time(10, 45)), ask("sam", time(9), time(9, 45))])
        ten = problem.jobs[0].slots.index(Slot(0, time(10)))
        places = {0: Place(0, (ten,)), 1: Place(0, (0,))}
        after = by_name(problem, replan(problem, places, 0, closed(problem, 0, 9, 12)))
        assert after["sam"] == ("bea", (Slot(0, time(9)),)) and after["tom"][0] == "bea"


class TestNothingToDo:
    def test_no_requests(self) -> None:
        solved = solve(tiny([teacher("ann", time(9), time(12))], []), seconds=0.5)
        assert solved.places == {} and solved.bound == 0

    def test_nobody_teaches(self) -> None:
        solved = solve(tiny([], [ask("sam", time(9), time(10))]), seconds=0.5)
        assert solved.placed == 0 and solved.asked == 1
