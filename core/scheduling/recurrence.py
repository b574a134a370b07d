"""A series of lessons: RFC 5545 recurrence in local time, bounded, with dates left out. Pure.

The wall clock repeats, not the moment: "every Tuesday at 16:00" stays at 16:00 over a clock change. A start that
the clocks skip moves to the moment of the change, one that comes twice is the first of the two.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice

from dateutil.rrule import rrule, rrulestr

from core.errors import InvalidInput
from core.scheduling.times import zone
from core.scheduling.zones import instant

MOST = 400
"""Lessons in one series; more is an error, so that nobody fills a calendar by a slip."""
LOOKED_AT = 5_000
"""Dates a rule may name before it is given up: most of them would have been left out."""
HORIZON = timedelta(days=3 * 366)
MAX_TEXT = 500
_PARTS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "WKST"}
_EVERY = {"DAILY": 366, "WEEKLY": 53, "MONTHLY": 12, "YEARLY": 3}
"""FREQ and the largest INTERVAL that makes sense within the horizon."""
_WEEK = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_DAYS_IN = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """local: naive wall clock of the rule. starts_at: UTC. moved: the clocks skip that time, it is a little later."""

    local: datetime
    starts_at: datetime
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """rule: "FREQ=WEEKLY;BYDAY=TU,TH". first: naive wall clock in tz; it is the first date the rule may name.

    until: last local date. count: how many lessons, the ones left out not counted, as a package of lessons is.
    skip: dates without a lesson (holidays, away). At least one of UNTIL, COUNT, until and count must end it.
    """

    rule: str
    first: datetime
    tz: str
    until: date | None = None
    count: int | None = None
    skip: frozenset[date] = frozenset()


def occurrences(series: Series) -> list[Occurrence]:
    """All lessons of the series, in order.

    InvalidInput: a rule that cannot be read, never ends, names no date, or more than MOST.
    """
    here = zone(series.tz)
    rule = _parsed(series)
    found: list[Occurrence] = []
    for local in _named(series, rule):
        starts_at = instant(local, here)
        shown = starts_at.astimezone(here).replace(tzinfo=None)
        found.append(Occurrence(local, starts_at, shown != local))
        if series.count is not None and len(found) == series.count:
            break
        if len(found) > MOST:
            raise InvalidInput("rule", "A series has {most} lessons at most.", most=MOST)
    if not found:
        raise InvalidInput("rule", "These rules name no date at all.")
    return found


def rest(series: Series, day: date) -> Series:
    """The part of a series from `day` on, a date it names, as a series of its own; counts are what is left."""
    until = min(day, series.until or day)
    named = [
        one.local.date() for one in occurrences(replace(series, skip=frozenset(), count=None, until=until))
    ]
    parts = _parts(series.rule)
    if "COUNT" in parts:
        parts["COUNT"] = str(int(parts["COUNT"]) - sum(one < day for one in named))
    had = sum(one < day and one not in series.skip for one in named)
    return replace(
        series,
        rule=_text(parts),
        first=datetime.combine(day, series.first.time()),
        count=None if series.count is None else max(1, series.count - had),
    )


def endless(rule: str) -> str:
    """The rule without its COUNT and UNTIL, for who says the end otherwise. InvalidInput for what is no rule."""
    parts = _parts(rule)
    return _text({name: value for name, value in parts.items() if name not in ("COUNT", "UNTIL")})


def shifted(series: Series, days: int, clock: time) -> Series:
    """Every date so many days later (negative: earlier), at another wall clock; the dates left out stay theirs.

    InvalidInput when the rule cannot say that ("the last Friday of the month" and a day later).
    """
    parts = _parts(series.rule)
    if "BYDAY" in parts and days % 7:
        parts["BYDAY"] = ",".join(_turned(one, days) for one in parts["BYDAY"].split(","))
    until, last = series.until, _until(parts.pop("UNTIL", ""), series)
    if last != datetime.max:
        until = min(last.date(), until or date.max)
    by = timedelta(days=days)
    moved = replace(
        series,
        rule=_text(parts),
        first=datetime.combine(series.first.date() + by, clock),
        until=until + by if until else None,
    )
    before, after = (occurrences(replace(one, skip=frozenset())) for one in (series, moved))
    if [one.local.date() + by for one in before] != [one.local.date() for one in after]:
        raise InvalidInput("rule", "This repetition names days of its own. Please choose the days anew.")
    return moved


def _turned(day: str, days: int) -> str:
    """A day of BYDAY so many days later: TU and 2 is TH. Numbers before it ("2TU") stay."""
    number, name = day[:-2], day[-2:]
    if name not in _WEEK:
        raise InvalidInput("rule", "We cannot read this repetition: {rule}.", rule=day[:80])
    return number + _WEEK[(_WEEK.index(name) + days) % 7]


def _text(parts: dict[str, str]) -> str:
    return ";".join(f"{name}={value}" for name, value in parts.items())


def _named(series: Series, rule: "_Rule") -> Iterator[datetime]:
    """Dates of the rule that are not left out, up to its end, the series' and the horizon."""
    last = min(series.first + HORIZON, rule.last)
    if series.until is not None:
        last = min(last, datetime.combine(series.until, time.max))
    for local in islice(rule.dates, min(LOOKED_AT, rule.count)):
        if local > last:
            return
        if local.date() not in series.skip:
            yield local


@dataclass(frozen=True, slots=True)
class _Rule:
    """dates: endless, so that COUNT and UNTIL are ours to judge: RFC 5545 forbids both in one rule."""

    dates: rrule
    count: int
    last: datetime


def _parsed(series: Series) -> _Rule:
    parts = _parts(series.rule)
    if "COUNT" not in parts and "UNTIL" not in parts and series.until is None and series.count is None:
        raise InvalidInput("rule", "Please say when the series ends.")
    if series.count is not None and not 1 <= series.count <= MOST:
        raise InvalidInput("count", "A series has {most} lessons at most.", most=MOST)
    if series.until is not None and series.until < series.first.date():
        raise InvalidInput("until", "The last day is before the first.")
    try:
        count = int(parts.pop("COUNT", LOOKED_AT))
        last = _until(parts.pop("UNTIL", ""), series)
        _check(parts)
        dates = rrulestr(_text(parts), dtstart=series.first.replace(microsecond=0))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError) as error:
        raise InvalidInput(
            "rule", "We cannot read this repetition: {rule}.", rule=series.rule[:80]
        ) from error
    assert isinstance(dates, rrule)
    if count < 1:
        raise InvalidInput("rule", "These rules name no date at all.")
    return _Rule(dates, count, last)


def _parts(rule: str) -> dict[str, str]:
    """NAME=VALUE pairs in capitals. Parts that lessons have no use for are refused, not passed over."""
    pairs = [part.partition("=") for part in rule.upper().removeprefix("RRULE:").split(";") if part]
    parts = {name.strip(): value.strip() for name, _, value in pairs}
    if len(rule) > MAX_TEXT or len(parts) != len(pairs) or not parts.keys() <= _PARTS or "FREQ" not in parts:
        raise InvalidInput("rule", "We cannot read this repetition: {rule}.", rule=rule[:80])
    return parts


def _until(text: str, series: Series) -> datetime:
    """UNTIL as naive local time: a date counts whole, a UTC time is brought to the zone."""
    if not text:
        return datetime.max
    if "T" not in text:
        return datetime.combine(datetime.strptime(text, "%Y%m%d").date(), time.max)
    if text.endswith("Z"):
        moment = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return moment.astimezone(zone(series.tz)).replace(tzinfo=None)
    return datetime.strptime(text, "%Y%m%dT%H%M%S")


def _check(parts: dict[str, str]) -> None:
    """ValueError for a rule that would be looked through for years without a date."""
    most = _EVERY[parts["FREQ"]]
    if not 1 <= int(parts.get("INTERVAL", 1)) <= most:
        raise ValueError("INTERVAL")
    months = [int(one) for one in parts["BYMONTH"].split(",")] if "BYMONTH" in parts else range(1, 13)
    if not all(1 <= month <= 12 for month in months):
        raise ValueError("BYMONTH")
    if "BYMONTHDAY" in parts:
        days = [abs(int(one)) for one in parts["BYMONTHDAY"].split(",")]
        if not any(1 <= day <= _DAYS_IN[month - 1] for month in months for day in days):
            raise ValueError("BYMONTHDAY")
    if "BYSETPOS" in parts:
        few = all(1 <= abs(int(one)) <= 4 for one in parts["BYSETPOS"].split(","))
        if not few or "BYDAY" not in parts or "BYMONTHDAY" in parts or parts["FREQ"] != "MONTHLY":
            raise ValueError("BYSETPOS")
