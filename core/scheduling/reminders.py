"""When somebody is reminded of a lesson: their own times before it, none of them in their quiet hours. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.scheduling.zones import instant

JUST_BEFORE = timedelta(minutes=5)
"""A reminder that would fall into quiet hours comes this long before they begin."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How one person wants to be reminded. before_s: seconds before the start, none twice.

    quiet_from, quiet_until: "21:00", wall clock in `tz`; "" = never quiet.
    """

    before_s: tuple[int, ...]
    tz: str
    quiet_from: str = ""
    quiet_until: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Reminder:
    """due: aware UTC. before_s: the wish it comes from; quiet hours may have made it earlier."""

    due: datetime
    before_s: int


def reminders(starts_at: datetime, wish: Wish) -> list[Reminder]:
    """All reminders of one lesson, earliest first, at most one a moment: the one nearest to the lesson."""
    found: dict[datetime, Reminder] = {}
    for before_s in sorted(wish.before_s, reverse=True):
        due = _outside_quiet(starts_at - timedelta(seconds=before_s), wish)
        found[due] = Reminder(due, before_s)
    return sorted(found.values())


def due_between(starts_at: datetime, wish: Wish, after: datetime, until: datetime) -> Reminder | None:
    """The newest one in (after, until]. One only: after an outage three reminders at once help nobody."""
    fitting = [one for one in reminders(starts_at, wish) if after < one.due <= until]
    return fitting[-1] if fitting else None


def next_due(starts_at: datetime, wishes: Sequence[Wish], after: datetime) -> datetime | None:
    """When the first reminder of anybody is due after this time."""
    times = (one.due for wish in wishes for one in reminders(starts_at, wish) if one.due > after)
    return min(times, default=None)


def _outside_quiet(due: datetime, wish: Wish) -> datetime:
    """The same moment, or shortly before the quiet hours it falls into."""
    if not wish.quiet_from or not wish.quiet_until or wish.quiet_from == wish.quiet_until:
        return due
    begins, ends = time.fromisoformat(wish.quiet_from), time.fromisoformat(wish.quiet_until)
    zone = ZoneInfo(wish.tz)
    local = due.astimezone(zone)
    at = local.time().replace(tzinfo=None, fold=0)
    over_midnight = begins > ends
    quiet = at >= begins or at < ends if over_midnight else begins <= at < ends
    if not quiet:
        return due
    day = local.date() - timedelta(days=1) if over_midnight and at < ends else local.date()
    return instant(datetime.combine(day, begins), zone) - JUST_BEFORE
