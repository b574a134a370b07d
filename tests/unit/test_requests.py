"""Somebody asks for lessons: proposals with reasons, booked as chosen, and every step has its owner."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import select

from core.access import Viewer
from core.clock import tick_timers
from core.domain import (
    AuditEntry,
    AvailabilityHours,
    BookingProfile,
    ClassSession,
    Enrollment,
    ExceptionCase,
    LessonRequest,
    Person,
    Qualification,
    Seat,
    Series,
)
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from core.lifecycle import requests
from core.lifecycle.requests import Chosen, NewRequest
from core.queries import requests as query
from core.scheduling.wish import Slot, WishWindow
from core.services import Services
from core.testing import FakeClock, seed, services

pytestmark = pytest.mark.unit

MONDAY = date(2027, 3, 1)
TZ = "America/Sao_Paulo"
AFTERNOONS = tuple(WishWindow(day, time(16), time(18)) for day in range(5))


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Services]:
    with services(tmp_path) as made:
        clock = made.clock
        assert isinstance(clock, FakeClock)
        clock.set(datetime(2027, 2, 20, 12, tzinfo=UTC))
        yield made


@pytest.fixture
def one(made: Services) -> seed.Lesson:
    """An instructor in Lisbon, open in the evening there; a family in São Paulo."""
    with made.store.write() as db:
        one = seed.lesson(db)
        teaches(db, one.instructor, one.course.id)
        for person in (*one.students, *one.guardians):
            person.tz = TZ
            db.add(person)
        return one


def teaches(db: Any, person: Person, course_id: str, days: range = range(5)) -> None:
    person.tz = "Europe/Lisbon"
    db.add(person)
    db.add(Qualification(instructor_id=person.id, course_id=course_id))
    db.add(BookingProfile(person_id=person.id, languages=["pt"]))
    for day in days:
        db.add(
            AvailabilityHours(person_id=person.id, weekday=day, starts=time(14), ends=time(22), tz=person.tz)
        )
    db.flush()


def viewer(person: Person, *roles: str) -> Viewer:
    return Viewer(person.id, person.name, roles, person.tz)


def family(one: seed.Lesson) -> Viewer:
    return viewer(one.guardians[0], "guardian")


def cora(one: seed.Lesson) -> Viewer:
    return viewer(one.coordinator, "coordinator")


def wanted(one: seed.Lesson, **more: Any) -> NewRequest:
    facts: dict[str, Any] = {
        "student_id": one.students[0].id,
        "course_id": one.course.id,
        "windows": AFTERNOONS,
        "tz": TZ,
        "from_day": MONDAY,
        "per_week": 2,
        "lessons": 8,
        "language": "pt",
    }
    return NewRequest(**(facts | more))


def row_of(made: Services, request_id: str) -> LessonRequest:
    with made.store.read() as db:
        return db.get_one(LessonRequest, request_id)


def best(one: seed.Lesson, request_id: str) -> Chosen:
    card = query.offered(cora(one), request_id).cards[0]
    pairs = (pair.split(",") for pair in card.slots.split(";"))
    return Chosen(card.person.id, tuple(Slot(int(day), time.fromisoformat(at)) for day, at in pairs))


def test_a_family_asks_and_a_coordinator_sees_who_could_and_why(made: Services, one: seed.Lesson) -> None:
    with made.store.write() as db:
        other = seed.person(db, "Otto Other", "instructor")
        db.add(Qualification(instructor_id=other.id, course_id=one.course.id))
    request_id = requests.ask(family(one), wanted(one))
    (line,) = query.inbox(cora(one))
    assert (line.id, line.student.id, line.per_week, line.lessons) == (request_id, one.students[0].id, 2, 8)
    assert query.waiting(cora(one)) == 1 and query.waiting(family(one)) == 0
    found = query.offered(cora(one), request_id)
    (card,) = found.cards
    assert card.person.id == one.instructor.id
    assert "is qualified" in card.met and "speaks Portuguese" in card.met
    assert card.lessons == 8 and card.theirs
    assert found.ruled_out and found.looked_at == 2


def test_accepted_is_booked_in_the_familys_wall_clock(made: Services, one: seed.Lesson) -> None:
    request_id = requests.ask(family(one), wanted(one))
    chosen = best(one, request_id)
    made_ = requests.accept(cora(one), request_id, chosen, 1)
    assert sum(len(booked.session_ids) for booked in made_) == 8
    with made.store.read() as db:
        series = db.exec(select(Series).where(Series.request_id == request_id)).all()
        lessons = db.exec(
            select(ClassSession)
            .where(ClassSession.series_id == series[0].id)
            .order_by(ClassSession.starts_at)  # pyright: ignore[reportArgumentType]
        ).all()
        locals_ = {lesson.starts_at.astimezone(ZoneInfo(TZ)).time() for lesson in lessons}
        assert locals_ <= {slot.at for slot in chosen.slots}
        assert db.exec(select(Enrollment).where(Enrollment.course_id == one.course.id)).one().active
    row = row_of(made, request_id)
    assert (row.status, row.decided_by, row.version) == ("placed", one.coordinator.id, 2)
    with pytest.raises(Conflict):
        requests.accept(cora(one), request_id, chosen, 2)
    with pytest.raises(Conflict):
        requests.withdraw(family(one), request_id, 2)


def test_what_does_not_fit_any_more_is_not_booked_half(made: Services, one: seed.Lesson) -> None:
    request_id = requests.ask(family(one), wanted(one))
    chosen = best(one, request_id)
    with made.store.write() as db:
        for hours in db.exec(select(AvailabilityHours)).all():
            db.delete(hours)
    with pytest.raises(Conflict, match="do not fit"):
        requests.accept(cora(one), request_id, chosen, 1)
    with made.store.read() as db:
        assert db.exec(select(Series)).first() is None
    assert row_of(made, request_id).status == "open"


def test_taking_it_back_cancels_what_is_to_come(made: Services, one: seed.Lesson) -> None:
    request_id = requests.ask(family(one), wanted(one))
    requests.accept(cora(one), request_id, best(one, request_id), 1)
    requests.undo(cora(one), request_id, 2)
    with made.store.read() as db:
        series = db.exec(select(Series.id).where(Series.request_id == request_id)).one()
        assert {
            row.status for row in db.exec(select(ClassSession).where(ClassSession.series_id == series))
        } == {"cancelled"}
        seats = db.exec(select(Seat).join(ClassSession).where(ClassSession.series_id == series)).all()
        assert not any(seat.active for seat in seats)
    assert row_of(made, request_id).status == "open"
    requests.accept(cora(one), request_id, best(one, request_id), 3)


def test_nobody_free_is_a_case_that_names_the_tightest_constraint(made: Services, one: seed.Lesson) -> None:
    nights = tuple(WishWindow(day, time(2), time(4)) for day in range(5))
    request_id = requests.ask(family(one), wanted(one, windows=nights))
    tick_timers(made)
    with made.store.read() as db:
        case = db.exec(select(ExceptionCase).where(ExceptionCase.kind == requests.CASE)).one()
    assert case.facts["request_id"] == request_id and case.facts["constraint"]
    found = query.offered(cora(one), request_id)
    assert found.cards == [] and "free" in found.constraint
    requests.reject(cora(one), request_id, "Nobody teaches at night.", row_of(made, request_id).version)
    with made.store.read() as db:
        assert (
            db.exec(select(ExceptionCase.status).where(ExceptionCase.kind == requests.CASE)).one()
            == "resolved"
        )
    (line,) = query.own(family(one))
    assert (line.status, line.reason) == ("rejected", "Nobody teaches at night.")


def test_no_rule_accepts_by_itself_unless_it_is_switched_on(made: Services, one: seed.Lesson) -> None:
    with made.store.write() as db:
        seed.ended(db, replace(one, session=db.get_one(ClassSession, one.session.id)))
    request_id = requests.ask(family(one), wanted(one))
    tick_timers(made)
    assert row_of(made, request_id).status == "open"
    assert query.standing_rule() == ""


def test_a_rule_that_is_on_places_says_so_and_can_be_undone(tmp_path: Path) -> None:
    with services(tmp_path, auto_accept="continuity") as made:
        assert isinstance(made.clock, FakeClock)
        assert query.standing_rule().startswith("A rule is on")
        made.clock.set(datetime(2027, 2, 20, 12, tzinfo=UTC))
        with made.store.write() as db:
            one = seed.lesson(db, starts_in_s=-86_400)
            teaches(db, one.instructor, one.course.id)
            seed.ended(db, one)
        placed = requests.ask(family(one), wanted(one))
        with made.store.write() as db:
            stranger = seed.person(db, "New Student", "student")
        other = requests.ask(cora(one), wanted(one, student_id=stranger.id, from_day=date(2027, 6, 7)))
        tick_timers(made)
        row = row_of(made, placed)
        assert (row.status, row.rule, row.decided_by) == ("placed", "continuity", None)
        assert row_of(made, other).status == "open", "nobody has taught them before"
        with made.store.read() as db:
            entry = db.exec(select(AuditEntry).where(AuditEntry.action == "request.placed")).one()
        assert (entry.actor_id, entry.facts) == (None, {"rule": "continuity"})
        requests.undo(cora(one), placed, row.version)
        assert row_of(made, placed).status == "open"


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("tz", {"tz": "Mars/Olympus"}),
        ("windows", {"windows": ()}),
        ("windows", {"windows": (WishWindow(0, time(16), time(16, 30)),), "per_week": 1}),
        ("windows", {"windows": (WishWindow(9, time(16), time(18)),), "per_week": 1}),
        ("windows", {"windows": AFTERNOONS[:1]}),
        ("per_week", {"per_week": 0}),
        ("length_min", {"length_min": 600}),
        ("from_day", {"from_day": date(2020, 1, 1)}),
        ("until_day", {"until_day": date(2027, 2, 1)}),
        ("until_day", {"until_day": date(2029, 2, 1)}),
        ("lessons", {"lessons": 0}),
        ("course_id", {"course_id": "nowhere"}),
        ("instructor_id", {"instructor_id": "nobody"}),
    ],
)
def test_bad_input_is_a_sentence_beside_its_field(
    made: Services, one: seed.Lesson, field: str, more: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput) as told:
        requests.ask(family(one), wanted(one, **more))
    assert told.value.field == field
    assert query.inbox(cora(one)) == []


def test_who_may_ask_and_who_decides(made: Services, one: seed.Lesson) -> None:
    with made.store.write() as db:
        stranger = viewer(seed.person(db, "Stranger", "guardian"), "guardian")
    for who in (stranger, viewer(one.students[0], "student"), viewer(one.instructor, "instructor")):
        with pytest.raises(NotAllowed):
            requests.ask(who, wanted(one))
    with pytest.raises(NotFound):
        requests.ask(cora(one), wanted(one, student_id=one.guardians[0].id))
    request_id = requests.ask(family(one), wanted(one))
    for who in (family(one), viewer(one.instructor, "instructor")):
        with pytest.raises(NotAllowed):
            requests.reject(who, request_id, "no", 1)
        with pytest.raises(NotAllowed):
            requests.accept(who, request_id, Chosen(one.instructor.id, ()), 1)
        with pytest.raises(NotAllowed):
            query.offered(who, request_id)
    with pytest.raises(NotAllowed):
        requests.withdraw(stranger, request_id, 1)
    with pytest.raises(InvalidInput):
        requests.reject(cora(one), request_id, "  ", 1)
    requests.withdraw(family(one), request_id, 1)
    assert row_of(made, request_id).status == "withdrawn"


def test_two_coordinators_who_decide_at_the_same_time(made: Services, one: seed.Lesson) -> None:
    request_id = requests.ask(family(one), wanted(one))
    requests.reject(cora(one), request_id, "We are full.", 1)
    with pytest.raises(Conflict):
        requests.reject(cora(one), request_id, "No.", 1)


def test_a_clock_change_keeps_the_wall_clock(made: Services, one: seed.Lesson) -> None:
    """Lisbon's clocks change at the end of March; São Paulo's do not."""
    request_id = requests.ask(family(one), wanted(one, lessons=None, until_day=MONDAY + timedelta(days=41)))
    requests.accept(cora(one), request_id, best(one, request_id), 1)
    with made.store.read() as db:
        series = db.exec(select(Series.id).where(Series.request_id == request_id)).all()
        starts = [row.starts_at for row in db.exec(select(ClassSession)) if row.series_id in series]
    assert {at.astimezone(ZoneInfo(TZ)).hour for at in starts} <= {16, 17}
    assert {at.astimezone(ZoneInfo("Europe/Lisbon")).utcoffset() for at in starts} == {
        timedelta(0),
        timedelta(hours=1),
    }
