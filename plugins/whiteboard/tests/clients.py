"""Board clients on pycrdt, as a browser's y-websocket would behave, and elements for them to draw."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import websockets
from pycrdt import Array, Doc, Map
from websockets.asyncio.client import ClientConnection

from plugins.whiteboard.protocol import (
    AWARENESS,
    NOTICE,
    STEP_1,
    STEP_2,
    SYNC,
    UPDATE,
    awareness_frame,
    read_awareness,
    read_sync,
    sync_frame,
)

GEOMETRY = {"x": 10.5, "y": 20, "width": 30, "height": 40, "angle": 0}


def properties(kind: str, element_id: str, **changes: Any) -> dict[str, Any]:
    """The properties of an element as Excalidraw 0.18.1 writes them."""
    common: dict[str, Any] = {
        "id": element_id,
        "type": kind,
        "index": "a0",
        "isDeleted": False,
        "strokeColor": "#1e1e1e",
        "backgroundColor": "transparent",
        "fillStyle": "solid",
        "strokeWidth": 2,
        "strokeStyle": "solid",
        "roughness": 1,
        "opacity": 100,
        "groupIds": [],
        "frameId": None,
        "roundness": {"type": 2},
        "seed": 7,
        "boundElements": [],
        "link": None,
        "locked": False,
    }
    return {**common, **changes}


def rectangle(element_id: str, **changes: Any) -> Map[Any]:
    return Map({"g": GEOMETRY, "m": properties("rectangle", element_id, **changes)})


def stroke(element_id: str, *points: int) -> Map[Any]:
    return Map({"g": GEOMETRY, "m": properties("freedraw", element_id), "p": Array(list(points))})


class Drawer:
    """A document whose changes can be taken as updates; no network."""

    def __init__(self) -> None:
        self.doc: Doc[Any] = Doc()
        self.elements: Map[Any] = self.doc.get("elements", type=Map)
        self.files: Map[Any] = self.doc.get("files", type=Map)
        self._updates: list[bytes] = []
        self._receiving = False
        self._watch = self.doc.observe(self._changed)

    def take(self) -> list[bytes]:
        updates, self._updates = self._updates, []
        return updates

    def receive(self, update: bytes) -> None:
        self._receiving = True
        try:
            self.doc.apply_update(update)
        finally:
            self._receiving = False

    def _changed(self, event: Any) -> None:
        if not self._receiving:
            self._updates.append(event.update)


class Client(Drawer):
    """A drawer with a socket. Frames it got are in `updates`; `notices` and `people` are decoded."""

    def __init__(self, socket: ClientConnection) -> None:
        super().__init__()
        self.socket = socket
        self.synced = asyncio.Event()
        self.updates: list[bytes] = []
        self.notices: list[dict[str, Any]] = []
        self.people: dict[int, Any] = {}
        self.close_code: int | None = None
        self._changed_now = asyncio.Event()

    async def listen(self) -> None:
        try:
            async for frame in self.socket:
                assert isinstance(frame, bytes)
                await self._take(frame)
                self._changed_now.set()
        except websockets.ConnectionClosed:
            pass
        self.close_code = self.socket.close_code
        self._changed_now.set()

    async def draw(self, element_id: str, element: Any) -> None:
        self.elements[element_id] = element
        await self.send()

    async def send(self) -> None:
        for update in self.take():
            await self.socket.send(sync_frame(UPDATE, update))

    async def aware(self, state: Mapping[str, Any] | None, clock: int = 1, key: int | None = None) -> None:
        await self.socket.send(
            awareness_frame([(key or self.doc.client_id % 2**32, clock, json.dumps(state))])
        )

    async def until(self, happened: Callable[[], Any], timeout_s: float = 10.0) -> None:
        """Wait until something is true, looking again after each frame."""
        async with asyncio.timeout(timeout_s):
            while not happened():
                self._changed_now.clear()
                await self._changed_now.wait()

    async def closed(self) -> int | None:
        await self.until(lambda: self.close_code is not None)
        return self.close_code

    async def _take(self, frame: bytes) -> None:
        if frame[0] == NOTICE:
            self.notices.append(json.loads(frame[1:]))
        elif frame[0] == AWARENESS:
            for key, _clock, state in read_awareness(frame, 1000, 100_000):
                self.people[key] = state
        elif frame[0] == SYNC:
            step, body = read_sync(frame)
            if step == STEP_1:
                await self.socket.send(sync_frame(STEP_2, self.doc.get_update(body)))
                return
            self.receive(body)
            if step == STEP_2:
                self.synced.set()
            else:
                self.updates.append(body)


@asynccontextmanager
async def joined(url: str) -> AsyncIterator[Client]:
    """A client that is connected and in step with the page."""
    async with websockets.connect(url, max_size=None, compression=None) as socket:
        client = Client(socket)
        listening = asyncio.create_task(client.listen())
        try:
            await socket.send(sync_frame(STEP_1, client.doc.get_state()))
            await asyncio.wait_for(client.synced.wait(), 10)
            yield client
        finally:
            await socket.close()
            await asyncio.wait_for(listening, 10)
