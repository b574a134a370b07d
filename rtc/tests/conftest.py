"""Fixtures: a real node on loopback, a page server that speaks for the room server, a real Chromium."""

import asyncio
import contextlib
import itertools
import json
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import hypothesis
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from core.ports import MediaRights
from rtc import outbox, srtp_fast
from rtc.media_client import MediaClient
from rtc.media_pool import MediaPool
from rtc.node import Node
from rtc.tests.proxy import UdpProxy

# Machines that run tests are often busy; time is no property of a parser.
hypothesis.settings.register_profile("rtc", deadline=None)
hypothesis.settings.load_profile("rtc")

KEY = b"0123456789abcdef0123456789abcdef"
SCRIPTS = Path(__file__).parents[2] / "plugins" / "classroom" / "web"
PAGE = Path(__file__).with_name("page.html")
RIGHTS = MediaRights(agents_allowed=True)


class RoomServer:
    """Stands for the room server: serves the test page, passes media messages on, holds seats by path.

    ws://.../room/ROOM/PARTICIPANT is one participant's socket; the seat outlives it.
    """

    def __init__(self, media: MediaClient | MediaPool) -> None:
        self.media = media
        self.sockets: dict[tuple[str, str], ServerConnection] = {}
        self.events: list[Any] = []
        self.rights: dict[str, MediaRights] = {}
        self.port = 0

    async def pump(self) -> None:
        async for event in self.media.events():
            if event.kind != "message":
                self.events.append(event)
                continue
            socket = self.sockets.get((event.room_id, event.participant_id))
            if socket is not None:
                with contextlib.suppress(ConnectionClosed):
                    await socket.send(json.dumps({"type": "media", "message": event.data}))

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        _, _, room_id, participant_id = socket.request.path.split("/")
        seat = (room_id, participant_id)
        await self.media.join(room_id, participant_id, self.rights.get(participant_id, RIGHTS))
        self.sockets[seat] = socket
        with contextlib.suppress(ConnectionClosed):
            async for text in socket:
                frame = json.loads(text)
                if frame["type"] != "media":
                    continue
                for answer in await self.media.signal(room_id, participant_id, frame["message"]):
                    await socket.send(json.dumps({"type": "media", "message": answer}))
        if self.sockets.get(seat) is socket:
            del self.sockets[seat]

    def page(self, connection: ServerConnection, request: Request) -> Response | None:
        path = request.path.partition("?")[0]
        if path.startswith("/room/"):
            return None
        script = path in ("/media.js", "/connection.js")
        file, kind = (SCRIPTS / path[1:], "text/javascript") if script else (PAGE, "text/html")
        return Response(200, "OK", Headers({"Content-Type": kind}), file.read_bytes())

    def of_kind(self, kind: str) -> list[Any]:
        return [one for one in self.events if one.kind == kind]


@pytest.fixture(params=["fast", "portable"])
def hot_path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The node of a test that asks for this first works once as here, once as where nothing special is there."""
    if request.param == "portable":
        monkeypatch.setattr(srtp_fast, "engine", srtp_fast.Copying())
        monkeypatch.setattr(outbox, "libc", None)
    return request.param


@pytest_asyncio.fixture
async def node() -> AsyncIterator[Node]:
    node = Node(["127.0.0.1"], 0, KEY)
    await node.start("127.0.0.1", 0)
    yield node
    await node.close()


@pytest_asyncio.fixture
async def network(node: Node) -> AsyncIterator[UdpProxy]:
    """The pages of a test that uses this reach the node only through the proxy."""
    proxy = UdpProxy(node.endpoint.port.port)
    await proxy.start()
    node.endpoint.port.port = proxy.port
    yield proxy
    proxy.close()


@pytest_asyncio.fixture
async def media(node: Node) -> AsyncIterator[MediaClient]:
    client = MediaClient(f"ws://127.0.0.1:{node.control_port}/control", KEY)
    await client.wait_connected()
    yield client
    await client.close()


@pytest_asyncio.fixture
async def room_server(media: MediaClient) -> AsyncIterator[RoomServer]:
    server = RoomServer(media)
    pump = asyncio.create_task(server.pump())
    async with serve(server.serve, "127.0.0.1", 0, process_request=server.page, max_size=1 << 20) as listener:
        server.port = next(iter(listener.sockets)).getsockname()[1]
        yield server
        pump.cancel()


@contextlib.asynccontextmanager
async def chromium() -> AsyncGenerator[Browser]:
    """A real Chromium whose camera and microphone are made up."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable,
            args=[
                "--no-sandbox",
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
                "--autoplay-policy=no-user-gesture-required",
            ],
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture
async def browser(room_server: RoomServer) -> AsyncIterator[Browser]:
    # Made after the server so that it is closed before it: no socket of a page outlives its test.
    async with chromium() as browser:
        yield browser


@contextlib.asynccontextmanager
async def serving(media: MediaClient | MediaPool) -> AsyncGenerator[RoomServer]:
    """A room server in front of these nodes."""
    server = RoomServer(media)
    pump = asyncio.create_task(server.pump())
    try:
        async with serve(
            server.serve, "127.0.0.1", 0, process_request=server.page, max_size=1 << 20
        ) as listener:
            server.port = next(iter(listener.sockets)).getsockname()[1]
            yield server
    finally:
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)


class Pages:
    """Opens participants' pages and asks them what they see and hear."""

    def __init__(self, browser: Browser, server: RoomServer) -> None:
        self._browser = browser
        self._server = server
        self._numbers = itertools.count()

    async def join(
        self,
        participant_id: str,
        publish: str = "camera,microphone",
        width: int = 640,
        ice: Mapping[str, Any] | None = None,
        room: str = "room",
    ) -> Page:
        """ice: more for MediaSession, such as iceServers and iceTransportPolicy."""
        context = await self._browser.new_context()
        page = await context.new_page()
        query = {
            "id": participant_id,
            "room": room,
            "publish": publish,
            "width": width,
            "ice": json.dumps(ice or {}),
        }
        await page.goto(f"http://127.0.0.1:{self._server.port}/?{urlencode(query)}")
        return page


@pytest.fixture
def pages(browser: Browser, room_server: RoomServer) -> Pages:
    return Pages(browser, room_server)


async def eventually(check: Any, timeout_s: float = 8.0, step_s: float = 0.1) -> Any:
    """Wait until the awaitable-returning check gives something true."""
    async with asyncio.timeout(timeout_s):
        while True:
            value = await check()
            if value:
                return value
            await asyncio.sleep(step_s)
