"""The node by real sockets: IPv4 and IPv6 at once, a public address in front of a 1:1 NAT, equal SSRCs."""

import asyncio
from typing import Any

import pytest

from bench._media_peer import AUDIO_BYTES, Peer
from core.ports import MediaRights
from rtc.node import Node
from rtc.tests.conftest import KEY

pytestmark = pytest.mark.media

PACKETS = 40
OUTSIDE = "127.0.0.2"


async def connect(node: Node, peer: Peer, name: str, publishes: bool) -> str:
    """Offer sound one way, and have media flow. The node's answer."""
    kinds = ["audio"] * (1 if publishes else len(node.rooms["room"].participants) if node.rooms else 1)
    node.join("room", name, MediaRights())
    offer: dict[str, Any] = {
        "type": "offer",
        "kind": "publisher" if publishes else "subscriber",
        "connection": name,
        "seq": 1,
        "sdp": peer.offer(kinds, publishes),
    }
    if publishes:
        offer["tracks"] = [{"mid": "0", "source": "microphone", "muted": False}]
    (answer,) = node.signal("room", name, offer)
    assert answer["type"] == "answer", answer
    await asyncio.to_thread(peer.connect, answer["sdp"])
    return answer["sdp"]


async def talk(listener: Peer, *speakers: Peer) -> int:
    """How many packets the listener got of PACKETS from each."""
    for _ in range(PACKETS):
        for one in speakers:
            one.send("audio", bytes(AUDIO_BYTES), 0)
        await asyncio.sleep(0.005)
        listener.drain(True)
    for _ in range(40):
        if listener.received == PACKETS * len(speakers):
            break
        await asyncio.sleep(0.05)
        listener.drain(True)
    return listener.received


async def test_people_on_ipv4_and_ipv6_hear_each_other() -> None:
    node = Node(["127.0.0.1", "::1"], 0, KEY)
    await node.start("127.0.0.1", 0)
    ann, bob = Peer("127.0.0.1"), Peer("::1")
    try:
        answer = await connect(node, ann, "ann", publishes=True)
        assert " 127.0.0.1 " in answer and " ::1 " in answer
        await connect(node, bob, "bob", publishes=False)
        assert await talk(bob, ann) == PACKETS
    finally:
        ann.close()
        bob.close()
        await node.close()


class Nat(asyncio.DatagramProtocol):
    """Everything for OUTSIDE and the node's port goes to the node; each sender keeps a port of its own."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.inside: dict[Any, Any] = {}
        self.outside: Any = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self.outside, _ = await loop.create_datagram_endpoint(lambda: self, (OUTSIDE, self.port))

    async def admit(self, address: Any) -> None:
        loop = asyncio.get_running_loop()
        outside = self.outside

        class Inside(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: Any) -> None:
                outside.sendto(data, address)

        self.inside[address], _ = await loop.create_datagram_endpoint(
            Inside, remote_addr=("127.0.0.1", self.port)
        )

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if addr in self.inside:
            self.inside[addr].sendto(data)

    def close(self) -> None:
        for one in (self.outside, *self.inside.values()):
            one.close()


async def test_a_node_behind_nat_names_its_public_address_only() -> None:
    node = Node(["127.0.0.1"], 0, KEY, public=[OUTSIDE])
    await node.start("127.0.0.1", 0)
    nat = Nat(node.endpoint.port.port)
    await nat.start()
    ann, bob = Peer("127.0.0.1", OUTSIDE), Peer("127.0.0.1", OUTSIDE)
    try:
        for one in (ann, bob):
            await nat.admit(one.socket.getsockname())
        answer = await connect(node, ann, "ann", publishes=True)
        candidates = [line for line in answer.splitlines() if line.startswith("a=candidate")]
        assert candidates and all(f" {OUTSIDE} " in line for line in candidates)
        await connect(node, bob, "bob", publishes=False)
        assert await talk(bob, ann) == PACKETS
    finally:
        ann.close()
        bob.close()
        nat.close()
        await node.close()


async def test_two_publishers_with_the_same_ssrc_are_both_heard() -> None:
    node = Node(["127.0.0.1"], 0, KEY)
    await node.start("127.0.0.1", 0)
    ann, cid, bob = (Peer("127.0.0.1") for _ in range(3))
    cid.streams["audio"].ssrc = ann.streams["audio"].ssrc
    try:
        await connect(node, ann, "ann", publishes=True)
        await connect(node, cid, "cid", publishes=True)
        answer = await connect(node, bob, "bob", publishes=False)
        ssrcs = {line.split()[0] for line in answer.splitlines() if line.startswith("a=ssrc:")}
        assert len(ssrcs) == 2
        assert await talk(bob, ann, cid) == 2 * PACKETS
    finally:
        for one in (ann, bob, cid):
            one.close()
        await node.close()
