"""The private calendar address over HTTP: a token alone, nothing of others, and nothing twice when nothing changed."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from icalendar import Calendar
from sqlmodel import select

from core.access import viewer_for
from core.domain import CalendarFeed, ClassSession, Person, Seat
from core.lifecycle import feeds, schedule
from hilink_app.api import feeds as route
from tests.contract.world import SECRET, World, world

pytestmark = pytest.mark.contract

TYPE = "text/calendar; charset=utf-8"


@pytest.fixture
def academy(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(route, "_rate", route.Rate(route.MOST, route.WINDOW_S))
    with world(tmp_path_factory.mktemp("feed")) as made:
        yield made


def address(academy: World, role: str) -> str:
    """A new address of that person, as a path."""
    viewer = academy.viewer(role)
    assert viewer is not None
    return "/calendar/" + feeds.renew(viewer).rpartition("/")[2]


def events(body: bytes) -> list[Any]:
    return list(Calendar.from_ical(body).walk("VEVENT"))


async def test_it_has_ones_own_lessons_and_nobodys_surname(academy: World) -> None:
    async with academy.client() as client:
        answer = await client.get(address(academy, "instructor"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, TYPE)
    (event,) = events(answer.content)
    student = academy.mine.students[0]
    assert event["SUMMARY"] == f"Algebra with {student.first_name}"
    assert event["UID"].startswith(academy.mine.session.id)
    assert event["DTSTART"].dt == academy.mine.session.starts_at
    for person in academy.people.values():
        assert person.name.split()[-1].encode() not in answer.content
    assert SECRET.encode() not in answer.content


async def test_it_leads_to_the_room_and_carries_no_way_in(academy: World) -> None:
    async with academy.client() as client:
        answer = await client.get(address(academy, "student"))
    (event,) = events(answer.content)
    assert event["URL"].endswith(f"/room/{academy.mine.session.id}")
    assert b"/j/" not in answer.content


async def test_a_family_sees_its_childrens_lessons(academy: World) -> None:
    async with academy.client() as client:
        answer = await client.get(address(academy, "guardian"))
    (event,) = events(answer.content)
    assert event["SUMMARY"] == f"{academy.mine.students[0].first_name}: Algebra"


async def test_times_are_in_the_readers_zone(academy: World) -> None:
    with academy.services.store.write() as db:
        person = db.get_one(Person, academy.mine.instructor.id)
        person.tz = "Australia/Lord_Howe"
        db.add(person)
    async with academy.client() as client:
        answer = await client.get(address(academy, "instructor"))
    (event,) = events(answer.content)
    assert event["DTSTART"].params["TZID"] == "Australia/Lord_Howe"
    assert event["DTSTART"].dt == academy.mine.session.starts_at
    assert b"BEGIN:VTIMEZONE" in answer.content


async def test_unchanged_is_304_and_a_moved_lesson_is_not(academy: World) -> None:
    path = address(academy, "instructor")
    coordinator = academy.viewer("coordinator")
    assert coordinator is not None
    async with academy.client() as client:
        first = await client.get(path)
        known = {"if-none-match": first.headers["etag"]}
        assert (await client.get(path, headers=known)).status_code == 304
        start = academy.mine.session.starts_at + timedelta(days=1)
        schedule.move_session(
            coordinator,
            academy.mine.session.id,
            start,
            start + timedelta(hours=1),
            academy.mine.session.version,
        )
        second = await client.get(path, headers=known)
    assert second.status_code == 200
    (event,) = events(second.content)
    assert (event["SEQUENCE"], event["DTSTART"].dt) == (2, start)
    assert "last-modified" in second.headers


async def test_cancelled_and_long_past_lessons_are_not_in_it(academy: World) -> None:
    path = address(academy, "instructor")
    coordinator = academy.viewer("coordinator")
    assert coordinator is not None
    schedule.cancel_session(coordinator, academy.mine.session.id, academy.mine.session.version)
    with academy.services.store.write() as db:
        old = academy.services.clock.now() - timedelta(days=40)
        row = ClassSession(
            course_id=academy.mine.course.id, starts_at=old, ends_at=old + timedelta(hours=1), status="ended",
            created_by=academy.mine.coordinator.id,
        )  # fmt: skip
        db.add(row)
        db.flush()
        db.add(
            Seat(
                session_id=row.id, person_id=academy.mine.instructor.id, role="instructor",
                starts_at=row.starts_at, ends_at=row.ends_at,
            )
        )  # fmt: skip
    async with academy.client() as client:
        answer = await client.get(path)
    assert (answer.status_code, events(answer.content)) == (200, [])


@pytest.mark.parametrize(
    "path", ["/calendar/nonsense.ics", "/calendar/..%2f.ics", f"/calendar/{'a' * 500}.ics"]
)
async def test_an_address_that_is_not_ours(academy: World, path: str) -> None:
    async with academy.client() as client:
        answer = await client.get(path)
    assert answer.status_code == 404


async def test_renewed_withdrawn_and_closed_accounts(academy: World) -> None:
    old = address(academy, "student")
    new = address(academy, "student")
    viewer = academy.viewer("student")
    assert viewer is not None
    async with academy.client() as client:
        assert [(await client.get(path)).status_code for path in (old, new)] == [404, 200]
        feeds.withdraw(viewer)
        assert (await client.get(new)).status_code == 404
        again = address(academy, "student")
        with academy.services.store.write() as db:
            person = db.get_one(Person, viewer.person_id)
            person.active = False
            db.add(person)
        assert (await client.get(again)).status_code == 404


async def test_a_program_that_asks_too_often_is_told_to_wait(academy: World) -> None:
    path, other = address(academy, "student"), address(academy, "guardian")
    async with academy.client() as client:
        answers = [(await client.get(path)).status_code for _ in range(route.MOST + 1)]
        assert (answers[-2], answers[-1]) == (200, 429)
        assert (await client.get(other)).status_code == 200


async def test_the_database_knows_no_address(academy: World) -> None:
    path = address(academy, "student")
    async with academy.client() as client:
        await client.get(path)
    with academy.services.store.read() as db:
        row = db.exec(select(CalendarFeed)).one()
    assert row.token_hash not in path and row.used_at is not None


def test_only_an_own_address_is_made(academy: World) -> None:
    with academy.services.store.read() as db:
        viewer = viewer_for(db, academy.mine.guardians[0].id)
    assert viewer is not None
    feeds.renew(viewer)
    student = academy.viewer("student")
    assert student is not None
    assert (feeds.state(viewer).active, feeds.state(student).active) == (True, False)
