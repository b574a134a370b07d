"""A coordinator in the box of a lesson; from there to its search for a substitute, and back as long as nobody has it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import time
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from core.access import Viewer
from core.clock import tick_timers
from core.domain import AvailabilityHours, Enrollment, Person, Qualification, SubstituteOffer, Substitution
from core.lifecycle import substitutes
from core.queries import substitutes as query
from core.queries.common import NO_LESSON
from core.services import Services
from core.testing import FakeClock, seed, services
from hilink_app.state.cannot_come import CannotCome
from hilink_app.state.guard import acting_as
from hilink_app.state.lesson import LessonBox
from hilink_app.state.requests_substitutes import Substitutes
from tests.states import page, sent

pytestmark = pytest.mark.unit


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Services]:
    with services(tmp_path) as made:
        yield made


@pytest.fixture
def one(made: Services) -> seed.Lesson:
    """A lesson in three days, and somebody else who may teach it at any time."""
    with made.store.write() as db:
        one = seed.lesson(db, starts_in_s=3 * 86_400)
        for person in (one.instructor, seed.person(db, "Elif Kaya", "instructor")):
            db.add(Qualification(instructor_id=person.id, course_id=one.course.id))
            for day in range(7):
                db.add(
                    AvailabilityHours(
                        person_id=person.id, weekday=day, starts=time(0), ends=time(0), tz="UTC"
                    )
                )
    return one


def viewer(person: Person, role: str) -> Viewer:
    return Viewer(person.id, person.name, (role,), "UTC", "en")


async def asked(one: seed.Lesson) -> Any:
    """The toast after "I cannot come" to this lesson."""
    state = page(CannotCome)
    state.line = replace(NO_LESSON, id=one.session.id)
    toast, _ = await sent(state, "ask", {"note": "A cold"})
    return state, toast


def search(made: Services) -> Substitution:
    with made.store.read() as db:
        return db.exec(select(Substitution)).one()


async def test_a_coordinator_looks_for_a_substitute_from_the_lesson(made: Services, one: seed.Lesson) -> None:
    with acting_as(viewer(one.coordinator, "coordinator")):
        for _ in range(2):  # again: the same search
            box = page(LessonBox)
            await sent(box, "show", one.session.id)
            went = await sent(box, "find_substitute")
            assert f"tab=substitutes&search={search(made).id}" in str(went.args) and not box.is_open
    assert (search(made).reason, search(made).opened_by) == ("asked", one.coordinator.id)


async def test_a_lesson_that_has_begun_needs_no_substitute_and_says_so(
    made: Services, one: seed.Lesson
) -> None:
    with acting_as(viewer(one.coordinator, "coordinator")):
        box = page(LessonBox)
        await sent(box, "show", one.session.id)
        assert isinstance(made.clock, FakeClock)
        made.clock.advance(3 * 86_400)
        assert await sent(box, "find_substitute") is None
    assert box.is_open and "started" in box.problem


async def test_the_search_in_the_address_stands_first_and_open(made: Services, one: seed.Lesson) -> None:
    with made.store.write() as db:
        later = seed.lesson(db, starts_in_s=5 * 86_400)
    cora = viewer(one.coordinator, "coordinator")
    substitutes.ask(cora, one.session.id)
    named = substitutes.ask(cora, later.session.id)
    assert [line.session_id for line in query.searches(cora)] == [one.session.id, later.session.id]
    with acting_as(cora):
        state = page(Substitutes)
        state.named = state.chosen = named
        await state._look()
    assert [line.session_id for line in state.lines] == [later.session.id, one.session.id]
    assert state.chosen == named


async def test_i_cannot_come_is_undone_also_when_others_are_asked_already(
    made: Services, one: seed.Lesson
) -> None:
    with acting_as(viewer(one.instructor, "instructor")):
        state, toast = await asked(one)
        tick_timers(made)
        assert search(made).status == "offered" and search(made).id in str(toast.args)
        await sent(state, "undo", search(made).id)
    assert search(made).status == "withdrawn"
    with made.store.read() as db:
        assert db.exec(select(SubstituteOffer.status)).all() == ["withdrawn"]


async def test_i_cannot_come_is_not_undone_when_somebody_has_taken_the_lesson(
    made: Services, one: seed.Lesson
) -> None:
    with acting_as(viewer(one.instructor, "instructor")):
        state, _ = await asked(one)
        tick_timers(made)
        with made.store.read() as db:
            offer = db.exec(select(SubstituteOffer)).one()
        substitutes.accept_offer(Viewer(offer.instructor_id, "Elif Kaya", ("instructor",)), offer.id)
        said = await sent(state, "undo", search(made).id)
    assert "taken this lesson already" in str(said.args) and search(made).status == "filled"


async def test_a_coordinator_adds_a_student_who_takes_the_course(made: Services, one: seed.Lesson) -> None:
    with made.store.write() as db:
        new = seed.person(db, "Kim Novak", "student")
        db.add(Enrollment(student_id=new.id, course_id=one.course.id))
    with acting_as(viewer(one.coordinator, "coordinator")):
        box = page(LessonBox)
        await sent(box, "show", one.session.id)
        await sent(box, "start", "add")
        assert box.students == [("", "Choose a student"), (new.id, "Kim Novak")]
        await sent(box, "add_student", {"student": ""})
        assert box.problem
        await sent(box, "add_student", {"student": new.id})
    assert "Kim Novak" in [seat.name for seat in box.seats] and (box.task, box.problem) == ("", "")
