"""A node in this process with people made by hand: what they send is what a test says, packet by packet."""

import asyncio
from typing import Any

from bench._media_peer import Peer, video_payload
from core.ports import MediaRights
from rtc.node import Node
from rtc.tests.conftest import eventually

RIGHTS = MediaRights()
HEALTHY = 40
"""Packets of each kind that are sent to see whether the healthy pair still works."""


class House:
    """A node with a healthy pair in room `r`, and whoever else joins."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.peers: list[Peer] = []
        self.said: list[tuple[str, str, Any]] = []
        node.control.emit = self._emit  # type: ignore[method-assign]
        self._frame = 0

    def _emit(self, kind: str, room_id: str, participant_id: str, data: Any) -> None:
        self.said.append((kind, participant_id, dict(data)))

    async def join(self, name: str, kinds: list[str], publishes: bool) -> Peer:
        self.node.join("r", name, RIGHTS)
        peer = Peer("127.0.0.1")
        self.peers.append(peer)
        await asyncio.to_thread(peer.connect, self.offer(name, peer, kinds, publishes)["sdp"])
        return peer

    def offer(self, name: str, peer: Peer, kinds: list[str], publishes: bool, seq: int = 1) -> dict[str, Any]:
        sources = {"audio": "microphone", "video": "camera"}
        tracks = [{"mid": str(at), "source": sources[kind]} for at, kind in enumerate(kinds)]
        message = {
            "type": "offer",
            "kind": "publisher" if publishes else "subscriber",
            "connection": f"{name}-{publishes}",
            "seq": seq,
            "sdp": peer.offer(kinds, publishes),
            "tracks": tracks if publishes else [],
        }
        (answer,) = self.node.signal("r", name, message)
        return answer

    async def pair(self) -> None:
        self.speaker = await self.join("speaker", ["audio", "video"], True)
        self.listener = await self.join("listener", ["audio", "video"], False)

    async def healthy(self) -> None:
        """What the speaker sends reaches the listener."""
        wanted = self.listener.taken + 2 * HEALTHY

        async def arrives() -> bool:
            for _ in range(4):
                self._frame += 1
                self.speaker.send("audio", bytes(80), 0)
                self.speaker.send("video", video_payload(self._frame, True, True), 1)
            await asyncio.sleep(0.005)
            self.listener.drain(True)
            return self.listener.taken >= wanted

        await eventually(arrives, 20.0, 0.005)

    def held(self) -> tuple[int, int, int]:
        """What a stranger could make grow."""
        port = self.node.endpoint.port
        known = sum(len(one.by_address) for one in port.sockets)
        return len(port.by_ufrag), known, sum(len(room.participants) for room in self.node.rooms.values())
