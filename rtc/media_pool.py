"""All media nodes as one `core.ports.MediaServer`: every room on its node, and on another when that one dies."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.config import Settings
from core.errors import MediaError, fault
from core.ports import MediaEvent, MediaRegistry, MediaRights
from rtc.media_client import MAX_EVENTS, MediaClient

logger = logging.getLogger(__name__)

PATIENCE_S = 1.5
"""How long a node may be silent before its rooms move; one whose process is gone gets no time at all."""
LOOK_S = 0.25
AVOID_S = 5.0
"""A node that could not be reached gets no room for this long."""
REACH_S, JOIN_S = 2.0, 1.0
IDLE_S = 30.0
"""A node that is away and has no room of ours is forgotten after this long."""
MOVES_AT_ONCE = 8


@dataclass(eq=False)
class _Member:
    """One node: its control connection and the rooms that are on it."""

    client: MediaClient
    pump: asyncio.Task[None]
    rooms: set[str] = field(default_factory=set[str])
    away_since: float | None = None


@dataclass(eq=False)
class _Placed:
    """A room: its seats, and its node once it has one. lock: placing and moving happen one after the other."""

    seats: dict[str, MediaRights] = field(default_factory=dict[str, MediaRights])
    recording_id: str | None = None
    url: str = ""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class MediaPool:
    """registry: who knows the nodes. fallback_url: the control URL of the settings, used while the registry
    knows no node that can take a room: one machine works before, and without, any registration."""

    def __init__(self, registry: MediaRegistry, key: bytes, fallback_url: str) -> None:
        self._registry, self._key, self._fallback_url = registry, key, fallback_url
        self._members: dict[str, _Member] = {}
        self._rooms: dict[str, _Placed] = {}
        self._avoid: dict[str, float] = {}
        self._events: asyncio.Queue[MediaEvent] = asyncio.Queue(MAX_EVENTS)
        self._lost = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, settings: Settings, registry: MediaRegistry) -> "MediaPool":
        return cls(registry, settings.derived_key("media"), settings.media_control_url)

    async def join(self, room_id: str, participant_id: str, rights: MediaRights) -> None:
        """See the port. Places the room with its first seat."""
        room = self._rooms.setdefault(room_id, _Placed())
        room.seats[participant_id] = rights
        async with room.lock:
            if room.seats.get(participant_id) != rights:
                return  # left, or said something newer, while the room was being placed
            client = await self._client_of(room_id, room)
        # Nothing is awaited between the lock and the seat's note in the client: a move sees it there or here.
        await client.join(room_id, participant_id, rights)
        await client.settled(JOIN_S)

    async def signal(
        self, room_id: str, participant_id: str, message: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        return await self.client(room_id).signal(room_id, participant_id, message)

    async def mute(self, room_id: str, participant_id: str, source: str, muted: bool) -> None:
        await self.client(room_id).mute(room_id, participant_id, source, muted)

    async def leave(self, room_id: str, participant_id: str) -> None:
        room = self._rooms.get(room_id)
        if room is None:
            return
        room.seats.pop(participant_id, None)
        async with room.lock:
            member = self._members.get(room.url)
            if not room.seats and room.recording_id is None:
                self._forget(room_id)
        if member is not None:
            await member.client.leave(room_id, participant_id)

    async def record(self, room_id: str, recording_id: str | None) -> None:
        """See the port. A room that moves is recorded on its new node, too."""
        room = self._rooms.get(room_id)
        if room is None and recording_id is None:
            return
        room = room or self._rooms.setdefault(room_id, _Placed())
        room.recording_id = recording_id
        async with room.lock:
            client = await self._client_of(room_id, room)
        await client.record(room_id, recording_id)

    async def close_room(self, room_id: str) -> None:
        room = self._rooms.get(room_id)
        if room is None:
            return
        room.seats.clear()
        async with room.lock:
            member = self._members.get(room.url)
            self._forget(room_id)
        if member is not None:
            await member.client.close_room(room_id)

    async def stats(self, room_id: str | None = None) -> dict[str, Any]:
        """As `MediaClient.stats`: of one room, or of every room on the nodes that answer."""
        if room_id is not None:
            return await self.client(room_id).stats(room_id)
        found: dict[str, Any] = {}
        for member in [one for one in self._members.values() if one.client.connected]:
            with contextlib.suppress(MediaError):
                found |= (await member.client.stats())["rooms"]
        return {"rooms": found}

    async def events(self) -> AsyncIterator[MediaEvent]:
        """What all nodes report, for one reader. `node_lost` and `node_back` name the room they are about."""
        while True:
            yield await self._events.get()

    def client(self, room_id: str) -> MediaClient:
        """The room's node. MediaError("unavailable") while it has none."""
        room = self._rooms.get(room_id)
        member = self._members.get(room.url) if room is not None else None
        if member is None:
            raise MediaError("unavailable", "no media node")
        return member.client

    async def close(self) -> None:
        """Rooms go on: a room server that restarts finds them again."""
        tasks = [member.pump for member in self._members.values()]
        tasks += [self._watcher] if self._watcher is not None else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for member in self._members.values():
            await member.client.close()
        self._members.clear()
        self._rooms.clear()

    # Placing

    async def _client_of(self, room_id: str, room: _Placed) -> MediaClient:
        if room.url not in self._members:
            node = await asyncio.to_thread(self._registry.place, room_id, self._away())
            self._put(room_id, room, node.control_url if node is not None else self._fallback_url)
        return self._members[room.url].client

    def _put(self, room_id: str, room: _Placed, url: str) -> _Member:
        before = self._members.get(room.url)
        if before is not None:
            before.rooms.discard(room_id)
        member = self._member(url)
        member.rooms.add(room_id)
        room.url = url
        return member

    def _member(self, url: str) -> _Member:
        member = self._members.get(url)
        if member is None:
            client = MediaClient(url, self._key)
            client.start()
            member = self._members[url] = _Member(client, asyncio.create_task(self._pump(url, client)))
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._watch())
        return member

    def _forget(self, room_id: str) -> None:
        room = self._rooms.pop(room_id, None)
        member = self._members.get(room.url) if room is not None else None
        if member is not None:
            member.rooms.discard(room_id)

    def _away(self) -> frozenset[str]:
        now = time.monotonic()
        self._avoid = {url: until for url, until in self._avoid.items() if until > now}
        return frozenset(self._avoid)

    # Following the nodes

    async def _pump(self, url: str, client: MediaClient) -> None:
        async for event in client.events():
            if event.kind not in ("node_lost", "node_back"):
                self._report(event)
                continue
            if event.kind == "node_lost":
                self._lost.set()
            for room_id in self._on(url):
                self._report(MediaEvent(event.kind, room_id))

    def _on(self, url: str) -> list[str]:
        member = self._members.get(url)
        return sorted(member.rooms) if member is not None else []

    async def _watch(self) -> None:
        """Look for nodes that went, for ever. A border: one failing move must not end the others."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._lost.wait(), LOOK_S)
            if self._lost.is_set():
                self._lost.clear()
                await asyncio.sleep(0.02)  # the client's next try says whether the process is gone
            for url, member in list(self._members.items()):
                try:
                    await self._look_after(url, member)
                except Exception as error:
                    logger.error("rooms not moved", extra={"fault": fault(error)})

    async def _look_after(self, url: str, member: _Member) -> None:
        if member.client.connected:
            member.away_since = None
            self._avoid.pop(url, None)
            return
        now = time.monotonic()
        member.away_since = now if member.away_since is None else member.away_since
        if not member.rooms and now - member.away_since > IDLE_S:
            del self._members[url]
            member.pump.cancel()
            await member.client.close()
        if not member.rooms or not (member.client.refused or now - member.away_since > PATIENCE_S):
            return
        self._avoid[url] = now + AVOID_S
        gate = asyncio.Semaphore(MOVES_AT_ONCE)

        async def move(room_id: str) -> bool:
            async with gate:
                return await self._move(room_id, url)

        moved = await asyncio.gather(*(move(room_id) for room_id in sorted(member.rooms)))
        if any(moved):
            logger.warning("rooms moved to another media node", extra={"rooms": sum(moved)})

    async def _move(self, room_id: str, url: str) -> bool:
        """To another node, with every seat; the browsers are told last, when the seats are there."""
        room = self._rooms.get(room_id)
        if room is None:
            return False
        async with room.lock:
            before = self._members[url]
            if room.url != url or before.client.connected:
                return False
            node = await asyncio.to_thread(self._registry.place, room_id, self._away())
            if node is None or node.control_url == url:
                return False
            target = self._member(node.control_url)
            try:
                await target.client.wait_connected(REACH_S)
            except MediaError:
                self._avoid[node.control_url] = time.monotonic() + AVOID_S
                return False
            before.client.abandon(room_id)
            self._put(room_id, room, node.control_url)
            for participant_id, rights in list(room.seats.items()):
                with contextlib.suppress(MediaError):
                    await target.client.join(room_id, participant_id, rights)
            if room.recording_id is not None:
                with contextlib.suppress(MediaError):
                    await target.client.record(room_id, room.recording_id)
        self._report(MediaEvent("node_back", room_id))
        for participant_id in list(room.seats):
            moved = {"type": "moved", "reason": "node_lost"}
            self._report(MediaEvent("message", room_id, participant_id, moved))
        return True

    def _report(self, event: MediaEvent) -> None:
        try:
            self._events.put_nowait(event)
        except asyncio.QueueFull:
            logger.warning("media events dropped: nobody reads them")
