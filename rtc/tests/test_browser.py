"""Two real Chromium pages through a real node."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Page

from rtc.tests.conftest import Pages, RoomServer, eventually

pytestmark = pytest.mark.media


async def inbound(page: Page, key: str) -> dict[str, Any]:
    return await page.evaluate("key => inbound(key)", key) or {}


async def rising(page: Page, key: str, field: str, timeout_s: float = 10.0) -> float:
    """Wait until a counter grows from now on; returns its new value."""
    before = (await inbound(page, key)).get(field, 0)

    async def grown() -> float | None:
        value = (await inbound(page, key)).get(field, 0)
        return value if value > before else None

    return await eventually(grown, timeout_s)


async def test_two_pages_see_and_hear_each_other(pages: Pages, room_server: RoomServer) -> None:
    ann, bob = await asyncio.gather(pages.join("ann"), pages.join("bob"))
    try:
        for page, other in ((ann, "bob"), (bob, "ann")):
            await rising(page, f"{other}/camera", "framesDecoded")
            await rising(page, f"{other}/microphone", "totalAudioEnergy")
    except TimeoutError:
        print(await ann.evaluate("log"), await ann.evaluate("session.getStats()"))
        print(room_server.events, await room_server.media.stats())
        raise
