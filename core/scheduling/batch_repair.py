"""A part of a timetable made anew by CP-SAT, the rest stands still. Pure.

One Boolean for each possible lesson (job, instructor, slot); at most one of those that share a quarter of an
instructor's or a student's week. Everything else is counting.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from ortools.sat.python import cp_model

from core.scheduling.batch_model import Job, Place
from core.scheduling.batch_table import Table

_Expression: Any = cp_model.LinearExpr  # its overloads are partly untyped
_SCALE = 10
MOST_PLACES = 60
"""Possible lessons of one job that are looked at, best first; where it is now is always among them."""


@dataclass(frozen=True, slots=True)
class Effort:
    """seconds: at most. placed, stay: points beside the real ones for a lesson that has a place, and for one that
    stays where it is: a plan that people know changes as little as it can."""

    seconds: float = 2.0
    placed: float = 0.0
    stay: float = 0.0
    seed: int = 1


def rearrange(table: Table, groups: Sequence[Collection[int]], effort: Effort) -> list[int]:
    """Place each of these groups of jobs anew, best for all of it together; returns the jobs that moved.

    Groups have no job in common; they are worked on at the same time, a thread each, and one whose answer does not
    go with an earlier one's is left as it was. What they had counts as a first answer, so none gets worse. In place.
    """
    models = [_taken_out(table, group, effort) for group in groups]
    if len(models) == 1:
        answers = [models[0].solved()]
    else:
        with ThreadPoolExecutor(len(models)) as pool:
            answers = list(pool.map(_Model.solved, models))
    moved: list[int] = []
    for model, after in zip(models, answers, strict=True):
        moved += model.applied(after)
    return moved


def _taken_out(table: Table, numbers: Collection[int], effort: Effort) -> "_Model":
    """The model of a group, made while none of it has a place."""
    before = {number: table.take(number) for number in numbers if number in table.places}
    model = _Model(table, sorted(numbers), before, effort)
    for number, place in before.items():
        table.put(number, place)
    return model


@dataclass(slots=True)
class _Choice:
    """One possible lesson."""

    number: int
    row: int
    slot: int
    lit: cp_model.IntVar


class _Model:
    def __init__(self, table: Table, numbers: list[int], before: dict[int, Place], effort: Effort) -> None:
        self._table, self._numbers, self._before, self._effort = table, numbers, before, effort
        self._model = cp_model.CpModel()
        self._choices: list[_Choice] = []
        self._teaching: dict[tuple[int, int], list[cp_model.IntVar]] = defaultdict(list)
        self._learning: dict[tuple[int, int], list[cp_model.IntVar]] = defaultdict(list)
        self._days: dict[tuple[int, int], list[cp_model.IntVar]] = defaultdict(list)
        self._weeks: dict[int, list[cp_model.IntVar]] = defaultdict(list)
        self._lit: list[cp_model.IntVar] = []
        self._worth: list[int] = []
        learners = [table.problem.jobs[number].student for number in numbers]
        self._shared = {student for student in learners if learners.count(student) > 1}
        for number in numbers:
            self._add(number)
        self._rules()

    def solved(self) -> dict[int, Place]:
        """What stood before when nothing is found in time."""
        if not self._choices:
            return {}
        self._model.maximize(_Expression.weighted_sum(self._lit, self._worth))
        solver = cp_model.CpSolver()
        solver.parameters.max_time_in_seconds = self._effort.seconds
        solver.parameters.num_workers = 1
        solver.parameters.linearization_level = (
            2  # the relaxation of "one at a time" is nearly whole: six times as quick
        )
        solver.parameters.random_seed = self._effort.seed
        if solver.solve(self._model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return self._before
        found: dict[int, list[_Choice]] = defaultdict(list)
        for choice in self._choices:
            if solver.boolean_value(choice.lit):
                found[choice.number].append(choice)
        jobs = self._table.problem.jobs
        return {
            number: Place(int(jobs[number].teachers[some[0].row]), tuple(sorted(one.slot for one in some)))
            for number, some in found.items()
        }

    def applied(self, after: dict[int, Place]) -> list[int]:
        """Change the table, or leave it when somebody stands in the way by now."""
        table, before = self._table, self._before
        for number in before:
            table.take(number)
        done: list[int] = []
        for number, place in after.items():
            if not table.fits(number, place):
                break
            table.put(number, place)
            done.append(number)
        else:
            return [number for number in self._numbers if before.get(number) != after.get(number)]
        for number in done:
            table.take(number)
        for number, place in before.items():
            table.put(number, place)
        return []

    def _add(self, number: int) -> None:
        """The choices of one job: one instructor for all of its lessons, each on a day of its own."""
        job = self._table.problem.jobs[number]
        around = self._table.around(number)
        value = np.where(self._table.open(number, around), self._table.worth(number, around), -np.inf)
        cells = self._table.problem.cells(job.at, job.need + int(self._table.problem.buffer.max()))
        by_row: dict[int, list[_Choice]] = defaultdict(list)
        for row, slot in self._looked_at(number, job, value):
            lit = self._model.new_bool_var("")
            choice = _Choice(number, row, slot, lit)
            by_row[row].append(choice)
            self._note(job, choice, float(value[row, slot]), cells[slot].tolist())
        per_row = [self._of_one(job, some) for some in by_row.values()]
        if len(per_row) > 1:
            self._model.add_at_most_one(per_row)

    def _of_one(self, job: Job, some: list[_Choice]) -> cp_model.IntVar:
        """All lessons with one instructor, or none: the literal that says so."""
        if len(some) == job.per_week == 1:
            return some[0].lit
        teaches = self._model.new_bool_var("")
        self._model.add(_Expression.sum([one.lit for one in some]) == job.per_week * teaches)
        days: dict[int, list[cp_model.IntVar]] = defaultdict(list)
        for one in some:
            days[int(job.weekday[one.slot])].append(one.lit)
        for literals in days.values():
            if len(literals) > 1:
                self._model.add_at_most_one(literals)
        return teaches

    def _looked_at(self, number: int, job: Job, value: np.ndarray) -> list[tuple[int, int]]:
        order = np.argsort(-value, axis=None, kind="stable")[:MOST_PLACES]
        looked_at = {divmod(int(place), value.shape[1]) for place in order if value.flat[place] > -np.inf}
        if number in self._before:
            place = self._before[number]
            row = job.rows[place.teacher]
            looked_at |= {(row, slot) for slot in place.slots}
        return sorted(looked_at)

    def _note(self, job: Job, choice: _Choice, value: float, cells: list[list[int]]) -> None:
        """What the choice is worth, and whose time it takes. cells: by regime, in order."""
        problem, lit = self._table.problem, choice.lit
        teacher = int(job.teachers[choice.row])
        place = self._before.get(choice.number)
        here = place is not None and place.teacher == teacher and choice.slot in place.slots
        self._model.add_hint(lit, here)
        self._choices.append(choice)
        self._lit.append(lit)
        effort = self._effort
        self._worth.append(round(_SCALE * (value + effort.placed + effort.stay * here)))
        length = job.need + int(problem.buffer[teacher])
        for regime in cells:
            for cell in regime[:length]:
                self._teaching[teacher, cell].append(lit)
            if job.student in self._shared:
                for cell in regime[: job.need]:
                    self._learning[job.student, cell].append(lit)
        self._days[teacher, int(job.days[choice.row, choice.slot])].append(lit)
        self._weeks[teacher].append(lit)

    def _rules(self) -> None:
        for literals in (*self._teaching.values(), *self._learning.values()):
            if len(literals) > 1:
                self._model.add_at_most_one(literals)
        for (teacher, day), literals in self._days.items():
            if len(literals) > self._table.room_day[teacher, day]:
                self._model.add(_Expression.sum(literals) <= int(self._table.room_day[teacher, day]))
        for teacher, literals in self._weeks.items():
            if len(literals) > self._table.room_week[teacher]:
                self._model.add(_Expression.sum(literals) <= int(self._table.room_week[teacher]))
