"""Who is open at enough of the times asked for, many people in one step: before anybody's lessons are read. Pure.

Weekly hours alone are looked at, the dates from or until which they hold are not. So nobody is left out who could
fit, and who is left out has no hours then.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import time
from typing import NamedTuple

import numpy as np

from core.scheduling.grid import A_DAY, A_WEEK, Bits, Clocks, Counts, week_quarters
from core.scheduling.wish import Plan


class HoursRow(NamedTuple):
    """One entry of somebody's week (`availability.WeeklyHours`), as it comes out of the database."""

    person_id: str
    tz: str
    weekday: int
    starts: time
    ends: time


def days_open(plan: Plan, clocks: Clocks, hours: Iterable[HoursRow]) -> dict[str, int]:
    """On how many of the plan's weekdays each of them has hours for a lesson; who is missing has them on none.

    Somebody with hours in several zones counts as open on all days.
    """
    if not plan.slots:
        return {}
    by_zone: dict[str, dict[str, int]] = defaultdict(dict)
    cells: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    zones: dict[str, str] = {}
    several: set[str] = set()
    for person_id, tz, weekday, starts, ends in hours:
        if zones.setdefault(person_id, tz) != tz:
            several.add(person_id)
        places = by_zone[tz]
        cells[tz].append((places.setdefault(person_id, len(places)), *week_quarters(weekday, starts, ends)))
    found: dict[str, int] = {}
    for tz, places in by_zone.items():
        days = _days(plan, clocks, tz, _weeks(len(places), cells[tz]))
        found.update((person_id, int(days[row])) for person_id, row in places.items() if days[row])
    return {**found, **dict.fromkeys(several, len(plan.weekdays))}


def _weeks(people: int, cells: Iterable[tuple[int, int, int]]) -> Bits:
    """(people, 672): open by the clock of their zone."""
    twice = np.zeros((people, 2 * A_WEEK), dtype=np.bool_)
    for row, first, last in cells:
        twice[row, first:last] = True
    return twice[:, :A_WEEK] | twice[:, A_WEEK:]


def _days(plan: Plan, clocks: Clocks, tz: str, weeks: Bits) -> Counts:
    """(people,): on how many weekdays a slot fits, few enough of its dates aside."""
    cells, dates = _kinds(plan, clocks, tz)
    closed = ~np.asarray(weeks[:, cells].all(axis=3), np.bool_)
    missed = np.asarray((closed * dates).sum(axis=2), np.int32)
    fits: Bits = missed <= plan.most_missed
    weekday = np.array([slot.weekday for slot in plan.slots])
    days = np.zeros(weeks.shape[0], dtype=np.int32)
    for day in plan.weekdays:
        days += fits[:, weekday == day].any(axis=1)
    return days


def _kinds(plan: Plan, clocks: Clocks, tz: str) -> tuple[Counts, Counts]:
    """Dates are alike until clocks change: (quarters since Monday there of each lesson's time, (slots, kinds, need);
    how many dates are of each kind, (slots, kinds))."""
    local, first_day = clocks.local(tz)
    cells = (local[plan.cells] + (first_day + 6) % 7 * A_DAY) % A_WEEK
    cells = np.where(plan.there[:, :, None], cells, cells[:, :1])
    new = (cells[:, 1:] != cells[:, :-1]).any(axis=(0, 2))
    first = np.flatnonzero(np.concatenate(([True], new)))
    return cells[:, first], np.add.reduceat(plan.there.astype(np.int32), first, axis=1)
