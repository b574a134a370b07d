"""How long is somebody cut off after the network is back?

Real Chromium pages in one room, their media through a UDP proxy that drops everything for 2, 5, 9 and 25 s, or gives
every client another address ("move"). Gap: from the moment the network is back until the page plays a packet (audio)
or shows a decoded frame (video) of the other person again; after a changed address: the longest pause within MOVE_S.
All pages are cut together; each pair of pages is a sample. One page more, the baseline, does only what the browser
does by itself: no restart, no new connection. A gap that did not end within WAIT_S counts as that.

HILINK_BENCH_CUTS: how many samples of each kind (20).
"""

import asyncio
import math
import os
import time
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Page
from websockets.asyncio.server import serve

from bench.harness import Context, Result, Target, percentile
from rtc.media_client import MediaClient
from rtc.node import Node
from rtc.tests.conftest import KEY, Pages, RoomServer, chromium
from rtc.tests.proxy import UdpProxy

CUTS_S = (2, 5, 9, 25)
SAMPLES = 20
OURS = ("ann", "bob", "cat")
BARE = "bare"
WIDTH = 320
WAIT_S = 20.0
REST_S = 4.0
MOVE_S = 4.0
MEET_S = 60.0
BUFFER = 1 << 20

TARGETS: dict[str, Target] = {
    "audio_gap_ms_9": ("<=", 150),
    "video_gap_ms_9": ("<=", 400),
    "gap_ms_25": ("<=", 2000),
    "audio_gap_ms_move": ("<=", 150),
    "seats_lost": ("==", 0),
}

WATCH = """() => {
  window.heard = {};
  const last = {};
  setInterval(() => {
    const pc = session.subscriber?.pc;
    if (!pc) return;
    for (const one of pc.getTransceivers()) {
      const remote = [...session.remote.values()].find((track) => track.track === one.receiver.track);
      const source = one.receiver.getSynchronizationSources()[0];
      if (!remote || !source) continue;
      const key = `${remote.participant_id}/${remote.source}`;
      if (last[key] === source.rtpTimestamp) continue;
      last[key] = source.rtpTimestamp;
      (heard[key] ??= []).push(Date.now());
      if (heard[key].length > 6000) heard[key].splice(0, 3000);
    }
  }, 10);
}"""
"""Notes when a packet of each remote track was played, a frame shown (ms since 1970)."""

LONGEST = """([keys, since, until]) => keys.map((key) => {
  const times = [since, ...(window.heard[key] ?? []).filter((at) => at > since && at < until), until];
  return Math.max(...times.slice(1).map((at, index) => at - times[index]));
})"""
FIRST_AFTER = (
    """([keys, since]) => keys.map((key) => (window.heard[key] ?? []).find((at) => at >= since) ?? null)"""
)
BARE_PAGE = """() => {
  clearInterval(session.watchdog);
  removeEventListener('online', session.networkChanged);
  navigator.connection?.removeEventListener('change', session.networkChanged);
}"""


@dataclass
class Samples:
    """Gaps in ms by name: audio_2, video_25, audio_move; `bare_` before the baseline's."""

    by_name: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    def add(self, name: str, gap_ms: float) -> None:
        self.by_name.setdefault(name, []).append(gap_ms)


@dataclass
class Bench:
    ctx: Context
    server: RoomServer
    proxy: UdpProxy
    pages: dict[str, Page]
    samples: Samples

    async def cut(self, cut_s: float) -> None:
        """One cut for everybody."""
        self.proxy.cut = True
        await asyncio.sleep(cut_s)
        since = time.time() * 1000
        self.proxy.cut = False
        await self._collect(f"{cut_s:g}", since)

    async def move(self) -> None:
        """Everybody's address changes."""
        since = time.time() * 1000
        await self.proxy.rebind()
        await asyncio.sleep(MOVE_S + 0.5)
        await self._collect("move", since)

    async def _collect(self, name: str, since: float) -> None:
        gaps = await asyncio.gather(*(self._gaps(name, own, since) for own in self.pages))
        found: list[float] = []
        for own, by_key in zip(self.pages, gaps, strict=True):
            for key, gap in by_key.items():
                kind = "audio" if key.endswith("/microphone") else "video"
                self.samples.add(f"{'bare_' if own == BARE else ''}{kind}_{name}", gap)
                found += [] if own == BARE else [gap]
        self.ctx.say(f"{name}: worst {max(found):.0f} ms, baseline {max(gaps[-1].values()):.0f} ms")
        if max(gaps[-1].values()) >= WAIT_S * 1000:
            await self._reload_bare()
        await asyncio.sleep(REST_S)

    async def _gaps(self, name: str, own: str, since: float) -> dict[str, float]:
        keys = [f"{who}/{source}" for who in OURS if who != own for source in ("microphone", "camera")]
        if name == "move":
            until = since + MOVE_S * 1000
            longest: list[float] = await self.pages[own].evaluate(LONGEST, [keys, since, until])
            return dict(zip(keys, longest, strict=True))
        end = since / 1000 + WAIT_S
        while True:
            times: list[float | None] = await self.pages[own].evaluate(FIRST_AFTER, [keys, since])
            if all(one is not None for one in times) or time.time() > end:
                return {
                    key: WAIT_S * 1000 if at is None else max(0.0, at - since)
                    for key, at in zip(keys, times, strict=True)
                }
            await asyncio.sleep(0.2)

    async def _reload_bare(self) -> None:
        await self.pages[BARE].reload()
        await self.ready(BARE)

    async def ready(self, own: str) -> None:
        """Watch a page until it hears and sees everybody."""
        page = self.pages[own]
        await page.wait_for_function("window.session !== undefined", timeout=MEET_S * 1000)
        await page.evaluate(WATCH)
        keys = [f"{who}/{source}" for who in OURS if who != own for source in ("microphone", "camera")]
        await page.wait_for_function(
            "(keys) => keys.every((key) => (heard[key] ?? []).length > 10)", arg=keys, timeout=MEET_S * 1000
        )
        if own == BARE:
            await page.evaluate(BARE_PAGE)


def run(ctx: Context) -> Result:
    return asyncio.run(_run(ctx))


async def _run(ctx: Context) -> Result:
    wanted = int(os.environ.get("HILINK_BENCH_CUTS", SAMPLES))
    rounds = math.ceil(wanted / (len(OURS) * (len(OURS) - 1)))
    samples = Samples()
    node = Node(["127.0.0.1"], 0, KEY)
    await node.start("127.0.0.1", 0)
    receive, send = node.endpoint.port.buffers()
    if min(receive, send) < BUFFER:
        await node.close()
        raise RuntimeError(f"socket buffers too small: {receive} and {send} bytes, {BUFFER} are needed")
    proxy = UdpProxy(node.endpoint.port.port)
    await proxy.start()
    node.endpoint.port.port = proxy.port
    media = MediaClient(f"ws://127.0.0.1:{node.control_port}/control", KEY)
    server = RoomServer(media)
    pump = asyncio.create_task(server.pump())
    try:
        async with (
            serve(server.serve, "127.0.0.1", 0, process_request=server.page, max_size=1 << 20) as listener,
            chromium() as browser,
        ):
            server.port = next(iter(listener.sockets)).getsockname()[1]
            version = browser.version
            opened = Pages(browser, server)
            pages = {who: await opened.join(who, width=WIDTH) for who in OURS}
            pages[BARE] = await opened.join(BARE, publish="")
            bench = Bench(ctx, server, proxy, pages, samples)
            await asyncio.gather(*(bench.ready(own) for own in pages))
            ctx.say(f"{len(pages)} pages hear and see each other; {rounds} rounds")
            for _ in range(rounds):
                for cut_s in CUTS_S:
                    await bench.cut(cut_s)
                await bench.move()
            lost = await _seats_lost(server, pages)
    finally:
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)
        await media.close()
        proxy.close()
        await node.close()
    return _result(samples.by_name, lost, version, {"receive_buffer": receive, "send_buffer": send})


async def _seats_lost(server: RoomServer, pages: dict[str, Page]) -> int:
    """Participants the node does not hold any more, and pages that show something else."""
    stats: dict[str, Any] = (await server.media.stats("room"))["rooms"]["room"]
    gone = [who for who in pages if who not in stats]
    elsewhere = [
        who for who in OURS if await pages[who].evaluate("session.closed || document.title !== 'media'")
    ]
    return len(gone) + len(elsewhere)


def _result(by_name: dict[str, list[float]], lost: int, version: str, load: dict[str, object]) -> Result:
    def tail(*names: str) -> float:
        values = [gap for name in names for gap in by_name[name]]
        return percentile(values, 0.95) if len(values) >= SAMPLES else max(values)

    figures = {
        "audio_gap_ms_9": tail("audio_2", "audio_5", "audio_9"),
        "video_gap_ms_9": tail("video_2", "video_5", "video_9"),
        "gap_ms_25": max(tail("audio_25"), tail("video_25")),
        "audio_gap_ms_move": tail("audio_move"),
        "video_gap_ms_move": tail("video_move"),
        "bare_audio_gap_ms_9": tail("bare_audio_2", "bare_audio_5", "bare_audio_9"),
        "bare_video_gap_ms_9": tail("bare_video_2", "bare_video_5", "bare_video_9"),
        "bare_gap_ms_25": max(tail("bare_audio_25"), tail("bare_video_25")),
        "bare_audio_gap_ms_move": tail("bare_audio_move"),
        "seats_lost": lost,
    }
    samples = {f"{name}_ms": values for name, values in by_name.items()}
    return Result(
        samples, figures, TARGETS, load={"pages": len(OURS) + 1, **load}, versions={"chromium": version}
    )
