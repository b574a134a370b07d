"""A node is killed: its rooms go on, on another one or on the same one once it is back. Real processes, real Chromium."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page

from core.errors import MediaError
from core.ports import MediaEvent, MediaNodeView, MediaRights
from rtc.media_pool import MediaPool
from rtc.tests.conftest import Pages, chromium, eventually, serving
from rtc.tests.nodes import KEY, MemoryRegistry, NodeProcess, all_up
from rtc.tests.test_browser import meet, rising

pytestmark = pytest.mark.media

RIGHTS = MediaRights()
Start = Callable[..., Awaitable[list[NodeProcess]]]


@pytest_asyncio.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    made: list[NodeProcess] = []

    async def up(*names: str) -> list[NodeProcess]:
        nodes = [NodeProcess(tmp_path, name) for name in names]
        made.extend(nodes)
        await all_up(*nodes)
        return nodes

    yield up
    for node in made:
        node.close()


def views(*nodes: NodeProcess) -> list[MediaNodeView]:
    return [MediaNodeView(node.name, "local", node.url) for node in nodes]


@contextlib.asynccontextmanager
async def pool_of(
    registry: MemoryRegistry, fallback: str = "ws://127.0.0.1:9/control"
) -> AsyncGenerator[MediaPool]:
    pool = MediaPool(registry, KEY, fallback)
    try:
        yield pool
    finally:
        await pool.close()


@contextlib.asynccontextmanager
async def pages_over(pool: MediaPool) -> AsyncGenerator[Pages]:
    async with serving(pool) as server, chromium() as browser:
        yield Pages(browser, server)


async def tiles_stay(page: Page) -> None:
    """From now on, remember every picture that leaves the page."""
    await page.evaluate(
        """() => {
          window.gone = [];
          const keep = session.onTrackRemoved;
          session.onTrackRemoved = (one) => {
            keep(one);
            const key = `${one.participant_id}/${one.source}`;
            queueMicrotask(() => key in tracks || gone.push(key));
          };
        }"""
    )


async def test_a_killed_node_hands_its_room_over(start: Start) -> None:
    near, far = await start("near", "far")
    registry = MemoryRegistry(*views(near, far))
    async with pool_of(registry) as pool, pages_over(pool) as pages:
        registry.placed["room"] = "near"
        ann, bob = await asyncio.gather(pages.join("ann"), pages.join("bob"))
        await meet((ann, "ann"), (bob, "bob"))
        await tiles_stay(bob)
        near.end()
        await eventually(
            lambda: bob.evaluate(
                "log.some(([, kind, one]) => kind === 'state' && one.state === 'reconnecting')"
            ),
            15,
        )
        await meet((ann, "ann"), (bob, "bob"))
        assert registry.placed["room"] == "far"
        assert await bob.evaluate("gone") == [], "pictures stayed until the new ones came"
        assert await bob.evaluate("states.at(-1).state") == "connected"
        held = (await pool.client("room").stats("room"))["rooms"]["room"]
        assert set(held) == {"ann", "bob"} and all(one["publisher"] for one in held.values())


async def test_the_only_node_comes_back(start: Start) -> None:
    (node,) = await start("one")
    async with pool_of(MemoryRegistry(), fallback=node.url) as pool, pages_over(pool) as pages:
        ann, bob = await asyncio.gather(pages.join("ann"), pages.join("bob"))
        await meet((ann, "ann"), (bob, "bob"))
        node.end()
        await asyncio.sleep(0.5)
        node.start()
        await rising(bob, "ann/microphone", "totalAudioEnergy", 90)
        await meet((ann, "ann"), (bob, "bob"))


async def test_who_speaks_for_a_room_while_it_moves(start: Start) -> None:
    """Seats that come, change and go during a move are on the new node, and only there."""
    near, far = await start("near", "far")
    registry = MemoryRegistry(*views(near, far), delay_s=0.05)
    async with pool_of(registry) as pool:
        registry.placed["room"] = "near"
        events: list[MediaEvent] = []
        heard = events.append

        async def listen() -> None:
            async for event in pool.events():
                heard(event)

        listening = asyncio.create_task(listen())
        for name in ("ann", "bob", "cat"):
            await pool.join("room", name, RIGHTS)
        near.end()
        await asyncio.gather(
            pool.leave("room", "bob"),
            pool.join("room", "dan", RIGHTS),
            pool.join("room", "cat", MediaRights(audio_only=True)),
        )

        async def moved() -> bool:
            return {one.participant_id for one in events if one.data.get("type") == "moved"} >= {"ann", "cat"}

        await eventually(moved, 15)
        held = await pool.client("room").stats("room")
        assert set(held["rooms"]["room"]) == {"ann", "cat", "dan"}
        kinds = [one.kind for one in events if one.kind.startswith("node_") and one.room_id == "room"]
        assert kinds[-1] == "node_back" and "node_lost" in kinds
        near.start()
        await near.up()
        await asyncio.sleep(1.5)
        assert registry.placed["room"] == "far", "a room keeps the node it moved to"
        await pool.close_room("room")
        with pytest.raises(MediaError):
            pool.client("room")
        listening.cancel()


async def test_no_node_at_all(start: Start) -> None:
    """Nobody can be heard, nothing breaks, and the first node that comes takes the rooms."""
    registry = MemoryRegistry()
    async with pool_of(registry) as pool:
        await pool.join("room", "ann", RIGHTS)
        assert (await pool.signal("room", "ann", {"type": "hello"}))[0]["kind"] == "unavailable"
        with pytest.raises(MediaError):
            await pool.signal("elsewhere", "ann", {"type": "hello"})
        await pool.leave("elsewhere", "ann")
        (node,) = await start("late")
        registry.nodes = views(node)

        async def taken() -> bool:
            answer = await pool.signal("room", "ann", {"type": "hello", "version": 1})
            return answer[0]["type"] == "welcome"

        await eventually(taken, 15)
        assert json.dumps(registry.placed) == '{"room": "late"}'
