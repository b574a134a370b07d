"""A room server of the tests' own: the real routes, hub and store behind a real Granian, on a free port."""

import asyncio
import json
import random
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from granian.constants import Interfaces
from granian.server.embed import Server
from sqlmodel import Session, select
from starlette.responses import JSONResponse
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

import plugins.classroom
from core import services as installed
from core.access import LOGIN_COOKIE, SEAT_COOKIE, hash_token
from core.domain import Consent, DomainEvent, Login, PresenceInterval, Seat
from core.errors import UserError
from core.lifecycle import wiring
from core.lifecycle.provision import new_join_link
from core.ports import MediaServer
from core.services import Services
from core.testing import FakeMediaServer, seed, services
from plugins.classroom import door, hooks
from plugins.classroom.server.hub import RoomHub
from plugins.classroom.settings import ClassroomSettings

QUICK: dict[str, Any] = {
    "tick_s": 0.03,
    "recheck_s": 0.2,
    "engagement_s": 0.1,
    "linger_s": 0.1,
    "hello_s": 1.0,
}


@dataclass
class School:
    """One lesson on a real database. `app.clock` moves, sockets are real."""

    app: Services
    lesson: seed.Lesson

    @property
    def session_id(self) -> str:
        return self.lesson.session.id

    @property
    def media(self) -> FakeMediaServer:
        assert isinstance(self.app.media, FakeMediaServer)
        return self.app.media

    def later(self, seconds: float) -> None:
        self.app.clock.advance(seconds)  # type: ignore[attr-defined]

    def login(self, person_id: str) -> dict[str, str]:
        """The cookie of a signed-in person."""
        token = f"login-of-{person_id}"
        now = self.app.clock.now()
        with self.app.store.write() as db:
            if db.get(Login, hash_token(token)) is None:
                db.add(
                    Login(
                        token_hash=hash_token(token),
                        person_id=person_id,
                        created_at=now,
                        expires_at=now + timedelta(days=1),
                    )
                )
        return {"cookie": f"{LOGIN_COOKIE}={token}"}

    def seat_cookie(self, person_id: str) -> tuple[dict[str, str], str]:
        """The cookie a join link gives, and the link's hash."""
        with self.app.store.write() as db:
            seat = db.exec(select(Seat).where(Seat.person_id == person_id)).one()
            token = new_join_link(db, seat.id).rpartition("/")[2]
        return {"cookie": f"{SEAT_COOKIE}={token}"}, hash_token(token)

    def consent(self, person_id: str) -> None:
        now = self.app.clock.now()
        with self.app.store.write() as db:
            db.add(Consent(person_id=person_id, purpose="transcription", given_by=person_id, given_at=now))

    def intervals(self) -> list[PresenceInterval]:
        return self.rows(lambda db: list(db.exec(select(PresenceInterval).order_by(PresenceInterval.id))))  # type: ignore[arg-type]

    def events(self, kind: str) -> list[DomainEvent]:
        return self.rows(lambda db: list(db.exec(select(DomainEvent).where(DomainEvent.kind == kind))))

    def rows(self, query: Callable[[Session], Any]) -> Any:
        with self.app.store.read() as db:
            return query(db)


class Caller:
    """One person's socket, seen from the browser."""

    def __init__(self, socket: ClientConnection, answer: dict[str, Any]) -> None:
        self.socket, self.answer = socket, answer
        self.seen: list[dict[str, Any]] = []
        self.welcome: dict[str, Any] = {}

    async def send(self, kind: str, /, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def next(self, kind: str, timeout_s: float = 10.0, **wanted: Any) -> dict[str, Any]:
        """The next frame of a type (with these fields); others are kept in `seen`."""
        async with asyncio.timeout(timeout_s):
            while True:
                frame = json.loads(await self.socket.recv())
                self.seen.append(frame)
                if frame["type"] == kind and all(frame.get(key) == value for key, value in wanted.items()):
                    return frame

    async def sync(self) -> list[dict[str, Any]]:
        """Everything sent to us so far: a ping's answer comes after it."""
        before = len(self.seen)
        await self.send("ping", at=len(self.seen))
        await self.next("pong")
        return self.seen[before:-1]

    async def closed(self, timeout_s: float = 10.0) -> int:
        """The close code."""
        async with asyncio.timeout(timeout_s):
            try:
                while True:
                    self.seen.append(json.loads(await self.socket.recv()))
            except ConnectionClosed as gone:
                return gone.rcvd.code if gone.rcvd else 1006

    def types(self) -> list[str]:
        return [frame["type"] for frame in self.seen]


@dataclass
class House:
    """A running room server."""

    school: School
    port: int
    hub: RoomHub
    callers: list[Caller] = field(default_factory=list[Caller])

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def ticket(self, headers: dict[str, str], session_id: str = "") -> httpx.Response:
        path = f"/api/v1/rooms/{session_id or self.school.session_id}/ticket"
        async with httpx.AsyncClient(base_url=self.base, headers=headers, trust_env=False) as client:
            return await client.post(path, json={})

    async def dial(self, ticket: str, path: str = "/ws/room", **headers: str) -> Caller:
        """A socket that has said nothing yet."""
        url = f"ws://127.0.0.1:{self.port}{path}?ticket={ticket}"
        caller = Caller(await connect(url, proxy=None, additional_headers=headers), {})
        self.callers.append(caller)
        return caller

    async def join(
        self, person_id: str, resume: str | None = None, cookie: dict[str, str] | None = None
    ) -> Caller:
        """Ticket, socket, hello, welcome. resume: None = what the ticket's answer says."""
        answer = (await self.ticket(cookie or self.school.login(person_id))).json()
        caller = await self.dial(answer["ticket"])
        caller.answer = answer
        await caller.send("hello", version=1, resume=answer["resume"] if resume is None else resume)
        caller.welcome = await caller.next("welcome")
        return caller

    async def everybody(self) -> tuple[Caller, Caller, Caller]:
        """The instructor and two students."""
        people = (self.school.lesson.instructor, *self.school.lesson.students)
        first, second, third = [await self.join(person.id) for person in people]
        return first, second, third


@asynccontextmanager
async def serving(school: School, media: MediaServer | None = None, **overrides: Any) -> AsyncIterator[House]:
    """Start the web role's part that matters here; leaving stops it as a restart would.

    media: a real media node's, instead of the school's fake.
    """
    made = school.app
    settings = ClassroomSettings(**{**QUICK, **overrides})
    media = media or made.media
    hub = RoomHub(settings, made.settings, made.store, made.clock, made.tickets, media, made.bus)
    app = FastAPI()
    app.include_router(hooks.routes())
    house = House(school, free_port(), hub)
    app.add_exception_handler(UserError, _refused)
    server = Server(app, port=house.port, interface=Interfaces.ASGINL, log_enabled=False)
    running = asyncio.create_task(server.serve())
    try:
        async with door.installed(hub):
            await _reachable(house.port)
            yield house
    finally:
        for caller in house.callers:
            with suppress(Exception):
                await caller.socket.close()
        server.stop()
        await asyncio.wait_for(running, 10)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    """As the web role answers errors."""
    assert isinstance(error, UserError)
    return JSONResponse({"error": error.code, "message": str(error)}, error.status)


@pytest.fixture(scope="session", autouse=True)
def _servers_end_first() -> Iterator[None]:
    """Granian's threads need a moment: when the interpreter goes before them, the process aborts."""
    yield
    time.sleep(0.5)


async def eventually(happened: Callable[[], Any], timeout_s: float = 10.0) -> None:
    """Wait for what the server does by its own clock."""
    async with asyncio.timeout(timeout_s):
        while not happened():  # noqa: ASYNC110 - the thing waited for has no event
            await asyncio.sleep(0.02)


def free_port() -> int:
    # Not the lowest free one: another run on this machine looks for one in the same moment.
    for port in random.sample(range(27_000, 28_000), 1_000):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port from 27000 to 27999")


async def _reachable(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                await writer.wait_closed()
                return
            await asyncio.sleep(0.02)


@pytest.fixture
def school(tmp_path: Path) -> Iterator[School]:
    """A lesson that starts in five minutes: the room is open."""
    with services(tmp_path, plugins={"classroom": plugins.classroom}) as app:
        wiring.wire()
        installed.install(app)
        try:
            with app.store.write() as db:
                lesson = seed.lesson(db, students=2, starts_in_s=300)
            yield School(app, lesson)
        finally:
            installed.install(None)


@pytest.fixture
async def house(school: School) -> AsyncIterator[House]:
    async with serving(school) as running:
        yield running
