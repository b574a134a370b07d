"""The bus between web processes: in memory for one, Redis for several. Best effort, nothing durable."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any, cast

logger = logging.getLogger(__name__)

_BACKLOG = 1_000
"""Messages kept for a reader that is behind; older ones are dropped, live data is worth nothing late."""
_CHANNEL = "hilink:"

Received = tuple[str, dict[str, Any]]


class _Mailbox:
    """One subscriber's queue."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.queue: asyncio.Queue[Received | None] = asyncio.Queue()

    def put(self, item: Received | None) -> None:
        while self.queue.qsize() >= _BACKLOG:
            self.queue.get_nowait()
        self.queue.put_nowait(item)


class _Fanout:
    """Hands messages to the subscribers of this process."""

    def __init__(self) -> None:
        self._boxes: set[_Mailbox] = set()
        self.closed = False

    def subscribe(self, prefix: str) -> AsyncIterator[Received]:
        """Subscribed from this call on, not from the first message asked for."""
        box = _Mailbox(prefix)
        self._boxes.add(box)
        return self._read(box)

    def deliver(self, topic: str, message: dict[str, Any]) -> None:
        for box in self._boxes:
            if topic.startswith(box.prefix):
                box.put((topic, message))

    def close(self) -> None:
        self.closed = True
        for box in self._boxes:
            box.put(None)

    async def _read(self, box: _Mailbox) -> AsyncIterator[Received]:
        try:
            while not self.closed and (item := await box.queue.get()) is not None:
                yield item
        finally:
            self._boxes.discard(box)


class MemoryBus:
    """`core.ports.Bus` for one process. Messages pass through JSON, as they would with a second process."""

    def __init__(self) -> None:
        self._fanout = _Fanout()

    async def publish(self, topic: str, message: Mapping[str, Any]) -> None:
        self._fanout.deliver(topic, json.loads(json.dumps(message)))

    def subscribe(self, prefix: str) -> AsyncIterator[Received]:
        return self._fanout.subscribe(prefix)

    async def close(self) -> None:
        self._fanout.close()


class RedisBus:
    """`core.ports.Bus` over Redis publish/subscribe. A lost connection is taken up again; what was published
    meanwhile is gone, and readers find the lasting part in the event log."""

    def __init__(self, url: str) -> None:
        from redis.asyncio import Redis

        self._redis: Any = cast(Any, Redis).from_url(url)  # its own types are loose
        self._fanout = _Fanout()
        self._listener: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()

    async def publish(self, topic: str, message: Mapping[str, Any]) -> None:
        await self._redis.publish(f"{_CHANNEL}{topic}", json.dumps(message))

    def subscribe(self, prefix: str) -> AsyncIterator[Received]:
        messages = self._fanout.subscribe(prefix)
        if self._listener is None:
            self._listener = asyncio.get_running_loop().create_task(self._listen())
        return messages

    async def ready(self) -> None:
        """Wait until Redis has this process's subscription (tests)."""
        await self._listening.wait()

    async def close(self) -> None:
        self._fanout.close()
        if self._listener:
            self._listener.cancel()
            with suppress(asyncio.CancelledError):
                await self._listener
        await self._redis.aclose()

    async def _listen(self) -> None:
        from redis.exceptions import RedisError

        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                    await pubsub.psubscribe(f"{_CHANNEL}*")
                    self._listening.set()
                    async for item in pubsub.listen():
                        topic = item["channel"].decode().removeprefix(_CHANNEL)
                        self._fanout.deliver(topic, json.loads(item["data"]))
            except (RedisError, OSError):
                self._listening.clear()
                logger.warning("Bus lost its connection; reconnecting")
                await asyncio.sleep(1.0)
