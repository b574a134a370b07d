"""What waits for what at the node's port."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import pytest_asyncio

from rtc import stun
from rtc.transport import Transport
from rtc.turns import MOST_EACH
from rtc.udp import UdpPort

pytestmark = pytest.mark.media

MEDIA = b"\x80\x60" + bytes(20)
FEEDBACK = b"\x81\xc9" + bytes(20)
HERE = ("127.0.0.1", 9)


class Connection:
    """Notes what reaches it; feedback that says so fails."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def receive_media(self, data: bytes) -> bool:
        if data.endswith(b"!"):
            raise ValueError(data)
        self.taken.append(data)
        return True


@pytest_asyncio.fixture
async def port() -> AsyncIterator[UdpPort]:
    made = UdpPort(["127.0.0.1"], 0)
    yield made
    made.close()


def comes(port: UdpPort, *datagrams: bytes, address: stun.Address = HERE) -> Connection:
    connection = Connection()
    port.sockets[0].by_address[address] = cast(Transport, connection)
    port._receive(port.sockets[0], [(one, address) for one in datagrams])  # pyright: ignore[reportPrivateUsage]
    return connection


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_feedback_waits_for_media_that_came_after_it(port: UdpPort) -> None:
    connection = comes(port, *[FEEDBACK] * 50, MEDIA)
    assert connection.taken == [MEDIA]
    await turns(3)
    assert 1 < len(connection.taken) < 50, "a little at a time: media that comes now is not behind all of it"
    await turns(50)
    assert connection.taken == [MEDIA, *[FEEDBACK] * 50]


async def test_what_fails_does_not_hold_up_the_rest(port: UdpPort) -> None:
    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    connection = comes(port, FEEDBACK + b"!", FEEDBACK, FEEDBACK)
    await turns(10)
    assert connection.taken == [FEEDBACK, FEEDBACK] and len(said) == 1


async def test_a_flood_of_feedback_is_bounded_and_delays_nobody_else(port: UdpPort) -> None:
    flood = comes(port, *[FEEDBACK] * (MOST_EACH + 15))
    quiet = comes(port, FEEDBACK, address=("127.0.0.1", 10))
    await turns(1)
    assert quiet.taken == [FEEDBACK] and len(flood.taken) == 1
    await turns(MOST_EACH)
    assert len(flood.taken) == MOST_EACH and port.counters.over_limit == 15
