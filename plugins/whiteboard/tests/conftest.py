"""A board server of the tests' own: the real hub and store behind a real Granian, on a free port."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, WebSocket
from granian.constants import Interfaces
from granian.server.embed import Server
from sqlmodel import SQLModel

from core.config import Settings
from core.store.sql import SqlStore
from plugins.whiteboard import models
from plugins.whiteboard.connection import BoardSeat
from plugins.whiteboard.page import Counts
from plugins.whiteboard.service import BoardHub
from plugins.whiteboard.settings import WhiteboardSettings
from plugins.whiteboard.store import SqlBoardStore

TABLES = (
    models.WhiteboardUpdate,
    models.WhiteboardSnapshot,
    models.WhiteboardAuthor,
    models.WhiteboardActivity,
)


@pytest.fixture
def database(tmp_path: Path) -> Any:
    """The real store with the whiteboard's tables on a file of its own."""
    store = SqlStore(Settings(data_dir=tmp_path, database_url="", secret="test"))
    SQLModel.metadata.create_all(store.engine, tables=[model.__table__ for model in TABLES])  # type: ignore[attr-defined]
    yield store
    store.close()


@dataclass
class Board:
    """A running server. Its door believes any ticket "name:role"; real tickets have their own tests."""

    port: int
    hub: BoardHub
    revoked: set[str] = field(default_factory=set[str])
    activity: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    routes: FastAPI = field(default_factory=FastAPI)

    def url(self, name: str, page: int = 1, session: str = "lesson", draw: bool = True) -> str:
        role = "student" if draw else "observer"
        return f"ws://127.0.0.1:{self.port}/ws/board/{session}/{page}?ticket={name}:{role}"


def free_port() -> int:
    for port in range(22000, 23000):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port from 22000 to 22999")


@asynccontextmanager
async def serving(database: Any, settings: WhiteboardSettings, port: int = 0) -> AsyncIterator[Board]:
    board: Board

    async def still_seated(seat: BoardSeat) -> bool:
        return seat.person_id not in board.revoked

    async def on_activity(session_id: str, people: Mapping[str, Counts]) -> None:
        totals = board.activity.setdefault(session_id, {})
        for person_id, counts in people.items():
            totals[person_id] = totals.get(person_id, 0) + counts.updates

    board = Board(port or free_port(), BoardHub(settings, SqlBoardStore(database), still_seated, on_activity))

    @board.routes.websocket("/ws/board/{session_id}/{page}")
    async def door(socket: WebSocket, session_id: str, page: int, ticket: str) -> None:
        name, _, role = ticket.partition(":")
        await socket.accept()
        seat = BoardSeat(session_id, f"id-{name}", name, role, can_draw=role != "observer")
        await board.hub.serve(socket, seat, page)

    async with board.hub.running(), granian(board.routes, board.port):
        yield board


@asynccontextmanager
async def granian(app: FastAPI, port: int) -> AsyncIterator[None]:
    """The app behind the server that production uses, in this process."""
    server = Server(app, port=port, interface=Interfaces.ASGINL, log_enabled=False)
    running = asyncio.create_task(server.serve())
    try:
        await _reachable(port)
        yield
    finally:
        server.stop()
        await asyncio.wait_for(running, 10)


async def eventually(happened: Callable[[], Any], timeout_s: float = 10.0) -> None:
    """Wait for what the server does by its own clock."""
    async with asyncio.timeout(timeout_s):
        while not happened():  # noqa: ASYNC110 - the thing waited for has no event
            await asyncio.sleep(0.02)


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
def quick() -> WhiteboardSettings:
    """Housekeeping often enough for a test to see it."""
    return WhiteboardSettings(save_s=0.05, recheck_s=0.1, linger_s=0.1, activity_s=0.1)


@pytest.fixture
async def board(database: Any, quick: WhiteboardSettings) -> AsyncIterator[Board]:
    async with serving(database, quick) as running:
        yield running
