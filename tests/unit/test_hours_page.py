"""What the hours page does with what people send: asks before it hits a lesson, and takes nothing from a browser on trust."""

from collections.abc import Iterator
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from core.access import Viewer
from core.domain import AvailabilityException, AvailabilityHours, BookingProfile, Substitution
from core.errors import InvalidInput
from core.lifecycle import availability
from core.scheduling.availability import WeeklyHours
from core.scheduling.windows import Window
from core.services import Services
from core.testing import seed, services
from hilink_app.state.availability import Hours, _rules, _span
from hilink_app.state.guard import acting_as
from tests.states import page, sent

pytestmark = pytest.mark.unit

LISBON = "Europe/Lisbon"
ALWAYS = [[day, "00:00", "00:00"] for day in range(7)]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Services]:
    with services(tmp_path) as made:
        yield made


@pytest.fixture
def one(made: Services) -> seed.Lesson:
    """A lesson tomorrow; its instructor is open day and night."""
    with made.store.write() as db:
        one = seed.lesson(db, starts_in_s=86_400)
        for day in range(7):
            db.add(
                AvailabilityHours(
                    person_id=one.instructor.id, weekday=day, starts=time(0), ends=time(0), tz="UTC"
                )
            )
    return one


@pytest.fixture
def me(one: seed.Lesson) -> Iterator[Viewer]:
    viewer = Viewer(one.instructor.id, one.instructor.name, ("instructor",), "UTC", "en")
    with acting_as(viewer):
        yield viewer


def hours(made: Services) -> list[tuple[int, time, time, str]]:
    with made.store.read() as db:
        return sorted(
            (row.weekday, row.starts, row.ends, row.tz) for row in db.exec(select(AvailabilityHours))
        )


def searches(made: Services) -> list[str]:
    with made.store.read() as db:
        return list(db.exec(select(Substitution.session_id)))


def search(made: Services) -> str:
    with made.store.read() as db:
        return db.exec(select(Substitution.status)).one()


async def test_hours_that_hit_no_lesson_are_saved_at_once_and_undone(made: Services, me: Viewer) -> None:
    state, before = page(Hours), hours(made)
    await state._look(me.person_id)
    wide = [*ALWAYS[:6], [6, "09:00", "10:00"]]
    await sent(state, "save_hours", wide)
    assert (6, time(9), time(10), "UTC") in hours(made) and not state.asking
    await sent(state, "undo")
    assert hours(made) == before


async def test_hours_that_hit_a_lesson_wait_for_a_yes(made: Services, one: seed.Lesson, me: Viewer) -> None:
    state, before = page(Hours), hours(made)
    await state._look(me.person_id)
    await sent(state, "save_hours", [])
    assert state.asking and [line.id for line in state.hits] == [one.session.id]
    state.leave_it()
    assert (hours(made), searches(made), state.asking) == (before, [], False)
    await sent(state, "save_hours", [])
    await sent(state, "go_on")
    assert (hours(made), searches(made)) == ([], [one.session.id])
    await sent(state, "undo")
    assert hours(made) == before and search(made) == "withdrawn", "nobody has accepted yet"


async def test_somebody_else_saved_first_and_nothing_of_it_is_lost(made: Services, me: Viewer) -> None:
    state, other = page(Hours), page(Hours)
    await state._look(me.person_id)
    await other._look(me.person_id)
    await sent(other, "save_hours", [*ALWAYS[:6], [6, "09:00", "10:00"]])
    kept = hours(made)
    await sent(state, "save_hours", ALWAYS)
    assert state.changed and hours(made) == kept
    await sent(state, "look_again")
    await sent(state, "save_hours", ALWAYS)
    assert not state.changed and hours(made) != kept


async def test_a_day_off_is_added_taken_away_and_put_back(made: Services, me: Viewer) -> None:
    state = page(Hours)
    await state._look(me.person_id)
    await sent(
        state, "add_exception", {"kind": "away", "first": "2026-12-24", "last": "2026-12-26", "note": "Home"}
    )
    (row,) = state.days_off
    assert row[1:] == ("away", "Thu 24 Dec to Sat 26 Dec", "Home")
    await sent(state, "remove_exception", row[0])
    assert state.days_off == []
    await sent(state, "undo")
    assert [one[1:] for one in state.days_off] == [row[1:]]


async def test_limits_are_saved_in_the_units_people_read(made: Services, me: Viewer) -> None:
    state = page(Hours)
    await state._look(me.person_id)
    await sent(
        state, "save_limits", {"notice_s": "1,5", "buffer_s": "10", "most_a_day": "4", "language-pt": True}
    )
    with made.store.read() as db:
        row = db.get_one(BookingProfile, me.person_id)
    assert (row.notice_s, row.buffer_s, row.most_a_day, row.languages) == (5_400, 600, 4, ["pt"])
    assert (state.notice, state.buffer, state.most_a_week) == ("1.5", "10", "")
    for wrong in ("many", "-1", "1e9", "nan"):
        await sent(state, "save_limits", {"most_a_week": wrong})
        assert state.problem_field == "most_a_week", wrong


async def test_a_calendar_is_subscribed_and_only_its_host_is_shown(made: Services, me: Viewer) -> None:
    state = page(Hours)
    await state._look(me.person_id)
    await sent(state, "subscribe", {"url": "ftp://example.org"})
    assert (state.problem_field, state.calendar) == ("url", "")
    await sent(state, "subscribe", {"url": "webcal://cal.example.org/secret.ics"})
    assert (state.problem, state.calendar, state.calendar_status) == ("", "cal.example.org", "waiting")
    await sent(state, "forget_calendar")
    assert state.calendar == ""


async def test_extra_hours_that_hold_a_lesson_are_not_taken_away_unasked(
    made: Services, one: seed.Lesson, me: Viewer
) -> None:
    start, end = one.session.starts_at, one.session.ends_at
    availability.add_exception(me, me.person_id, "extra", start, end)
    fewer = [WeeklyHours(day, time(0), time(0), "UTC") for day in range(7) if day != start.weekday()]
    availability.set_hours(me, me.person_id, fewer, 1)
    state = page(Hours)
    await state._look(me.person_id)
    await sent(state, "remove_exception", state.days_off[0][0])
    assert state.asking and [line.id for line in state.hits] == [one.session.id]
    with made.store.read() as db:
        assert db.exec(select(AvailabilityException)).all()


@pytest.mark.parametrize(
    "rows",
    [[[0, "9", "x"]], [[0, "09:00"]], [None], ["abc"], [["x", "09:00", "10:00"]], [[0, "25:00", "26:00"]], 7],
)
def test_what_no_editor_sends_is_refused(rows: Any) -> None:
    with pytest.raises(InvalidInput):
        _rules(rows, LISBON)


@pytest.mark.parametrize(
    ("form", "starts", "ends"),
    [
        ({"first": "2026-12-24", "starts": None, "ends": None}, "2026-12-24T00:00", "2026-12-25T00:00"),
        ({"first": "2027-03-28", "last": "2027-03-28"}, "2027-03-28T00:00", "2027-03-28T23:00"),
        ({"first": "2027-07-01", "starts": "09:00", "ends": "12:30"}, "2027-07-01T08:00", "2027-07-01T11:30"),
        ({"first": "2027-03-28", "starts": "01:30", "ends": "03:00"}, "2027-03-28T01:00", "2027-03-28T02:00"),
    ],
)
def test_dates_are_those_of_the_hours_zone(form: dict[str, Any], starts: str, ends: str) -> None:
    first, last = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (starts, ends))
    assert _span(form, LISBON) == Window(first, last)


@pytest.mark.parametrize(
    "form", [{}, {"first": "tomorrow"}, {"first": "2026-12-24", "starts": "09:00"}, {"first": "9999-12-31"}]
)
def test_dates_that_are_none_are_refused(form: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        _span(form, LISBON)
