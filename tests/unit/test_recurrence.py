"""Series of lessons: examples of RFC 5545, section 3.8.5.3, and what must be refused."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidInput
from core.scheduling.recurrence import LOOKED_AT, MOST, Series, occurrences, rest, shifted

pytestmark = pytest.mark.unit

NEW_YORK = "America/New_York"
FIRST = datetime(1997, 9, 2, 9)


def days(rule: str, first: datetime = FIRST, **more: Any) -> list[str]:
    found = occurrences(Series(rule, first, NEW_YORK, **more))
    return [f"{one.local:%y-%m-%d}" for one in found]


@pytest.mark.parametrize(
    ("rule", "first", "expected"),
    [
        ("FREQ=DAILY;COUNT=3", FIRST, ["97-09-02", "97-09-03", "97-09-04"]),
        ("FREQ=DAILY;INTERVAL=10;COUNT=3", FIRST, ["97-09-02", "97-09-12", "97-09-22"]),
        ("FREQ=WEEKLY;COUNT=3", FIRST, ["97-09-02", "97-09-09", "97-09-16"]),
        (
            "FREQ=WEEKLY;COUNT=4;WKST=SU;BYDAY=TU,TH",
            FIRST,
            ["97-09-02", "97-09-04", "97-09-09", "97-09-11"],
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;UNTIL=19971008T000000Z;WKST=SU;BYDAY=MO,WE,FR",
            datetime(1997, 9, 1, 9),
            [
                "97-09-01",
                "97-09-03",
                "97-09-05",
                "97-09-15",
                "97-09-17",
                "97-09-19",
                "97-09-29",
                "97-10-01",
                "97-10-03",
            ],
        ),
        ("FREQ=MONTHLY;COUNT=3;BYDAY=1FR", datetime(1997, 9, 5, 9), ["97-09-05", "97-10-03", "97-11-07"]),
        ("FREQ=MONTHLY;COUNT=3;BYDAY=-2MO", datetime(1997, 9, 22, 9), ["97-09-22", "97-10-20", "97-11-17"]),
        (
            "FREQ=MONTHLY;COUNT=3;BYMONTHDAY=-3",
            datetime(1997, 9, 28, 9),
            ["97-09-28", "97-10-29", "97-11-28"],
        ),
        (
            "FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3",
            datetime(1997, 9, 4, 9),
            ["97-09-04", "97-10-07", "97-11-06"],
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
            datetime(1997, 8, 5, 9),
            ["97-08-05", "97-08-10", "97-08-19", "97-08-24"],
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
            datetime(1997, 8, 5, 9),
            ["97-08-05", "97-08-17", "97-08-19", "97-08-31"],
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=3",
            datetime(2007, 1, 15, 9),
            ["07-01-15", "07-01-30", "07-02-15"],
        ),
        ("FREQ=YEARLY;COUNT=2;BYMONTH=6", datetime(1997, 6, 10, 9), ["97-06-10", "98-06-10"]),
    ],
)
def test_examples_of_the_standard(rule: str, first: datetime, expected: list[str]) -> None:
    assert days(rule, first) == expected


@pytest.mark.parametrize(
    ("rule", "first", "first_days", "last_day", "lessons"),
    [
        ("FREQ=DAILY;COUNT=10", FIRST, ["97-09-02", "97-09-03"], "97-09-11", 10),
        ("FREQ=DAILY;UNTIL=19971224T000000Z", FIRST, ["97-09-02"], "97-12-23", 113),
        ("FREQ=DAILY;INTERVAL=10;COUNT=5", FIRST, ["97-09-02", "97-09-12"], "97-10-12", 5),
        (
            "FREQ=YEARLY;UNTIL=20000131T140000Z;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA",
            datetime(1998, 1, 1, 9),
            ["98-01-01", "98-01-02"],
            "00-01-31",
            93,
        ),
        (
            "FREQ=DAILY;UNTIL=20000131T140000Z;BYMONTH=1",
            datetime(1998, 1, 1, 9),
            ["98-01-01", "98-01-02"],
            "00-01-31",
            93,
        ),
        ("FREQ=WEEKLY;COUNT=10", FIRST, ["97-09-02", "97-09-09"], "97-11-04", 10),
        ("FREQ=WEEKLY;UNTIL=19971224T000000Z", FIRST, ["97-09-02"], "97-12-23", 17),
        ("FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH", FIRST, ["97-09-02"], "97-10-02", 10),
        ("FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH", FIRST, ["97-09-02"], "97-10-16", 8),
        ("FREQ=MONTHLY;COUNT=10;BYDAY=1FR", datetime(1997, 9, 5, 9), ["97-09-05"], "98-06-05", 10),
        (
            "FREQ=MONTHLY;UNTIL=19971224T000000Z;BYDAY=1FR",
            datetime(1997, 9, 5, 9),
            ["97-09-05", "97-10-03", "97-11-07", "97-12-05"],
            "97-12-05",
            4,
        ),
        (
            "FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU",
            datetime(1997, 9, 7, 9),
            ["97-09-07", "97-09-28", "97-11-02", "97-11-30"],
            "98-05-31",
            10,
        ),
        ("FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15", FIRST, ["97-09-02", "97-09-15"], "98-01-15", 10),
        (
            "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1",
            datetime(1997, 9, 30, 9),
            ["97-09-30", "97-10-01", "97-10-31"],
            "98-02-01",
            10,
        ),
        ("FREQ=MONTHLY;INTERVAL=2;BYDAY=TU;COUNT=18", FIRST, ["97-09-02"], "98-03-31", 18),
        (
            "FREQ=YEARLY;COUNT=6;BYMONTH=6,7",
            datetime(1997, 6, 10, 9),
            ["97-06-10", "97-07-10", "98-06-10"],
            "99-07-10",
            6,
        ),
        (
            "FREQ=YEARLY;BYMONTH=3;BYDAY=TH;COUNT=11",
            datetime(1997, 3, 13, 9),
            ["97-03-13", "97-03-20", "97-03-27", "98-03-05"],
            "99-03-25",
            11,
        ),
        (
            "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13;COUNT=4",
            FIRST,
            ["98-02-13", "98-03-13", "98-11-13", "99-08-13"],
            "99-08-13",
            4,
        ),
        (
            "FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13;COUNT=10",
            datetime(1997, 9, 13, 9),
            ["97-09-13", "97-10-11", "97-11-08"],
            "98-06-13",
            10,
        ),
        (
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2;COUNT=7",
            datetime(1997, 9, 29, 9),
            ["97-09-29", "97-10-30", "97-11-27", "97-12-30"],
            "98-03-30",
            7,
        ),
    ],
)
def test_more_examples_of_the_standard(
    rule: str, first: datetime, first_days: list[str], last_day: str, lessons: int
) -> None:
    """Those that lessons have a use for; BYWEEKNO, BYYEARDAY and hours are refused, see below."""
    found = days(rule, first)
    assert found[: len(first_days)] == first_days
    assert (found[-1], len(found)) == (last_day, lessons)


def test_a_date_that_is_left_out_is_an_exdate() -> None:
    """The standard's Friday the 13th leaves out its own first date, which the rule does not name."""
    assert days("FREQ=WEEKLY;COUNT=3", skip=frozenset({date(1997, 9, 2)})) == ["97-09-09", "97-09-16"]


@pytest.mark.parametrize("end", [{"count": 6}, {"until": date(1997, 10, 7)}, {}])
def test_the_rest_of_a_series_is_what_was_to_come(end: dict[str, Any]) -> None:
    rule = "FREQ=WEEKLY" if end else "FREQ=WEEKLY;COUNT=6"
    series = Series(rule, FIRST, NEW_YORK, **end)
    following = occurrences(rest(series, date(1997, 9, 16)))
    assert following == occurrences(series)[2:]


def test_the_rest_of_a_package_does_not_count_holidays() -> None:
    series = Series("FREQ=WEEKLY", FIRST, NEW_YORK, count=4, skip=frozenset({date(1997, 9, 9)}))
    assert occurrences(rest(series, date(1997, 9, 16))) == occurrences(series)[1:]


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["WEEKLY", "WEEKLY;BYDAY=TU,TH", "WEEKLY;INTERVAL=2;BYDAY=TU", "DAILY;INTERVAL=3"]),
    st.integers(-10, 10),
    st.times().map(lambda one: one.replace(second=0, microsecond=0)),
)
def test_a_shifted_series_is_every_date_so_much_later(rule: str, by: int, clock: time) -> None:
    series = Series(f"FREQ={rule};COUNT=8", FIRST, "Africa/Casablanca")
    before = [one.local.date() for one in occurrences(series)]
    after = [one.local for one in occurrences(shifted(series, by, clock))]
    assert after == [datetime.combine(day + timedelta(days=by), clock) for day in before]


@pytest.mark.parametrize(
    "rule", ["MONTHLY;BYDAY=-1FR", "MONTHLY;BYMONTHDAY=2", "WEEKLY;INTERVAL=2;BYDAY=TU,SU"]
)
def test_a_rule_that_cannot_say_it_a_day_later_is_refused(rule: str) -> None:
    with pytest.raises(InvalidInput, match="days of its own"):
        shifted(Series(f"FREQ={rule};COUNT=5", FIRST, NEW_YORK), 1, time(9))


def test_the_wall_clock_repeats_over_a_clock_change() -> None:
    found = occurrences(Series("FREQ=WEEKLY;COUNT=3", datetime(2026, 10, 20, 16), "Europe/Lisbon"))
    assert [one.starts_at.hour for one in found] == [15, 16, 16]


def test_a_time_that_the_clocks_skip_moves_and_says_so() -> None:
    found = occurrences(Series("FREQ=DAILY;COUNT=3", datetime(2026, 3, 28, 1, 30), "Europe/Lisbon"))
    assert [one.moved for one in found] == [False, True, False]
    assert found[1].starts_at == datetime(2026, 3, 29, 1, tzinfo=UTC)


def test_a_package_of_lessons_is_not_used_up_by_holidays() -> None:
    holidays = frozenset({date(1997, 9, 9)})
    assert days("FREQ=WEEKLY", count=3, skip=holidays) == ["97-09-02", "97-09-16", "97-09-23"]
    assert days("FREQ=WEEKLY;COUNT=3", skip=holidays) == ["97-09-02", "97-09-16"]


def test_the_last_day_counts() -> None:
    assert days("FREQ=WEEKLY", until=date(1997, 9, 16)) == ["97-09-02", "97-09-09", "97-09-16"]


@pytest.mark.parametrize(
    ("rule", "more", "words"),
    [
        ("FREQ=WEEKLY", {}, "when the series ends"),
        ("FREQ=SECONDLY;COUNT=5", {}, "cannot read"),
        ("FREQ=WEEKLY;COUNT=5;BYHOUR=1,2,3", {}, "cannot read"),
        ("FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T170000Z", {}, "cannot read"),
        ("FREQ=MINUTELY;INTERVAL=15;COUNT=6", {}, "cannot read"),
        ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO;COUNT=3", {}, "cannot read"),
        ("FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200", {}, "cannot read"),
        ("FREQ=WEEKLY;COUNT=5;COUNT=6", {}, "cannot read"),
        ("COUNT=5", {}, "cannot read"),
        ("FREQ=WEEKLY;INTERVAL=0;COUNT=5", {}, "cannot read"),
        ("FREQ=WEEKLY;INTERVAL=100000;COUNT=5", {}, "cannot read"),
        ("FREQ=WEEKLY;BYDAY=XX;COUNT=5", {}, "cannot read"),
        ("FREQ=YEARLY;BYMONTH=13;COUNT=5", {}, "cannot read"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=1", {}, "cannot read"),
        ("FREQ=DAILY;BYSETPOS=5;COUNT=1", {}, "cannot read"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=30;COUNT=1", {}, "cannot read"),
        ("FREQ=WEEKLY;UNTIL=tomorrow", {}, "cannot read"),
        ("FREQ=WEEKLY;COUNT=0", {}, "no date"),
        ("FREQ=WEEKLY;UNTIL=19960101", {}, "no date"),
        ("FREQ=DAILY;COUNT=100000", {}, f"{MOST} lessons"),
        ("FREQ=DAILY", {"count": 100_000}, f"{MOST} lessons"),
        ("FREQ=DAILY", {"until": date(1990, 1, 1)}, "before the first"),
        ("FREQ=DAILY;COUNT=5;" + "X" * 600, {}, "cannot read"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule: str, more: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        days(rule, **more)


def test_a_zone_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidInput, match="time zone"):
        occurrences(Series("FREQ=DAILY;COUNT=1", FIRST, "Mars/Base"))


def test_leaving_out_everything_ends_all_the_same() -> None:
    holidays = frozenset(FIRST.date() + timedelta(days=number) for number in range(LOOKED_AT))
    with pytest.raises(InvalidInput, match="no date"):
        days("FREQ=DAILY", count=5, skip=holidays)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(
        ["Europe/Lisbon", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo", "Pacific/Apia"]
    ),
    st.sampled_from(
        ["WEEKLY;BYDAY=MO,TH", "WEEKLY;INTERVAL=2;BYDAY=SU", "DAILY;INTERVAL=3", "MONTHLY;BYDAY=2TU"]
    ),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(
        lambda one: one.replace(second=0, microsecond=0)
    ),
    st.integers(1, 30),
)
def test_calendars_of_others_read_the_same_dates(tz: str, rule: str, first: datetime, count: int) -> None:
    """recurring-ical-events is the oracle; times that a zone skips are read in more than one way, so not those."""
    found = occurrences(Series(f"FREQ={rule};COUNT={count}", first, tz))
    event = icalendar.Event()
    event.start = found[0].local.replace(tzinfo=ZoneInfo(tz))
    event.add("rrule", icalendar.vRecur.from_ical(f"FREQ={rule};COUNT={count}"))
    calendar = icalendar.Calendar()
    calendar.add_component(event)
    theirs: list[Any] = recurring_ical_events.of(calendar).between(
        first - timedelta(days=1), first + timedelta(days=1_200)
    )
    expected = [one.start.astimezone(UTC) for one in theirs]
    assert [a for a, b in zip(found, expected, strict=True) if a.starts_at != b and not a.moved] == []
