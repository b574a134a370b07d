"""A zone's clock changes as a VTIMEZONE (RFC 5545, 3.6.5), made from the zone data. Pure.

Not by icalendar's own generator: it writes the onset of summer time by the clock after the change, an hour late.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard

from core.scheduling.zones import changes

_Onset = tuple[timedelta, timedelta, str]
"""Offset before, offset after, the zone's name after."""


@lru_cache(maxsize=256)
def vtimezone(tz: str, first_year: int, last_year: int) -> Timezone:
    """All changes of these years, both included. A change is named by the local time it happens at, by the old clock."""
    zone = ZoneInfo(tz)
    start = datetime(first_year, 1, 1, tzinfo=UTC)
    first = start.astimezone(zone)
    at_first = (_offset(first), _offset(first), first.tzname() or tz)
    onsets: dict[_Onset, list[datetime]] = {at_first: [datetime(first_year, 1, 1)]}
    for moment in changes(start, datetime(last_year + 1, 1, 1, tzinfo=UTC), zone):
        before = _offset((moment - timedelta(seconds=1)).astimezone(zone))
        after = moment.astimezone(zone)
        onset = (before, _offset(after), after.tzname() or tz)
        onsets.setdefault(onset, []).append(moment.replace(tzinfo=None) + before)
    least = min(after_offset for _, after_offset, _ in onsets)
    found: Any = Timezone()
    found.add("tzid", tz)
    for (before, after_offset, name), times in onsets.items():
        # The larger offset is "daylight", also where the law says the other way round (Dublin): readers expect it.
        part: Any = TimezoneDaylight() if after_offset > least else TimezoneStandard()
        part.add("dtstart", times[0])
        part.add("tzoffsetfrom", before)
        part.add("tzoffsetto", after_offset)
        part.add("tzname", name)
        if times[1:]:
            part.add("rdate", times[1:])
        found.add_component(part)
    return found


def _offset(moment: datetime) -> timedelta:
    offset = moment.utcoffset()
    assert offset is not None
    return offset
