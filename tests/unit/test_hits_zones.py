"""Which lessons a change of hours hits, over half a year of clock changes, in zones that break naive code."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from core.access import Viewer
from core.domain import AvailabilityHours, ClassSession, Seat
from core.lifecycle.availability import lessons_hit
from core.queries.bookable import bookable
from core.scheduling.availability import WeeklyHours, reasons_against
from core.scheduling.windows import Window
from core.services import Services
from core.testing import seed, services

pytestmark = pytest.mark.unit

LESSONS = 30
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MONDAY = date(2026, 11, 30)
ZONES = (
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Africa/Casablanca",
    "Europe/Lisbon",
)
"""The date line has both sides: in Kiritimati it is already tomorrow when it is still today in Pago Pago."""


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Services]:
    with services(tmp_path) as made:
        yield made


def rule(starts: time, ends: time, tz: str) -> WeeklyHours:
    return WeeklyHours(0, starts, ends, tz)


def planned(made: Services, tz: str) -> tuple[Viewer, list[ClassSession]]:
    """An instructor open on Mondays from 16:00 to 17:00 in `tz`, with a lesson in every one of these hours."""
    here, lessons = ZoneInfo(tz), list[ClassSession]()
    with made.store.write() as db:
        one = seed.lesson(db)
        me = one.instructor
        db.add(AvailabilityHours(person_id=me.id, weekday=0, starts=time(16), ends=time(17), tz=tz))
        for week in range(LESSONS):
            start = datetime.combine(MONDAY + 7 * week * DAY, time(16), here).astimezone(UTC)
            lesson = ClassSession(
                course_id=one.course.id, starts_at=start, ends_at=start + HOUR, created_by=one.coordinator.id
            )
            db.add(lesson)
            db.flush()
            db.add(
                Seat(
                    session_id=lesson.id,
                    person_id=me.id,
                    role="instructor",
                    starts_at=start,
                    ends_at=start + HOUR,
                )
            )
            lessons.append(lesson)
    return Viewer(me.id, me.name, ("instructor",)), lessons


@pytest.mark.parametrize("tz", ZONES)
def test_hours_that_still_hold_the_lesson_hit_none_and_shorter_ones_hit_all(made: Services, tz: str) -> None:
    me, lessons = planned(made, tz)
    wider = [rule(time(15, 30), time(17), tz)]
    assert lessons_hit(me, me.person_id, hours=wider) == []
    shorter = [rule(time(16, 1), time(17), tz)]
    found = lessons_hit(me, me.person_id, hours=shorter)
    assert [one.session_id for one in found] == [one.id for one in lessons]


@pytest.mark.parametrize("tz", ZONES)
def test_the_same_clock_in_another_zone_hits_exactly_the_lessons_that_fall_out_of_it(
    made: Services, tz: str
) -> None:
    """16:00 in London is 16:00 in Lisbon all year, and in Casablanca in Ramadan and in summer alone."""
    me, lessons = planned(made, tz)
    london = ZoneInfo("Europe/London")
    moved = [rule(time(16), time(17), "Europe/London")]
    out = [one.id for one in lessons if one.starts_at.astimezone(london).time() != time(16)]
    assert [one.session_id for one in lessons_hit(me, me.person_id, hours=moved)] == out
    if tz == "Africa/Casablanca":
        assert 0 < len(out) < LESSONS
    else:
        assert len(out) == (0 if tz == "Europe/Lisbon" else LESSONS)


@pytest.mark.parametrize("tz", ZONES)
def test_a_day_away_hits_the_lesson_of_that_day_where_the_hours_are(made: Services, tz: str) -> None:
    me, lessons = planned(made, tz)
    here = ZoneInfo(tz)
    for lesson in lessons[::7]:
        day = lesson.starts_at.astimezone(here).date()
        midnights = [datetime.combine(one, time(), here).astimezone(UTC) for one in (day, day + DAY)]
        found = lessons_hit(me, me.person_id, away=Window(*midnights))
        assert [one.session_id for one in found] == [lesson.id]


@pytest.mark.parametrize("tz", ZONES)
def test_what_is_booked_and_open_is_the_same_for_whoever_asks(made: Services, tz: str) -> None:
    me, lessons = planned(made, tz)
    now = made.clock.now()
    for lesson in lessons[::5]:
        window = Window(lesson.starts_at, lesson.ends_at)
        with made.store.read() as db:
            who = bookable(db, [me.person_id], window)[me.person_id]
            free = bookable(db, [me.person_id], window, without_session=lesson.id)[me.person_id]
        reasons = [one.code for one in reasons_against(who.availability, window, who.booked, who.busy, now)]
        assert reasons == ["booked"]
        assert reasons_against(free.availability, window, free.booked, free.busy, now) == []
