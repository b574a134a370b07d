"""A series as iCalendar: one VEVENT with the rule, and one for each lesson that is not where the rule has it. Pure.

The rule stands in the series' own zone: there its wall clock repeats, so calendars get every clock change right. It
begins at the first lesson there is and ends at the last; dates without a lesson are EXDATEs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from core.scheduling.ics import Entry
from core.scheduling.recurrence import Series, endless, occurrences
from core.scheduling.times import zone


@dataclass(frozen=True, slots=True)
class Held:
    """A lesson of a series. day: the date the rule has for it, which it keeps when it is moved. Times are aware."""

    day: date
    starts_at: datetime
    ends_at: datetime


def repeated(series: Series, length: timedelta, lessons: Sequence[Held], entry: Entry) -> list[Entry]:
    """What calendars expand to exactly these lessons (at least one), all on dates of the rule; the rule comes first.

    length: of a lesson as the series has it. entry: what all of them have in common; its times do not matter.
    """
    days = {lesson.day for lesson in lessons}
    first, last = min(days), max(days)
    named = [day for day in (one.local.date() for one in occurrences(series)) if first <= day <= last]
    rule = replace(
        entry,
        starts_at=start_of(series, first),
        ends_at=start_of(series, first) + length,
        rule=endless(series.rule),
        until=start_of(series, last),
        without=tuple(start_of(series, day) for day in named if day not in days),
    )
    return [rule] + [
        replace(
            entry,
            starts_at=lesson.starts_at,
            ends_at=lesson.ends_at,
            instead_of=start_of(series, lesson.day),
        )
        for lesson in lessons
        if not _as_named(series, length, lesson)
    ]


def start_of(series: Series, day: date) -> datetime:
    """When calendars have the lesson of this date: also a wall clock that the clocks skip, which RFC 5545 reads by
    the offset before (3.3.5), while our lessons begin at the change."""
    return datetime.combine(day, series.first.time(), zone(series.tz))


def _as_named(series: Series, length: timedelta, lesson: Held) -> bool:
    """Also not while the clocks change: some programs add the length to the wall clock, others to the moment."""
    start = start_of(series, lesson.day)
    by_clock, by_moment = (start + length).timestamp(), start.timestamp() + length.total_seconds()
    return lesson.starts_at.timestamp() == start.timestamp() and (
        lesson.ends_at.timestamp() == by_clock == by_moment
    )
