"""A series in a calendar: whatever happened to it, programs expand the file to exactly its lessons."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import recurring_ical_events
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from core.scheduling import ics
from core.scheduling.ics_series import Held, repeated, start_of
from core.scheduling.recurrence import Series, occurrences

pytestmark = pytest.mark.unit

LENGTH = timedelta(minutes=45)
RULES = (
    "FREQ=WEEKLY;COUNT=12",
    "FREQ=WEEKLY;BYDAY=TU,TH;COUNT=20",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;COUNT=12",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU;COUNT=12",
    "FREQ=DAILY;INTERVAL=3;UNTIL=20270601",
    "FREQ=MONTHLY;BYDAY=-1FR;COUNT=8",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE;BYSETPOS=1,2;COUNT=9",
    "FREQ=MONTHLY;BYMONTHDAY=31;COUNT=5",
)
ZONES = (
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Europe/Lisbon",
    "America/New_York",
    "UTC",
)


def series(rule: str, tz: str = "Europe/Lisbon", clock: str = "16:00") -> Series:
    return Series(rule, datetime.fromisoformat(f"2027-01-31T{clock}"), tz)


def held(rule: Series) -> list[Held]:
    """Its lessons as they are booked."""
    return [Held(one.local.date(), one.starts_at, one.starts_at + LENGTH) for one in occurrences(rule)]


def written(rule: Series, lessons: list[Held]) -> bytes:
    now = datetime(2027, 1, 1, tzinfo=UTC)
    entry = ics.Entry("series@hilink.example", 7, now, now, now, "Algebra with Sam")
    return ics.calendar(repeated(rule, LENGTH, lessons, entry), rule.tz, method="REQUEST")


def events(raw: bytes) -> list[Any]:
    book: Any = Calendar.from_ical(raw)
    found = book.walk("VEVENT")
    assert all(event.errors == [] for event in found)
    return found


def expanded(raw: bytes) -> list[tuple[datetime, datetime]]:
    """What a calendar program shows, in UTC."""
    book: Any = Calendar.from_ical(raw)
    found: Any = recurring_ical_events.of(book).between(datetime(2026, 1, 1), datetime(2031, 1, 1))
    return sorted((one["DTSTART"].dt.astimezone(UTC), one["DTEND"].dt.astimezone(UTC)) for one in found)


def times(lessons: list[Held]) -> list[tuple[datetime, datetime]]:
    return sorted((one.starts_at, one.ends_at) for one in lessons)


@pytest.mark.parametrize("tz", ZONES)
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_expands_to_its_lessons_over_the_clock_changes(rule: str, tz: str) -> None:
    one = series(rule, tz)
    raw = written(one, held(one))
    assert len(events(raw)) == 1
    assert expanded(raw) == times(held(one))


def test_the_rule_stands_in_its_own_zone_and_ends_in_utc() -> None:
    one = series("FREQ=WEEKLY;COUNT=12", "America/New_York")
    raw = written(one, held(one))
    (event,) = events(raw)
    assert (event["DTSTART"].params["TZID"], event["DTSTART"].dt.hour) == ("America/New_York", 16)
    assert "RRULE:FREQ=WEEKLY;UNTIL=20270418T200000Z" in raw.decode()
    assert b"BEGIN:VTIMEZONE\r\nTZID:America/New_York" in raw


def test_a_lesson_that_is_not_held_is_left_out() -> None:
    one = series("FREQ=WEEKLY;COUNT=6")
    lessons = held(one)
    del lessons[3]
    raw = written(one, lessons)
    (event,) = events(raw)
    assert [day.dt for day in event["EXDATE"].dts] == [
        datetime(2027, 2, 21, 16, tzinfo=ZoneInfo("Europe/Lisbon"))
    ]
    assert expanded(raw) == times(lessons)


def test_it_begins_and_ends_with_the_lessons_there_are() -> None:
    one = series("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,WE;COUNT=20")
    lessons = held(one)[3:9]
    raw = written(one, lessons)
    assert "EXDATE" not in events(raw)[0]
    assert expanded(raw) == times(lessons)


def test_a_lesson_that_was_moved_or_is_longer_names_the_date_it_was_on() -> None:
    one = series("FREQ=WEEKLY;COUNT=6")
    lessons = held(one)
    moved = Held(
        lessons[2].day, lessons[2].starts_at + timedelta(days=1), lessons[2].ends_at + timedelta(days=1)
    )
    longer = Held(lessons[4].day, lessons[4].starts_at, lessons[4].ends_at + LENGTH)
    lessons[2], lessons[4] = moved, longer
    raw = written(one, lessons)
    _, *others = events(raw)
    assert [event["RECURRENCE-ID"].dt for event in others] == [
        start_of(one, day.day) for day in (moved, longer)
    ]
    assert {event["UID"] for event in events(raw)} == {"series@hilink.example"}
    assert expanded(raw) == times(lessons)


def test_lessons_while_the_clocks_change_are_named_one_by_one() -> None:
    for day in (date(2027, 3, 28), date(2027, 10, 31)):
        first = datetime.combine(day - timedelta(days=14), time(1, 30))
        one = Series("FREQ=WEEKLY;COUNT=5", first, "Europe/Lisbon")
        raw = written(one, held(one))
        assert [event["RECURRENCE-ID"].dt.date() for event in events(raw)[1:]] == [day]
        assert expanded(raw) == times(held(one))


@settings(deadline=None)
@given(
    rule=st.sampled_from(RULES),
    tz=st.sampled_from(ZONES),
    clock=st.sampled_from(("00:15", "02:30", "16:00", "23:45")),
    changes=st.lists(st.sampled_from(("", "", "gone", "moved", "longer")), min_size=60, max_size=60),
)
def test_whatever_happened_to_its_lessons(rule: str, tz: str, clock: str, changes: list[str]) -> None:
    one = series(rule, tz, clock)
    lessons: list[Held] = []
    for lesson, change in zip(held(one), changes, strict=False):
        if change == "gone":
            continue
        by = timedelta(hours=30 if change == "moved" else 0)
        more = LENGTH if change == "longer" else timedelta()
        lessons.append(Held(lesson.day, lesson.starts_at + by, lesson.ends_at + by + more))
    # The length is that of the first one, and a program cannot tell how long it is when the clocks change in it.
    assume(
        lessons
        and (start_of(one, lessons[0].day) + LENGTH).utcoffset() == start_of(one, lessons[0].day).utcoffset()
    )
    assert expanded(written(one, lessons)) == times(lessons)
