"""Families change lessons by themselves, ask for what the policy does not allow, and have lessons again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from core.access import Viewer, viewer_for
from core.domain import (
    AvailabilityHours,
    ChangeRequest,
    ClassSession,
    ExceptionCase,
    LessonChange,
    MakeUpCredit,
    Message,
    Person,
    Qualification,
    Seat,
)
from core.errors import Conflict, DoubleBooked, InvalidInput, NotAllowed, NotFound
from core.lifecycle import asked, changes, make_up, schedule, wiring
from core.lifecycle.asked import Wish
from core.services import Services
from core.testing import seed, services, work_off

pytestmark = pytest.mark.unit

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
"""A Tuesday."""
THURSDAY = NOW.replace(day=3, hour=16)


@dataclass
class Home:
    """A family whose child has one lesson on Thursday 16:00 UTC; the instructor works 8:00 to 20:00."""

    app: Services
    one: seed.Lesson
    session_id: str

    @property
    def guardian(self) -> Viewer:
        return self.viewer(self.one.guardians[0])

    @property
    def coordinator(self) -> Viewer:
        return self.viewer(self.one.coordinator)

    def viewer(self, person: Person) -> Viewer:
        with self.app.store.read() as db:
            found = viewer_for(db, person.id)
        assert found is not None
        return found

    def row(self, session_id: str = "") -> ClassSession:
        with self.app.store.read() as db:
            return db.get_one(ClassSession, session_id or self.session_id)

    def all(self, table: Any) -> list[Any]:
        with self.app.store.read() as db:
            return list(db.exec(select(table)).all())

    def mails(self, kind: str) -> list[str]:
        work_off(self.app)
        return [row.to_person_id for row in self.all(Message) if row.kind == kind]

    def book(self, starts_at: datetime, students: int = 1) -> str:
        new = schedule.NewSession(
            self.one.course.id,
            self.one.instructor.id,
            tuple(student.id for student in self.one.students[:students]),
            starts_at,
            starts_at + timedelta(minutes=45),
        )
        return schedule.schedule_session(self.coordinator, new).id


def _home(tmp_path: Path, students: int = 1, **overrides: Any) -> Iterator[Home]:
    with services(tmp_path, built_ins=("plugins.notifications",), **overrides) as app:
        wiring.wire()
        app.clock.set(NOW)  # type: ignore[attr-defined]
        with app.store.write() as db:
            one = seed.lesson(db, students=2, starts_in_s=100 * 86_400)
            db.add(Qualification(instructor_id=one.instructor.id, course_id=one.course.id))
            for weekday in range(7):
                db.add(
                    AvailabilityHours(
                        person_id=one.instructor.id,
                        weekday=weekday,
                        starts=time(8),
                        ends=time(20),
                        tz="UTC",
                    )
                )
        home = Home(app, one, "")
        home.session_id = home.book(THURSDAY, students)
        work_off(app)
        yield home


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    yield from _home(tmp_path)


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Home]:
    yield from _home(tmp_path, students=2)


def test_a_guardian_moves_a_lesson_and_everybody_is_told_once(home: Home):
    at = THURSDAY + timedelta(days=1)
    changes.reschedule(home.guardian, home.session_id, at, 1)
    assert home.row().starts_at == at
    assert sorted(home.mails("moved")) == sorted([home.one.instructor.id, home.one.guardians[0].id])


@pytest.mark.parametrize("who", ["instructor", "coordinator", "stranger", "student"])
def test_nobody_else_changes_a_familys_lesson(home: Home, who: str):
    people = {
        "instructor": home.one.instructor,
        "coordinator": home.one.coordinator,
        "stranger": home.one.guardians[1],
        "student": home.one.students[0],
    }
    viewer = home.viewer(people[who])
    error = NotAllowed if who == "student" else NotFound
    with pytest.raises(error):
        changes.reschedule(viewer, home.session_id, THURSDAY + timedelta(hours=2), 1)
    with pytest.raises(error):
        changes.cancel(viewer, home.session_id, 1)
    with pytest.raises(error):
        asked.ask(viewer, Wish(home.session_id, "cancel"), 1)
    assert home.row().version == 1


def test_an_adult_student_changes_their_own_lesson(home: Home):
    with home.app.store.write() as db:
        student = db.get_one(Person, home.one.students[0].id)
        student.is_minor = False
        db.add(student)
    changes.cancel(home.viewer(home.one.students[0]), home.session_id, 1)
    assert home.row().status == "cancelled"


def test_an_organisation_may_let_minors(tmp_path: Path):
    for home in _home(tmp_path, change_minors=True):
        changes.cancel(home.viewer(home.one.students[0]), home.session_id, 1)
        assert home.row().status == "cancelled"


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (THURSDAY.replace(hour=21), "not free any more"),
        (THURSDAY.replace(day=2, hour=9), "not free any more"),
        (NOW - timedelta(hours=1), "not free any more"),
    ],
)
def test_a_time_that_does_not_suit_changes_nothing(home: Home, at: datetime, words: str):
    home.book(THURSDAY.replace(day=2, hour=9))
    with pytest.raises(Conflict, match=words):
        changes.reschedule(home.guardian, home.session_id, at, 1)
    assert home.row().starts_at == THURSDAY


def test_too_late_is_said_and_asked_for(home: Home):
    home.app.clock.set(THURSDAY - timedelta(hours=3))  # type: ignore[attr-defined]
    with pytest.raises(Conflict, match="less than 24 hours"):
        changes.cancel(home.guardian, home.session_id, 1)
    change_id = asked.ask(home.guardian, Wish(home.session_id, "cancel", "Fever"), 1)
    (request,) = home.all(ChangeRequest)
    (case,) = home.all(ExceptionCase)
    assert (request.id, request.rule, request.status) == (change_id, "late_notice", "open")
    assert (case.kind, case.queue, case.facts["change_id"]) == ("change_requested", "coordinator", change_id)
    with pytest.raises(Conflict, match="already"):
        asked.ask(home.guardian, Wish(home.session_id, "cancel"), 1)


def test_the_months_changes_are_counted_and_an_undone_one_is_not(tmp_path: Path):
    for home in _home(tmp_path, change_most_per_month=1):
        changes.reschedule(home.guardian, home.session_id, THURSDAY + timedelta(hours=2), 1)
        changes.undo_reschedule(home.guardian, home.session_id, 2)
        assert home.row().starts_at == THURSDAY
        assert home.all(LessonChange) == []
        changes.reschedule(home.guardian, home.session_id, THURSDAY + timedelta(hours=2), 3)
        with pytest.raises(Conflict, match="1 changes of this month"):
            changes.reschedule(home.guardian, home.session_id, THURSDAY, 4)


def test_undo_is_for_whoever_did_it_for_a_while_and_for_nothing_newer(home: Home):
    changes.reschedule(home.guardian, home.session_id, THURSDAY + timedelta(hours=2), 1)
    with pytest.raises(NotFound):
        changes.undo_reschedule(home.viewer(home.one.guardians[1]), home.session_id, 2)
    with pytest.raises(Conflict, match="no longer"):
        changes.undo_reschedule(home.guardian, home.session_id, 1)
    home.app.clock.advance(301)  # type: ignore[attr-defined]
    with pytest.raises(Conflict, match="no longer"):
        changes.undo_reschedule(home.guardian, home.session_id, 2)


def test_a_lesson_cancelled_in_time_is_had_again_once(home: Home):
    credit_id = changes.cancel(home.guardian, home.session_id, 1)
    at = THURSDAY + timedelta(days=7)
    made = make_up.book_make_up(home.guardian, credit_id, at)
    assert (made.starts_at, made.people("student")) == (at, (home.one.students[0].id,))
    with pytest.raises(Conflict, match="had again already"):
        make_up.book_make_up(home.guardian, credit_id, at + timedelta(days=1))
    (credit,) = home.all(MakeUpCredit)
    again = changes.cancel(home.guardian, made.id, 1)
    with home.app.store.read() as db:
        assert db.get_one(MakeUpCredit, again).expires_at == credit.expires_at


def test_a_credit_is_its_familys_and_has_a_last_day(home: Home):
    credit_id = changes.cancel(home.guardian, home.session_id, 1)
    at = THURSDAY + timedelta(days=7)
    with pytest.raises(NotFound):
        make_up.book_make_up(home.viewer(home.one.guardians[1]), credit_id, at)
    with pytest.raises(Conflict, match="last day"):
        make_up.book_make_up(home.guardian, credit_id, at + timedelta(days=70))
    home.app.clock.advance(61 * 86_400)  # type: ignore[attr-defined]
    with pytest.raises(Conflict, match="that is over"):
        make_up.book_make_up(home.guardian, credit_id, at + timedelta(days=63))
    assert [row.used_session_id for row in home.all(MakeUpCredit)] == [None]


def test_in_a_group_a_family_gives_up_its_own_seat_alone(group: Home):
    with pytest.raises(Conflict, match="Others are in this lesson"):
        changes.reschedule(group.guardian, group.session_id, THURSDAY + timedelta(hours=2), 1)
    with pytest.raises(Conflict, match="Others are in this lesson"):
        asked.ask(group.guardian, Wish(group.session_id, "move", starts_at=THURSDAY), 1)
    changes.cancel(group.guardian, group.session_id, 1)
    assert group.row().status == "scheduled"
    assert group.mails("cancelled") == [group.one.guardians[0].id]
    assert group.mails("moved") == []
    changes.cancel(group.viewer(group.one.guardians[1]), group.session_id, 2)
    assert group.row().status == "cancelled"
    assert len(group.all(MakeUpCredit)) == 2


def test_a_guardian_of_two_in_one_lesson_says_which_child(group: Home):
    with group.app.store.write() as db:
        db.add(seed.Guardianship(guardian_id=group.one.guardians[0].id, student_id=group.one.students[1].id))
    with pytest.raises(InvalidInput, match="which child"):
        changes.cancel(group.guardian, group.session_id, 1)
    changes.cancel(group.guardian, group.session_id, 1, group.one.students[1].id)
    with group.app.store.read() as db:
        query = select(Seat).where(Seat.session_id == group.session_id, col(Seat.active).is_(False))
        assert [seat.person_id for seat in db.exec(query)] == [group.one.students[1].id]


def _asked(home: Home, at: datetime | None = None) -> str:
    home.app.clock.set(THURSDAY - timedelta(hours=3))  # type: ignore[attr-defined]
    wish = Wish(home.session_id, "move" if at else "cancel", "Fever", at)
    return asked.ask(home.guardian, wish, 1)


def test_a_granted_request_is_done_and_its_case_settled(home: Home):
    change_id = _asked(home, THURSDAY + timedelta(hours=3))
    asked.decide(home.coordinator, change_id, 1, grant=True)
    assert home.row().starts_at == THURSDAY + timedelta(hours=3)
    (case,) = home.all(ExceptionCase)
    assert (case.status, case.resolved_by) == ("resolved", home.one.coordinator.id)
    assert len(home.mails("moved")) == 2
    assert home.mails("change_answered") == []
    with pytest.raises(Conflict, match="settled"):
        asked.decide(home.coordinator, change_id, 1, grant=False, answer="No")


def test_a_refused_request_changes_nothing_and_is_answered(home: Home):
    change_id = _asked(home)
    with pytest.raises(InvalidInput, match="tell the family why"):
        asked.decide(home.coordinator, change_id, 1, grant=False)
    with pytest.raises(NotAllowed):
        asked.decide(home.guardian, change_id, 1, grant=True)
    asked.decide(home.coordinator, change_id, 1, grant=False, answer="Too late, sorry.")
    assert home.row().version == 1
    assert home.mails("change_answered") == [home.one.guardians[0].id]


def test_a_late_cancellation_may_be_credited_all_the_same(home: Home):
    asked.decide(home.coordinator, _asked(home), 1, grant=True, credit=True)
    assert home.row().status == "cancelled"
    assert len(home.all(MakeUpCredit)) == 1


def test_a_request_about_an_older_lesson_is_not_granted(home: Home):
    change_id = _asked(home)
    schedule.move_session(
        home.coordinator, home.session_id, THURSDAY + timedelta(hours=1), THURSDAY + timedelta(hours=2), 1
    )
    with pytest.raises(Conflict, match="has changed since"):
        asked.decide(home.coordinator, change_id, 1, grant=True)
    assert [row.status for row in home.all(ChangeRequest)] == ["open"]


def test_a_grant_that_clashes_grants_nothing_and_names_the_lesson(home: Home):
    change_id = _asked(home, THURSDAY + timedelta(hours=3))
    home.book(THURSDAY + timedelta(hours=3))
    with pytest.raises(DoubleBooked, match=r"already has Algebra from 19:00 to 19:45"):
        asked.decide(home.coordinator, change_id, 1, grant=True)
    assert [row.status for row in home.all(ChangeRequest)] == ["open"]


def test_a_family_withdraws_its_own_request(home: Home):
    change_id = _asked(home)
    with pytest.raises(NotFound):
        asked.withdraw(home.viewer(home.one.guardians[1]), change_id, 1)
    asked.withdraw(home.guardian, change_id, 1)
    assert [row.status for row in home.all(ChangeRequest)] == ["withdrawn"]
    assert [row.status for row in home.all(ExceptionCase)] == ["resolved"]


def test_a_clash_names_three_other_times(home: Home):
    with pytest.raises(DoubleBooked, match=r"Free instead: 2026-12-") as caught:
        home.book(THURSDAY)
    free = caught.value.free
    assert len(free) == 3
    for at in free:
        home.book(at)


def test_a_text_has_its_length(home: Home):
    with pytest.raises(InvalidInput, match="500 characters"):
        asked.ask(home.guardian, Wish(home.session_id, "cancel", "x" * 501), 1)
