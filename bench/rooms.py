"""Coming into rooms of 2 to 50, and a thousand joins and leaves.

One Chromium joins; the others are peers with a picture that was encoded once: the first of them speaks (30 frames and
50 sound packets a second), the rest have a camera (10 frames a second) and a muted microphone. Eight of
them are on the screen. Timed from the press of the button to the first decoded picture of the speaker: room
socket, seat at the node, negotiation, ICE, DTLS, keyframe. Baseline in the same run: two connections inside one page.

`memory_growth`: a node in its own process; publisher and subscriber connect and leave a thousand times. Resident
memory and Python objects after 1,000 against those after a warm-up, the larger share of growth.
"""

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from bench._media_peer import Peer
from bench._rooms_child import KEY
from bench._rooms_load import Load, Room
from bench.harness import Context, Result, median
from core.ports import MediaRights
from hilink_app.toolchain.browser import find
from rtc.media_client import MediaClient

ROUNDS = 6
SIZES = (2, 10, 30, 50)
SHOWN = 8
JOINS, WARM_UP = 1_000, 300
SMALLEST_BUFFER = 1 << 20
FOLDER = Path(__file__).resolve().parent
SCRIPTS = FOLDER.parent / "plugins" / "classroom" / "web"
RIGHTS = MediaRights()
CHROMIUM = [
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
]


class NodeProcess:
    """The measured process, spoken to line by line."""

    def __init__(self, process: asyncio.subprocess.Process, hello: dict[str, Any]) -> None:
        self._process, self.hello = process, hello

    @classmethod
    async def start(cls) -> "NodeProcess":
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench._rooms_child", stdin=pipe, stdout=pipe
        )
        assert process.stdout is not None
        return cls(process, json.loads(await process.stdout.readline()))

    async def memory(self) -> dict[str, int]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(b'{"op": "memory"}\n')
        return json.loads(await self._process.stdout.readline())

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


class RoomServer:
    """Serves the page, and passes media messages on as the real one does."""

    def __init__(self, media: MediaClient) -> None:
        self.media = media
        self.sockets: dict[tuple[str, str], ServerConnection] = {}

    async def pump(self) -> None:
        async for event in self.media.events():
            socket = self.sockets.get((event.room_id, event.participant_id))
            if event.kind == "message" and socket is not None:
                with contextlib.suppress(ConnectionClosed):
                    await socket.send(json.dumps({"type": "media", "message": event.data}))

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        _, _, room_id, participant_id = socket.request.path.split("/")
        await self.media.join(room_id, participant_id, RIGHTS)
        self.sockets[room_id, participant_id] = socket
        with contextlib.suppress(ConnectionClosed):
            async for text in socket:
                message = json.loads(text)["message"]
                for answer in await self.media.signal(room_id, participant_id, message):
                    await socket.send(json.dumps({"type": "media", "message": answer}))
        del self.sockets[room_id, participant_id]
        await self.media.leave(room_id, participant_id)

    @staticmethod
    def page(connection: ServerConnection, request: Request) -> Response | None:
        path = request.path.partition("?")[0]
        if path.startswith("/room/"):
            return None
        script = path.endswith(".js")
        file = SCRIPTS / path[1:] if script else FOLDER / "_rooms_page.html"
        kind = "text/javascript" if script else "text/html"
        return Response(200, "OK", Headers({"Content-Type": kind}), file.read_bytes())


async def join_once(page: Any, port: int, room: Room, number: int) -> dict[str, Any]:
    """ms to the speaker's first picture, and what happened when."""
    await page.goto(f"http://127.0.0.1:{port}/?port={port}&room={room.name}&id=me{number}")
    shown = [
        {"participant_id": f"p{at}", "source": "camera", "width": 320 if at else 960, "height": 180}
        for at in range(min(SHOWN, len(room.people)))
    ]
    await page.evaluate("window.ready")
    await page.evaluate("shown => { window.result = window.join('p0', shown) }", shown)
    await page.click("#join")
    found = await asyncio.wait_for(page.evaluate("window.result"), 30.0)
    await page.evaluate("window.leave()")
    return found


async def pair_once(page: Any, port: int) -> float:
    await page.goto(f"http://127.0.0.1:{port}/?port={port}")
    await page.evaluate("window.ready")
    await page.evaluate("() => { window.result = window.pair() }")
    await page.click("#join")
    return float(await asyncio.wait_for(page.evaluate("window.result"), 30.0))


async def measure_joins(ctx: Context, media: MediaClient, samples: dict[str, list[float]]) -> int:
    """Every size in every round, and the browser's own pair; how often the load was late."""
    server = RoomServer(media)
    pump = asyncio.create_task(server.pump())
    load = Load()
    async with (
        serve(server.serve, "127.0.0.1", 0, process_request=server.page, max_size=1 << 20) as listener,
        async_playwright() as playwright,
    ):
        port = next(iter(listener.sockets)).getsockname()[1]
        browser = await playwright.chromium.launch(executable_path=find(), args=CHROMIUM)
        try:
            for size in SIZES:
                room = Room(f"room{size}")
                load.rooms.append(room)
                await room.fill(media, size - 1, RIGHTS)
            page = await (await browser.new_context()).new_page()
            for number in range(ROUNDS + 1):
                for room, size in zip(load.rooms, SIZES, strict=True):
                    load.active = room
                    await asyncio.sleep(1.5)
                    found = await join_once(page, port, room, number)
                    if number:  # the first one compiles the page's scripts
                        samples[f"first_frame_ms_{size}"].append(found["ms"])
                    if size == SIZES[-1]:
                        ctx.say(f"round {number} of {ROUNDS}: {found['ms']:.0f} ms, {_marks(found['marks'])}")
                load.active = None
                pair = await pair_once(page, port)
                if number:
                    samples["pair_ms"].append(pair)
        finally:
            load.stop()
            await browser.close()
            pump.cancel()
    return load.late


def _marks(marks: dict[str, float]) -> str:
    return ", ".join(f"{name} {at:.0f}" for name, at in marks.items())


async def come_and_go(media: MediaClient, number: int) -> None:
    """One person: both connections up, and gone again."""
    name = f"guest{number}"
    await media.join("busy", name, RIGHTS)
    tracks = [{"mid": "0", "source": "microphone"}, {"mid": "1", "source": "camera"}]
    for kind in ("publisher", "subscriber"):
        peer = Peer("127.0.0.1")
        try:
            publishes = kind == "publisher"
            message = {"type": "offer", "kind": kind, "connection": f"{kind}{number}", "seq": 1}
            sdp = peer.offer(["audio", "video"], publishes)
            (answer,) = await media.signal(
                "busy", name, {**message, "sdp": sdp, "tracks": tracks if publishes else []}
            )
            await asyncio.to_thread(peer.connect, str(answer["sdp"]))
            if publishes:
                for at in range(10):
                    peer.send("audio", bytes(80), at == 0)
        finally:
            peer.close()
    await media.leave("busy", name)


async def measure_memory(
    ctx: Context, node: NodeProcess, media: MediaClient, samples: dict[str, list[float]]
) -> None:
    await media.join("busy", "stays", RIGHTS)
    for number in range(WARM_UP + JOINS + 1):
        if number >= WARM_UP and (number - WARM_UP) % 100 == 0:
            await asyncio.sleep(0.3)
            found = await node.memory()
            samples["resident_kb"].append(found["resident_kb"])
            samples["objects"].append(found["objects"])
            ctx.say(f"{number - WARM_UP} joins: {found['resident_kb']} kB, {found['objects']} objects")
        await come_and_go(media, number)


async def gather(ctx: Context, samples: dict[str, list[float]]) -> dict[str, object]:
    node = await NodeProcess.start()
    media = MediaClient(f"ws://127.0.0.1:{node.hello['control_port']}/control", KEY)
    try:
        buffers = {key: node.hello[key] for key in ("receive_buffer", "send_buffer")}
        if min(buffers.values()) < SMALLEST_BUFFER:
            raise RuntimeError(f"socket buffers too small to measure: {buffers}")
        await media.wait_connected()
        late = await measure_joins(ctx, media, samples)
    finally:
        await media.close()
        await node.stop()
    node = await NodeProcess.start()
    media = MediaClient(f"ws://127.0.0.1:{node.hello['control_port']}/control", KEY)
    try:
        await media.wait_connected()
        pump = asyncio.create_task(_ignore(media))
        await measure_memory(ctx, node, media, samples)
        pump.cancel()
    finally:
        await media.close()
        await node.stop()
    return {**buffers, "late": late, "rooms": list(SIZES), "shown": SHOWN, "joins": JOINS, "warm_up": WARM_UP}


async def _ignore(media: MediaClient) -> None:
    async for _ in media.events():
        pass


def run(ctx: Context) -> Result:
    names = [f"first_frame_ms_{size}" for size in SIZES]
    samples: dict[str, list[float]] = {name: [] for name in (*names, "pair_ms", "resident_kb", "objects")}
    load = asyncio.run(gather(ctx, samples))
    figures = {name: median(samples[name]) for name in (*names, "pair_ms")}
    growth = [samples[name][-1] / samples[name][0] - 1 for name in ("resident_kb", "objects")]
    figures["memory_growth"] = max(growth)
    return Result(samples, figures, {"first_frame_ms_50": ("<=", 700.0), "memory_growth": ("<=", 0.05)}, load)
