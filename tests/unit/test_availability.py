"""When somebody may be booked, held against the zone data minute by minute."""

import itertools
import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidInput
from core.scheduling import availability
from core.scheduling.availability import Availability, DatedException, Limits, WeeklyHours
from core.scheduling.windows import Window, common, merged, span, without
from core.scheduling.zones import clock_changes, instant, spans

pytestmark = pytest.mark.unit

AWKWARD = (
    "Europe/Lisbon",
    "America/New_York",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "America/St_Johns",
    "Asia/Tehran",
    "Antarctica/Troll",
)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LISBON = ZoneInfo("Europe/Lisbon")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(starts: str, ends: str) -> Window:
    return Window(at(starts), at(ends))


def by_the_minute(starts: datetime, ends: datetime, zone: ZoneInfo) -> set[datetime]:
    """The oracle: every minute whose wall clock is inside."""
    first = starts.replace(tzinfo=UTC) - timedelta(hours=20)
    count = int((ends - starts + timedelta(hours=40)) / MINUTE)
    moments = (first + MINUTE * number for number in range(count))
    return {one for one in moments if starts <= one.astimezone(zone).replace(tzinfo=None) < ends}


def minutes(windows: list[Window]) -> set[datetime]:
    return {one.starts_at + MINUTE * number for one in windows for number in range(int(one.length / MINUTE))}


def changes(name: str, first: int, last: int) -> list[datetime]:
    """Moments (to the hour) around which a zone's offset changes in these years."""
    zone, found = ZoneInfo(name), list[datetime]()
    moment, before = datetime(first, 1, 1, tzinfo=UTC), None
    while moment.year <= last:
        offset = moment.astimezone(zone).utcoffset()
        if before is not None and offset != before:
            found.append(moment)
        before, moment = offset, moment + HOUR
    return found


CHANGES = [(name, one) for name in AWKWARD for one in changes(name, 2010, 2012)]


@settings(deadline=None)
@given(st.sampled_from(CHANGES), st.integers(-26, 26), st.integers(0, 59), st.integers(1, 1_440))
def test_hours_around_a_clock_change_are_exactly_those_the_wall_shows(
    change: tuple[str, datetime], hours: int, minute: int, length: int
) -> None:
    name, moment = change
    zone = ZoneInfo(name)
    starts = moment.astimezone(zone).replace(tzinfo=None, minute=minute) + HOUR * hours
    ends = starts + MINUTE * length
    assert minutes(spans(starts, ends, zone)) == by_the_minute(starts, ends, zone)


def test_no_zone_changes_twice_in_two_days() -> None:
    """What `zones` rests on. Rare zones did long ago; lessons are planned from now on."""
    for name in sorted(zoneinfo.available_timezones()):
        found = changes_by_day(name)
        assert all(b - a > 2 * DAY for a, b in itertools.pairwise(found)), name


def changes_by_day(name: str) -> list[datetime]:
    zone, found = ZoneInfo(name), list[datetime]()
    moment, before = datetime(2026, 1, 1, tzinfo=UTC), None
    while moment.year < 2028:
        offset = moment.astimezone(zone).utcoffset()
        if before is not None and offset != before:
            found.append(moment)
        before, moment = offset, moment + DAY / 2
    return found


def test_a_lesson_at_four_stays_at_four_over_the_clock_change() -> None:
    teacher = Availability("Europe/Lisbon", (WeeklyHours(0, time(16), time(18), "Europe/Lisbon"),))
    found = availability.open_windows(teacher, window("2026-03-20", "2026-04-04"))
    assert [one.starts_at.astimezone(LISBON).hour for one in found] == [16, 16]
    assert [one.starts_at.hour for one in found] == [16, 15]


def test_a_skipped_and_a_repeated_hour_are_lost_and_open_and_both_are_said() -> None:
    night = WeeklyHours(6, time(0), time(3), "Europe/Lisbon")
    teacher = Availability("Europe/Lisbon", (night,))
    spring, autumn = window("2026-03-28", "2026-03-31"), window("2026-10-24", "2026-10-27")
    assert [one.length for one in availability.open_windows(teacher, spring)] == [2 * HOUR]
    assert [one.length for one in availability.open_windows(teacher, autumn)] == [4 * HOUR]
    assert [note.gained for note in availability.clock_notes(teacher, spring)] == [-HOUR]
    assert [note.gained for note in availability.clock_notes(teacher, autumn)] == [HOUR]


def test_a_day_that_a_country_skipped_has_no_hours() -> None:
    apia = ZoneInfo("Pacific/Apia")
    assert spans(datetime(2011, 12, 30, 9), datetime(2011, 12, 30, 17), apia) == []
    assert instant(datetime(2011, 12, 30, 9), apia) == at("2011-12-30T10:00")


def test_evening_hours_go_past_midnight() -> None:
    teacher = Availability("UTC", (WeeklyHours(4, time(22), time(1), "UTC"),))
    week = window("2026-11-23", "2026-11-30")
    assert availability.open_windows(teacher, week) == [window("2026-11-27T22:00", "2026-11-28T01:00")]
    just_after = window("2026-11-28T00:00", "2026-11-28T12:00")
    assert availability.open_windows(teacher, just_after) == [window("2026-11-28T00:00", "2026-11-28T01:00")]


def test_away_and_holidays_win_over_extra_and_extra_over_the_week() -> None:
    teacher = Availability(
        "UTC",
        (WeeklyHours(0, time(9), time(12), "UTC"),),
        (
            DatedException("extra", window("2026-11-24T10:00", "2026-11-24T16:00")),
            DatedException("away", window("2026-11-24T12:00", "2026-11-24T13:00")),
        ),
        frozenset({date(2026, 11, 30)}),
    )
    assert availability.open_windows(teacher, window("2026-11-23", "2026-12-06")) == [
        window("2026-11-23T09:00", "2026-11-23T12:00"),
        window("2026-11-24T10:00", "2026-11-24T12:00"),
        window("2026-11-24T13:00", "2026-11-24T16:00"),
    ]


def test_free_leaves_out_busy_times_their_buffer_and_the_notice() -> None:
    teacher = Availability(
        "UTC",
        (WeeklyHours(0, time(9), time(17), "UTC"),),
        limits=Limits(notice=2 * HOUR, buffer=15 * MINUTE),
    )
    busy = [window("2026-11-23T13:00", "2026-11-23T14:00")]
    found = availability.free_windows(
        teacher, busy, window("2026-11-23", "2026-11-24"), at("2026-11-23T08:30")
    )
    assert found == [
        window("2026-11-23T10:30", "2026-11-23T12:45"),
        window("2026-11-23T14:15", "2026-11-23T17:00"),
    ]


@pytest.mark.parametrize(
    ("starts", "code"),
    [
        ("2026-11-23T10:00", "notice"),
        ("2026-11-24T10:00", "hours"),
        ("2026-11-30T10:00", "holiday"),
        ("2026-12-07T10:00", "away"),
        ("2026-12-14T10:30", "booked"),
        ("2026-12-14T12:10", "buffer"),
        ("2026-12-14T16:00", "busy"),
        ("2026-12-14T14:00", "day_full"),
        ("2026-12-16T10:00", "week_full"),
        ("2026-12-21T10:00", ""),
    ],
)
def test_every_refusal_has_its_reason(starts: str, code: str) -> None:
    days = tuple(WeeklyHours(day, time(9), time(17), "UTC") for day in (0, 2))
    teacher = Availability(
        "UTC",
        days,
        (DatedException("away", window("2026-12-07", "2026-12-08")),),
        frozenset({date(2026, 11, 30)}),
        Limits(notice=24 * HOUR, buffer=15 * MINUTE, most_a_day=2, most_a_week=2),
    )
    booked = [window(f"2026-12-14T{hour}:00", f"2026-12-14T{hour + 1}:00") for hour in (10, 11)]
    busy = [window("2026-12-14T16:30", "2026-12-14T17:00")]
    lesson = span(at(starts), HOUR)
    found = availability.reasons_against(teacher, lesson, booked, busy, at("2026-11-22T12:00"))
    assert code in [reason.code for reason in found] if code else found == []
    for reason in found:
        assert reason.words.format(**reason.params)


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        ([WeeklyHours(0, time(9), time(12), "Mars/Base")], "time zone"),
        ([WeeklyHours(7, time(9), time(12), "UTC")], "day of the week"),
        (
            [WeeklyHours(0, time(9), time(12), "UTC"), WeeklyHours(0, time(11), time(13), "UTC")],
            "overlap: 09:00–12:00 and 11:00–13:00",
        ),
        (
            [WeeklyHours(6, time(22), time(2), "UTC"), WeeklyHours(0, time(1), time(3), "UTC")],
            "overlap",
        ),
        (
            [WeeklyHours(0, time(9), time(12), "UTC", date(2026, 2, 1), date(2026, 1, 1))],
            "last day is before",
        ),
        ([WeeklyHours(n % 7, time(n // 7), time(n // 7, 30), "UTC") for n in range(120)], "100 entries"),
    ],
)
def test_hours_that_make_no_sense_are_refused(hours: list[WeeklyHours], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        availability.check_hours(hours)


def test_hours_that_follow_each_other_or_hold_at_other_times_are_fine() -> None:
    availability.check_hours(
        [
            WeeklyHours(0, time(9), time(12), "UTC"),
            WeeklyHours(0, time(12), time(13), "UTC"),
            WeeklyHours(1, time(9), time(12), "UTC", valid_until=date(2026, 6, 30)),
            WeeklyHours(1, time(10), time(11), "UTC", valid_from=date(2026, 7, 1)),
        ]
    )


@st.composite
def lists_of_windows(draw: st.DrawFn) -> list[Window]:
    pairs = draw(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=12))
    start = at("2026-11-23T00:00")
    return [Window(start + MINUTE * a, start + MINUTE * (a + length)) for a, length in pairs]


@settings(deadline=None)
@given(lists_of_windows(), lists_of_windows())
def test_windows_are_sets_of_minutes(some: list[Window], others: list[Window]) -> None:
    assert minutes(common(some, others)) == minutes(some) & minutes(others)
    assert minutes(without(some, others)) == minutes(some) - minutes(others)
    for result in (merged(some), common(some, others), without(some, others)):
        assert result == sorted(result)
        assert all(one.starts_at < one.ends_at for one in result)
        assert minutes(result) == minutes(merged(result))


@pytest.mark.parametrize(
    ("name", "first", "shows", "then"),
    [
        ("Europe/Lisbon", date(2026, 3, 1), "2026-03-29T01:00", "2026-03-29T02:00"),
        ("Europe/Lisbon", date(2026, 10, 1), "2026-10-25T02:00", "2026-10-25T01:00"),
        ("Australia/Lord_Howe", date(2026, 10, 1), "2026-10-04T02:00", "2026-10-04T02:30"),
        ("Africa/Casablanca", date(2026, 2, 1), "2026-02-15T03:00", "2026-02-15T02:00"),
        ("Pacific/Auckland", date(2026, 9, 27), "2026-09-27T02:00", "2026-09-27T03:00"),
        ("Pacific/Apia", date(2011, 12, 20), "2011-12-30T00:00", "2011-12-31T00:00"),
    ],
)
def test_a_clock_change_is_said_in_wall_clock_times(name: str, first: date, shows: str, then: str) -> None:
    found = clock_changes(first, first + 40 * DAY, ZoneInfo(name))[0]
    assert (found.shows, found.then) == (datetime.fromisoformat(shows), datetime.fromisoformat(then))
    assert found.skips == (found.then > found.shows)


@pytest.mark.parametrize("name", ["Asia/Kathmandu", "America/Sao_Paulo", "Pacific/Kiritimati"])
def test_zones_without_summer_time_have_no_clock_changes(name: str) -> None:
    assert clock_changes(date(2026, 1, 1), date(2026, 12, 31), ZoneInfo(name)) == []
