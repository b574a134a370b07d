"""Who finds no free place takes the one that costs least, and whoever stood there looks for another. Pure.

Each job that found no place by itself becomes dearer to be sent away, so the search does not go round in circles
(guided ejection). Quick, and good at filling; how much everybody is worth, `batch_repair` looks after.
"""

import time
from collections.abc import Callable

import numpy as np

from core.scheduling.batch_model import PLACED, Job, Place
from core.scheduling.batch_table import NONE, Around, Table, by_day
from core.scheduling.grid import Bits, Counts, Floats

_ELSEWHERE = 0.1
"""Share of turns in which not the last one sent away is next: two that chase each other are parted."""
_NOISE = 20.0
"""Points, at most: what is nearly as good is tried, too."""


def eject(
    table: Table, seconds: float, seed: int, progress: Callable[[int], None] | None = None
) -> dict[int, Place]:
    """Places for as many as possible within the time, in place; returns the best that was seen."""
    search = _Search(table, seed)
    ends = time.monotonic() + seconds
    best = dict(table.places)
    most = _lessons(table)
    while search.waiting and time.monotonic() < ends:
        search.step()
        placed = most + search.gained
        if placed > most:
            best, most = dict(table.places), placed
            search.gained = 0
            if progress:
                progress(most)
    return best


class _Search:
    """gained: lessons placed since the best that was seen."""

    def __init__(self, table: Table, seed: int) -> None:
        self._table, self._dice = table, np.random.default_rng(seed)
        self._lessons = np.array([0, *(job.per_week for job in table.problem.jobs)])
        self._price = np.ones(len(self._lessons))
        self.waiting = [number for number in table.waiting if table.problem.jobs[number].teachers.size]
        self._dice.shuffle(self.waiting)
        self.gained = 0

    def step(self) -> None:
        last = self._dice.random() >= _ELSEWHERE
        number = self.waiting.pop(-1 if last else int(self._dice.integers(len(self.waiting))))
        table, job = self._table, self._table.problem.jobs[number]
        around = table.around(number)
        value = table.worth(number, around)
        best = table.best(number, table.open(number, around), value)
        place = best[0] if best else self._dearest(number, job, around, value)
        if place is None:
            return
        table.put(number, place)
        self.gained += job.per_week

    def _dearest(self, number: int, job: Job, around: Around, value: Floats) -> Place | None:
        """Make room where it costs least; None when there is no such place at all."""
        table = self._table
        there, new = _others(around.at)
        cost = (self._price[there] * self._lessons[there] * new).sum(axis=2)
        free = (self._lessons[there] * new).sum(axis=2)
        ok = table.allowed(number) & ((table.room_week[job.teachers] >= job.per_week)[:, None] | (free > 0))
        noise: Floats = np.asarray(self._dice.random(cost.shape, np.float64) * _NOISE, np.float64)
        totals, rows = by_day(job, np.where(ok, value + noise - PLACED * cost, NONE))
        order = np.argsort(-totals, axis=1)[:, : job.per_week]
        if order.shape[1] < job.per_week:
            return None
        row = int(np.take_along_axis(totals, order, axis=1).sum(axis=1).argmax())
        if totals[row, order[row]].min() == NONE:
            return None
        self._price[number + 1] += 1
        place = Place(int(job.teachers[row]), tuple(sorted(int(rows[row, day]) for day in order[row])))
        self._send_away({int(one) - 1 for slot in place.slots for one in there[row, slot] if one})
        self._make_room(job, place)
        return place

    def _send_away(self, numbers: set[int]) -> None:
        for number in sorted(numbers):
            self._table.take(number)
            self.waiting.append(number)
            self.gained -= int(self._lessons[number + 1])

    def _make_room(self, job: Job, place: Place) -> None:
        """Until the instructor's day and week have room."""
        table = self._table
        theirs = [number for number, other in table.places.items() if other.teacher == place.teacher]
        self._dice.shuffle(theirs)
        for number in theirs:
            if table.room_week[place.teacher] >= job.per_week and table.holds(job, place):
                return
            self._send_away({number})


def _others(at: Counts) -> tuple[Counts, Bits]:
    """(who stands in each cell, where somebody stands that was not in the cell before): (C, S, cells)."""
    there = at.reshape(at.shape[0], at.shape[1], -1)
    new = there > 0
    new[..., 1:] &= there[..., 1:] != there[..., :-1]
    return there, new


def _lessons(table: Table) -> int:
    return sum(table.problem.jobs[number].per_week for number in table.places)
