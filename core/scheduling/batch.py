"""Many requests placed at once: a timetable, how good it is, and how good any could be. Pure.

First come, first served gives a start. Who is left over pushes others aside (`batch_eject`). Then parts of the
timetable are made anew by CP-SAT (`batch_repair`), where most is lost, until time is up or the bound is near.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from core.scheduling.batch_bound import bound
from core.scheduling.batch_eject import eject
from core.scheduling.batch_model import Place, Problem
from core.scheduling.batch_repair import Effort, rearrange
from core.scheduling.batch_table import Table, objective
from core.scheduling.grid import Bits, Floats

NEAR_BOUND = 0.985
"""Share of the bound at which the search is content, when everything has a place."""
LOOK = 5
"""Rounds between two looks at the whole."""
TOGETHER = 150
"""Jobs made anew at once."""
EJECTING = 0.3
"""Share of the time for pushing aside."""
FEW = 100
"""Jobs looked at anew when a plan changes."""
KEEP = Effort(seconds=0.4, placed=1_000, stay=200)
"""To change a plan: a place is worth moving a few others for, a nicer time is worth moving nobody for."""
LEAN = 20.0
"""Points, at the start, for an instructor the bound's flow sends a request to."""
WAITING = 0.5
"""How often to begin with a job without a place, while there are some."""

Progress = Callable[[str, int, int], None]
"""(phase: bound | first | filling | improving, lessons placed, lessons asked for)."""


@dataclass(frozen=True, slots=True)
class Solved:
    """places: by job. objective, greedy, bound: points, `greedy` for first come, first served."""

    places: dict[int, Place]
    placed: int
    asked: int
    objective: float
    greedy: float
    bound: float
    wall_s: float

    @property
    def figures(self) -> dict[str, float]:
        return {
            "placed": self.placed,
            "asked": self.asked,
            "objective": round(self.objective, 1),
            "greedy": round(self.greedy, 1),
            "bound": round(self.bound, 1),
            "wall_s": round(self.wall_s, 2),
        }


@dataclass(slots=True)
class _Watch:
    """Time, and who is told."""

    seconds: float
    asked: int
    progress: Progress | None
    began: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        return self.began + self.seconds - time.monotonic()

    def say(self, phase: str, placed: int) -> None:
        if self.progress:
            self.progress(phase, placed, self.asked)


def solve(
    problem: Problem,
    *,
    seconds: float = 45.0,
    workers: int = 2,
    seed: int = 1,
    progress: Progress | None = None,
) -> Solved:
    """The best timetable found in about this time. workers: threads. Time decides how far it gets, so a seed alone does not."""
    watch = _Watch(seconds, sum(job.per_week for job in problem.jobs), progress)
    watch.say("bound", 0)
    limit = bound(problem)
    watch.say("first", 0)
    greedy = objective(problem, _first_come(problem, {}).places)
    lean: dict[int, Floats] = {
        number: np.asarray(LEAN * np.isin(job.teachers, limit.towards[number]), np.float64)
        for number, job in enumerate(problem.jobs)
    }
    table = _first_come(problem, lean)
    best = eject(table, watch.left * EJECTING, seed, lambda placed: watch.say("filling", placed))
    table = Table(problem, best)
    _improve(table, limit.points, watch, workers, seed)
    reached = objective(problem, table.places)
    placed = _lessons(table)
    wall_s = time.monotonic() - watch.began
    return Solved(table.places, placed, watch.asked, reached, greedy, limit.points, wall_s)


def replan(problem: Problem, places: Mapping[int, Place], teacher: int, closed: Bits) -> dict[int, Place]:
    """An instructor loses some hours: new places, with as few others as possible touched.

    Who finds no free place is looked at together with those who stand in the way, and with those in their way: so few
    others move that everybody has a place, and nobody moves for a nicer one. closed: (regimes * 672,). Changes the
    problem. A lesson without a place is missing in the result.
    """
    problem.free[teacher] &= ~closed
    for job in problem.jobs:
        if teacher in job.rows:
            free = problem.free[teacher][problem.cells(job.at, job.need)]
            job.fits[job.rows[teacher]] &= free.all(axis=(1, 2))
    hit = {
        number
        for number, place in places.items()
        if place.teacher == teacher and not _still(problem, number, place)
    }
    table = Table(problem, {number: place for number, place in places.items() if number not in hit})
    lost = [number for number in sorted(hit) if not table.try_put(number)]
    if lost:
        rearrange(table, [_in_the_way(table, lost)], KEEP)
    return table.places


def _in_the_way(table: Table, lost: Sequence[int]) -> list[int]:
    """These jobs, those who stand where they could be, those who stand where these could be, and so on; FEW at most."""
    found, edge = dict.fromkeys(lost), list(lost)
    while edge and len(found) < FEW:
        new = [number for number in table.others(edge.pop(0)) if number not in found]
        found.update(dict.fromkeys(new[: FEW - len(found)]))
        edge += new
    return list(found)


def _first_come(problem: Problem, lean: Mapping[int, Floats]) -> Table:
    table = Table(problem)
    table.lean = lean
    for number in range(len(problem.jobs)):
        table.try_put(number)
    return table


def _improve(table: Table, limit: float, watch: _Watch, workers: int, seed: int) -> None:
    """Make parts anew, `workers` at a time, until there is no time, or nothing to gain."""
    dice = random.Random(seed)
    choice, rounds = _Choice(table, dice), 0
    while watch.left > 0:
        waiting = choice.waiting()
        rounds += 1
        if (
            not waiting
            and rounds % LOOK == 0
            and objective(table.problem, table.places) >= NEAR_BOUND * limit
        ):
            return
        groups: list[list[int]] = []
        for _ in range(workers):
            start = choice.start(waiting, {number for group in groups for number in group})
            if start is None:
                break
            group = _near(table, start, dice)
            groups.append([number for number in group if not any(number in other for other in groups)])
        if not groups:
            return
        effort = Effort(seconds=max(0.1, min(4.0, watch.left)), seed=dice.randrange(10**6))
        rearrange(table, groups, effort)
        watch.say("improving", _lessons(table))


class _Choice:
    """Where to begin: with a job without a place, or where most points are lost; not always with the same."""

    def __init__(self, table: Table, dice: random.Random) -> None:
        self._table, self._dice = table, dice
        self._tried: Counter[int] = Counter()
        self._most = [float(job.points.max()) if job.points.size else 0.0 for job in table.problem.jobs]

    def waiting(self) -> list[int]:
        return [number for number in self._table.waiting if self._table.problem.jobs[number].teachers.size]

    def start(self, waiting: list[int], without: set[int]) -> int | None:
        waiting = [number for number in waiting if number not in without]
        losses = {number: lost for number, lost in self._losses().items() if number not in without}
        if not waiting and not losses:
            return None
        if waiting and (not losses or self._dice.random() < WAITING):
            start = min(waiting, key=lambda number: (self._tried[number], self._dice.random()))
        else:
            start = max(
                losses, key=lambda number: losses[number] / (1 + self._tried[number]) + self._dice.random()
            )
        self._tried[start] += 1
        return start

    def _losses(self) -> dict[int, float]:
        """Points lost by jobs that are not with one of their best instructors."""
        found: dict[int, float] = {}
        for number, place in self._table.places.items():
            job = self._table.problem.jobs[number]
            lost = self._most[number] - float(job.points[job.rows[place.teacher]])
            if lost > 0:
                found[number] = job.per_week * lost
        return found


def _near(table: Table, start: int, dice: random.Random) -> list[int]:
    """A job and those it competes with: who is with its possible instructors, and so on."""
    by_teacher: dict[int, list[int]] = {}
    for number, place in table.places.items():
        by_teacher.setdefault(place.teacher, []).append(number)
    found, seen, edge = {start: None}, set[int](), [start]
    while edge and len(found) < TOGETHER:
        teachers = [int(one) for one in table.problem.jobs[edge.pop(0)].teachers if int(one) not in seen]
        dice.shuffle(teachers)
        for teacher in teachers:
            seen.add(teacher)
            new = [number for number in by_teacher.get(teacher, ()) if number not in found]
            found.update(dict.fromkeys(new))
            edge += new
            if len(found) >= TOGETHER:
                break
    waiting = [
        number
        for number in table.waiting
        if not seen.isdisjoint(map(int, table.problem.jobs[number].teachers))
    ]
    found.update(dict.fromkeys(waiting[: TOGETHER // 4]))
    return list(found)


def _still(problem: Problem, number: int, place: Place) -> bool:
    job = problem.jobs[number]
    return bool(job.fits[job.rows[place.teacher], list(place.slots)].all())


def _lessons(table: Table) -> int:
    return sum(table.problem.jobs[number].per_week for number in table.places)
