"""Both buses carry messages to every reader of a topic, and forget those that are behind."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from core.ports import Bus
from core.store.bus import MemoryBus, RedisBus

pytestmark = pytest.mark.contract


@pytest.fixture(params=["memory", "redis"])
async def buses(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Bus, Bus]]:
    """The bus of two web processes (in memory there is one process)."""
    if request.param == "memory":
        bus = MemoryBus()
        yield bus, bus
        await bus.close()
        return
    url = request.getfixturevalue("redis_url")
    one, other = RedisBus(url), RedisBus(url)
    yield one, other
    await one.close()
    await other.close()


async def listening(bus: Bus, prefix: str) -> AsyncIterator[tuple[str, dict[str, object]]]:
    messages = bus.subscribe(prefix)
    if isinstance(bus, RedisBus):
        await bus.ready()
    return messages


async def test_readers_get_what_starts_with_their_prefix(buses: tuple[Bus, Bus]) -> None:
    one, other = buses
    messages = await listening(other, "room.1")
    await one.publish("room.2", {"n": 0})
    await one.publish("room.1", {"n": 1})
    await one.publish("room.1.chat", {"n": 2, "who": ["a"]})
    async with asyncio.timeout(10):
        assert [await anext(messages), await anext(messages)] == [
            ("room.1", {"n": 1}),
            ("room.1.chat", {"n": 2, "who": ["a"]}),
        ]


async def test_each_reader_gets_its_own(buses: tuple[Bus, Bus]) -> None:
    one, other = buses
    readers = [await listening(one, ""), await listening(other, ""), await listening(other, "")]
    await one.publish("all", {"n": 1})
    async with asyncio.timeout(10):
        for reader in readers:
            assert await anext(reader) == ("all", {"n": 1})


async def test_closing_ends_the_readers(buses: tuple[Bus, Bus]) -> None:
    messages = await listening(buses[1], "")
    await buses[1].close()
    async with asyncio.timeout(10):
        assert [message async for message in messages] == []


async def test_a_reader_that_is_behind_loses_the_oldest() -> None:
    bus = MemoryBus()
    messages = bus.subscribe("")
    for number in range(1_500):
        await bus.publish("fast", {"n": number})
    assert (await anext(messages))[1] == {"n": 500}
    await bus.close()
