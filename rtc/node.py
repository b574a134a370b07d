"""A media node: one UDP port, its rooms, its control API, its clock. `python -m rtc.node` runs one."""

import asyncio
import contextlib
import gc
import logging
import signal
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from core.config import Settings
from core.ports import MediaRights
from rtc import loop
from rtc.control import ControlServer
from rtc.dtls import DtlsContext
from rtc.errors import Refused
from rtc.limits import Limits
from rtc.participant import PROTOCOL_VERSION
from rtc.publisher import Endpoint
from rtc.realtime import RealTime
from rtc.recording.recorder import Options, Recorder
from rtc.recording.tap import RoomTap
from rtc.registrar import Registrar
from rtc.room import ALLOCATE_TURNS, Room
from rtc.udp import UdpPort

logger = logging.getLogger(__name__)

TICK_S = 0.05
HOLD_UP_S = 0.002
"""What is done now and then gives way to packets after so long."""
ORPHAN_AFTER_S = 120.0
DEFAULT_PORT = 7881


class Node:
    """Everything of one process. Made inside a running event loop.

    hosts, port: where media is received (UDP). public: addresses for candidates behind 1:1 NAT, else empty.
    key: the internal media key. Control listens on control_host:control_port. recording: None = this node
    does not record. metrics_token: who has it may read `/metrics` there; "" = only who has the key.
    """

    def __init__(
        self,
        hosts: list[str],
        port: int,
        key: bytes,
        public: list[str] | None = None,
        recording: Options | None = None,
        limits: Limits | None = None,
        metrics_token: str = "",
    ) -> None:
        self.endpoint = Endpoint(UdpPort(hosts, port, public), DtlsContext(), limits or Limits())
        self.rooms: dict[str, Room] = {}
        self.control = ControlServer(self, key, metrics_token)
        self.control_port = 0
        self.loop_delay_s = 0.0
        """How late the clock was lately; an old worst moment fades."""
        self._started_at = time.monotonic()
        self._orphaned_at: dict[str, float] = {}
        self._clock: asyncio.Task[None] | None = None
        self.recorder = Recorder(recording, self._recorded) if recording is not None else None
        self._recordings: dict[str, str] = {}

    async def start(self, control_host: str, control_port: int) -> None:
        """Serve until `close`."""
        self.control_port = await self.control.start(control_host, control_port)
        self._clock = asyncio.create_task(self._run_clock())
        if self.recorder is not None:
            self.recorder.adopt()
        receive, send = self.endpoint.port.buffers()
        logger.info(
            "media node ready",
            extra={
                "udp_port": self.endpoint.port.port,
                "control_port": self.control_port,
                "receive_buffer": receive,
                "send_buffer": send,
            },
        )

    async def close(self) -> None:
        """Close every room and socket."""
        if self._clock is not None:
            self._clock.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._clock
        for room_id in list(self.rooms):
            self.close_room(room_id)
        if self.recorder is not None:
            await self.recorder.close()
        await self.control.close()
        self.endpoint.port.close()

    def join(self, room_id: str, participant_id: str, rights: MediaRights) -> dict[str, Any]:
        """Idempotent; makes the room when it is the first."""
        room = self.rooms.get(room_id)
        if room is None:
            if len(self.rooms) >= self.endpoint.limits.rooms:
                raise Refused("too_many", "rooms")
            room = self.rooms[room_id] = Room(room_id, self.endpoint, self.control.emit)
            self._start_recording(room)
        participant = room.join(participant_id, rights)
        return {
            "publisher": participant.publisher.connection if participant.publisher else None,
            "subscriber": participant.subscriber.connection if participant.subscriber else None,
            "tracks": [one.describe() for one in participant.publications.values()],
        }

    def signal(self, room_id: str, participant_id: str, message: Mapping[str, Any]) -> list[dict[str, Any]]:
        """A browser's message; the answers for it."""
        room = self.rooms.get(room_id)
        participant = room.participants.get(participant_id) if room else None
        if participant is None:
            return [
                {
                    "type": "error",
                    "kind": "unknown_participant",
                    "detail": "",
                    "re": str(message.get("type"))[:32],
                }
            ]
        return participant.receive(message)

    def mute(self, room_id: str, participant_id: str, source: str, muted: bool) -> None:
        """See Participant.mute_by_server."""
        room = self.rooms.get(room_id)
        participant = room.participants.get(participant_id) if room else None
        if participant is None:
            raise Refused("unknown_participant")
        participant.mute_by_server(source, muted)

    def leave(self, room_id: str, participant_id: str) -> None:
        """Idempotent; the last one closes the room."""
        room = self.rooms.get(room_id)
        if room is not None:
            room.leave(participant_id)
            if not room.participants:
                self._put_away(room_id)

    def record(self, room_id: str, recording_id: str | None) -> dict[str, Any]:
        """Idempotent. None stops; a room that is empty now is recorded when somebody comes."""
        room = self.rooms.get(room_id)
        if recording_id is None:
            self._recordings.pop(room_id, None)
            if room is not None:
                room.record(None)
            return {"recording_id": None, "set_id": None}
        if self.recorder is None:
            raise Refused("not_allowed", "this node does not record")
        if self._recordings.get(room_id) != recording_id:
            if len(self._recordings) >= self.endpoint.limits.rooms and room_id not in self._recordings:
                raise Refused("too_many", "recordings")
            self._recordings[room_id] = recording_id
            if room is not None:
                self._start_recording(room)
        tap = room.recording if room is not None else None
        return {"recording_id": recording_id, "set_id": tap.set_id if tap is not None else None}

    def close_room(self, room_id: str) -> None:
        """Idempotent. The lesson is over: it is not recorded any more either."""
        self._recordings.pop(room_id, None)
        self._put_away(room_id)

    def _put_away(self, room_id: str) -> None:
        room = self.rooms.pop(room_id, None)
        if room is not None:
            room.close()
        self._orphaned_at.pop(room_id, None)

    def stats(self, room_id: str | None) -> dict[str, Any]:
        """Of one room, or all."""
        return {"rooms": {one.id: one.stats() for one in self.rooms.values() if room_id in (None, one.id)}}

    def health(self) -> dict[str, Any]:
        """For load, dashboards and tests."""
        counters = self.endpoint.port.counters
        receive, send = self.endpoint.port.buffers()
        return {
            "version": PROTOCOL_VERSION,
            "rooms": len(self.rooms),
            "participants": sum(len(room.participants) for room in self.rooms.values()),
            "uptime_s": round(time.monotonic() - self._started_at, 1),
            "packets_in": counters.packets_in,
            "packets_out": counters.packets_out,
            "dropped": counters.dropped_in + counters.dropped_out,
            "receive_buffer": receive,
            "send_buffer": send,
        }

    def _start_recording(self, room: Room) -> None:
        recording_id = self._recordings.get(room.id)
        if recording_id is None or self.recorder is None:
            return
        room.record(None)
        tap = RoomTap(self.recorder, room, recording_id)
        room.record(tap)
        data = {"recording_id": recording_id, "set_id": tap.set_id, "state": "started"}
        room.emit("recording", "", data)

    def _recorded(self, report: Mapping[str, Any]) -> None:
        """What the recorder's process says."""
        now = time.monotonic()
        if report["event"] == "keyframe":
            for room in self.rooms.values():
                if room.recording is not None:
                    room.recording.keyframe(report["track"], now)
            return
        reason = report.get("reason") or report.get("failed")
        for room in self.rooms.values():
            tap = room.recording
            if tap is not None and tap.set_id == report["set"]:
                # The process ended it by itself: the room goes on without.
                room.recording = None
                tap.abandon()
                data = {"recording_id": tap.recording_id, "set_id": tap.set_id}
                room.emit("recording", "", {**data, "state": "failed", "reason": reason or "recorder_lost"})

    async def _run_clock(self) -> None:
        count = 0
        while True:
            slept_at = time.monotonic()
            await asyncio.sleep(TICK_S)
            late_s = time.monotonic() - slept_at - TICK_S
            self.loop_delay_s = max(late_s, 0.995 * self.loop_delay_s)
            count += 1
            if self.recorder is not None:
                self.recorder.flush()
            begun_at = time.monotonic()
            for room in list(self.rooms.values()):
                if time.monotonic() - begun_at > HOLD_UP_S:
                    # Packets that came meanwhile go first.
                    await asyncio.sleep(0)
                    begun_at = time.monotonic()
                if self.rooms.get(room.id) is not room:
                    continue
                try:
                    self._tick(room, count)
                except Exception:
                    # A border: a fault in one room must not stop the clock of the others.
                    logger.exception("room tick failed", extra={"room_id": room.id})

    def _tick(self, room: Room, count: int) -> None:
        now = time.monotonic()
        count += room.phase
        room.tick_fast(now)
        if count % 4 == 0:
            room.tick_speakers()
        room.tick_allocate(now, count % ALLOCATE_TURNS)
        if count % 20 == 0:
            room.tick_slow(now)
            self._forget_orphans(room, now)

    def _forget_orphans(self, room: Room, now: float) -> None:
        if self.control.owned(room.id):
            self._orphaned_at.pop(room.id, None)
            return
        since = self._orphaned_at.setdefault(room.id, now)
        if now - since > ORPHAN_AFTER_S:
            for participant in list(room.participants.values()):
                if not participant.transports:
                    self.leave(room.id, participant.id)


def media_key(settings: Settings) -> bytes:
    """The key room servers and nodes share."""
    return settings.derived_key("media")


def settle_memory() -> None:
    """Of a process that only forwards: what exists now stays, so searching it for garbage would be lost time.

    A full search of everything that was imported takes tens of milliseconds, and packets wait for it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


async def run(settings: Settings) -> None:
    """A node until SIGINT or SIGTERM."""
    hosts = [one.strip() for one in settings.media_host.split(",") if one.strip()]
    public = [one.strip() for one in settings.media_ips.split(",") if one.strip()]
    node = Node(
        hosts,
        settings.media_port,
        media_key(settings),
        public,
        Options.of(settings),
        Limits.of(settings),
        settings.metrics_token,
    )
    address = urlsplit(settings.media_control_url)
    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    reporting: asyncio.Task[None] | None = None
    realtime = RealTime()
    try:
        await node.start(
            address.hostname or "127.0.0.1", DEFAULT_PORT if address.port is None else address.port
        )
        settle_memory()
        if settings.media_realtime:
            realtime.ask()
        reporting = asyncio.create_task(Registrar(settings, node.health, node.control_port).run())
        await stopped.wait()
    finally:
        if reporting is not None:
            reporting.cancel()
            await asyncio.gather(reporting, return_exceptions=True)
        realtime.give_up()
        await node.close()


def main(settings: Settings | None = None) -> None:
    """Run a node in this process; the `hilink media` command."""
    loop.run(run(settings or Settings()))  # pyright: ignore[reportCallIssue]


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    main()
