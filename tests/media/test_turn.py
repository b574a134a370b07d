"""A network that blocks UDP, or everything but the relay: real Chromium through a real coturn, and who may not use it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from aioice import stun, turn
from playwright.async_api import Page

from core.config import Settings
from core.turn import TTL_S, credentials, ice_servers
from hilink_app.toolchain.turn import TurnServer
from rtc.media_client import MediaClient
from rtc.node import Node
from rtc.tests.conftest import KEY, Pages, chromium, eventually, serving
from rtc.tests.test_browser import meet

pytestmark = pytest.mark.media

SECRET = "a relay's secret"
SELECTED = """async () => {
  const report = [...(await session.subscriber.pc.getStats()).values()];
  const transport = report.find((one) => one.type === 'transport');
  const pair = report.find((one) => one.id === transport?.selectedCandidatePairId);
  const local = report.find((one) => one.id === pair?.localCandidateId);
  return [local?.candidateType, local?.relayProtocol];
}"""


@pytest.fixture(scope="module")
def relay() -> Iterator[TurnServer]:
    with TurnServer(SECRET) as server:
        yield server


@pytest_asyncio.fixture
async def pages() -> AsyncIterator[Pages]:
    node = Node(["127.0.0.1"], 0, KEY)
    await node.start("127.0.0.1", 0)
    media = MediaClient(f"ws://127.0.0.1:{node.control_port}/control", KEY)
    await media.wait_connected()
    async with serving(media) as server, chromium() as browser:
        yield Pages(browser, server)
    await media.close()
    await node.close()


def handed_out(relay: TurnServer, transport: str) -> dict[str, Any]:
    """What a browser gets with its ticket, told to use nothing but the relay."""
    settings = Settings(turn_urls=relay.urls(transport), turn_secret=SECRET)
    return {"iceServers": ice_servers(settings, datetime.now(UTC)), "iceTransportPolicy": "relay"}


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_seeing_and_hearing_through_the_relay(pages: Pages, relay: TurnServer, transport: str) -> None:
    ice = handed_out(relay, transport)
    ann, bob = await asyncio.gather(
        pages.join("ann", width=320, ice=ice), pages.join("bob", width=320, ice=ice)
    )
    await meet((ann, "ann"), (bob, "bob"))
    for page in (ann, bob):
        await eventually(lambda page=page: through(page, transport))


async def through(page: Page, transport: str) -> bool:
    """The statistics name the pair some time after media flows."""
    return await page.evaluate(SELECTED) == ["relay", transport]


async def allocate(relay: TurnServer, username: str, password: str) -> None:
    """Ask the relay for an address, as a browser does; aioice's TransactionFailed when it refuses."""
    transport, _ = await turn.create_turn_endpoint(
        asyncio.DatagramProtocol,
        server_addr=("127.0.0.1", relay.port),
        username=username,
        password=password,
    )
    transport.close()
    await asyncio.sleep(0.1)


async def test_who_may_not_use_the_relay(relay: TurnServer) -> None:
    now = datetime.now(UTC)
    await allocate(relay, *credentials(SECRET, now))
    good, password = credentials(SECRET, now)
    until, _, opaque = good.partition(":")
    refused = [
        credentials(SECRET, now - timedelta(seconds=TTL_S + 60)),
        credentials("another secret", now),
        (f"{int(until) + 3_600}:{opaque}", password),
        (good, "guessed"),
    ]
    for username, secret in refused:
        with pytest.raises(stun.TransactionFailed):
            await allocate(relay, username, secret)
