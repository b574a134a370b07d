"""What the coordinator's and the operator's pages read, on real rows with a moved clock."""

import contextvars
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.access import Viewer
from core.domain import ClassSession, PersonRole, PresenceInterval, Qualification
from core.errors import NotAllowed, NotFound
from core.lifecycle import cases, schedule
from core.queries import board, operate
from core.services import Services
from core.testing import seed, services
from hilink_app.state.today import strip_slots

pytestmark = pytest.mark.unit


@dataclass
class Office:
    app: Services
    one: seed.Lesson
    cora: Viewer


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """One lesson in an hour, seen by its coordinator at noon in Lisbon."""
    with services(tmp_path) as app:
        with app.store.write() as db:
            one = seed.lesson(db)
            db.add(Qualification(instructor_id=one.instructor.id, course_id=one.course.id))
        yield Office(
            app, one, Viewer(one.coordinator.id, one.coordinator.name, ("coordinator",), "Europe/Lisbon")
        )


def _come(office: Office, role: str) -> None:
    who = office.one.instructor if role == "instructor" else office.one.students[0]
    with office.app.store.write() as db:
        db.add(
            PresenceInterval(
                session_id=office.one.session.id,
                person_id=who.id,
                participant_id=f"p-{role}",
                role=role,
                started_at=office.app.clock.now(),
            )
        )


def _state(office: Office) -> str:
    rows = board.board(office.cora).rows
    return rows[0].state if rows else ""


def test_a_lesson_moves_through_its_states(office: Office) -> None:
    assert _state(office) == "expected"
    _come(office, "student")
    assert _state(office) == "waiting"
    _come(office, "instructor")
    with office.app.store.write() as db:
        row = db.get_one(ClassSession, office.one.session.id)
        row.status, row.started_at = "live", office.app.clock.now()
        db.add(row)
    assert _state(office) == "live"


def test_late_says_who_is_missing(office: Office) -> None:
    _come(office, "student")
    office.app.clock.advance(3_700)  # type: ignore[attr-defined]
    line = board.board(office.cora, state="late").rows[0]
    assert (line.state, line.missing) == ("late", "instructor")
    assert board.board(office.cora, state="live").rows == []


def test_filters_and_counts(office: Office) -> None:
    found = board.board(office.cora, find="sam")
    assert (found.total, found.counts["all"], found.counts["expected"]) == (1, 1, 1)
    assert board.board(office.cora, find="nobody by this name").total == 0
    assert board.board(office.cora, course_id="another").total == 0
    assert board.board(office.cora, trouble=True).total == 0
    assert board.board(office.cora, page=1).rows == []


def test_waiting_viewers_share_one_reading_but_never_an_older_one(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, go, count = threading.Event(), threading.Event(), 0
    read = board._read_day

    def slow(*arguments: object) -> object:
        nonlocal count
        count += 1
        reading.set()
        assert go.wait(10)
        return read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(board, "_read_day", slow)
    found: list[int] = []

    def ask() -> None:
        found.append(board.board(office.cora).total)

    asks = [threading.Thread(target=contextvars.copy_context().run, args=(ask,)) for _ in range(5)]
    asks[0].start()
    assert reading.wait(10)
    for waiting in asks[1:]:
        waiting.start()
    # The four must have asked before the first reading ends: they wait for the lock, and share the second.
    key = next(key for key in board._shared if key[0] == id(office.app.store))
    assert board._shared[key].lock.locked()
    threading.Event().wait(0.3)
    go.set()
    for done in asks:
        done.join(10)
    assert found == [1] * 5
    assert count == 2


def test_people_are_found_and_paged(office: Office) -> None:
    lines, total = board.people(office.cora, find="STUDENT")
    assert total == 1
    assert (lines[0].roles, lines[0].courses) == (["student"], "Algebra")
    one, many = board.people(office.cora, size=1)
    assert (len(one), many) == (1, 4)
    assert board.people(office.cora, role="instructor")[1] == 1


def test_a_case_is_taken_noted_and_settled(office: Office) -> None:
    with office.app.store.write() as db:
        case = seed.case(db, office.one, "no_show_instructor")
    line = board.cases(office.cora)[0]
    assert (line.mine, line.owner, line.student) == (False, "", "Sam Student0")
    cases.take_case(office.cora, case.id, line.version)
    cases.note_case(office.cora, case.id, "I call her.")
    taken, notes = board.case(office.cora, case.id)
    assert taken.mine
    assert [note.text for note in notes] == ["I call her."]
    cases.resolve_case(office.cora, case.id, "She came.")
    assert board.cases(office.cora) == []
    assert board.settled_today(office.cora) == (1, 1)


def test_the_lesson_of_the_dialog(office: Office) -> None:
    detail = board.session_detail(office.cora, office.one.session.id)
    assert [seat.role for seat in detail.seats] == ["instructor", "student"]
    assert detail.changeable
    schedule.cancel_session(office.cora, office.one.session.id, detail.line.version)
    assert board.session_detail(office.cora, office.one.session.id, again=True).line.status == "cancelled"
    assert board.board(office.cora).total == 0
    with pytest.raises(NotFound):
        board.session_detail(office.cora, "no-such-lesson")


def test_what_the_form_offers(office: Office) -> None:
    offered = board.choices(office.cora, office.one.course.id)
    assert offered.courses == [(office.one.course.id, "Algebra")]
    assert [name for _, name, _ in offered.instructors] == ["Ines Instructor"]
    assert [name for _, name, _ in offered.students] == ["Sam Student0"]
    assert board.choices(office.cora).instructors == []


@pytest.mark.parametrize("role", ["student", "guardian", "instructor", "operator"])
def test_others_are_refused(office: Office, role: str) -> None:
    other = Viewer(office.one.instructor.id, "Other", (role,))
    for ask in (board.board, board.people, board.choices, board.courses):
        with pytest.raises(NotAllowed):
            ask(other)


def test_the_operator_sees_health_plugins_and_the_log(office: Office) -> None:
    with office.app.store.write() as db:
        db.add(PersonRole(person_id=office.one.coordinator.id, role="operator"))
    oleg = Viewer(office.one.coordinator.id, "Cora Coordinator", ("operator",))
    assert not operate.health(oleg).ok  # no worker has been here
    assert operate.delivery_counts(oleg)["failed"] == 0
    board.people(office.cora)
    lines, total = operate.audit_log(oleg, find="people.list")
    assert (total, lines[0].actor) == (1, "Cora Coordinator")
    assert operate.audit_log(oleg, find="cora")[1] >= 1
    for ask in (
        operate.health,
        operate.plugins,
        operate.deliveries,
        operate.audit_log,
        operate.delivery_counts,
    ):
        with pytest.raises(NotAllowed):
            ask(office.cora)


def test_the_strip_covers_the_day_and_marks_now() -> None:
    slots, now = strip_slots([(20, 2, 0), (64, 3, 1)], 65.5)
    assert len(slots) == 84 - 20
    assert slots[0] == {"label": "05:00", "count": 2, "missed": 0, "state": "past"}
    assert [slot["state"] for slot in slots].index("now") == 65 - 20
    assert now == pytest.approx((65.5 - 20) / 64)
    late, _ = strip_slots([], 95.9)
    assert late[-1]["state"] == "now"
