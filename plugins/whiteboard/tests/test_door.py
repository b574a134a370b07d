"""The real door: tickets, seats, sites, activity, fonts; over the real services."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from fastapi import FastAPI
from sqlmodel import select

from core import services
from core.domain import EngagementSignal, Seat
from core.services import Services
from core.testing import factory, seed
from plugins.whiteboard import door
from plugins.whiteboard.api import router
from plugins.whiteboard.tests.clients import joined, rectangle
from plugins.whiteboard.tests.conftest import eventually, free_port, granian

pytestmark = pytest.mark.e2e


@dataclass
class Site:
    port: int
    services: Services
    lesson: seed.Lesson

    def ticket(
        self, person_id: str, role: str, draw: bool = True, session_id: str = "", kind: str = "board"
    ) -> str:
        claims = {
            "session_id": session_id or self.lesson.session.id,
            "person_id": person_id,
            "role": role,
            "draw": draw,
        }
        return self.services.tickets.issue(kind, claims)

    def url(self, ticket: str, session_id: str = "") -> str:
        return f"ws://127.0.0.1:{self.port}/ws/board/{session_id or self.lesson.session.id}/1?ticket={ticket}"

    @property
    def student(self) -> str:
        return self.lesson.students[0].id


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setenv("HILINK_WHITEBOARD_RECHECK_S", "0.1")
    monkeypatch.setenv("HILINK_WHITEBOARD_SAVE_S", "0.05")
    monkeypatch.setenv("HILINK_WHITEBOARD_LINGER_S", "0.1")
    with factory.services(tmp_path, built_ins=("plugins.whiteboard",)) as made:
        services.install(made)
        try:
            with made.store.write() as db:
                lesson = seed.lesson(db, students=2)
            app, port = FastAPI(), free_port()
            app.include_router(router)
            async with door.open_hub(), granian(app, port):
                yield Site(port, made, lesson)
        finally:
            services.install(None)


async def refused(url: str, **options: Any) -> int:
    with pytest.raises(websockets.InvalidStatus) as refusal:
        await websockets.connect(url, **options)
    return refusal.value.response.status_code


async def test_a_ticket_of_ours_opens_the_board_under_the_name_we_know(site: Site) -> None:
    teacher = site.lesson.instructor
    async with (
        joined(site.url(site.ticket(site.student, "student"))) as sam,
        joined(site.url(site.ticket(teacher.id, "instructor"))) as ines,
    ):
        await ines.aware({"user": {"name": "somebody else"}}, key=4)
        await sam.until(lambda: 4 in sam.people)
        assert sam.people[4]["user"] == {"id": teacher.id, "name": teacher.name, "role": "instructor"}


async def test_every_other_ticket_is_refused(site: Site) -> None:
    good = site.ticket(site.student, "student")
    assert await refused(site.url("")) == 403
    assert await refused(site.url(good[:-2] + "xx")) == 403
    assert await refused(site.url(site.ticket(site.student, "student", kind="room"))) == 403
    assert await refused(site.url(good, session_id="other")) == 403
    assert await refused(site.url(site.ticket(site.student, "instructor"))) == 403
    assert await refused(site.url(site.ticket("nobody", "student"))) == 403
    assert await refused(site.url(site.ticket(site.student, "observer"))) == 403
    assert await refused(site.url(good), origin="https://stranger.example") == 403
    async with joined(site.url(site.ticket(site.lesson.coordinator.id, "observer", draw=False))):
        pass


async def test_a_seat_given_up_ends_the_board(site: Site) -> None:
    async with joined(site.url(site.ticket(site.student, "student"))) as sam:
        with site.services.store.write() as db:
            seat = db.exec(select(Seat).where(Seat.person_id == site.student)).one()
            seat.active = False
            db.add(seat)
        assert await sam.closed() == 4403
    assert await refused(site.url(site.ticket(site.student, "student"))) == 403


async def test_a_revoked_seat_ends_the_board_at_once(site: Site) -> None:
    async with joined(site.url(site.ticket(site.student, "student"))) as sam:
        message = {"session_id": site.lesson.session.id, "person_id": site.student}
        await site.services.bus.publish(door.REVOKED_TOPIC, message)
        assert await sam.closed() == 4403


async def test_drawing_becomes_an_engagement_signal(site: Site) -> None:
    async with joined(site.url(site.ticket(site.student, "student"))) as sam:
        await sam.draw("r1", rectangle("r1"))
        await sam.draw("r2", rectangle("r2"))
    await eventually(lambda: not door.hub().stats()["pages"])
    await door.hub()._report_activity()
    with site.services.store.read() as db:
        signal = db.exec(select(EngagementSignal)).one()
    assert (signal.person_id, signal.signal, signal.value) == (site.student, "board_updates", 2.0)


async def test_fonts_come_from_us_and_nothing_else_does(site: Site) -> None:
    assets = f"http://127.0.0.1:{site.port}/api/v1/boards/assets/fonts"
    async with httpx.AsyncClient() as client:
        font = await client.get(f"{assets}/Virgil/Virgil-Regular.woff2")
        assert font.status_code == 200 and font.content.startswith(b"wOF2")
        for path in ("..%2Fboard.jsx", "Virgil/none.woff2", "Virgil/../../board.jsx"):
            assert (await client.get(f"{assets}/{path}")).status_code == 404
