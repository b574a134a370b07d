"""A calendar's recurring events in zones that break naive code, held against zoneinfo and dateutil."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import FR, MO, SU, WE, WEEKLY, rrule
from hypothesis import given, settings
from hypothesis import strategies as st

from core.scheduling.busy import busy_windows
from core.scheduling.windows import span

pytestmark = pytest.mark.unit

AWKWARD = (
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Africa/Casablanca",
    "Europe/Lisbon",
)
DAYS = {"MO": MO, "WE": WE, "FR": FR, "SU": SU}
HALF_HOUR = timedelta(minutes=30)


@settings(deadline=None, max_examples=60)
@given(
    tz=st.sampled_from(AWKWARD),
    first=st.dates(date(2026, 1, 1), date(2027, 6, 30)),
    # The nights are another matter: hours that do not exist or come twice. See the lesson tests.
    at=st.times(time(6), time(22)).map(lambda value: value.replace(second=0, microsecond=0)),
    days=st.sets(st.sampled_from(sorted(DAYS)), min_size=1),
    interval=st.integers(1, 3),
    skipped=st.integers(0, 8),
)
def test_a_series_stays_at_its_wall_clock_everywhere(
    tz: str, first: date, at: time, days: set[str], interval: int, skipped: int
) -> None:
    here = ZoneInfo(tz)
    local = list(
        rrule(
            WEEKLY,
            dtstart=datetime.combine(first, at),
            interval=interval,
            byweekday=[DAYS[day] for day in sorted(days)],
            count=30,
        )
    )
    first_local = local[0]
    without = local[1 + skipped % (len(local) - 1)]
    text = "\r\n".join(
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//x//x//EN",
            "BEGIN:VEVENT",
            "UID:1",
            "DTSTAMP:20260101T000000Z",
            f"DTSTART;TZID={tz}:{first_local:%Y%m%dT%H%M%S}",
            "DURATION:PT30M",
            f"RRULE:FREQ=WEEKLY;INTERVAL={interval};COUNT=30;BYDAY={','.join(sorted(days))}",
            f"EXDATE;TZID={tz}:{without:%Y%m%dT%H%M%S}",
            "END:VEVENT",
            "END:VCALENDAR",
            "",
        ]
    )
    within = span(datetime.combine(first, time(), UTC) - timedelta(days=2), timedelta(days=900))
    wanted = [one.replace(tzinfo=here).astimezone(UTC) for one in local if one != without]
    assert busy_windows(text, within, "UTC") == [span(start, HALF_HOUR) for start in wanted]


@settings(deadline=None, max_examples=40)
@given(
    tz=st.sampled_from(AWKWARD), day=st.dates(date(2026, 1, 1), date(2027, 12, 30)), length=st.integers(1, 5)
)
def test_whole_days_are_from_midnight_to_midnight_where_their_owner_lives(
    tz: str, day: date, length: int
) -> None:
    here, last = ZoneInfo(tz), day + timedelta(days=length)
    text = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//x//EN\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\n"
        f"DTSTART;VALUE=DATE:{day:%Y%m%d}\r\nDTEND;VALUE=DATE:{last:%Y%m%d}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    within = span(datetime.combine(day, time(), UTC) - timedelta(days=3), timedelta(days=12))
    midnights = [datetime.combine(one, time(), here).astimezone(UTC) for one in (day, last)]
    (found,) = busy_windows(text, within, tz)
    assert [found.starts_at, found.ends_at] == midnights
