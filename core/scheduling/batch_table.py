"""A timetable while it is being made: who is where, what is still free, what a place is worth. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from core.scheduling.batch_model import PLACED, Job, Place, Problem
from core.scheduling.grid import A_WEEK, QUARTER, Bits, Counts, Floats, Neighbors
from core.scheduling.matching import CLOSE, FREE_LOAD, NEAR_GAP
from core.scheduling.proposals import gap_values

NONE = -np.inf
_NEAR = NEAR_GAP // QUARTER


@dataclass(frozen=True, slots=True)
class Around:
    """What stands at and near each possible place of a job: numbers of jobs + 1, 0 = free.

    at: (C, S, regimes, length) in the lesson and its pause; near: with an hour on both sides.
    """

    at: Counts
    near: Counts


class Table:
    """Places of a problem's jobs. A place always fits, and meets no other."""

    def __init__(self, problem: Problem, places: Mapping[int, Place] | None = None) -> None:
        self.problem = problem
        self.places: dict[int, Place] = {}
        quarters = problem.regimes * A_WEEK
        self.who = np.zeros((len(problem.teachers), quarters), dtype=np.int32)
        self.learns = np.zeros((len(problem.students), quarters), dtype=np.int32)
        self.room_day, self.room_week = problem.room_day.copy(), problem.room_week.copy()
        self.held = np.zeros(len(problem.teachers), dtype=np.int32)
        self._pause = int(problem.buffer.max()) if problem.buffer.size else 0
        self._cells: dict[int, Counts] = {}
        self.lean: Mapping[int, Floats] = {}
        """Points beside the real ones, (C,) by job: guidance for a start."""
        for number, place in (places or {}).items():
            self.put(number, place)

    @property
    def waiting(self) -> list[int]:
        """Jobs without a place."""
        return [number for number in range(len(self.problem.jobs)) if number not in self.places]

    def put(self, number: int, place: Place) -> None:
        self._write(number, place, number + 1, 1)
        self.places[number] = place

    def take(self, number: int) -> Place:
        place = self.places.pop(number)
        self._write(number, place, 0, -1)
        return place

    def around(self, number: int) -> Around:
        job = self.problem.jobs[number]
        length = job.need + self._pause
        if number not in self._cells:
            cells = self.problem.cells(job.at - _NEAR, length + 2 * _NEAR)
            self._cells[number] = cells.reshape(len(job.slots), self.problem.regimes, -1)
        near = self.who[job.teachers[:, None, None, None], self._cells[number]]
        at = near[..., _NEAR : _NEAR + length]
        own = np.arange(length) < (job.need + self.problem.buffer[job.teachers])[:, None, None, None]
        return Around(np.where(own, at, 0), near)

    def open(self, number: int, around: Around) -> Bits:
        """(C, S): places that are free, with room in the instructor's day and week."""
        job = self.problem.jobs[number]
        return self.allowed(number) & ~(around.at > 0).any(axis=(2, 3)) & self.room(job)

    def allowed(self, number: int) -> Bits:
        """(C, S): the instructor's hours and the student's other lessons let it be."""
        job = self.problem.jobs[number]
        cells = self.problem.cells(job.at, job.need)
        return job.fits & ~(self.learns[job.student][cells] > 0).any(axis=(1, 2))

    def others(self, number: int) -> list[int]:
        """Jobs that stand where this one could be, or that fill a day or week in which it could; in order."""
        job = self.problem.jobs[number]
        around = self.around(number)
        there = around.at[job.fits].ravel()
        learning = self.learns[job.student][self.problem.cells(job.at, job.need)].ravel()
        full = job.teachers[(job.fits & ~self.room(job)).any(axis=1)]
        teaching = self.who[full].ravel()
        others = np.unique(np.concatenate([there, learning, teaching]))
        return [int(one) - 1 for one in others if one not in (0, number + 1)]

    def room(self, job: Job) -> Bits:
        week = self.room_week[job.teachers] >= job.per_week
        return week[:, None] & (self.room_day[job.teachers[:, None], job.days] > 0)

    def worth(self, number: int, around: Around) -> Floats:
        """(C, S): points of one lesson there, as the table is now."""
        job = self.problem.jobs[number]
        fill = (self.held[job.teachers] + job.per_week / 2) / self.problem.full[job.teachers]
        points = PLACED + job.points + FREE_LOAD * np.maximum(0.0, 1 - fill)
        close = (around.near > 0).any(axis=(2, 3)) | (self.held[job.teachers] == 0)[:, None]
        if number in self.lean:
            points = points + self.lean[number]
        return points[:, None] + CLOSE * close

    def best(self, number: int, ok: Bits, value: Floats) -> tuple[Place, float] | None:
        """The instructor, and slots on different days, with the most value among the ok ones."""
        job = self.problem.jobs[number]
        if job.teachers.size == 0:
            return None
        value = np.where(ok, value, NONE)
        table, rows = by_day(job, value)
        order = np.argsort(-table, axis=1, kind="stable")[:, : job.per_week]
        if order.shape[1] < job.per_week:
            return None
        totals = np.take_along_axis(table, order, axis=1).sum(axis=1)
        for row in np.argsort(-totals, kind="stable"):
            if totals[row] == NONE:
                return None
            place = Place(int(job.teachers[row]), tuple(sorted(int(rows[row, day]) for day in order[row])))
            if self.holds(job, place):
                return place, float(totals[row])
        return None

    def holds(self, job: Job, place: Place) -> bool:
        """Two weekdays of the student may be one day of the instructor: the day must have room for both."""
        row = job.rows[place.teacher]
        days = job.days[row, list(place.slots)]
        return bool((np.bincount(days, minlength=7) <= np.maximum(0, self.room_day[place.teacher])).all())

    def fits(self, number: int, place: Place) -> bool:
        """Whether a place that was found earlier is still free."""
        job, problem = self.problem.jobs[number], self.problem
        at = job.at[list(place.slots)]
        teaching = self.who[place.teacher, problem.cells(at, job.need + int(problem.buffer[place.teacher]))]
        learning = self.learns[job.student, problem.cells(at, job.need)]
        room = self.room_week[place.teacher] >= job.per_week
        return bool(room and not teaching.any() and not learning.any()) and self.holds(job, place)

    def try_put(self, number: int) -> bool:
        """Put it into its best free place, if there is one."""
        around = self.around(number)
        best = self.best(number, self.open(number, around), self.worth(number, around))
        if best is not None:
            self.put(number, best[0])
        return best is not None

    def _write(self, number: int, place: Place, value: int, sign: int) -> None:
        problem, job = self.problem, self.problem.jobs[number]
        at = job.at[list(place.slots)]
        busy = problem.cells(at, job.need + int(problem.buffer[place.teacher]))
        self.who[place.teacher, busy] = value
        self.learns[job.student, problem.cells(at, job.need)] = value
        row = job.rows[place.teacher]
        for day in job.days[row, list(place.slots)]:
            self.room_day[place.teacher, day] -= sign
        self.room_week[place.teacher] -= sign * job.per_week
        self.held[place.teacher] += sign * job.per_week


def by_day(job: Job, value: Floats) -> tuple[Floats, Counts]:
    """(C, days): the best value on each weekday, and the slot that has it."""
    days = np.unique(job.weekday)
    table = np.full((value.shape[0], days.size), NONE)
    rows = np.zeros((value.shape[0], days.size), dtype=np.int32)
    for place, day in enumerate(days):
        columns = np.flatnonzero(job.weekday == day)
        best = value[:, columns].argmax(axis=1)
        rows[:, place] = columns[best]
        table[:, place] = value[np.arange(value.shape[0]), rows[:, place]]
    return table, rows


def objective(problem: Problem, places: Mapping[int, Place]) -> float:
    """Points of a timetable: docs/architecture/matching.md."""
    held = np.zeros(len(problem.teachers), dtype=np.int32)
    taken = np.zeros((len(problem.teachers), A_WEEK), dtype=np.bool_)
    points = 0.0
    for number, place in places.items():
        job = problem.jobs[number]
        row = job.rows[place.teacher]
        points += job.per_week * (PLACED + float(job.points[row]))
        held[place.teacher] += job.per_week
        starts = job.at[list(place.slots), 0]
        taken[place.teacher, (starts[:, None] + np.arange(job.need)) % A_WEEK] = True
    for teacher, count in enumerate(held):
        points += sum(fair_points(problem, teacher, int(count)))
    neighbors = [Neighbors.of(row) for row in taken]
    for number, place in places.items():
        job = problem.jobs[number]
        points += float(gap_values(neighbors[place.teacher], job.at[list(place.slots), 0], job.need).sum())
    return points


def fair_points(problem: Problem, teacher: int, lessons: int) -> Iterable[float]:
    """For the first, second, ... lesson of an instructor: the fuller the week, the less."""
    full = float(problem.full[teacher])
    return (FREE_LOAD * max(0.0, 1 - (number + 0.5) / full) for number in range(lessons))


def conflicts(problem: Problem, places: Mapping[int, Place]) -> list[str]:
    """What is wrong with a timetable, rule by rule, worked out without `Table`: for tests and benches."""
    found: list[str] = []
    taken: dict[tuple[str, int, int], int] = {}
    days: Counter[tuple[int, int]] = Counter()
    for number, place in places.items():
        job, row = problem.jobs[number], problem.jobs[number].rows[place.teacher]
        if len({int(job.weekday[slot]) for slot in place.slots}) != job.per_week:
            found.append(f"{number}: not {job.per_week} different days")
        for slot in place.slots:
            if not job.fits[row, slot]:
                found.append(f"{number}: not in their hours")
            days[place.teacher, int(job.days[row, slot])] += 1
            length = job.need + int(problem.buffer[place.teacher])
            cells = [
                ("instructor", place.teacher, int(cell)) for cell in problem.cells(job.at[slot], length).flat
            ]
            cells += [
                ("student", job.student, int(cell)) for cell in problem.cells(job.at[slot], job.need).flat
            ]
            found += [
                f"{number}: {cell[0]} booked twice"
                for cell in cells
                if taken.setdefault(cell, number) != number
            ]
    weeks: Counter[int] = Counter()
    for (teacher, day), count in days.items():
        weeks[teacher] += count
        if count > problem.room_day[teacher, day]:
            found.append(f"instructor {teacher}: too many on day {day}")
    found += [f"instructor {one}: too many a week" for one in weeks if weeks[one] > problem.room_week[one]]
    return found
