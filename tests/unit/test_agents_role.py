"""The agents role against a real local server: joins live lessons, survives a web restart, stops cleanly."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError
from websockets.http11 import Request, Response

from core.config import Settings
from core.errors import StoreError
from core.internal import sign_internal
from core.plugins import Plugins
from hilink_app import agents
from hilink_app.agents import Crew, Jobs, build, kinds_of

pytestmark = pytest.mark.unit


class Web:
    """Jobs over HTTP and the room's WebSocket on one port, as the web role has them."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.live: dict[str, str | None] = {}
        self.joined: set[str] = set()
        self.sockets: dict[str, ServerConnection] = {}
        self.tickets = 0
        self.asked = 0

    def http(self, connection: ServerConnection, request: Request) -> Response | None:
        url = urlsplit(request.path)
        if url.path != agents.JOBS_PATH:
            return None
        self.asked += 1
        at = int(request.headers["x-hilink-time"])
        if request.headers["x-hilink-signature"] != sign_internal(self.key, at, b""):
            return Response(HTTPStatus.FORBIDDEN, "no", Headers(), b"")
        jobs = []
        for session_id, started_at in self.live.items():
            self.tickets += 1
            jobs.append(
                {
                    "session_id": session_id,
                    "agent": parse_qs(url.query)["agent"][0],
                    "joined": session_id in self.joined,
                    "started_at": started_at,
                    "ws_path": "/ws/room",
                    "ticket": f"{session_id}~{self.tickets}",
                }
            )
        body = json.dumps({"jobs": jobs}).encode()
        return Response(200, "OK", Headers({"content-length": str(len(body)), "connection": "close"}), body)

    async def room(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        session_id = parse_qs(urlsplit(socket.request.path).query)["ticket"][0].split("~")[0]
        self.sockets[session_id] = socket
        with suppress(ConnectionClosedError):  # an agent that fails says so with its close code
            async for text in socket:
                if json.loads(text)["type"] == "leave":
                    await socket.close(1000)

    @asynccontextmanager
    async def up(self, port: int = 0) -> AsyncIterator[int]:
        async with serve(self.room, "127.0.0.1", port, process_request=self.http) as server:
            yield next(iter(server.sockets)).getsockname()[1]


class Ear:
    """A listener that remembers what happened to it."""

    name: ClassVar[str] = "ear"
    all: ClassVar[list["Ear"]] = []

    def __init__(self, session_id: str, started_at: Any, send: Any) -> None:
        self.session_id, self.started_at, self.send = session_id, started_at, send
        self.finished: list[bool] = []
        self.frames: list[Mapping[str, Any]] = []
        Ear.all.append(self)

    def on_audio(self, participant_id: str, samples: Any, at_ms: int) -> None:
        return

    def on_speaker(self, participant_id: str, present: bool) -> None:
        return

    def on_frame(self, frame: Mapping[str, Any]) -> None:
        self.frames.append(frame)

    async def work(self) -> None:
        await asyncio.Event().wait()

    async def finish(self, over: bool) -> None:
        self.finished.append(over)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "POLL_S", 0.05)
    monkeypatch.setattr(agents, "MAX_POLL_S", 0.1)
    Ear.all.clear()


def settings(folder: Path, port: int) -> Settings:
    return Settings(_env_file=None, data_dir=folder, secret="s", internal_url=f"http://127.0.0.1:{port}")  # pyright: ignore[reportCallIssue]


@asynccontextmanager
async def crew(made: Settings) -> AsyncIterator[Crew]:
    stopped = asyncio.Event()
    async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
        found = Crew({"ear": Ear}, Jobs(made, client))
        working = asyncio.create_task(found.work(stopped))
        yield found
        stopped.set()
        await asyncio.wait_for(working, 10)


async def until(check: Any, timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not check():
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.02)


async def test_one_agent_joins_each_live_lesson_and_leaves_at_its_end(tmp_path: Path) -> None:
    web = Web(settings(tmp_path, 0).derived_key("internal"))
    web.live = {"c1": "2026-03-02T15:00:00Z", "c2": None}
    web.joined = {"c2"}  # another process is there already
    async with web.up() as port, crew(settings(tmp_path, port)) as found:
        await until(lambda: "c1" in web.sockets)
        await asyncio.sleep(0.3)
        assert [ear.session_id for ear in Ear.all] == ["c1"]
        assert Ear.all[0].started_at.isoformat() == "2026-03-02T15:00:00+00:00"
        del web.live["c1"]
        await web.sockets["c1"].close(1000)
        await until(lambda: found.size == 0)
        assert Ear.all[0].finished == [True]


async def test_a_web_restart_is_survived_with_a_new_ticket(tmp_path: Path) -> None:
    web = Web(settings(tmp_path, 0).derived_key("internal"))
    web.live = {"c1": None}
    async with web.up() as port:
        pass
    async with crew(settings(tmp_path, port)) as found:
        await asyncio.sleep(0.2)
        assert found.size == 0
        async with web.up(port):
            await until(lambda: "c1" in web.sockets)
        web.sockets.clear()
        async with web.up(port):
            await until(lambda: "c1" in web.sockets, 15)
            assert len(Ear.all) == 1
            assert Ear.all[0].finished == []
            del web.live["c1"]
            await web.sockets["c1"].close(1012)
            await until(lambda: found.size == 0, 15)
    assert Ear.all[0].finished == [True], "not wanted any more means over"


async def test_stopping_the_process_is_not_the_end_of_the_lesson(tmp_path: Path) -> None:
    web = Web(settings(tmp_path, 0).derived_key("internal"))
    web.live = {"c1": None}
    async with web.up() as port:
        async with crew(settings(tmp_path, port)):
            await until(lambda: "c1" in web.sockets)
        assert Ear.all[0].finished == [False]


async def test_a_listener_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    class Some(Ear):
        def on_frame(self, frame: Mapping[str, Any]) -> None:
            if self.session_id == "c1":
                raise RuntimeError("a plugin's mistake")

    web = Web(settings(tmp_path, 0).derived_key("internal"))
    web.live = {"c1": None, "c2": None}
    stopped = asyncio.Event()
    async with web.up() as port, httpx.AsyncClient(trust_env=False) as client:
        found = Crew({"ear": Some}, Jobs(settings(tmp_path, port), client))
        working = asyncio.create_task(found.work(stopped))
        await until(lambda: {"c1", "c2"} <= web.sockets.keys())
        web.live = {"c2": None}
        await web.sockets["c1"].send(json.dumps({"type": "welcome"}))
        await until(lambda: found.size == 1)
        stopped.set()
        await asyncio.wait_for(working, 10)


def test_the_transcriber_is_a_kind_and_there_is_no_database(tmp_path: Path) -> None:
    plugins = Plugins.load(built_ins=("plugins.transcription",), third_party=())
    assert list(kinds_of(plugins)) == ["transcription"]
    made = build(settings(tmp_path, 0), plugins)
    with pytest.raises(StoreError, match="no database"):
        made.store.read()


def test_the_process_says_ready_and_stops_on_sigterm(tmp_path: Path) -> None:
    env = {
        **os.environ,
        "HILINK_DATA_DIR": str(tmp_path),
        "HILINK_SECRET": "s",
        "HILINK_INTERNAL_URL": "http://127.0.0.1:9",
        "HILINK_TRANSCRIPTION_ENGINE": "off",
    }
    command = [sys.executable, "-m", "hilink_app.cli", "agents"]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "hilink-ready agents"
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "Traceback" not in errors
