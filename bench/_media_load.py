"""The media bench's load: rooms of peers on a server, and the thread that sends and receives for them."""

import asyncio
import heapq
import os
import queue
import selectors
import threading
import time
from dataclasses import dataclass, field

import numpy
from aiortc import RTCConfiguration, RTCPeerConnection, VideoStreamTrack
from aiortc.contrib.media import MediaBlackhole
from aiortc.mediastreams import AudioStreamTrack
from av import VideoFrame

from bench._media_peer import AUDIO_BYTES, Peer, video_payload

CYCLE_S = 0.1
VIDEO_A_CYCLE, AUDIO_A_CYCLE = 3, 5
"""30 frames and 50 sound packets a second."""
PACKETS_A_FRAME = 2
KEYFRAME_EVERY = 30
LATE_S = 0.05
REPORT_S = 1.0
"""How often each peer reports, each at its own time: their clocks know nothing of each other."""
_AUDIO = bytes(AUDIO_BYTES)


@dataclass
class Room:
    """Publishers and subscribers of one server; everybody gets everything."""

    publishers: list[Peer]
    subscribers: list[Peer]
    sent: int = 0
    counted: int = 0
    frames: dict[int, int] = field(default_factory=dict[int, int])

    @property
    def peers(self) -> list[Peer]:
        return [*self.publishers, *self.subscribers]

    @property
    def taken(self) -> int:
        return sum(one.taken for one in self.subscribers)

    @property
    def received(self) -> int:
        return sum(one.received for one in self.subscribers)

    @property
    def expected(self) -> int:
        """Of what was sent while counting."""
        return self.counted * len(self.subscribers)


class Load:
    """Sends for one room at a time and receives for all, in a thread of its own."""

    def __init__(self) -> None:
        self.active: Room | None = None
        self.counting = False
        self.late = 0
        self.rooms: list[Room] = []
        self._due: list[tuple[float, int, Room, Peer]] = []
        self._new: queue.SimpleQueue[Room] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def add(self, room: Room) -> None:
        """From now on its peers stay alive and what comes for them is taken."""
        self.rooms.append(room)
        self._new.put(room)

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()
        for room in self.rooms:
            for peer in room.peers:
                peer.close()

    async def settle(self, room: Room, at_most_s: float) -> None:
        """Send until everything arrives, as it does when bandwidth estimates and buffers have found their way."""
        self.active = room
        await asyncio.sleep(1.0)
        until = time.monotonic() + at_most_s
        while time.monotonic() < until:
            sent, taken = room.sent, room.taken
            await asyncio.sleep(0.5)
            if room.taken - taken >= 0.995 * (room.sent - sent) * len(room.subscribers):
                return

    async def quiet(self, room: Room) -> None:
        """Stop sending and wait until nothing comes any more, 10 s at most."""
        self.active = None
        for _ in range(50):
            before = room.taken
            await asyncio.sleep(0.2)
            if room.taken == before:
                return

    def _run(self) -> None:
        if hasattr(os, "SCHED_BATCH"):
            # Whoever takes packets would elsewhere be another machine: it must not interrupt the server's sending.
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        events: list[tuple[float, int, str]] = []
        position, cycle = 0, time.monotonic()
        now_room: Room | None = None
        while not self._stopped.is_set():
            while not self._new.empty():
                self._begin(self._new.get())
            now = time.monotonic()
            if self.active is not now_room:
                now_room = self.active
                events = _events(len(now_room.publishers)) if now_room else []
                position, cycle = 0, now
            due = cycle + events[position][0] if events else now + 0.02
            for key, _ in self._selector.select(max(0.0, due - now)):
                key.data.drain(self.counting)
            now = time.monotonic()
            if now_room is not None:
                if now - due > LATE_S:
                    # A machine too busy for this load must not get a burst on top of it.
                    self.late += 1
                    cycle += now - due
                if now >= due:
                    _, publisher, kind = events[position]
                    self._publish(now_room, publisher, kind)
                    position = (position + 1) % len(events)
                    cycle += 0 if position else CYCLE_S
            self._report(now_room, now)

    def _begin(self, room: Room) -> None:
        now = time.monotonic()
        for peer in room.peers:
            self._selector.register(peer.socket, selectors.EVENT_READ, peer)
            number = len(self._due)
            heapq.heappush(self._due, (now + number * 0.618 % 1.0 * REPORT_S, number, room, peer))

    def _report(self, active: Room | None, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            due, number, room, peer = self._due[0]
            heapq.heapreplace(self._due, (max(due + REPORT_S, now), number, room, peer))
            peer.report() if room is active else peer.check()

    def _publish(self, room: Room, at: int, kind: str) -> None:
        peer = room.publishers[at]
        packets = 1
        if kind == "audio":
            peer.send("audio", _AUDIO, 0)
        else:
            frame = room.frames[at] = room.frames.get(at, -1) + 1
            packets = PACKETS_A_FRAME
            for part in range(packets):
                payload = video_payload(frame, frame % KEYFRAME_EVERY == 0 and part == 0, part == 0)
                peer.send("video", payload, part == packets - 1)
        room.sent += packets
        if self.counting:
            room.counted += packets


def _events(publishers: int) -> list[tuple[float, int, str]]:
    """(seconds into a cycle, publisher, kind), spread as cameras and microphones of different people are."""
    events: list[tuple[float, int, str]] = []
    for kind, count in (("video", VIDEO_A_CYCLE), ("audio", AUDIO_A_CYCLE)):
        step = CYCLE_S / count
        for at in range(publishers):
            phase = (at * 0.618 + (0.3 if kind == "audio" else 0.0)) % 1.0
            events += [((one + phase) * step, at, kind) for one in range(count)]
    return sorted(events)


class MovingPicture(VideoStreamTrack):
    """640 x 360, 30 frames a second, moving enough that an encoder has its usual work."""

    def __init__(self) -> None:
        super().__init__()
        random = numpy.random.default_rng(1)
        base = random.integers(0, 255, (45, 80, 3), dtype=numpy.uint8).repeat(8, 0).repeat(8, 1)
        self._frames = [
            VideoFrame.from_ndarray(numpy.roll(base, (2 * one, 3 * one), (0, 1)), format="rgb24").reformat(
                format="yuv420p"
            )
            for one in range(60)
        ]
        self._at = 0

    async def recv(self) -> VideoFrame:
        pts, time_base = await self.next_timestamp()
        self._at += 1
        frame = self._frames[self._at % len(self._frames)]
        frame.pts, frame.time_base = pts, time_base
        return frame


class RelayLoad:
    """One aiortc publisher and some subscribers, in this process; their own coding is not measured."""

    def __init__(self) -> None:
        self.connections: list[RTCPeerConnection] = []
        self._sinks: list[MediaBlackhole] = []

    def add(self, publishes: bool) -> RTCPeerConnection:
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.connections.append(connection)
        if publishes:
            connection.addTrack(AudioStreamTrack())
            connection.addTrack(MovingPicture())
        else:
            sink = MediaBlackhole()
            self._sinks.append(sink)
            connection.on("track", sink.addTrack)
            connection.addTransceiver("audio", direction="recvonly")
            connection.addTransceiver("video", direction="recvonly")
        return connection

    async def begin(self) -> None:
        for sink in self._sinks:
            await sink.start()

    async def received(self) -> int:
        total = 0
        for connection in self.connections[1:]:
            report = await connection.getStats()
            total += sum(one.packetsReceived for one in report.values() if one.type == "inbound-rtp")
        return total

    async def stop(self) -> None:
        for sink in self._sinks:
            await sink.stop()
        for connection in self.connections:
            await connection.close()
