"""What must never be: written by hand, and every question and every change tried by strangers.

These call `core.queries` and `core.lifecycle` themselves: a rule on a door says who may ask, the function
behind it says about whom.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from datetime import time, timedelta
from typing import Any

import pytest

import core.lifecycle
import core.queries
from core.access import Viewer, viewer_for
from core.domain import Material, Seat
from core.errors import NotAllowed, NotFound, NotSignedIn, UserError
from core.lifecycle import approve, availability, cases, consent, end, extend, join, materials, schedule
from core.lifecycle.asked import Wish
from core.lifecycle.requests import Chosen, NewRequest
from core.lifecycle.series import NewSeries
from core.lifecycle.series_change import SeriesChange
from core.queries import board, learn, operate, records, teach
from core.scheduling.windows import Window
from core.scheduling.wish import WishWindow
from core.testing import seed
from tests.contract.world import SEAT_LINK, SECRET, World, world

pytestmark = pytest.mark.contract

NOT_A_QUESTION = {"board.day_of"}
ABOUT_ONESELF = {
    "feeds.renew",
    "feeds.state",
    "feeds.withdraw",
    "profile.change_password",
    "profile.change_profile",
    "profile.own",
    "reminders.change_wishes",
    "reminders.wishes",
}
ITS_WORK = {("operator", "readiness.check_now")}
"""Whether a lesson can be joined is an operator's case; the answer is one word."""
CATALOG = {"requests.choices"}
"""Names the courses there are, to everybody who may ask for lessons."""
STRANGERS = ("student", "instructor", "guardian", "operator", SEAT_LINK)


@pytest.fixture(scope="module")
def academy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("never")) as made:
        yield made


def viewer(academy: World, who: str) -> Viewer:
    found = academy.viewer(who)
    assert found is not None
    return found


def test_a_family_reads_its_own_child_alone(academy: World) -> None:
    guardian, others = viewer(academy, "guardian"), academy.others
    with pytest.raises(NotFound):
        learn.report(guardian, others["report_id"])
    with pytest.raises(NotFound):
        learn.family(guardian, others["child_id"])
    with pytest.raises(NotFound):
        learn.lessons(guardian, others["child_id"])
    with pytest.raises(NotFound):
        learn.report_ids(guardian, others["child_id"])
    with pytest.raises(NotAllowed):
        learn.progress(guardian, others["child_id"])
    with pytest.raises(NotFound):
        materials.access(guardian, others["material_id"])
    with pytest.raises(NotAllowed):
        consent.set_consent(guardian, others["child_id"], "recording", True)


def test_a_draft_is_for_no_family_also_not_for_its_own(academy: World) -> None:
    with academy.services.store.read() as db:
        guardian = viewer_for(db, academy.past.guardians[0].id)
    assert guardian is not None
    assert learn.family(guardian).reports == []
    with pytest.raises(NotFound):
        learn.report(guardian, academy.others["report_id"])


def test_a_missing_report_and_somebody_elses_look_the_same(academy: World) -> None:
    guardian = viewer(academy, "guardian")
    said: list[str] = []
    for report_id in (academy.others["report_id"], "no-such-report"):
        with pytest.raises(NotFound) as error:
            learn.report(guardian, report_id)
        said.append(str(error.value))
    assert said[0] == said[1]


@pytest.mark.parametrize("who", ["student", "guardian", "operator"])
def test_summaries_are_for_staff(academy: World, who: str) -> None:
    asking, summary = viewer(academy, who), academy.others["summary_id"]
    with pytest.raises(NotAllowed):
        teach.review(asking, summary)
    assert teach.summaries(asking) == []
    with pytest.raises(NotAllowed):
        approve.approve_summary(asking, summary, 1)


def test_an_instructor_neither_reads_nor_decides_another_ones_summary(academy: World) -> None:
    instructor, summary = viewer(academy, "instructor"), academy.others["summary_id"]
    for attempt in (
        lambda: teach.review(instructor, summary),
        lambda: approve.approve_summary(instructor, summary, 1),
        lambda: approve.reject_summary(instructor, summary, 1, "not mine"),
        lambda: approve.save_edits(instructor, summary, 1, approve.Edits()),
        lambda: learn.progress(instructor, academy.others["student_id"]),
        lambda: materials.may_add(instructor, academy.others["session_id"]),
        lambda: extend.extend_session(instructor, academy.others["session_id"], 10),
        lambda: end.end_session(instructor, academy.others["session_id"]),
        lambda: join.enter(instructor, academy.others["session_id"]),
    ):
        with pytest.raises(NotAllowed):
            attempt()


def test_an_operator_runs_the_house_and_reads_nothing_about_families(academy: World) -> None:
    operator, others = viewer(academy, "operator"), academy.others
    assert operate.health(operator)
    for attempt in (
        lambda: learn.report(operator, others["report_id"]),
        lambda: learn.progress(operator, others["student_id"]),
        lambda: board.board(operator),
        lambda: board.people(operator),
        lambda: board.session_detail(operator, others["session_id"]),
        lambda: board.case(operator, others["case_id"]),
        lambda: join.enter(operator, others["session_id"]),
    ):
        with pytest.raises((NotAllowed, NotFound)):
            attempt()


@pytest.mark.parametrize("who", ["student", "guardian", "instructor", "operator"])
def test_only_coordinators_plan(academy: World, who: str) -> None:
    asking, session = viewer(academy, who), academy.mine.session
    new = schedule.NewSession(
        academy.mine.course.id,
        academy.mine.instructor.id,
        (academy.mine.students[0].id,),
        session.starts_at + timedelta(days=1),
        session.ends_at + timedelta(days=1),
    )
    for attempt in (
        lambda: schedule.schedule_session(asking, new),
        lambda: schedule.move_session(asking, session.id, new.starts_at, new.ends_at, 1),
        lambda: schedule.cancel_session(asking, session.id, 1),
        lambda: schedule.reassign_session(asking, session.id, academy.others["instructor_id"], 1),
        lambda: cases.take_case(asking, academy.others["case_id"], 1),
        lambda: cases.resolve_case(asking, academy.others["case_id"], "settled"),
        lambda: board.board(asking),
        lambda: board.people(asking),
    ):
        with pytest.raises(NotAllowed):
            attempt()


def test_a_coordinator_does_not_operate(academy: World) -> None:
    coordinator = viewer(academy, "coordinator")
    for attempt in (operate.health, operate.plugins, operate.deliveries, operate.audit_log):
        with pytest.raises(NotAllowed):
            attempt(coordinator)


def test_a_child_does_not_consent_for_itself(academy: World) -> None:
    with pytest.raises(NotAllowed):
        consent.set_consent(viewer(academy, "student"), academy.mine.students[0].id, "recording", True)


def test_a_join_link_opens_its_one_room_and_nothing_else(academy: World) -> None:
    visitor = academy.viewer(SEAT_LINK)
    assert visitor is not None and visitor.roles == ()
    assert join.enter(visitor, academy.mine.session.id).role == "student"
    with pytest.raises(NotAllowed):
        join.enter(visitor, academy.others["session_id"])
    assert materials.access(visitor, academy.material_id).id == academy.material_id
    with pytest.raises(NotFound):
        materials.access(visitor, material_of_another_day(academy))


def material_of_another_day(academy: World) -> str:
    """A file of another lesson in which the same student has a seat."""
    with academy.services.store.write() as db:
        other = seed.lesson(db, students=0, starts_in_s=200_000)
        student, session = academy.mine.students[0], other.session
        db.add(
            Seat(
                session_id=session.id,
                person_id=student.id,
                role="student",
                starts_at=session.starts_at,
                ends_at=session.ends_at,
            )
        )
        row = Material(
            session_id=session.id,
            name="later.pdf",
            media_type="application/pdf",
            size=1,
            blob_key=f"materials/{session.id}/later",
            added_by=other.instructor.id,
            added_at=academy.services.clock.now(),
        )
        db.add(row)
        return row.id


def functions(package: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Public functions of a package whose first argument is who asks."""
    for found in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{found.name}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            first = next(iter(inspect.signature(function).parameters), "")
            if (
                function.__module__ == module.__name__
                and not name.startswith("_")
                and first in ("viewer", "actor")
            ):
                yield f"{found.name}.{name}", function


def takes_nothing(function: Callable[..., Any]) -> bool:
    """Whether it can be asked without saying about what: then it is about oneself."""
    return all(p.default is not p.empty for p in list(inspect.signature(function).parameters.values())[1:])


def arguments(academy: World, name: str, function: Callable[..., Any]) -> dict[str, Any]:
    """The other family's ids wherever the function takes one."""
    later = academy.services.clock.now() + timedelta(days=3)
    known: dict[str, Any] = {
        **academy.others,
        "version": 1,
        "reason": "because of this",
        "edits": approve.Edits(),
        "text": "a note",
        "resolution": "settled",
        "purpose": "recording",
        "given": True,
        "status": "excused",
        "note": "a note",
        "minutes": 10,
        "name": "file.pdf",
        "media_type": "text/plain",
        "size": 1,
        "blob_key": "materials/x/y",
        "starts_at": later,
        "ends_at": later + timedelta(hours=1),
        "first": later.date(),
        "wanted": records.SessionFilter(),
        "series_id": "no-such-series",
        "substitution_id": "no-such-search",
        "token_id": "no-such-token",
        "scopes": ["people:read"],
        "days": 1,
        "template": {"chat": False},
        "recorded": True,
        "within": Window(later, later + timedelta(days=1)),
        "instructor_ids": [academy.others["instructor_id"]],
        "credit_id": "no-such-credit",
        "change_id": "no-such-change",
        "scope": "this",
        "kind": "away",
        "person_id": academy.others["student_id"],
        "session_ids": [academy.others["session_id"]],
        "hours": (),
        "profile": availability.Profile(),
        "days_off": {},
        "url": "https://example.org/calendar.ics",
        "exception_id": "no-such-exception",
        "calendar_id": "no-such-calendar",
        "offer_id": "no-such-offer",
        "request_id": "no-such-request",
        "plan_id": "no-such-plan",
        "item_id": "no-such-line",
        "from_day": later.date(),
        "until_day": later.date(),
        "chosen": Chosen(academy.others["instructor_id"], ()),
        "request": NewRequest(
            academy.others["student_id"],
            academy.others["course_id"],
            tuple(WishWindow(day, time(16), time(18)) for day in range(5)),
            "UTC",
            later.date(),
        ),
        "change": SeriesChange(length_min=30),
        "grant": True,
        "wish": Wish(academy.others["session_id"], "cancel"),
        "skip_holidays": True,
        "new_series": NewSeries(
            academy.others["course_id"],
            academy.others["instructor_id"],
            (academy.others["student_id"],),
            "FREQ=WEEKLY",
            later.replace(tzinfo=None),
            "UTC",
            45,
            count=2,
        ),
        "new": schedule.NewSession(
            academy.others["course_id"],
            academy.others["instructor_id"],
            (academy.others["student_id"],),
            later,
            later + timedelta(hours=1),
        ),
    }
    parameters = list(inspect.signature(function).parameters.values())[1:]
    missing = [p.name for p in parameters if p.default is p.empty and p.name not in known]
    assert not missing, f"tell this test what to hand to {name} as {', '.join(missing)}"
    return {
        p.name: known[p.name]
        for p in parameters
        if p.name in known and (p.default is p.empty or p.name.endswith("_id"))
    }


@pytest.mark.parametrize("who", STRANGERS)
def test_no_question_tells_a_stranger_about_the_other_family(academy: World, who: str) -> None:
    asking, leaked, asked = viewer(academy, who), [], 0
    for name, function in functions(core.queries):
        if name in NOT_A_QUESTION or (name in CATALOG and who in ("student", "guardian")):
            continue
        asked += 1
        given = arguments(academy, name, function)
        for chosen in [given, {}] if takes_nothing(function) else [given]:
            try:
                answer = function(asking, **chosen)
            except UserError:
                continue
            if SECRET in repr(answer):
                leaked.append(name)
    assert asked > 15
    # The operator sees names in the audit log: who saw what about whom is its purpose.
    assert [name for name in leaked if not (who == "operator" and name == "operate.audit_log")] == []


@pytest.mark.parametrize("who", STRANGERS)
def test_no_stranger_changes_anything_of_the_other_family(academy: World, who: str) -> None:
    asking, tried = viewer(academy, who), 0
    for name, function in functions(core.lifecycle):
        if name in ABOUT_ONESELF or (who, name) in ITS_WORK:
            continue
        tried += 1
        with pytest.raises((NotAllowed, NotFound, NotSignedIn)):
            function(asking, **arguments(academy, name, function))
            pytest.fail(f"{who} may call {name}")
    assert tried > 12
