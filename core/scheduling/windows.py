"""Spans of time, half-open [starts_at, ends_at), aware UTC, and what one does with lists of them. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """One span. Empty when it does not end after it starts."""

    starts_at: datetime
    ends_at: datetime

    @property
    def length(self) -> timedelta:
        return self.ends_at - self.starts_at

    def overlaps(self, other: "Window") -> bool:
        return self.starts_at < other.ends_at and other.starts_at < self.ends_at

    def contains(self, other: "Window") -> bool:
        return self.starts_at <= other.starts_at and other.ends_at <= self.ends_at

    def widened(self, by: timedelta) -> "Window":
        return Window(self.starts_at - by, self.ends_at + by)


def span(starts_at: datetime, length: timedelta) -> Window:
    """From a start and a length, in UTC: local arithmetic would go wrong over a clock change."""
    start = starts_at.astimezone(UTC)
    return Window(start, start + length)


def merged(windows: Iterable[Window]) -> list[Window]:
    """Sorted, without empty ones, touching ones made one."""
    result: list[Window] = []
    for one in sorted(windows):
        if one.ends_at <= one.starts_at:
            continue
        if result and one.starts_at <= result[-1].ends_at:
            if one.ends_at > result[-1].ends_at:
                result[-1] = Window(result[-1].starts_at, one.ends_at)
        else:
            result.append(one)
    return result


def common(some: Iterable[Window], others: Iterable[Window]) -> list[Window]:
    """What is in both."""
    left, right = merged(some), merged(others)
    result: list[Window] = []
    i = j = 0
    while i < len(left) and j < len(right):
        starts_at = max(left[i].starts_at, right[j].starts_at)
        ends_at = min(left[i].ends_at, right[j].ends_at)
        if starts_at < ends_at:
            result.append(Window(starts_at, ends_at))
        if left[i].ends_at < right[j].ends_at:
            i += 1
        else:
            j += 1
    return result


def without(some: Iterable[Window], taken: Iterable[Window]) -> list[Window]:
    """What is in the first and not in the second."""
    result: list[Window] = []
    cuts = merged(taken)
    at = 0
    for one in merged(some):
        starts_at = one.starts_at
        while at < len(cuts) and cuts[at].ends_at <= starts_at:
            at += 1
        for cut in cuts[at:]:
            if cut.starts_at >= one.ends_at:
                break
            if cut.starts_at > starts_at:
                result.append(Window(starts_at, cut.starts_at))
            starts_at = max(starts_at, cut.ends_at)
        if starts_at < one.ends_at:
            result.append(Window(starts_at, one.ends_at))
    return result
