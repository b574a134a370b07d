"""Behind a router that got another address: who says so, and who is asked."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bench._media_peer import Peer
from rtc.node import Node
from rtc.participant import SPEAKS_WITHIN_S
from rtc.tests.conftest import KEY, eventually
from rtc.tests.house import House

pytestmark = pytest.mark.media


@pytest_asyncio.fixture
async def house() -> AsyncIterator[House]:
    node = Node(["127.0.0.1"], 0, KEY)
    await node.start("127.0.0.1", 0)
    made = House(node)
    try:
        yield made
    finally:
        for peer in made.peers:
            peer.close()
        await node.close()


async def both(house: House) -> tuple[Peer, Peer]:
    """A person's publisher and subscriber, and somebody who listens."""
    publisher = await house.join("cat", ["audio", "video"], True)
    subscriber = Peer("127.0.0.1")
    house.peers.append(subscriber)
    answer = house.offer("cat", subscriber, ["audio", "video"], False)
    await asyncio.to_thread(subscriber.connect, answer["sdp"])
    house.speaker, house.listener = publisher, await house.join("dog", ["audio", "video"], False)
    await house.healthy()
    for participant in house.node.rooms["r"].participants.values():
        for connection in (participant.publisher, participant.subscriber):
            if connection is not None:
                # Long ago: what moves together moves within a second.
                connection.transport.moved_at -= 10
    return publisher, subscriber


def move(peer: Peer) -> None:
    """The same keys from another port."""
    remote = peer.socket.getpeername()
    peer.socket.close()
    peer.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.socket.connect(remote)
    peer.socket.setblocking(False)


def restarts(house: House) -> list[dict[str, object]]:
    return [data for kind, _, data in house.said if kind == "message" and data["type"] == "restart"]


async def test_a_silent_subscriber_is_asked_to_check_when_its_publisher_moved(house: House) -> None:
    publisher, _ = await both(house)
    move(publisher)
    publisher.send("audio", bytes(80), 0)

    async def asked() -> bool:
        return bool(restarts(house))

    await eventually(asked, 5.0, 0.01)
    assert restarts(house) == [{"type": "restart", "kind": "subscriber", "connection": "cat-False"}]
    await house.healthy()


async def test_who_moved_altogether_is_asked_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    publisher, subscriber = await both(house)
    subscriber.report()
    await house.healthy()
    for peer in (publisher, subscriber):
        move(peer)
    publisher.send("audio", bytes(80), 0)
    # A browser's next check may be seconds away.
    monkeypatch.setattr(subscriber, "check", lambda: None)
    subscriber.report()
    await asyncio.sleep(5 * SPEAKS_WITHIN_S)
    cat = house.node.rooms["r"].participants["cat"]
    assert cat.subscriber is not None
    assert cat.subscriber.transport.destination is not None
    assert cat.subscriber.transport.destination.address == subscriber.socket.getsockname()
    assert restarts(house) == []
