"""What a plan would change, as coordinators read it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from core.access import Viewer
from core.domain import BatchPlan, PlanItem
from core.errors import NotAllowed, NotFound
from core.lifecycle import requests
from core.lifecycle.requests import NewRequest
from core.queries import plans as query
from core.scheduling.wish import WishWindow
from core.services import Services
from core.testing import FakeClock, seed, services

pytestmark = pytest.mark.unit

MONDAY = date(2027, 3, 1)
STARTS = [datetime(2027, 3, 3, 19, tzinfo=UTC), datetime(2027, 3, 1, 20, tzinfo=UTC)]
WHY = [{"code": "qualified", "words": "is qualified", "params": {}}]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Services]:
    with services(tmp_path) as made:
        assert isinstance(made.clock, FakeClock)
        made.clock.set(datetime(2027, 2, 20, 12, tzinfo=UTC))
        yield made


@pytest.fixture
def one(made: Services) -> seed.Lesson:
    with made.store.write() as db:
        return seed.lesson(db)


def cora(one: seed.Lesson, tz: str = "Europe/Lisbon") -> Viewer:
    return Viewer(one.coordinator.id, one.coordinator.name, ("coordinator",), tz)


def asked(one: seed.Lesson, from_day: date = MONDAY) -> str:
    """A family in São Paulo asks."""
    windows = tuple(WishWindow(day, time(16), time(18)) for day in range(5))
    new = NewRequest(one.students[0].id, one.course.id, windows, "America/Sao_Paulo", from_day, per_week=2)
    return requests.ask(cora(one), new)


def planned(made: Services, one: seed.Lesson, *statuses: str) -> str:
    """A plan with a line of each of these."""
    with made.store.write() as db:
        row = BatchPlan(
            from_day=MONDAY,
            until_day=MONDAY + timedelta(days=27),
            status="ready",
            progress={"phase": "ready", "share": 100},
            figures={"placed": 2, "asked": 3, "objective": 190.0, "bound": 200.0},
            weeks=[{"id": one.instructor.id, "lessons": [1, 4], "gap_min": [0, 90]}],
            made_by=one.coordinator.id,
            made_at=made.clock.now(),
        )
        db.add(row)
        db.flush()
        plan_id = row.id
    for status in statuses:
        request_id = asked(one)
        with made.store.write() as db:
            item = PlanItem(plan_id=plan_id, request_id=request_id, status=status, reasons=WHY)
            if status != "unplaced":
                item.instructor_id, item.times = one.instructor.id, [at.isoformat() for at in STARTS]
            db.add(item)
    return plan_id


def test_a_line_says_who_when_where_they_live_and_why(made: Services, one: seed.Lesson) -> None:
    plan_id = planned(made, one, "placed")
    (line,) = query.one(cora(one), plan_id).lines
    assert (line.student.name, line.instructor.name, line.course) == (
        one.students[0].name,
        one.instructor.name,
        "Algebra",
    )
    assert (line.times, line.yours) == ("Mon 17:00, Wed 16:00", "Mon 20:00, Wed 19:00")
    assert (line.place, line.first, line.why) == ("Sao Paulo", STARTS[1].isoformat(), ["is qualified"])
    (line,) = query.one(cora(one, "America/Sao_Paulo"), plan_id).lines
    assert line.yours == ""


def test_weeks_are_compared_before_and_after(made: Services, one: seed.Lesson) -> None:
    view = query.one(cora(one), planned(made, one))
    (week,) = view.weeks
    assert (week.instructor.name, week.before, week.after) == (one.instructor.name, 1, 4)
    assert (week.gap_before, week.gap_after, week.before_width, week.after_width) == (0, 90, 25, 100)
    assert view.more_weeks == 0


def test_a_plan_says_how_good_it_is(made: Services, one: seed.Lesson) -> None:
    plan_id = planned(made, one)
    (plan,) = query.recent(cora(one))
    assert (plan.id, plan.placed, plan.asked, plan.of_bound, plan.busy) == (plan_id, 2, 3, 95, False)
    assert plan.made_by == one.coordinator.name and "to" in plan.days


def test_lines_are_shown_by_what_became_of_them(made: Services, one: seed.Lesson) -> None:
    plan_id = planned(made, one, "placed", "placed", "unplaced")
    view = query.one(cora(one), plan_id, "unplaced")
    assert view.counts["placed"] == 2 and view.counts["unplaced"] == 1 and view.counts["booked"] == 0
    (line,) = view.lines
    assert (line.times, line.first, line.instructor.name) == ("", "", "")
    assert query.one(cora(one), plan_id, "placed", offset=1).lines[0].status == "placed"
    assert len(query.placed_ids(cora(one), plan_id)) == 2
    first, second, third = query.lines(cora(one), plan_id)
    assert [line.id for line in query.lines(cora(one), plan_id, first.id, 1)] == [second.id]
    assert third.reasons == ["qualified"] and query.record(cora(one), plan_id).lines["placed"] == 2


def test_the_days_of_what_waits(made: Services, one: seed.Lesson) -> None:
    assert query.open_requests(cora(one)) == (0, "", "")
    for days in (7, 0):
        asked(one, MONDAY + timedelta(days=days))
    assert query.open_requests(cora(one)) == (2, "2027-03-01", "2027-03-08")


def test_plans_are_for_coordinators(made: Services, one: seed.Lesson) -> None:
    teacher = Viewer(one.instructor.id, "Ines", ("instructor",))
    plan_id = planned(made, one)
    for ask in (
        lambda: query.recent(teacher),
        lambda: query.open_requests(teacher),
        lambda: query.one(teacher, plan_id),
        lambda: query.placed_ids(teacher, plan_id),
        lambda: query.record(teacher, plan_id),
        lambda: query.lines(teacher, plan_id),
    ):
        with pytest.raises(NotAllowed):
            ask()
    with pytest.raises(NotFound):
        query.one(cora(one), "no-such-plan")


def test_work_says_what_is_done_and_how_far_it_is(made: Services, one: seed.Lesson) -> None:
    plan_id = planned(made, one)
    for progress, expected in (
        ({"phase": "waiting"}, "The worker starts it in a moment."),
        (
            {"phase": "filling", "done": 3, "total": 9},
            "Finding places for those left over. 3 of 9 lessons have a place.",
        ),
        ({"phase": "booking", "done": 1, "total": 2}, "Booking one request after the other. 1 of 2 done."),
        ({"phase": "ready"}, ""),
    ):
        with made.store.write() as db:
            row = db.get_one(BatchPlan, plan_id)
            row.status, row.progress = "solving", {"share": 40, **progress}
            db.add(row)
        (plan,) = query.recent(cora(one))
        assert (plan.phase_words, plan.share, plan.busy) == (expected, 40, True)
