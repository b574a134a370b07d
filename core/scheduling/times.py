"""Times people ask for: wall clocks in their zone become aware times, and unreasonable ones are refused. Pure."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.errors import InvalidInput

MAX_LENGTH = timedelta(hours=6)
MAX_AHEAD = timedelta(days=730)


def zone(tz: str) -> ZoneInfo:
    """The IANA zone, or InvalidInput."""
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInput("tz", "We do not know the time zone {tz}.", tz=tz[:60]) from error


def local_time(day: str, clock: str, tz: str) -> datetime:
    """A wall-clock time ("2026-11-24", "16:00") in an IANA zone as an aware time; InvalidInput names the field.

    A time that the zone skips or has twice is taken as the earlier reading (PEP 495 fold=0).
    """
    here = zone(tz)
    try:
        return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=here)
    except ValueError as error:
        raise InvalidInput("starts_at", "Please enter a date and a time.") from error


def check_times(starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    """InvalidInput for a start in the past, an end before the start, a length or a date out of reason."""
    if starts_at.tzinfo is None or ends_at.tzinfo is None:
        raise InvalidInput("starts_at", "A time needs its time zone.")
    if starts_at <= now:
        raise InvalidInput("starts_at", "The start is in the past.")
    if ends_at <= starts_at:
        raise InvalidInput("ends_at", "The end is before the start.")
    if ends_at - starts_at > MAX_LENGTH:
        raise InvalidInput("ends_at", "A lesson lasts six hours at most.")
    if starts_at - now > MAX_AHEAD:
        raise InvalidInput("starts_at", "That is more than two years ahead.")
