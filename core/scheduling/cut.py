"""Who could give the lessons asked for, roughly and for many people, before everything about them is read. Pure.

First by weekly hours alone, everybody at once; the dates from or until which these hold are not looked at. Then by
the lessons of the first weeks, which are enough to see that too many dates fall out. Nobody is left out who could fit.
"""

from collections import defaultdict
from collections.abc import Iterable, Set
from datetime import time, timedelta
from typing import NamedTuple

import numpy as np

from core.scheduling.grid import A_DAY, A_WEEK, Bits, Clocks, Counts, week_quarters
from core.scheduling.windows import Window
from core.scheduling.wish import Plan


class HoursRow(NamedTuple):
    """One entry of somebody's week (`availability.WeeklyHours`), as it comes out of the database."""

    person_id: str
    tz: str
    weekday: int
    starts: time
    ends: time


class Cut:
    """days: on how many of the plan's weekdays each has hours for a lesson; who is missing has them on none.

    open: people who have other hours, too (extra dates). They, and whoever has hours in several zones, always pass.
    """

    def __init__(
        self, plan: Plan, clocks: Clocks, hours: Iterable[HoursRow], open: Set[str] = frozenset()
    ) -> None:
        self._plan = plan
        self._zones: dict[str, str] = {}
        self._weeks: dict[str, Bits] = {}
        self._cells: dict[str, Counts] = {}
        self._passing = set(open)
        self.days: dict[str, int] = {}
        if plan.slots:
            for tz, (people, weeks) in self._by_zone(hours).items():
                self._cells[tz] = _week_cells(plan, clocks, tz)
                days = _days(plan, self._cells[tz], weeks)
                self.days.update((one, int(days[row])) for one, row in people.items() if days[row])
                self._weeks.update((one, weeks[row]) for one, row in people.items() if days[row])
            self.days.update(dict.fromkeys(self._passing, len(plan.weekdays)))

    @property
    def first_weeks(self) -> Window:
        """More dates than may fall out."""
        most = int(self._plan.most_missed.max()) if self._plan.slots else 0
        first = self._plan.grid.first
        return Window(first, first + (most + 1) * timedelta(weeks=1) + timedelta(days=2))

    def booked_out(self, person_id: str, lessons: Iterable[Window]) -> bool:
        """Whether their hours hold no pattern beside these lessons, all of the `first_weeks`."""
        if person_id in self._passing:
            return False
        if person_id not in self._weeks:
            return True
        plan = self._plan
        some = slice(0, int(plan.most_missed.max()) + 1)
        free = np.ones(plan.grid.size, dtype=np.bool_)
        plan.grid.take(free, lessons)
        week = self._weeks[person_id][self._cells[self._zones[person_id]][:, some]]
        good = (week & free[plan.cells[:, some]]).all(axis=2)
        fits = (~good & plan.there[:, some]).sum(axis=1) <= plan.most_missed
        days = {slot.weekday for slot, fit in zip(plan.slots, fits, strict=True) if fit}
        return len(days) < plan.wish.per_week

    def _by_zone(self, hours: Iterable[HoursRow]) -> dict[str, tuple[dict[str, int], Bits]]:
        """(row of each person, (people, 672) open by the clock there)."""
        people: dict[str, dict[str, int]] = defaultdict(dict)
        cells: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
        for person_id, tz, weekday, starts, ends in hours:
            if self._zones.setdefault(person_id, tz) != tz:
                self._passing.add(person_id)
            rows = people[tz]
            cells[tz].append((rows.setdefault(person_id, len(rows)), *week_quarters(weekday, starts, ends)))
        return {tz: (rows, _weeks(len(rows), cells[tz])) for tz, rows in people.items()}


def _weeks(people: int, cells: Iterable[tuple[int, int, int]]) -> Bits:
    twice = np.zeros((people, 2 * A_WEEK), dtype=np.bool_)
    for row, first, last in cells:
        twice[row, first:last] = True
    return twice[:, :A_WEEK] | twice[:, A_WEEK:]


def _week_cells(plan: Plan, clocks: Clocks, tz: str) -> Counts:
    """(slots, dates, need): quarters since Monday there of each lesson's time."""
    local, first_day = clocks.local(tz)
    cells = (local[plan.cells] + (first_day + 6) % 7 * A_DAY) % A_WEEK
    return np.where(plan.there[:, :, None], cells, cells[:, :1])


def _days(plan: Plan, cells: Counts, weeks: Bits) -> Counts:
    """(people,): on how many weekdays a slot fits, few enough of its dates aside."""
    new = (cells[:, 1:] != cells[:, :-1]).any(axis=(0, 2))
    first = np.flatnonzero(np.concatenate(([True], new)))  # dates are alike until clocks change
    dates = np.add.reduceat(plan.there.astype(np.int32), first, axis=1)
    closed = ~np.asarray(weeks[:, cells[:, first]].all(axis=3), np.bool_)
    missed = np.asarray((closed * dates).sum(axis=2), np.int32)
    fits: Bits = missed <= plan.most_missed
    weekday = np.array([slot.weekday for slot in plan.slots])
    days = np.zeros(weeks.shape[0], dtype=np.int32)
    for day in plan.weekdays:
        days += fits[:, weekday == day].any(axis=1)
    return days
