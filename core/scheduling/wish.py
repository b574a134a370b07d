"""What a family asks for, as times: which quarter hours of which dates could be its lessons. Pure.

Lessons repeat by the wall clock of the student's zone. Every date of the span is looked at on its own, so a slot
that leaves somebody's hours because clocks change in one of two zones is seen.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import combinations

import numpy as np

from core.scheduling.availability import Reason
from core.scheduling.grid import QUARTER, Bits, Counts, Floats, Grid, ceil_quarters
from core.scheduling.times import zone
from core.scheduling.windows import Window
from core.scheduling.zones import instant

OPEN_WEEKS = 13
"""Lessons "for good" are looked at, and booked, a term at a time."""
MOST_WEEKS = 53
MISSING = 8
"""One date in so many may fall out (a holiday, a day away): it is left out of the series and said."""
MISSED = 20.0
"""Points lost by a pattern that misses all its dates, in proportion."""
SPREAD = 2.0
"""Points for a free day between the lessons of a week."""
_LOOKED_AT = 4
_DAY_MIN = 24 * 60
_NONE = -np.inf


@dataclass(frozen=True, slots=True)
class WishWindow:
    """Every week on `weekday` (0 = Monday). `ends` not after `starts`: it ends the next day."""

    weekday: int
    starts: time
    ends: time


@dataclass(frozen=True, slots=True)
class Wish:
    """windows: wall clock in tz. from_day to until_day, both included (None: for good), or `lessons` in all.

    course: its name, for the words. taught: lessons the student has had, by instructor. instructor_id: who was
    asked for. same_instructor: somebody who has taught them.
    """

    course_id: str
    windows: tuple[WishWindow, ...]
    tz: str
    from_day: date
    length: timedelta
    per_week: int = 1
    until_day: date | None = None
    lessons: int | None = None
    language: str = ""
    instructor_id: str = ""
    same_instructor: bool = False
    course: str = ""
    taught: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A weekday and a wall-clock time in the wish's zone."""

    weekday: int
    at: time


@dataclass(frozen=True, slots=True)
class Pattern:
    """slots: one a lesson of the week, in order. rows: their rows in the plan. value: points."""

    slots: tuple[Slot, ...]
    rows: tuple[int, ...]
    value: float

    @property
    def same_time(self) -> bool:
        return len({slot.at for slot in self.slots}) == 1


@dataclass(frozen=True, slots=True)
class Plan:
    """A wish on the grid. at: (slots, dates) first quarter of each lesson; there: which of them exist.
    cells: (slots, dates, need) all of their quarters. most_missed: (slots,) how many dates may fall out."""

    wish: Wish
    grid: Grid
    slots: tuple[Slot, ...]
    days: tuple[tuple[date, ...], ...]
    at: Counts
    there: Bits
    need: int
    cells: Counts
    most_missed: Counts

    @property
    def weekdays(self) -> set[int]:
        return {slot.weekday for slot in self.slots}

    def good(self, free: Bits) -> Bits:
        """(slots, dates): whether the lesson fits into the free quarters; True where there is no date."""
        return free[self.cells].all(axis=2) | ~self.there

    def feasible(self, good: Bits) -> Bits:
        """(slots,): few enough dates fall out."""
        return (~good).sum(axis=1) <= self.most_missed

    def fewest_days(self, free: Bits) -> int:
        """On how many weekdays some slot fits."""
        return self.days_of(self.good(free))

    def days_of(self, good: Bits) -> int:
        feasible = self.feasible(good)
        return len({slot.weekday for slot, fits in zip(self.slots, feasible, strict=True) if fits})

    def pattern(self, good: Bits, value: Floats) -> Pattern | None:
        """The best `per_week` slots on different days, at the same time of day where that is possible."""
        fits = self.feasible(good)
        missed = (~good).sum(axis=1) / np.maximum(1, self.there.sum(axis=1))
        worth = np.where(fits, value - MISSED * missed, _NONE)
        clocks = sorted({slot.at for slot in self.slots})
        table = np.full((len(clocks), 7), _NONE)
        rows = np.zeros((len(clocks), 7), dtype=np.int32)
        place = {clock: row for row, clock in enumerate(clocks)}
        for row, slot in enumerate(self.slots):
            table[place[slot.at], slot.weekday] = worth[row]
            rows[place[slot.at], slot.weekday] = row
        return self._same_time(table, rows) or self._mixed(table, rows)

    def _same_time(self, table: Floats, rows: Counts) -> Pattern | None:
        best = np.sort(table, axis=1)[:, -self.wish.per_week :].sum(axis=1)
        found: list[Pattern] = []
        for row in np.argsort(-best, kind="stable")[:_LOOKED_AT]:
            if best[row] == _NONE:
                break
            days = [day for day in range(7) if table[row, day] > _NONE]
            found += [
                self._made([(int(rows[row, day]), float(table[row, day])) for day in chosen])
                for chosen in combinations(days, self.wish.per_week)
            ]
        return max(found, key=lambda pattern: pattern.value, default=None)

    def _mixed(self, table: Floats, rows: Counts) -> Pattern | None:
        clock = table.argmax(axis=0)
        best = sorted(
            ((float(table[clock[day], day]), day) for day in range(7) if table[clock[day], day] > _NONE),
            key=lambda one: (-one[0], one[1]),
        )[: self.wish.per_week]
        if len(best) < self.wish.per_week:
            return None
        return self._made(sorted((int(rows[clock[day], day]), value) for value, day in best))

    def _made(self, chosen: list[tuple[int, float]]) -> Pattern:
        slots = tuple(self.slots[row] for row, _ in chosen)
        days = [slot.weekday for slot in slots]
        apart = all(
            (after - before) % 7 > 1 for before, after in zip(days, [*days[1:], days[0]], strict=True)
        )
        value = sum(value for _, value in chosen) / len(chosen) + SPREAD * (len(days) > 1 and apart)
        return Pattern(slots, tuple(row for row, _ in chosen), value)

    def lessons(self, pattern: Pattern, good: Bits) -> tuple[tuple[datetime, ...], tuple[date, ...]]:
        """(starts, UTC; dates that fall out before the last of them), in order."""
        dated = sorted(
            (int(self.at[row, number]), row, number)
            for row in pattern.rows
            for number in np.flatnonzero(self.there[row])
        )
        starts: list[datetime] = []
        skip: list[date] = []
        for quarter, row, number in dated:
            if self.wish.lessons is not None and len(starts) == self.wish.lessons:
                break
            if good[row, number]:
                starts.append(self.grid.moment(quarter))
            else:
                skip.append(self.days[self.slots[row].weekday][number])
        return tuple(starts), tuple(skip)


def planned(wish: Wish, now: datetime) -> Plan:
    """The wish on the grid; without slots when its windows are shorter than a lesson."""
    here = zone(wish.tz)
    first = max(wish.from_day, now.astimezone(here).date())
    days = _dates(wish, first)
    slots = tuple(slot for slot in slots_of(wish) if days[slot.weekday])
    last = max((day for some in days for day in some), default=first)
    midnight = [
        datetime.combine(day, time(0), here) for day in (first - timedelta(days=1), last + timedelta(days=3))
    ]
    grid = Grid.over(Window(midnight[0], midnight[1]))
    most = max((len(days[slot.weekday]) for slot in slots), default=0)
    at = np.zeros((len(slots), most), dtype=np.int32)
    there = np.zeros((len(slots), most), dtype=np.bool_)
    for row, slot in enumerate(slots):
        for number, day in enumerate(days[slot.weekday]):
            at[row, number] = grid.quarter(instant(datetime.combine(day, slot.at), here))
            there[row, number] = True
    need = ceil_quarters(wish.length)
    cells = at[:, :, None] + np.arange(need, dtype=np.int32)
    return Plan(wish, grid, slots, days, at, there, need, cells, there.sum(axis=1) // MISSING)


def slots_of(wish: Wish) -> tuple[Slot, ...]:
    """Every weekly time at which a lesson fits into the windows, in order."""
    return tuple(sorted({slot for window in wish.windows for slot in _slots(window, wish.length)}))


def sentence(words: dict[str, str], code: str, wish: Wish) -> Reason:
    """A reason that names the times asked for. words: by "weekdays", "weekend" and "times"."""
    days = {window.weekday for window in wish.windows}
    kind = "weekdays" if days <= set(range(5)) else "weekend" if days <= {5, 6} else "times"
    params: dict[str, object] = {
        "course": wish.course,
        "starts": f"{min(window.starts for window in wish.windows):%H:%M}",
        "ends": f"{max(window.ends for window in wish.windows):%H:%M}",
        "place": wish.tz.rsplit("/", 1)[-1].replace("_", " "),
    }
    return Reason(code, words[kind], params)


def _dates(wish: Wish, first: date) -> tuple[tuple[date, ...], ...]:
    """The dates of each weekday. A number of lessons has dates to spare for those that fall out."""
    if wish.lessons is not None:
        weeks = -(-wish.lessons // wish.per_week)
        last = first + timedelta(weeks=min(MOST_WEEKS, weeks + -(-weeks // (MISSING - 1))), days=-1)
    else:
        last = wish.until_day or first + timedelta(weeks=OPEN_WEEKS, days=-1)
    last = min(last, first + timedelta(weeks=MOST_WEEKS))
    span = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return tuple(tuple(day for day in span if day.weekday() == weekday) for weekday in range(7))


def _slots(window: WishWindow, length: timedelta) -> Iterator[Slot]:
    """Quarter hours at which a lesson fits; after midnight they belong to the next day."""
    starts = window.starts.hour * 60 + window.starts.minute
    ends = window.ends.hour * 60 + window.ends.minute
    ends += _DAY_MIN if ends <= starts else 0
    minute = -(-starts // 15) * 15
    while minute + length / timedelta(minutes=1) <= ends:
        day, clock = divmod(minute, _DAY_MIN)
        yield Slot((window.weekday + day) % 7, time(*divmod(clock, 60)))
        minute += int(QUARTER / timedelta(minutes=1))
