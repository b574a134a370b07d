"""What no timetable can exceed: a minimum-cost flow that keeps some rules and forgives others. Pure.

It lets a request be split between instructors and forgets what students do otherwise. Time is kept roughly: an
instructor's week is cut into cells as long as their shortest lesson with its pause, and two lessons cannot begin
in one cell. Everything a real timetable can do, the flow can do, so its value bounds the objective from above; the
solver proves it optimal. Where it sends a request is a good first guess, too.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from ortools.graph.python import min_cost_flow  # pyright: ignore[reportMissingTypeStubs]

from core.scheduling.batch_model import PLACED, Problem
from core.scheduling.batch_table import fair_points
from core.scheduling.grid import A_WEEK
from core.scheduling.matching import CLOSE

Longs = npt.NDArray[np.int64]

_SCALE = 100
"""Points are counted in hundredths, rounded up: the flow is one of whole numbers."""


@dataclass(frozen=True, slots=True)
class Bound:
    """points: no timetable has more. towards: for each job the instructors the flow sends it to, most first."""

    points: float
    towards: list[list[int]]


def bound(problem: Problem) -> Bound:
    """RuntimeError when the solver does not prove it optimal, which it always can."""
    jobs = len(problem.jobs)
    if not any(job.teachers.size for job in problem.jobs):
        return Bound(0.0, [[] for _ in range(jobs)])
    arcs = _Arcs(problem)
    flow: Any = min_cost_flow.SimpleMinCostFlow()
    numbers = flow.add_arcs_with_capacity_and_unit_cost(
        np.concatenate(arcs.tails),
        np.concatenate(arcs.heads),
        np.concatenate(arcs.room),
        np.concatenate(arcs.cost),
    )
    demand = [job.per_week for job in problem.jobs]
    flow.set_nodes_supplies(np.arange(jobs), np.array(demand))
    flow.set_node_supply(arcs.sink, -sum(demand))
    if flow.solve() != flow.OPTIMAL:
        raise RuntimeError("the flow has an optimum and was not solved")
    sent = flow.flows(numbers)
    towards = [dict[int, int]() for _ in range(jobs)]
    for number in np.flatnonzero(sent[: arcs.wishes] > 0):
        job, teacher = int(arcs.job_of[number]), int(arcs.teacher_of[number])
        towards[job][teacher] = towards[job].get(teacher, 0) + 1
    ranked = [sorted(some, key=lambda teacher: (-some[teacher], teacher)) for some in towards]
    return Bound(-flow.optimal_cost() / _SCALE, ranked)


class _Arcs:
    """Nodes: jobs, cells, instructors, the sink. tails, heads, room, cost: arrays to be joined."""

    def __init__(self, problem: Problem) -> None:
        self._problem, jobs, teachers = problem, len(problem.jobs), len(problem.teachers)
        self._width = min(job.need for job in problem.jobs) + problem.buffer
        self._cells = -(-A_WEEK // int(self._width.min()))
        self._first_cell = jobs
        self._first_teacher = jobs + teachers * self._cells
        self.sink = self._first_teacher + teachers
        self.tails: list[Longs] = []
        self.heads: list[Longs] = []
        self.room: list[Longs] = []
        self.cost: list[Longs] = []
        self.job_of, self.teacher_of, used = self._wishes()
        self.wishes = self.job_of.size
        self._cells_and_teachers(used)
        per_week = np.array([job.per_week for job in problem.jobs], dtype=np.int64)
        self._add(np.arange(jobs), self._all(self.sink, jobs), per_week, self._all(0, jobs))

    def _add(self, tails: Longs, heads: Longs, room: Longs, cost: Longs) -> None:
        self.tails.append(tails)
        self.heads.append(heads)
        self.room.append(room)
        self.cost.append(cost)

    def _all(self, value: int, size: int) -> Longs:
        return np.full(size, value, dtype=np.int64)

    def _wishes(self) -> tuple[Longs, Longs, Longs]:
        """Job to cell, one lesson that begins there: (job and instructor of each arc, cells there are)."""
        tails: list[Longs] = []
        teachers: list[Longs] = []
        heads: list[Longs] = []
        cost: list[Longs] = []
        for number, job in enumerate(self._problem.jobs):
            rows, slots = np.nonzero(job.fits)
            able = job.teachers[rows].astype(np.int64)
            cells = able * self._cells + job.at[slots, 0] // self._width[able]
            cells, first = np.unique(cells, return_index=True)
            heads.append(cells)
            teachers.append(able[first])
            tails.append(self._all(number, cells.size))
            points = PLACED + job.points[rows[first]] + CLOSE
            cost.append(-np.ceil(points * _SCALE).astype(np.int64))
        job_of, cells = np.concatenate(tails), np.concatenate(heads)
        self._add(job_of, self._first_cell + cells, self._all(1, job_of.size), np.concatenate(cost))
        return job_of, np.concatenate(teachers), np.unique(cells)

    def _cells_and_teachers(self, used: Longs) -> None:
        """One lesson a cell; the more an instructor has, the less the next is worth."""
        owners = used // self._cells
        ones = self._all(1, used.size)
        self._add(self._first_cell + used, self._first_teacher + owners, ones, 0 * ones)
        for teacher, cells in zip(*np.unique(owners, return_counts=True), strict=True):
            lessons = int(min(cells, self._problem.room_week[teacher]))
            points = fair_points(self._problem, int(teacher), lessons)
            cost = np.array([-math.ceil(one * _SCALE) for one in points], dtype=np.int64)
            tails = self._all(self._first_teacher + int(teacher), lessons)
            self._add(tails, self._all(self.sink, lessons), self._all(1, lessons), cost)
