"""A lesson that lost its instructor finds another one, once, on both databases."""

import contextvars
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from core.access import SYSTEM, Viewer
from core.clock import tick_timers
from core.domain import (
    AvailabilityException,
    AvailabilityHours,
    ClassSession,
    ExceptionCase,
    Message,
    Person,
    Qualification,
    Seat,
    SubstituteOffer,
    Substitution,
)
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound, UserError
from core.lifecycle import substitute_search, substitutes
from core.lifecycle.schedule import cancel_session, move_session, reassign_session
from core.services import Services
from core.testing import FakeClock, seed, services

pytestmark = pytest.mark.contract

HOUR = timedelta(hours=1)


@pytest.fixture
def made(db_url: str, tmp_path: Path) -> Iterator[Services]:
    url = "" if db_url.startswith("sqlite") else db_url
    with services(tmp_path, database_url=url, substitutes_at_a_time=2) as made:
        yield made


def lesson(
    made: Services, others: int = 4, ahead: timedelta = timedelta(days=3)
) -> tuple[seed.Lesson, list[Viewer]]:
    """A lesson in three days and others who may teach it, open day and night."""
    with made.store.write() as db:
        one = seed.lesson(db, starts_in_s=ahead.total_seconds())
        people = [seed.person(db, f"Other {n}", "instructor") for n in range(others)]
        for person in (one.instructor, *people):
            db.add(Qualification(instructor_id=person.id, course_id=one.course.id))
            for weekday in range(7):
                db.add(
                    AvailabilityHours(
                        person_id=person.id, weekday=weekday, starts=time(0), ends=time(0), tz="UTC"
                    )
                )
        return one, [viewer(person, "instructor") for person in people]


def viewer(person: Person, *roles: str) -> Viewer:
    return Viewer(person.id, person.name, roles)


def away(person_id: str, starts_at: datetime, now: datetime) -> AvailabilityException:
    """For two hours."""
    return AvailabilityException(
        person_id=person_id,
        kind="away",
        created_by=person_id,
        created_at=now,
        starts_at=starts_at,
        ends_at=starts_at + 2 * HOUR,
    )


def search(made: Services, one: seed.Lesson) -> str:
    """Ask, and let the first round go out."""
    found = substitutes.ask(viewer(one.instructor, "instructor"), one.session.id)
    tick_timers(made)
    return found


def offers(made: Services, status: str = "offered") -> list[SubstituteOffer]:
    with made.store.read() as db:
        query = select(SubstituteOffer).where(SubstituteOffer.status == status)
        return list(db.exec(query.order_by(col(SubstituteOffer.rank))))


def status(made: Services, substitution_id: str) -> str:
    with made.store.read() as db:
        return db.get_one(Substitution, substitution_id).status


def later(made: Services, by: timedelta) -> None:
    clock = made.clock
    assert isinstance(clock, FakeClock)
    clock.advance(by.total_seconds())
    tick_timers(made)


def teaches(made: Services, one: seed.Lesson) -> list[str]:
    with made.store.read() as db:
        seats = db.exec(select(Seat).where(Seat.session_id == one.session.id, Seat.role == "instructor"))
        return [seat.person_id for seat in seats if seat.active]


def messages(made: Services, kind: str) -> list[str]:
    with made.store.read() as db:
        return sorted(db.exec(select(Message.to_person_id).where(Message.kind == kind)))


def by(people: list[Viewer], offer: SubstituteOffer) -> Viewer:
    return next(one for one in people if one.person_id == offer.instructor_id)


def test_several_are_asked_and_the_first_to_accept_has_the_lesson(made: Services) -> None:
    one, people = lesson(made)
    found = search(made, one)
    first, second = offers(made)
    assert messages(made, "substitute_offer") == sorted([first.instructor_id, second.instructor_id])
    assert substitutes.accept_offer(by(people, second), second.id) == one.session.id
    assert teaches(made, one) == [second.instructor_id]
    assert status(made, found) == "filled"
    assert messages(made, "substitute_over") == [first.instructor_id]
    assert substitutes.accept_offer(by(people, second), second.id) == one.session.id, "again changes nothing"
    with pytest.raises(Conflict, match="faster"):
        substitutes.accept_offer(by(people, first), first.id)


def test_of_many_who_accept_at_the_same_moment_one_has_the_lesson(made: Services) -> None:
    one, people = lesson(made, others=8)
    found = substitutes.ask(viewer(one.instructor, "instructor"), one.session.id)
    with made.store.write() as db:
        version = db.get_one(Substitution, found).version
    cora = viewer(one.coordinator, "coordinator")
    substitutes.offer(cora, found, [person.person_id for person in people], version)

    def accept(offer: SubstituteOffer) -> str:
        try:
            return substitutes.accept_offer(by(people, offer), offer.id)
        except UserError as error:
            assert error.status == 409
            return ""

    with ThreadPoolExecutor(8) as pool:
        tries = [pool.submit(contextvars.copy_context().run, accept, offer) for offer in offers(made)]
        won = [done.result() for done in tries]
    assert won.count(one.session.id) == 1 and won.count("") == 7
    (accepted,) = offers(made, "accepted")
    assert teaches(made, one) == [accepted.instructor_id]


def test_declined_and_unanswered_offers_bring_the_next_round_and_then_a_coordinator(made: Services) -> None:
    one, people = lesson(made, others=3)
    found = search(made, one)
    first, second = offers(made)
    substitutes.decline_offer(by(people, first), first.id)
    assert len(offers(made)) == 1, "somebody is still being asked"
    later(made, timedelta(seconds=made.settings.substitute_offer_s + 1))
    later(made, timedelta(seconds=1))
    (third,) = offers(made)
    assert third.instructor_id not in (first.instructor_id, second.instructor_id)
    with pytest.raises(Conflict, match="ended"):
        substitutes.accept_offer(by(people, second), second.id)
    substitutes.decline_offer(by(people, third), third.id)
    later(made, timedelta(seconds=1))
    assert status(made, found) == "escalated"
    with made.store.read() as db:
        case = db.exec(select(ExceptionCase).where(ExceptionCase.kind == substitute_search.CASE)).one()
        assert (case.queue, case.session_id, case.status) == ("coordinator", one.session.id, "open")


def test_time_that_runs_out_is_a_case_and_who_accepts_after_all_settles_it(made: Services) -> None:
    one, people = lesson(made, ahead=timedelta(hours=2))
    found = search(made, one)
    later(made, HOUR - timedelta(minutes=1))
    assert status(made, found) == "offered"
    offer = offers(made)[0]
    later(made, timedelta(minutes=1))
    assert status(made, found) == "escalated"
    with made.store.write() as db:
        row = db.get_one(SubstituteOffer, offer.id)
        row.status, row.expires_at = "offered", made.clock.now() + HOUR
        db.add(row)
    substitutes.accept_offer(by(people, offer), offer.id)
    with made.store.read() as db:
        assert (
            db.exec(select(ExceptionCase.status).where(ExceptionCase.kind == substitute_search.CASE)).one()
            == "resolved"
        )


def test_a_lesson_in_an_hour_is_offered_at_once_and_for_half_of_the_time(made: Services) -> None:
    one, _ = lesson(made, ahead=HOUR)
    search(made, one)
    assert offers(made)[0].expires_at == made.clock.now() + HOUR / 2


def test_nobody_who_is_busy_away_or_not_qualified_is_asked(made: Services) -> None:
    one, people = lesson(made, others=3)
    with made.store.write() as db:
        now, start = made.clock.now(), one.session.starts_at
        db.add(
            AvailabilityException(
                person_id=people[0].person_id,
                kind="away",
                starts_at=start - HOUR,
                ends_at=start + HOUR,
                created_by=people[0].person_id,
                created_at=now,
            )
        )
        other = seed.lesson(db, starts_in_s=3 * 86_400)
        db.add(
            Seat(
                session_id=other.session.id,
                person_id=people[1].person_id,
                role="instructor",
                starts_at=start,
                ends_at=one.session.ends_at,
            )
        )
    search(made, one)
    assert [offer.instructor_id for offer in offers(made)] == [people[2].person_id]


def test_accepting_looks_again_whether_they_are_free(made: Services) -> None:
    one, people = lesson(made, others=1)
    search(made, one)
    (offer,) = offers(made)
    with made.store.write() as db:
        start = one.session.starts_at
        db.add(
            AvailabilityException(
                person_id=offer.instructor_id,
                kind="away",
                starts_at=start,
                ends_at=start + HOUR,
                created_by=offer.instructor_id,
                created_at=made.clock.now(),
            )
        )
    with pytest.raises(Conflict, match="not free"):
        substitutes.accept_offer(people[0], offer.id)
    assert teaches(made, one) == [one.instructor.id]
    assert [one.status for one in offers(made)] == ["offered"]


@pytest.mark.parametrize("how", ["moved", "cancelled", "reassigned"])
def test_a_lesson_that_changed_ends_its_search(made: Services, how: str) -> None:
    one, people = lesson(made)
    found = search(made, one)
    offer = offers(made)[0]
    cora, version = viewer(one.coordinator, "coordinator"), 1
    if how == "moved":
        move_session(cora, one.session.id, one.session.starts_at + HOUR, one.session.ends_at + HOUR, version)
    elif how == "cancelled":
        cancel_session(cora, one.session.id, version)
    else:
        reassign_session(cora, one.session.id, people[-1].person_id, version)
    with pytest.raises(Conflict, match="ended"):
        substitutes.accept_offer(by(people, offer), offer.id)
    tick_timers(made)
    assert status(made, found) == "withdrawn" and offers(made) == []
    assert len(messages(made, "substitute_over")) == 2, "who was asked need not think about it any more"
    if how == "cancelled":
        with pytest.raises(Conflict):
            substitutes.ask(cora, one.session.id)
    else:
        assert substitutes.ask(cora, one.session.id) != found


def test_a_lesson_that_changed_can_be_searched_for_before_the_clock_ticks(made: Services) -> None:
    one, _ = lesson(made)
    found = search(made, one)
    cora = viewer(one.coordinator, "coordinator")
    move_session(cora, one.session.id, one.session.starts_at + HOUR, one.session.ends_at + HOUR, 1)
    again = substitutes.ask(cora, one.session.id)
    assert again != found and status(made, found) == "withdrawn"
    tick_timers(made)
    assert status(made, again) == "offered"


@pytest.mark.parametrize("against", ["cancelled", "reassigned", "withdrawn", "the same offer"])
def test_accepting_while_something_else_happens_is_one_or_the_other(made: Services, against: str) -> None:
    one, people = lesson(made)
    found = search(made, one)
    first, second = offers(made)
    cora = viewer(one.coordinator, "coordinator")
    with made.store.read() as db:
        version = db.get_one(Substitution, found).version
    other: Callable[[], object] = {
        "cancelled": lambda: cancel_session(cora, one.session.id, 1),
        "reassigned": lambda: reassign_session(cora, one.session.id, second.instructor_id, 1),
        "withdrawn": lambda: substitutes.withdraw(cora, found, version),
        "the same offer": lambda: substitutes.accept_offer(by(people, first), first.id),
    }[against]

    def tried(change: Callable[[], object]) -> bool:
        try:
            change()
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(contextvars.copy_context().run, tried, change)
            for change in (lambda: substitutes.accept_offer(by(people, first), first.id), other)
        ]
        won = [job.result() for job in jobs]
    if against == "the same offer":
        assert won == [True, True]
        assert teaches(made, one) == [first.instructor_id]
        return
    assert sum(won) == 1
    expected = {
        "cancelled": [],
        "reassigned": [second.instructor_id],
        "withdrawn": [one.instructor.id],
    }[against]
    assert teaches(made, one) == ([first.instructor_id] if won[0] else expected)
    assert len(offers(made, "accepted")) == int(won[0])


def test_an_offer_never_outlives_the_start(made: Services) -> None:
    one, people = lesson(made, ahead=timedelta(minutes=4))
    search(made, one)
    offer = offers(made)[0]
    assert offer.expires_at == one.session.starts_at
    clock = made.clock
    assert isinstance(clock, FakeClock)
    clock.advance(240)
    with pytest.raises(Conflict, match="ended"):
        substitutes.accept_offer(by(people, offer), offer.id)


def test_asking_twice_is_one_search_and_it_can_be_taken_back(made: Services) -> None:
    one, _ = lesson(made)
    found = search(made, one)
    me = viewer(one.instructor, "instructor")
    assert substitutes.ask(me, one.session.id) == found
    with made.store.read() as db:
        version = db.get_one(Substitution, found).version
    substitutes.withdraw(me, found, version)
    assert status(made, found) == "withdrawn" and offers(made) == []
    assert len(messages(made, "substitute_over")) == 2


def test_it_is_taken_back_after_others_were_asked_but_not_after_one_accepted(made: Services) -> None:
    one, people = lesson(made)
    me = viewer(one.instructor, "instructor")
    found = substitutes.ask(me, one.session.id)
    tick_timers(made)
    substitutes.withdraw(me, found)
    assert len(offers(made, "withdrawn")) == len(messages(made, "substitute_over")) == 2
    again = search(made, one)
    offer = offers(made)[0]
    substitutes.accept_offer(by(people, offer), offer.id)
    with pytest.raises(Conflict, match="taken"):
        substitutes.withdraw(me, again)
    assert teaches(made, one) == [offer.instructor_id]


def test_who_is_asked_already_is_not_asked_again(made: Services) -> None:
    one, _ = lesson(made)
    found = search(made, one)
    asked = offers(made)
    cora = viewer(one.coordinator, "coordinator")
    substitutes.offer(cora, found, [offer.instructor_id for offer in asked])
    assert [offer.id for offer in offers(made)] == [offer.id for offer in asked]


def test_who_may_not(made: Services) -> None:
    one, people = lesson(made)
    with pytest.raises(NotAllowed):
        substitutes.ask(people[0], one.session.id)
    found = search(made, one)
    offer = offers(made)[0]
    stranger = next(person for person in people if person.person_id != offer.instructor_id)
    for answer in (substitutes.accept_offer, substitutes.decline_offer):
        with pytest.raises(NotFound):
            answer(stranger, offer.id)
    with pytest.raises(NotAllowed):
        substitutes.offer(people[0], found, [people[0].person_id], 2)
    with made.store.read() as db:
        version = db.get_one(Substitution, found).version
    with pytest.raises(InvalidInput):
        substitutes.offer(viewer(one.coordinator, "coordinator"), found, [one.students[0].id], version)


def test_a_lesson_that_began_is_not_searched_for(made: Services) -> None:
    one, _ = lesson(made)
    with made.store.write() as db:
        row = db.get_one(ClassSession, one.session.id)
        row.status = "live"
        db.add(row)
        with pytest.raises(Conflict):
            substitutes.open_in(db, SYSTEM, row.id, "away")
