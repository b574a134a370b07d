"""What the holidays page does: days in a row are one line, and no lesson is hit unasked."""

from collections.abc import Iterator
from datetime import date, time, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from core.access import Viewer
from core.domain import AvailabilityHours, BookingProfile, HolidayCalendar, Substitution
from core.errors import InvalidInput, NotAllowed
from core.lifecycle import availability
from core.queries import holidays as query
from core.queries.holidays import HolidaySpan
from core.services import Services
from core.testing import seed, services
from hilink_app.state.guard import acting_as
from hilink_app.state.holidays import Holidays, _span
from tests.states import page, sent

pytestmark = pytest.mark.unit


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Services]:
    with services(tmp_path) as made:
        yield made


@pytest.fixture
def one(made: Services) -> seed.Lesson:
    """A lesson in two days; its instructor is open day and night."""
    with made.store.write() as db:
        one = seed.lesson(db, starts_in_s=2 * 86_400)
        for day in range(7):
            db.add(
                AvailabilityHours(
                    person_id=one.instructor.id, weekday=day, starts=time(0), ends=time(0), tz="UTC"
                )
            )
    return one


@pytest.fixture
def cora(one: seed.Lesson) -> Iterator[Viewer]:
    viewer = Viewer(one.coordinator.id, one.coordinator.name, ("coordinator",), "UTC", "en")
    with acting_as(viewer):
        yield viewer


async def opened(made: Services, one: seed.Lesson, cora: Viewer) -> Holidays:
    """The page with a calendar that the instructor of the lesson follows."""
    calendar_id = availability.set_holidays(cora, "Here", {})
    with made.store.write() as db:
        db.add(BookingProfile(person_id=one.instructor.id, holiday_calendar_id=calendar_id))
    state = page(Holidays)
    await state._look(calendar_id)
    return state


def days(made: Services) -> dict[str, str]:
    with made.store.read() as db:
        return db.exec(select(HolidayCalendar)).one().days


def searches(made: Services) -> list[tuple[str, str]]:
    with made.store.read() as db:
        return [(row.session_id, row.status) for row in db.exec(select(Substitution))]


async def test_days_are_added_taken_away_and_put_back(made: Services, one: seed.Lesson, cora: Viewer) -> None:
    state = await opened(made, one, cora)
    far = {"kind": "off", "first": "2036-12-24", "last": "2036-12-26", "what": "Christmas"}
    await sent(state, "add", far)
    assert list(days(made)) == ["2036-12-24", "2036-12-25", "2036-12-26"]
    assert state.to_come == [
        ("2036-12-24", "2036-12-26", "Christmas", "Wednesday 24 December 2036 to Friday 26 December 2036")
    ]
    await sent(state, "add", {"kind": "on", "first": "2036-12-25"})
    assert list(days(made)) == ["2036-12-24", "2036-12-26"]
    await sent(state, "undo")
    assert len(days(made)) == 3
    await sent(state, "remove", "2036-12-24", "2036-12-26")
    assert days(made) == {} and state.to_come == []


async def test_a_day_that_hits_a_lesson_waits_for_a_yes(
    made: Services, one: seed.Lesson, cora: Viewer
) -> None:
    state = await opened(made, one, cora)
    day = {"first": one.session.starts_at.date().isoformat(), "what": "A holiday"}
    await sent(state, "add", day)
    assert state.asking and [line.id for line in state.hits] == [one.session.id]
    state.leave_it()
    assert (days(made), searches(made), state.asking) == ({}, [], False)
    await sent(state, "add", day)
    await sent(state, "go_on")
    assert (list(days(made).values()), searches(made)) == (["A holiday"], [(one.session.id, "open")])
    await sent(state, "undo")
    assert (days(made), searches(made)) == ({}, [(one.session.id, "withdrawn")])


async def test_somebody_else_saved_first_and_what_they_saved_is_shown(
    made: Services, one: seed.Lesson, cora: Viewer
) -> None:
    state, other = await opened(made, one, cora), page(Holidays)
    await other._look(state.chosen.id)
    await sent(other, "add", {"first": "2036-05-01", "what": "Labour Day"})
    await sent(state, "add", {"first": "2036-05-02", "what": "A bridge"})
    assert list(days(made)) == ["2036-05-01"]
    assert state.problem and [line[2] for line in state.to_come] == ["Labour Day"]
    await sent(state, "add", {"first": "2036-05-02", "what": "A bridge"})
    assert list(days(made)) == ["2036-05-01", "2036-05-02"] and not state.problem


async def test_a_calendar_is_made_and_renamed_but_no_name_is_there_twice(
    made: Services, one: seed.Lesson, cora: Viewer
) -> None:
    state = await opened(made, one, cora)
    await sent(state, "make", {"new_name": "There"})
    assert state.chosen.name == "There" and [row.name for row in state.rows] == ["Here", "There"]
    for name in ("Here", "  "):
        await sent(state, "make", {"new_name": name})
        assert state.problem_field == "new_name", name
    state.rename(True)
    await sent(state, "save_name", {"name": "Here"})
    assert (state.problem_field, state.chosen.name) == ("name", "There")
    await sent(state, "save_name", {"name": "Elsewhere"})
    assert (state.chosen.name, state.renaming) == ("Elsewhere", False)


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"first": "", "what": "x"}, "first"),
        ({"first": "tomorrow", "what": "x"}, "first"),
        ({"first": "2036-05-02", "last": "2036-05-01", "what": "x"}, "last"),
        ({"first": "2036-05-02", "last": "2038-05-01", "what": "x"}, "last"),
        ({"first": "2036-05-02", "what": " "}, "what"),
    ],
)
async def test_what_is_no_day_is_said_beside_its_field(
    made: Services, one: seed.Lesson, cora: Viewer, form: dict[str, str], field: str
) -> None:
    state = await opened(made, one, cora)
    await sent(state, "add", form)
    assert (state.problem_field, days(made)) == (field, {})


async def test_who_follows_is_shown_to_coordinators_alone(
    made: Services, one: seed.Lesson, cora: Viewer
) -> None:
    state = await opened(made, one, cora)
    assert [who.name for who in state.chosen.followers] == [one.instructor.name]
    with pytest.raises(NotAllowed):
        query.calendars(Viewer(one.instructor.id, "I", ("instructor",)))


def test_days_in_a_row_with_one_name_are_one_line() -> None:
    first = date(2026, 12, 30)
    row = {first + timedelta(days=number): "Break" for number in range(4)}
    apart = {date(2026, 12, 29): "A bridge", date(2027, 1, 5): "Break"}
    found = query.spans(row | apart)
    assert found == [
        HolidaySpan("2026-12-29", "2026-12-29", "A bridge"),
        HolidaySpan("2026-12-30", "2027-01-02", "Break"),
        HolidaySpan("2027-01-05", "2027-01-05", "Break"),
    ]
    assert query.days_of(query.HolidaysLine("", "", found, 0, [], 0)) == row | apart


def test_a_last_day_is_included_and_may_be_left_out() -> None:
    assert _span({"first": "2026-12-24"}) == [date(2026, 12, 24)]
    assert len(_span({"first": "2026-12-24", "last": "2027-01-01"})) == 9
    with pytest.raises(InvalidInput):
        _span({"first": "9999-12-31", "last": "0001-01-01"})
