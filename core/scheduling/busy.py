"""A calendar kept elsewhere, as times at which its owner is busy. Pure; what the events are is not looked at.

Run as a program it reads one JSON object and writes another, so that a calendar somebody made to hurt can be read in
a process with limits: {"text", "tz", "from", "until"} -> {"busy": [[start, end]]} or {"error": code}. Times are ISO 8601.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from core.scheduling.times import zone
from core.scheduling.windows import Window, merged

MOST_EVENTS = 10_000
MOST_TIMES = 4_000
CPU_S = 20
MEMORY_BYTES = 1 << 30
_OFTEN = ("SECONDLY", "MINUTELY")


class CalendarError(ValueError):
    """kind: not_a_calendar | too_many_events | too_hard (it takes too long to read)."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(kind)


def busy_windows(text: str, within: Window, tz: str) -> list[Window]:
    """Busy times that touch `within`, merged, UTC. CalendarError.

    tz: where its owner lives: whole days and times without a zone are theirs. Recurring events are rolled out,
    with their exceptions; what is cancelled or marked as free is left out.
    """
    from icalendar import Calendar  # the child's work: no role loads it

    here = zone(tz)
    try:
        book = Calendar.from_ical(text)
    except (ValueError, IndexError, KeyError) as error:
        raise CalendarError("not_a_calendar") from error
    _check_size(book)
    found: list[Window] = []
    for event in _occurrences(book, within):
        window = _window(event, here)
        if window is not None and window.overlaps(within):
            found.append(window)
            if len(found) > MOST_TIMES:
                raise CalendarError("too_many_events")
    return merged(found)


def read_apart(text: str, within: Window, tz: str) -> list[Window]:
    """The same in a process of its own, with limits on processor time and memory. CalendarError."""
    asked = {
        "text": text,
        "tz": tz,
        "from": within.starts_at.isoformat(),
        "until": within.ends_at.isoformat(),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", "core.scheduling.busy"],
            input=json.dumps(asked).encode(),
            capture_output=True,
            timeout=3 * CPU_S,
            check=True,
        )
        answer: dict[str, Any] = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError) as error:
        raise CalendarError("too_hard") from error
    if "error" in answer:
        raise CalendarError(answer["error"])
    return [
        Window(datetime.fromisoformat(one), datetime.fromisoformat(other)) for one, other in answer["busy"]
    ]


def _check_size(book: Any) -> None:
    events = book.walk("VEVENT")
    if len(events) > MOST_EVENTS:
        raise CalendarError("too_many_events")
    for event in events:
        found: Any = event.get("RRULE", [])
        rules = cast("list[Any]", found if isinstance(found, list) else [found])
        if any(str(part).upper() in _OFTEN for rule in rules for part in rule.get("FREQ", [])):
            raise CalendarError("too_hard")


def _occurrences(book: Any, within: Window) -> Iterator[Any]:
    """In order, one after the other: a rule without an end is followed no farther than `within`."""
    import recurring_ical_events  # pyright: ignore[reportMissingTypeStubs]

    query = cast("Any", recurring_ical_events).of(book, skip_bad_series=True)
    for event in query.after(within.starts_at):
        start = event["DTSTART"].dt
        day = start.date() if isinstance(start, datetime) else start
        if day > within.ends_at.date() + timedelta(days=1):
            return
        yield event


def _window(event: Any, here: ZoneInfo) -> Window | None:
    """None for what does not make its owner busy."""
    transparent = str(event.get("TRANSP", "")).upper() == "TRANSPARENT"
    if transparent or str(event.get("STATUS", "")).upper() == "CANCELLED":
        return None
    start = event["DTSTART"].dt
    if "DTEND" in event:
        end = event["DTEND"].dt
    elif "DURATION" in event:
        end = start + event["DURATION"].dt
    else:
        end = start + timedelta(days=1) if not isinstance(start, datetime) else start
    window = Window(_moment(start, here), _moment(end, here))
    return window if window.ends_at > window.starts_at else None


def _moment(value: date | datetime, here: ZoneInfo) -> datetime:
    if not isinstance(value, datetime):
        value = datetime.combine(value, time(0))
    return (value if value.tzinfo else value.replace(tzinfo=here)).astimezone(UTC)


def _main() -> None:
    _limit()
    asked: dict[str, Any] = json.load(sys.stdin)
    within = Window(datetime.fromisoformat(asked["from"]), datetime.fromisoformat(asked["until"]))
    try:
        found = busy_windows(asked["text"], within, asked["tz"])
        answer: dict[str, Any] = {
            "busy": [[one.starts_at.isoformat(), one.ends_at.isoformat()] for one in found]
        }
    except CalendarError as error:
        answer = {"error": error.kind}
    except Exception:  # the border: whatever a stranger's calendar does to the libraries, it cannot be read
        answer = {"error": "not_a_calendar"}
    json.dump(answer, sys.stdout)


def _limit() -> None:
    try:
        import resource
    except ImportError:  # not on Windows; there the parent's time limit is all
        return
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


if __name__ == "__main__":
    _main()
