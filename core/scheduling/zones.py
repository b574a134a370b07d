"""Wall clocks and instants: what local times mean where clocks change. Pure.

Exact by one idea: in a piece of time in which a zone's offset does not change, local time is UTC plus a constant.
Zones change their offset at most once in two days, which the tests hold against the zone data.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from core.scheduling.windows import Window, merged

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_FARTHEST = timedelta(hours=16)
"""No zone is farther from UTC."""


@dataclass(frozen=True, slots=True)
class ClockChange:
    """When clocks jump: they show `shows` and then `then`, naive. at: the moment (UTC)."""

    at: datetime
    shows: datetime
    then: datetime

    @property
    def skips(self) -> bool:
        """Forward: the time between is left out. Otherwise it comes twice."""
        return self.then > self.shows


def spans(starts: datetime, ends: datetime, zone: ZoneInfo) -> list[Window]:
    """All moments whose wall clock in `zone` is in [starts, ends), naive, two days apart at most.

    One window on most days; none when the clocks skip all of it (spring forward; a whole day in Apia in 2011);
    a longer one, or two, when it comes twice.
    """
    found: list[Window] = []
    for first, last, offset in _pieces(_as_utc(starts) - _FARTHEST, _as_utc(ends) + _FARTHEST, zone):
        found.append(Window(max(first, _as_utc(starts) - offset), min(last, _as_utc(ends) - offset)))
    return merged(found)


def instant(local: datetime, zone: ZoneInfo) -> datetime:
    """The moment (UTC) of a naive local time: the first of two, the clock change for one that is skipped."""
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _change(second, first, zone) if first > second else first


def changes(first: datetime, last: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """The moments (UTC) in (first, last] at which the zone's offset changes."""
    while first < last:
        if _offset(first, zone) != _offset(min(first + _DAY, last), zone):
            yield _change(first, min(first + _DAY, last), zone)
        first += _DAY


def clock_changes(first: date, last: date, zone: ZoneInfo) -> list[ClockChange]:
    """The clock changes on the local dates from `first` to `last`, in order."""
    found: list[ClockChange] = []
    for at in changes(_midnight(first) - _FARTHEST, _midnight(last) + _DAY + _FARTHEST, zone):
        before, after = _offset(at - _SECOND, zone), _offset(at, zone)
        found.append(ClockChange(at, _naive(at + before), _naive(at + after)))
    return [one for one in found if first <= one.shows.date() <= last]


def _pieces(
    first: datetime, last: datetime, zone: ZoneInfo
) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """(from, to, offset) of the stretches between clock changes."""
    before, after = _offset(first, zone), _offset(last, zone)
    if before == after:
        yield first, last, before
        return
    change = _change(first, last, zone)
    yield first, change, before
    yield change, last, after


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first moment in (before, after] with another offset than `before`, to the second."""
    offset = _offset(before, zone)
    while after - before > _SECOND:
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if _offset(middle, zone) == offset:
            before = middle
        else:
            after = middle
    return after


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


def _as_utc(local: datetime) -> datetime:
    return local.replace(tzinfo=UTC)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)
