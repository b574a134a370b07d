"""Time as quarter hours, so that many people and many times can be looked at in one step (numpy). Pure.

A row of quarters is a `bool` array, True = free. Zones' offsets are multiples of a quarter, so lessons that begin
on a quarter hour of somebody's wall clock begin on one here. What does not fill a quarter wholly is rounded to the
safe side: free time shrinks, taken time grows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from core.scheduling.availability import Availability, WeeklyHours
from core.scheduling.times import zone
from core.scheduling.windows import Window

QUARTER = timedelta(minutes=15)
A_DAY = 96
A_WEEK = 7 * A_DAY
FAR = 1_000_000
"""Quarters to a neighbor that does not exist."""

Bits = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


def ceil_quarters(length: timedelta) -> int:
    return -(-length // QUARTER)


@dataclass(frozen=True, slots=True)
class Grid:
    """`size` quarters from `first` (aware, on a quarter hour)."""

    first: datetime
    size: int

    @classmethod
    def over(cls, within: Window) -> "Grid":
        """The smallest grid of whole days (UTC) that covers the window."""
        first = within.starts_at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        days = -(-(within.ends_at - first) // timedelta(days=1))
        return cls(first, max(1, days) * A_DAY)

    @property
    def window(self) -> Window:
        return Window(self.first, self.first + self.size * QUARTER)

    def quarter(self, moment: datetime) -> int:
        """The quarter that contains the moment; may lie outside of the grid."""
        return (moment - self.first) // QUARTER

    def moment(self, quarter: int) -> datetime:
        return self.first + quarter * QUARTER

    def free(self, windows: Iterable[Window]) -> Bits:
        """True where a window covers the whole quarter."""
        bits = np.zeros(self.size, dtype=np.bool_)
        for one in windows:
            starts, ends = -((self.first - one.starts_at) // QUARTER), self.quarter(one.ends_at)
            bits[max(0, starts) : max(0, ends)] = True
        return bits

    def touched(self, windows: Iterable[Window]) -> Bits:
        """True where a window touches the quarter."""
        bits = np.ones(self.size, dtype=np.bool_)
        self.take(bits, windows)
        return ~bits

    def take(self, bits: Bits, windows: Iterable[Window], around: timedelta = timedelta(0)) -> None:
        """Make False, in place, what the windows touch, widened by `around` on both sides."""
        for one in windows:
            starts = self.quarter(one.starts_at - around)
            ends = -((self.first - one.ends_at - around) // QUARTER)
            bits[max(0, starts) : max(0, ends)] = False


class Clocks:
    """Wall clocks over one grid, kept a zone: `open_bits` is `availability.open_windows`, for many people quickly."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._local: dict[str, tuple[Counts, int]] = {}

    def local(self, tz: str) -> tuple[Counts, int]:
        """(quarter of local time since `first_day`'s midnight, for each quarter; first_day as an ordinal)."""
        if tz not in self._local:
            self._local[tz] = self._of(tz)
        return self._local[tz]

    def days(self, tz: str) -> Counts:
        """The local date of each quarter, as an ordinal."""
        local, first_day = self.local(tz)
        return local // A_DAY + first_day

    def open_bits(self, who: Availability) -> Bits:
        """When they are open, lessons and busy times not looked at."""
        bits = self.weekly_bits(who)
        self.take_away(bits, who)
        return bits

    def take_away(self, bits: Bits, who: Availability) -> None:
        """Make False, in place, the dates away and the holidays."""
        self.grid.take(bits, (one.window for one in who.exceptions if one.kind == "away"))
        if who.holidays:
            bits &= ~np.isin(self.days(who.tz), [day.toordinal() for day in who.holidays])

    def weekly_bits(self, who: Availability) -> Bits:
        """The weekly hours, and what is open beside them."""
        bits = self.grid.free(one.window for one in who.exceptions if one.kind == "extra")
        for tz in {one.tz for one in who.hours}:
            local, first_day = self.local(tz)
            week = np.zeros(A_WEEK, dtype=np.bool_)
            for one in who.hours:
                if one.tz == tz and one.valid_from is None and one.valid_until is None:
                    week[np.arange(*_quarters(one)) % A_WEEK] = True
                elif one.tz == tz:
                    bits |= _dated(one, local, first_day)
            bits |= week[(local + (first_day + 6) % 7 * A_DAY) % A_WEEK]
        return bits

    def _of(self, tz: str) -> tuple[Counts, int]:
        grid = self.grid
        first_day = (grid.first - timedelta(days=1)).date()
        midnight = datetime.combine(first_day, time(0), UTC)
        local = np.arange(grid.size, dtype=np.int32) + grid_shift(grid.first, midnight)
        offsets = np.empty(grid.size, dtype=np.int32)
        for first in range(0, grid.size, A_DAY):
            last = min(first + A_DAY, grid.size)
            before, after = _offset(tz, grid.moment(first)), _offset(tz, grid.moment(last))
            offsets[first:last] = before
            if before != after:
                offsets[first:last] = [_offset(tz, grid.moment(quarter)) for quarter in range(first, last)]
        return local + offsets, first_day.toordinal()


@lru_cache(maxsize=100_000)
def _offset(tz: str, moment: datetime) -> int:
    """From UTC, in quarters. Remembered: everybody's wishes fall on the same days of the same zones."""
    offset = moment.astimezone(zone(tz)).utcoffset()
    assert offset is not None
    return offset // QUARTER


def grid_shift(moment: datetime, since: datetime) -> int:
    return (moment - since) // QUARTER


def week_quarters(weekday: int, starts: time, ends: time) -> tuple[int, int]:
    """From the first to the last whole quarter of the hours, counted from Monday; may end in the next week."""
    first = weekday * A_DAY + -(-(starts.hour * 60 + starts.minute) // 15)
    last = weekday * A_DAY + (ends.hour * 60 + ends.minute) // 15
    return first, last if ends > starts else last + A_DAY


def _quarters(one: WeeklyHours) -> tuple[int, int]:
    return week_quarters(one.weekday, one.starts, one.ends)


def _dated(one: WeeklyHours, local: Counts, first_day: int) -> Bits:
    """Hours that hold from or until a date: the date on which they begin counts."""
    starts, ends = (quarter - one.weekday * A_DAY for quarter in _quarters(one))
    since = local - starts
    days = since // A_DAY + first_day
    first = (one.valid_from or date.min).toordinal()
    last = (one.valid_until or date.max).toordinal()
    weekdays = (days + 6) % 7
    return (since % A_DAY < ends - starts) & (weekdays == one.weekday) & (days >= first) & (days <= last)


@dataclass(frozen=True, slots=True)
class Neighbors:
    """For each quarter the last taken one up to it, and the first from it on; far away when there is none."""

    last: Counts
    following: Counts

    @classmethod
    def of(cls, taken: Bits) -> "Neighbors":
        places = np.arange(taken.size, dtype=np.int32)
        last: Any = np.maximum.accumulate(np.where(taken, places, np.int32(-FAR)))
        following: Any = np.minimum.accumulate(np.where(taken, places, np.int32(FAR))[::-1])[::-1]
        return cls(last, following)

    def before(self, at: Counts) -> Counts:
        """Free quarters before lessons that begin at these."""
        return at - self.last[np.maximum(at - 1, 0)] - 1

    def after(self, at: Counts, need: int) -> Counts:
        """Free quarters after lessons of `need` that begin at these."""
        ends = at + need
        return self.following[np.minimum(ends, self.following.size - 1)] - ends
