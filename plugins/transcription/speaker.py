"""One speaking person: from chunks of audio to partial and final captions, and talk time.

`hear` never waits: it detects speech and puts audio aside. One task a person talks to the recogniser.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import numpy as np

from plugins.transcription.engine import Decoded
from plugins.transcription.pool import EngineFailed, Pool, Slot
from plugins.transcription.vad import RATE_HZ, Ended, Endpointer, More, Samples, Started

logger = logging.getLogger(__name__)

_SILENCE_AFTER_MS = 900
"""No packets for this long while speaking (mute, a cut) ends the piece."""
_SURE = 0.45
"""Finals below this confidence count as low accuracy whatever the engine."""


@dataclass(frozen=True, slots=True)
class Caption:
    """text: all of the piece so far. Times: ms since 1970 on the common clock; ended_ms 0 while partial."""

    text: str
    final: bool
    started_ms: int
    ended_ms: int = 0
    confidence: float = 0.0
    low_accuracy: bool = False


class Speaker:
    """tell: gets each caption, in order. `hear` all audio, `tick` now and then, `close` at the end.

    language: ISO 639-1, "" = as the settings say. One the engine does not understand: measured, not captioned.
    """

    def __init__(
        self,
        pool: Pool,
        endpointer: Endpointer,
        tell: Callable[[Caption], Awaitable[None]],
        language: str = "",
    ) -> None:
        self._pool, self._endpointer, self._tell = pool, endpointer, tell
        self._language = language
        self._queue: asyncio.Queue[Started | More | Ended | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._last_ms = 0
        self.talk_ms = 0
        """Speech heard so far, without pauses."""

    def hear(self, audio: Samples, at_ms: int) -> None:
        """audio: (n,) int16, 16 kHz mono; at_ms: time of its first sample on the common clock."""
        self._last_ms = at_ms + len(audio) * 1000 // RATE_HZ
        self._put(list(self._endpointer.feed(audio, at_ms)))

    def tick(self, now_ms: int) -> None:
        """End a piece whose audio stopped coming."""
        if self._endpointer.speaking and now_ms - self._last_ms > _SILENCE_AFTER_MS:
            self._put(list(self._endpointer.flush()))

    async def close(self) -> None:
        """End what is being said and wait until it is recognised."""
        self._put(list(self._endpointer.flush()))
        if self._task is not None:
            self._queue.put_nowait(None)
            await self._task
            self._task = None

    def _put(self, events: list[Started | More | Ended]) -> None:
        for event in events:
            if isinstance(event, Ended) and len(event.audio):
                self.talk_ms += event.speech_ms
            if self._pool.engine.build is not None and self._pool.engine.understands(self._language):
                self._queue.put_nowait(event)
        if self._task is None and not self._queue.empty():
            self._task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while (event := await self._queue.get()) is not None:
            if isinstance(event, Started) and not await self._piece(event):
                return

    async def _piece(self, started: Started) -> bool:
        """One spoken piece from its start to its final line. False when the queue was closed on the way."""
        slot = self._pool.try_take()
        if slot is not None:
            slot.language = self._language
        try:
            pending, shown = [started.audio], ""
            if slot is not None and not await self._quietly(slot.start()):
                self._pool.give_back(slot)
                slot = None
            while True:
                event = await self._queue.get()
                if isinstance(event, More):
                    pending.append(event.audio)
                    ready = sum(map(len, pending)) >= self._pool.engine.partial_every_s * RATE_HZ
                    if slot is not None and ready and self._queue.qsize() < 8:
                        shown = await self._partial(slot, np.concatenate(pending), started.at_ms, shown)
                        pending = []
                elif isinstance(event, Ended):
                    if slot is None and len(event.audio):
                        slot = await self._pool.take()
                        slot.language = self._language
                    await self._final(slot, event, shown)
                    return True
                elif event is None:
                    return False
        finally:
            if slot is not None:
                self._pool.give_back(slot)

    async def _partial(self, slot: Slot, audio: Samples, started_ms: int, shown: str) -> str:
        try:
            text = await slot.feed(audio)
        except EngineFailed:
            return shown
        if text and text != shown:
            low = self._pool.engine.low_accuracy
            await self._tell(Caption(text, False, started_ms, low_accuracy=low))
        return text or shown

    async def _final(self, slot: Slot | None, piece: Ended, shown: str) -> None:
        found = Decoded("")
        if slot is not None and len(piece.audio):
            try:
                found = await slot.finish(piece.audio)
            except EngineFailed:
                logger.warning("a spoken piece could not be recognised", extra={"length_ms": piece.speech_ms})
        if not found.text and not shown:
            return
        low = self._pool.engine.low_accuracy or found.confidence < _SURE
        await self._tell(
            Caption(found.text, True, piece.started_ms, piece.ended_ms, found.confidence, low)
        )  # an empty final takes a partial that was nothing off the screen

    async def _quietly(self, start: Awaitable[None]) -> bool:
        try:
            await start
        except EngineFailed:
            return False
        return True
