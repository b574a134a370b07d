"""People who reload, leave and come back: whoever stays goes on seeing and hearing the ones who are there."""

import gc
from functools import partial

import pytest
from playwright.async_api import Page

from core.ports import MediaRights
from rtc.node import Node
from rtc.tests.conftest import Pages, RoomServer, eventually
from rtc.tests.proxy import UdpProxy
from rtc.tests.test_browser import inbound, rising

pytestmark = pytest.mark.media

PREVIEW = """async () => {
    const video = document.createElement("video");
    video.muted = true;
    video.srcObject = stream;
    document.body.append(video);
    await video.play();
}"""
SECTIONS = "session.subscriber.pc.getTransceivers().length"


async def go(server: RoomServer, page: Page, participant_id: str) -> None:
    """As a reload looks to the node: the page is gone without a word, then the room server says leave."""
    await page.context.close()
    await server.media.leave("room", participant_id)


async def meets(page: Page, other: str) -> None:
    await rising(page, f"{other}/camera", "framesDecoded", 20)
    await rising(page, f"{other}/microphone", "totalAudioEnergy", 20)


async def test_somebody_reloads_again_and_again(pages: Pages, room_server: RoomServer) -> None:
    ann, bob = await pages.join("ann"), await pages.join("bob0")
    await meets(ann, "bob0")
    sections = await ann.evaluate(SECTIONS)
    for number in range(1, 5):
        await go(room_server, bob, f"bob{number - 1}")
        if number % 2:
            await eventually(lambda: ann.evaluate("Object.keys(tracks).length === 0"))
        bob = await pages.join(f"bob{number}")
        await meets(ann, f"bob{number}")
        await meets(bob, "ann")
    assert await ann.evaluate(SECTIONS) == sections


async def test_somebody_else_takes_the_place(pages: Pages, room_server: RoomServer) -> None:
    ann, bob = await pages.join("ann", publish=""), await pages.join("bob")
    await meets(ann, "bob")
    before = await inbound(ann, "bob/camera")
    await go(room_server, bob, "bob")
    cem = await pages.join("cem")
    await meets(ann, "cem")
    assert (await inbound(ann, "cem/camera"))["mid"] == before["mid"]
    # Chromium's fake camera gives nobody pictures while one of its tracks has no reader.
    await cem.evaluate(PREVIEW)
    await cem.evaluate("session.unpublish('camera')")
    await eventually(lambda: ann.evaluate("!('cem/camera' in tracks)"))
    await pages.join("dee")
    await meets(ann, "dee")
    await cem.evaluate("session.publish('camera', stream.getVideoTracks()[0])")
    await meets(ann, "cem")


async def test_reloads_over_a_bad_uplink(network: UdpProxy, pages: Pages, room_server: RoomServer) -> None:
    network.loss_up = 0.12
    ann, bob = await pages.join("ann", publish=""), await pages.join("bob0")
    await meets(ann, "bob0")
    for number in range(1, 4):
        await go(room_server, bob, f"bob{number - 1}")
        bob = await pages.join(f"bob{number}")
        await meets(ann, f"bob{number}")
        before = (await inbound(ann, f"bob{number}/camera"))["packetsReceived"]
        await eventually(partial(received, ann, f"bob{number}/camera", before + 60), 10)
    stats = (await room_server.media.stats("room"))["rooms"]["room"]["ann"]
    assert stats["line"]["budget_bps"] > 1e6, "packets the node never got are not its subscriber's loss"


async def received(page: Page, key: str, packets: int) -> bool:
    return (await inbound(page, key)).get("packetsReceived", 0) >= packets


async def test_fifty_who_come_and_go_leave_nothing_behind(node: Node, room_server: RoomServer) -> None:
    media = room_server.media
    await media.join("room", "stays", MediaRights())

    async def crowd(count: int) -> int:
        for number in range(count):
            seat = f"guest{number}"
            await media.join("room", seat, MediaRights())
            await media.signal("room", seat, {"type": "hello", "version": 1})
            await media.leave("room", seat)
        gc.collect()
        return sum(str(type(one).__module__).startswith("rtc.") for one in gc.get_objects())

    first = await crowd(10)
    assert await crowd(50) <= first + 5
    assert list(node.rooms["room"].participants) == ["stays"]
    assert not node.endpoint.port.by_ufrag
