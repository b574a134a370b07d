"""A media node is killed (kill -9) with 20 rooms on it: after how many seconds does everybody hear again?

Two nodes as processes of their own, a room server's `MediaPool` in this one. In each room somebody speaks and somebody
listens (peers without a browser: ICE, DTLS, SRTP and packets of 20 ms); in one of them two real Chromium pages talk to
each other. The node is killed, its rooms go to the other one, the killed one is started again, and so on.

audio_back_s_p95    from the kill until a listener gets sound again, on another node
alone_back_s_p95    the same with one node only, started again after half a second as the supervisor does (baseline)

HILINK_BENCH_KILLS: how often (3); HILINK_BENCH_ROOMS: rooms beside the browser's (19). WAIT_S counts as not at all.
"""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

from playwright.async_api import Page
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from bench._media_peer import Peer
from bench.harness import Context, Result, Target, percentile
from core.errors import MediaError
from core.ports import MediaEvent, MediaNodeView, MediaRights
from rtc.media_pool import MediaPool
from rtc.tests.conftest import Pages, RoomServer, chromium
from rtc.tests.nodes import KEY, MemoryRegistry, NodeProcess, all_up

HOST = "127.0.0.1"
KILLS, ROOMS = 3, 19
TICK_S = 0.02
WAIT_S = 30.0
MEET_S = 60.0
REST_S = 3.0
SUPERVISOR_S = 0.5
AGAIN = 5
"""So many new packets are sound again."""
FEWEST = 20
AUDIO = bytes(80)
RIGHTS = MediaRights()
TARGETS: dict[str, Target] = {"audio_back_s_p95": ("<=", 5)}
HEARD = """async (who) => (await inbound(`${who}/microphone`))?.packetsReceived ?? 0"""


class Person:
    """Speaks or listens in a room of two; makes its connection again when it is told that its media moved."""

    def __init__(self, pool: MediaPool, room_id: str, speaks: bool) -> None:
        self.pool, self.room_id, self.speaks = pool, room_id, speaks
        self.id = "speaker" if speaks else "listener"
        self.heard = 0
        self.peer: Peer | None = None
        self._wanted = asyncio.Event()
        self._tracks = 0
        self._number = 0

    async def live(self) -> None:
        """Connect whenever that is asked for; a try that fails is made again."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self._connect()
            except (MediaError, TimeoutError, ConnectionError, ValueError):
                await asyncio.sleep(0.2)
                self._wanted.set()

    async def told(self, message: Mapping[str, Any]) -> None:
        """A message of the node or the room server."""
        if message["type"] == "moved":
            self._drop()
            self._wanted.set()
        elif message["type"] == "tracks":
            self._tracks = len(message["tracks"])
            if self._tracks and self.peer is None:
                self._wanted.set()

    def begin(self) -> None:
        self._wanted.set()

    def tick(self, seconds: bool) -> None:
        """Every 20 ms."""
        peer = self.peer
        if peer is None:
            return
        if self.speaks:
            peer.send("audio", AUDIO, 0)
        before = peer.taken
        with suppress(ConnectionRefusedError):  # what the system says of a killed node
            peer.drain(False)
        self.heard += peer.taken - before
        if seconds:
            peer.check()

    async def _connect(self) -> None:
        (welcome,) = await self._say({"type": "hello", "version": 1, "publisher": None, "subscriber": None})
        if welcome["type"] != "welcome":
            raise ConnectionError(welcome.get("kind"))
        if not self.speaks and not (self._tracks or welcome["tracks"]):
            return
        self._drop()
        peer = Peer(HOST)
        self._number += 1
        offer: dict[str, Any] = {
            "type": "offer",
            "kind": "publisher" if self.speaks else "subscriber",
            "connection": f"bench{self._number}",
            "seq": 1,
            "sdp": peer.offer(["audio"], self.speaks),
        }
        if self.speaks:
            offer["tracks"] = [{"mid": "0", "source": "microphone", "muted": False}]
        (answer,) = await self._say(offer)
        if answer["type"] != "answer":
            peer.close()
            raise ConnectionError(answer.get("kind"))
        await asyncio.to_thread(peer.connect, answer["sdp"])
        self.peer = peer

    async def _say(self, message: Mapping[str, Any]) -> list[dict[str, Any]]:
        return await self.pool.signal(self.room_id, self.id, message)

    def _drop(self) -> None:
        peer, self.peer = self.peer, None
        self._tracks = 0
        if peer is not None:
            peer.close()


class House(RoomServer):
    """The room server: the browsers' room and all the others."""

    def __init__(self, pool: MediaPool, rooms: int) -> None:
        super().__init__(pool)
        self.pool = pool
        self.people = [
            Person(pool, f"r{number}", speaks) for number in range(rooms) for speaks in (True, False)
        ]
        self._by_seat = {(one.room_id, one.id): one for one in self.people}

    async def pump(self) -> None:
        async for event in self.pool.events():
            if event.kind == "message":
                await self._pass(event)

    async def _pass(self, event: MediaEvent) -> None:
        person = self._by_seat.get((event.room_id, event.participant_id))
        if person is not None:
            await person.told(event.data)
            return
        socket = self.sockets.get((event.room_id, event.participant_id))
        if socket is not None:
            with suppress(ConnectionClosed):
                await socket.send(_frame(event.data))

    async def tick(self) -> None:
        """The clock of all who have no browser."""
        count = 0
        while True:
            began = time.monotonic()
            count += 1
            for person in self.people:
                person.tick(count % 50 == 0)
            await asyncio.sleep(max(0.001, TICK_S - (time.monotonic() - began)))


def _frame(message: Mapping[str, Any]) -> str:
    return json.dumps({"type": "media", "message": message})


def run(ctx: Context) -> Result:
    kills, rooms = (
        int(os.environ.get(f"HILINK_BENCH_{name}", number))
        for name, number in (("KILLS", KILLS), ("ROOMS", ROOMS))
    )
    return asyncio.run(_run(ctx, kills, rooms))


async def _run(ctx: Context, kills: int, rooms: int) -> Result:
    with tempfile.TemporaryDirectory(prefix="hilink-bench-") as folder:
        moved, version = await _killed(ctx, Path(folder), ("one", "two"), kills, rooms)
        alone, _ = await _killed(ctx, Path(folder), ("alone",), 1, rooms)
    return Result(
        samples={"audio_back_s": moved, "alone_back_s": alone},
        figures={"audio_back_s_p95": _tail(moved), "alone_back_s_p95": _tail(alone)},
        targets=TARGETS,
        load={"rooms": rooms + 1, "kills": kills},
        versions={"chromium": version},
    )


async def _killed(
    ctx: Context, folder: Path, names: tuple[str, ...], kills: int, rooms: int
) -> tuple[list[float], str]:
    """Seconds until each listener heard again, kill after kill."""
    nodes = [NodeProcess(folder, name) for name in names]
    registry = MemoryRegistry(*(MediaNodeView(one.name, "local", one.url) for one in nodes))
    samples: list[float] = []
    async with AsyncExitStack() as stack:
        for node in nodes:
            stack.callback(node.close)
        await all_up(*nodes)
        pool = MediaPool(registry, KEY, nodes[0].url)
        stack.push_async_callback(pool.close)
        house = House(pool, rooms)
        registry.placed = dict.fromkeys(("room", *(one.room_id for one in house.people)), names[0])
        tasks = [
            asyncio.create_task(work)
            for work in (house.pump(), house.tick(), *(p.live() for p in house.people))
        ]
        stack.push_async_callback(_end, tasks)
        listener = await stack.enter_async_context(
            serve(house.serve, HOST, 0, process_request=house.page, max_size=1 << 20)
        )
        house.port = next(iter(listener.sockets)).getsockname()[1]
        browser = await stack.enter_async_context(chromium())
        for person in house.people:
            await pool.join(person.room_id, person.id, RIGHTS)
            person.begin()
        pages = Pages(browser, house)
        ann, bob = [await pages.join(who, publish="microphone", width=320) for who in ("ann", "bob")]
        await _all_hear(house, ann, bob, MEET_S)
        ctx.say(f"{rooms + 1} rooms on {names[0]}, everybody hears")
        for number in range(kills):
            victim = nodes[number % len(nodes)]
            samples += await _kill(house, victim, ann, bob, alone=len(nodes) == 1)
            ctx.say(
                f"{victim.name} killed: all hear again, the last after {max(samples[-rooms - 2 :]):.2f} s"
            )
            if len(nodes) > 1:
                victim.start()
                await victim.up()
            await asyncio.sleep(REST_S)
        return samples, browser.version


async def _kill(house: House, victim: NodeProcess, ann: Page, bob: Page, *, alone: bool) -> list[float]:
    began = time.monotonic()
    victim.end()
    pages = [asyncio.create_task(_page_back(page, who, began)) for page, who in ((ann, "bob"), (bob, "ann"))]
    if alone:
        await asyncio.sleep(SUPERVISOR_S)
        victim.start()
    listeners = [one for one in house.people if not one.speaks]
    await asyncio.sleep(max(0.0, 0.1 - (time.monotonic() - began)))
    before = {one: one.heard for one in listeners}
    back: dict[Person, float] = {}
    while len(back) < len(listeners) and time.monotonic() - began < WAIT_S:
        for one in listeners:
            if one not in back and one.heard >= before[one] + AGAIN:
                back[one] = time.monotonic() - began
        await asyncio.sleep(TICK_S)
    return [back.get(one, WAIT_S) for one in listeners] + list(await asyncio.gather(*pages))


async def _page_back(page: Page, who: str, began: float) -> float:
    """A page's counters begin anew with its new connection: sound is back when they rise again."""
    await asyncio.sleep(0.3)
    last, risen = await page.evaluate(HEARD, who), 0
    while time.monotonic() - began < WAIT_S:
        await asyncio.sleep(0.05)
        now = await page.evaluate(HEARD, who)
        risen = risen + now - last if now >= last else now
        last = now
        if risen >= AGAIN:
            return time.monotonic() - began
    return WAIT_S


async def _all_hear(house: House, ann: Page, bob: Page, within_s: float) -> None:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        rooms = all(one.heard > AGAIN for one in house.people if not one.speaks)
        if rooms and await ann.evaluate(HEARD, "bob") and await bob.evaluate(HEARD, "ann"):
            return
        await asyncio.sleep(0.1)
    raise TimeoutError("not everybody hears")


async def _end(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _tail(values: list[float]) -> float:
    return percentile(values, 0.95) if len(values) >= FEWEST else max(values)
