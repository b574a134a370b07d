"""When somebody is reminded: their own times, never in their quiet hours, over clock changes too."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.scheduling.reminders import JUST_BEFORE, Wish, due_between, next_due, reminders

pytestmark = pytest.mark.unit

STARTS = datetime(2026, 11, 25, 7, 30, tzinfo=UTC)
DAY, HOUR, TEN = 86_400, 3_600, 600


def ahead(wish: Wish, starts_at: datetime = STARTS) -> list[timedelta]:
    return [starts_at - one.due for one in reminders(starts_at, wish)]


def test_each_comes_its_time_before_the_start():
    assert ahead(Wish((TEN, DAY, HOUR), "UTC")) == [timedelta(seconds=s) for s in (DAY, HOUR, TEN)]


def test_no_times_are_no_reminders():
    assert reminders(STARTS, Wish((), "UTC")) == []
    assert next_due(STARTS, [Wish((), "UTC")], STARTS - timedelta(days=9)) is None


def test_what_falls_into_quiet_hours_comes_before_them():
    wish = Wish((HOUR,), "UTC", "21:00", "07:00")
    assert [one.due for one in reminders(STARTS, wish)] == [datetime(2026, 11, 24, 20, 55, tzinfo=UTC)]


def test_quiet_hours_are_the_persons_own():
    """06:30 UTC is 07:30 in Berlin, where it is not quiet any more."""
    wish = Wish((HOUR,), "Europe/Berlin", "21:00", "07:00")
    assert ahead(wish) == [timedelta(hours=1)]


def test_quiet_hours_within_a_day():
    wish = Wish((HOUR,), "UTC", "06:00", "07:00")
    assert [one.due for one in reminders(STARTS, wish)] == [datetime(2026, 11, 25, 5, 55, tzinfo=UTC)]


def test_two_that_fall_together_are_one():
    wish = Wish((HOUR, 2 * HOUR, TEN), "UTC", "21:00", "07:00")
    assert [one.before_s for one in reminders(STARTS, wish)] == [HOUR, TEN]


def test_after_an_outage_the_newest_one_comes_alone():
    wish = Wish((DAY, HOUR, TEN), "UTC")
    found = due_between(STARTS, wish, STARTS - timedelta(days=2), STARTS - timedelta(minutes=5))
    assert found is not None and found.before_s == TEN
    assert due_between(STARTS, wish, STARTS - timedelta(minutes=5), STARTS) is None


def test_the_next_one_of_anybody():
    wishes = [Wish((HOUR,), "UTC"), Wish((DAY,), "UTC")]
    assert next_due(STARTS, wishes, STARTS - timedelta(days=3)) == STARTS - timedelta(days=1)
    assert next_due(STARTS, wishes, STARTS - timedelta(days=1)) == STARTS - timedelta(hours=1)


CLOCKS = st.times().map(lambda one: f"{one:%H:%M}")


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)),
    st.sampled_from(("Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca", "Pacific/Apia")),
    st.lists(st.integers(60, 14 * DAY), max_size=5),
    CLOCKS,
    CLOCKS,
)
def test_nobody_is_ever_woken(local: datetime, tz: str, before: list[int], begins: str, ends: str):
    starts_at = local.replace(tzinfo=UTC)
    wish = Wish(tuple(before), tz, begins, ends)
    for one in reminders(starts_at, wish):
        assert one.due <= starts_at - timedelta(seconds=one.before_s)
        at = one.due.astimezone(ZoneInfo(tz)).time()
        first, last = time.fromisoformat(begins), time.fromisoformat(ends)
        length_min = ((last.hour - first.hour) * 60 + last.minute - first.minute) % 1_440
        if length_min + JUST_BEFORE.seconds // 60 < 1_440:  # else all the day is quiet
            inside = first <= at < last if first <= last else at >= first or at < last
            assert not inside or _doubled(one.due, tz)


def _doubled(due: datetime, tz: str) -> bool:
    """A wall clock that comes twice, or was skipped, within a day: "before" has two meanings there."""
    zone = ZoneInfo(tz)
    day = timedelta(days=1)
    return due.astimezone(zone).utcoffset() != (due + day).astimezone(zone).utcoffset() or (
        due.astimezone(zone).utcoffset() != (due - day).astimezone(zone).utcoffset()
    )
