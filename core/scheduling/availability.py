"""When somebody may be booked: weekly hours where they live, dates away and extra, limits, and why not. Pure.

Hours are wall-clock times in an IANA zone, so 16:00 stays 16:00 over a clock change. Hours that the clocks skip
are lost for that day, hours that come twice are all open, and both are said.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from core.errors import InvalidInput
from core.i18n import N_
from core.scheduling.times import zone
from core.scheduling.windows import Window, common, merged, without
from core.scheduling.zones import spans

MAX_RULES = 100
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    """Every week on `weekday` (0 = Monday) from `starts` to `ends`, wall clock in `tz`.

    `ends` not after `starts`: it ends the next day (22:00 to 01:00; 16:00 to 00:00 is until midnight).
    valid_from, valid_until: first and last date it holds on, None = always.
    """

    weekday: int
    starts: time
    ends: time
    tz: str
    valid_from: date | None = None
    valid_until: date | None = None

    def holds_on(self, day: date) -> bool:
        return (
            day.weekday() == self.weekday
            and (self.valid_from is None or day >= self.valid_from)
            and (self.valid_until is None or day <= self.valid_until)
        )


@dataclass(frozen=True, slots=True)
class DatedException:
    """Away: nothing in it. Extra: open although the week says otherwise. Away wins over extra."""

    kind: Literal["away", "extra"]
    window: Window


@dataclass(frozen=True, slots=True)
class Limits:
    """notice: from now to the earliest start. buffer: free time before and after every lesson. 0 = no limit."""

    notice: timedelta = timedelta(0)
    buffer: timedelta = timedelta(0)
    most_a_day: int = 0
    most_a_week: int = 0


@dataclass(frozen=True, slots=True)
class Availability:
    """Of one person. tz: where "a day" and "a week" (from Monday) are counted. holidays: dates there."""

    tz: str
    hours: tuple[WeeklyHours, ...] = ()
    exceptions: tuple[DatedException, ...] = ()
    holidays: frozenset[date] = frozenset()
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class ClockNote:
    """A day on which the clocks change inside the weekly hours: so much more (or, negative, less) time is open."""

    day: date
    gained: timedelta
    hours: WeeklyHours


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a time is not possible. words: a message id with {places}, to be translated; params fill them in."""

    code: str
    words: str
    params: dict[str, object] = field(default_factory=dict[str, object])


def check_hours(hours: Sequence[WeeklyHours]) -> None:
    """InvalidInput for an unknown zone or weekday, too many rules, dates in the wrong order, or an overlap."""
    if len(hours) > MAX_RULES:
        raise InvalidInput("hours", "A week has {most} entries at most.", most=MAX_RULES)
    for one in hours:
        zone(one.tz)
        if not 0 <= one.weekday <= 6:
            raise InvalidInput("hours", "Please choose a day of the week.")
        if one.valid_from and one.valid_until and one.valid_until < one.valid_from:
            raise InvalidInput("hours", "The last day is before the first.")
    for index, one in enumerate(hours):
        for other in hours[index + 1 :]:
            if _same_time(one, other) and _clash(one, other):
                raise InvalidInput(
                    "hours",
                    "These hours overlap: {one} and {other}.",
                    one=f"{one.starts:%H:%M}–{one.ends:%H:%M}",
                    other=f"{other.starts:%H:%M}–{other.ends:%H:%M}",
                )


def open_windows(who: Availability, within: Window) -> list[Window]:
    """When they are open inside `within`, lessons and busy times not looked at. Sorted, merged, UTC."""
    weekly = [window for one in who.hours for window in _weekly(one, within)]
    extra = [one.window for one in who.exceptions if one.kind == "extra"]
    away = [one.window for one in who.exceptions if one.kind == "away"]
    closed = [*away, *_holidays(who, within)]
    return common(without([*weekly, *extra], closed), [within])


def free_windows(who: Availability, busy: Iterable[Window], within: Window, now: datetime) -> list[Window]:
    """Open, not busy (with the buffer around each busy time), and not before the notice is over.

    Limits per day and week need the lesson's length to be judged: see `reasons_against`.
    """
    earliest = now.astimezone(UTC) + who.limits.notice
    if within.starts_at < earliest:
        within = Window(earliest, max(earliest, within.ends_at))
    around = [one.widened(who.limits.buffer) for one in busy]
    return without(open_windows(who, within), around)


def clock_notes(who: Availability, within: Window) -> list[ClockNote]:
    """Days in `within` on which clocks change inside weekly hours, to be said beside them."""
    notes: list[ClockNote] = []
    for one in who.hours:
        for day in _days(one, within):
            starts, ends = _local(one, day)
            real = sum((window.length for window in spans(starts, ends, zone(one.tz))), timedelta())
            if real != ends - starts:
                notes.append(ClockNote(day, real - (ends - starts), one))
    return sorted(notes, key=lambda note: (note.day, note.hours.starts))


def reasons_against(
    who: Availability, lesson: Window, booked: Sequence[Window], busy: Sequence[Window], now: datetime
) -> list[Reason]:
    """Every reason why this lesson cannot be theirs; empty = it can. booked: their lessons; busy: other things."""
    found: list[Reason] = []
    limits = who.limits
    if lesson.starts_at < now + limits.notice:
        hours = round(limits.notice / timedelta(hours=1), 1)
        found.append(Reason("notice", N_("asks for {hours} hours' notice"), {"hours": f"{hours:g}"}))
    if not any(one.contains(lesson) for one in open_windows(who, lesson)):
        found.append(_closed(who, lesson))
    if any(one.overlaps(lesson) for one in booked):
        found.append(Reason("booked", N_("has another lesson then")))
    elif any(one.widened(limits.buffer).overlaps(lesson) for one in booked):
        minutes = int(limits.buffer / timedelta(minutes=1))
        found.append(Reason("buffer", N_("needs {minutes} minutes between lessons"), {"minutes": minutes}))
    if any(one.overlaps(lesson) for one in busy):
        found.append(Reason("busy", N_("is busy in their own calendar")))
    found += _over_limits(who, lesson, booked)
    return found


def _closed(who: Availability, lesson: Window) -> Reason:
    """Which of the three: a holiday, away, or simply not their hours."""
    if common(_holidays(who, lesson), [lesson]):
        return Reason("holiday", N_("has a holiday"))
    if any(one.kind == "away" and one.window.overlaps(lesson) for one in who.exceptions):
        return Reason("away", N_("is away"))
    return Reason("hours", N_("does not work at that time"))


def _over_limits(who: Availability, lesson: Window, booked: Sequence[Window]) -> list[Reason]:
    here = zone(who.tz)
    day = lesson.starts_at.astimezone(here).date()
    days = [one.starts_at.astimezone(here).date() for one in booked]
    found: list[Reason] = []
    most = who.limits.most_a_day
    if most and sum(one == day for one in days) >= most:
        found.append(Reason("day_full", N_("already has {most} lessons that day"), {"most": most}))
    most = who.limits.most_a_week
    if most and sum(one.isocalendar()[:2] == day.isocalendar()[:2] for one in days) >= most:
        found.append(Reason("week_full", N_("already has {most} lessons that week"), {"most": most}))
    return found


def _weekly(one: WeeklyHours, within: Window) -> Iterable[Window]:
    for day in _days(one, within):
        yield from spans(*_local(one, day), zone(one.tz))


def _days(one: WeeklyHours, within: Window) -> Iterable[date]:
    """Dates whose hours may touch `within`: they may have begun the day before."""
    here = zone(one.tz)
    day = within.starts_at.astimezone(here).date() - 2 * DAY
    last = within.ends_at.astimezone(here).date() + DAY
    day += DAY * ((one.weekday - day.weekday()) % 7)
    while day <= last:
        if one.holds_on(day):
            yield day
        day += 7 * DAY


def _local(one: WeeklyHours, day: date) -> tuple[datetime, datetime]:
    starts, ends = datetime.combine(day, one.starts), datetime.combine(day, one.ends)
    return starts, ends if ends > starts else ends + DAY


def _holidays(who: Availability, within: Window) -> list[Window]:
    here = zone(who.tz)
    first = within.starts_at.astimezone(here).date() - DAY
    last = within.ends_at.astimezone(here).date() + DAY
    days = (datetime.combine(day, time(0)) for day in who.holidays if first <= day <= last)
    return merged(window for day in days for window in spans(day, day + DAY, here))


def _same_time(one: WeeklyHours, other: WeeklyHours) -> bool:
    """Whether both hold on some day."""
    starts = max((one.valid_from or date.min), (other.valid_from or date.min))
    ends = min((one.valid_until or date.max), (other.valid_until or date.max))
    return starts <= ends


def _clash(one: WeeklyHours, other: WeeklyHours) -> bool:
    """By the minutes of a week, wall clock; rules of different zones are compared as they are written."""
    if one.tz != other.tz:
        return False
    week = 7 * 24 * 60
    first, second = _minutes(one), _minutes(other)
    return any(first[0] < second[1] + shift and second[0] + shift < first[1] for shift in (-week, 0, week))


def _minutes(one: WeeklyHours) -> tuple[int, int]:
    starts, ends = _local(one, date(2024, 1, 1) + DAY * one.weekday)
    begin = one.weekday * 24 * 60 + starts.hour * 60 + starts.minute
    return begin, begin + int((ends - starts) / timedelta(minutes=1))
