"""Media nodes and their rooms, on both databases: who is known, who gets a room, who keeps it."""

import contextvars
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import col, select

from core.clock import SystemClock
from core.domain import AuditEntry, DomainEvent, MediaNode, PresenceInterval, Room
from core.errors import NotFound
from core.lifecycle import live, media
from core.lifecycle.media import Beat, NodeRegistry
from core.lifecycle.provision import provision_room
from core.services import Services
from core.testing import FakeClock, seed, services

pytestmark = pytest.mark.contract

EU = Beat("eu-1", "i1", "eu", "ws://10.0.0.1:7881/control", 1, 0.1, 0, 0, 5.0)
US = Beat("us-1", "i2", "us", "ws://10.0.0.2:7881/control", 1, 0.0, 0, 0, 5.0)


@pytest.fixture
def made(db_url: str, tmp_path: Path) -> Iterator[Services]:
    url = "" if db_url.startswith("sqlite") else db_url
    regions = "eu=Europe/Berlin,us=America/New_York"
    with services(tmp_path, database_url=url, media_regions=regions) as made:
        yield made


@pytest.fixture
def one(made: Services) -> seed.Lesson:
    """A lesson of people in Europe, with its room."""
    with made.store.write() as db:
        one = seed.lesson(db)
        for person in (one.instructor, *one.students):
            person.tz = "Europe/Vienna"
            db.add(person)
        provision_room(db, one.session.id)
    return one


def registry(made: Services) -> NodeRegistry:
    return NodeRegistry(made.store, made.settings, made.clock)


def clock(made: Services) -> FakeClock:
    assert isinstance(made.clock, FakeClock)
    return made.clock


def placed(made: Services, session_id: str, *away: Beat) -> str:
    node = registry(made).place(session_id, frozenset(beat.control_url for beat in away))
    return node.name if node else ""


def test_a_room_goes_near_its_people_and_stays(made: Services, one: seed.Lesson) -> None:
    assert placed(made, one.session.id) == ""
    media.heard(US)
    media.heard(EU)
    assert placed(made, one.session.id) == "eu-1"
    media.heard(replace(EU, load=0.99))
    assert placed(made, one.session.id) == "eu-1"
    with made.store.read() as db:
        assert db.get_one(Room, one.session.id).node == "eu-1"
        events = db.exec(select(DomainEvent).where(DomainEvent.kind == "room.placed")).all()
    assert [event.payload for event in events] == [{"node": "eu-1", "moved": False}]


def test_a_room_moves_when_its_node_is_gone(made: Services, one: seed.Lesson) -> None:
    media.heard(EU)
    media.heard(US)
    assert placed(made, one.session.id) == "eu-1"
    assert placed(made, one.session.id, EU) == "us-1"
    assert placed(made, one.session.id) == "us-1"
    assert placed(made, one.session.id, US) == "eu-1"
    assert placed(made, one.session.id, US, EU) == ""
    with made.store.read() as db:
        kinds = select(DomainEvent.payload).where(DomainEvent.kind == "room.placed")
        assert [payload["moved"] for payload in db.exec(kinds.order_by(col(DomainEvent.id)))] == [
            False,
            True,
            True,
        ]


def test_silent_stopping_and_foreign_nodes_get_no_room(made: Services, one: seed.Lesson) -> None:
    media.heard(EU)
    clock(made).advance(media.SILENT_S + 1)
    assert placed(made, one.session.id) == ""
    media.heard(replace(EU, stopping=True))
    assert placed(made, one.session.id) == ""
    media.heard(replace(EU, version=media.VERSION + 1))
    assert placed(made, one.session.id) == ""
    media.heard(EU)
    assert placed(made, one.session.id) == "eu-1"


def test_draining(made: Services, one: seed.Lesson) -> None:
    for beat in (EU, US):
        media.heard(beat)
    child = one.students[0]
    assert placed(made, one.session.id) == "eu-1"
    live.presence_started(one.session.id, child.id, "p1", "student")
    with made.store.write() as db:
        media.drain(db, "eu-1", True, one.coordinator.id)
        media.drain(db, "eu-1", True, one.coordinator.id)
        with pytest.raises(NotFound):
            media.drain(db, "nobody", True, None)
    assert media.heard(EU) is True
    assert placed(made, one.session.id) == "eu-1", "a room with people in it stays"
    live.presence_ended("p1", "left")
    assert placed(made, one.session.id) == "us-1"
    with made.store.write() as db:
        media.drain(db, "eu-1", False, None)
        assert len(db.exec(select(AuditEntry).where(AuditEntry.action == "drain.media_node")).all()) == 2
    assert media.heard(EU) is False


def test_what_a_node_says_is_kept(made: Services) -> None:
    media.heard(EU)
    clock(made).advance(3)
    media.heard(replace(EU, rooms=4, participants=9, uptime_s=8.0))
    with made.store.read() as db:
        (view,) = media.nodes(db, made.clock.now())
        row = db.get_one(MediaNode, "eu-1")
    assert (view.rooms, view.participants, view.usable, view.silent_s) == (4, 9, True, 0)
    started = row.started_at
    clock(made).advance(60)
    media.heard(replace(EU, instance="i9", uptime_s=1.0))
    with made.store.read() as db:
        assert db.get_one(MediaNode, "eu-1").started_at > started
    clock(made).advance(days=8)
    media.heard(US)
    with made.store.read() as db:
        assert [view.name for view in media.nodes(db, made.clock.now())] == ["us-1"]


def test_a_room_nobody_knows_is_placed_without_a_note(made: Services) -> None:
    media.heard(EU)
    assert placed(made, "not-a-room") == "eu-1"
    assert isinstance(NodeRegistry(made.store, made.settings)._clock, SystemClock)  # pyright: ignore[reportPrivateUsage]


def test_two_at_once_agree(made: Services, one: seed.Lesson) -> None:
    media.heard(EU)
    media.heard(US)
    with ThreadPoolExecutor(6) as pool:
        asked = [
            pool.submit(contextvars.copy_context().run, placed, made, one.session.id, EU) for _ in range(6)
        ]
        assert [one.result() for one in asked] == ["us-1"] * 6


def test_cuts_survived_are_evidence_of_one_interval(made: Services, one: seed.Lesson) -> None:
    live.presence_started(one.session.id, one.students[0].id, "p1", "student")
    at = made.clock.now()
    live.presence_gap("p1", at, 4.26, "line")
    live.presence_gap("p1", at, 1.0, "media")
    live.presence_gap("nobody", at, 1.0, "media")
    for _ in range(live.MAX_GAPS):
        live.presence_gap("p1", at, 0.0, "server")
    with made.store.read() as db:
        interval = db.exec(select(PresenceInterval)).one()
    assert interval.ended_at is None and len(interval.gaps) == live.MAX_GAPS
    assert interval.gaps[:2] == [
        {"at": at.isoformat(), "s": 4.3, "why": "line"},
        {"at": at.isoformat(), "s": 1.0, "why": "media"},
    ]
