"""Time as quarter hours, so that many people and many times can be looked at in one step (numpy). Pure.

A row of quarters is a `bool` array, True = free. Zones' offsets are multiples of a quarter, so lessons that begin
on a quarter hour of somebody's wall clock begin on one here. What does not fill a quarter wholly is rounded to the
safe side: free time shrinks, taken time grows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

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

    def take(self, bits: Bits, windows: Iterable[Window], around: timedelta = timedelta(0)) -> None:
        """Make False, in place, what the windows touch, widened by `around` on both sides."""
        for one in windows:
            starts = self.quarter(one.starts_at - around)
            ends = -((self.first - one.ends_at - around) // QUARTER)
            bits[max(0, starts) : max(0, ends)] = False


def runs(bits: Bits) -> Counts:
    """For each quarter how many free ones follow without a gap, itself included."""
    places = np.arange(bits.size, dtype=np.int32)
    closed = np.where(bits, np.int32(bits.size), places)
    following: Any = np.minimum.accumulate(closed[::-1])[::-1]
    return (following - places).astype(np.int32)


def gaps(taken: Bits) -> tuple[Counts, Counts]:
    """For each quarter how many free ones lie between it and the last taken before, and the next taken from it on."""
    places = np.arange(taken.size, dtype=np.int32)
    last: Any = np.maximum.accumulate(np.where(taken, places, -FAR))
    before = np.concatenate(([FAR], places[1:] - last[:-1] - 1)).astype(np.int32)
    following: Any = np.minimum.accumulate(np.where(taken, places, FAR)[::-1])[::-1]
    return before, (following - places).astype(np.int32)
