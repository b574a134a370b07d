"""The transcriber as the agents role runs it: one process-wide engine, one listener per live lesson."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from core.config import Settings
from plugins.transcription.engine import EngineFactory, choose
from plugins.transcription.ingest import Ingest
from plugins.transcription.pool import Pool
from plugins.transcription.room import LiveRoom, Sink
from plugins.transcription.settings import TranscriptionSettings
from plugins.transcription.vad import Samples, detector

logger = logging.getLogger(__name__)

Send = Callable[[Mapping[str, Any]], Awaitable[object]]
"""Sends a frame over the room's WebSocket; what cannot be sent now is dropped."""
STOP_S = 4.0
"""Time to hand in what is ready when the process is told to stop."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all transcribers of one process share: the loaded engine and the way to the web role."""

    settings: TranscriptionSettings
    pool: Pool
    sink: Sink


_workshop: Workshop | None = None


@asynccontextmanager
async def workshop(
    core: Settings, settings: TranscriptionSettings, factories: dict[str, EngineFactory]
) -> AsyncIterator[Workshop]:
    """Open for the life of an agents process. The engine loads meanwhile: who speaks before that waits for a slot."""
    global _workshop
    engine = await asyncio.to_thread(choose, settings, factories)
    logger.info("speech engine", extra={"engine": engine.name, "low_accuracy": engine.low_accuracy})
    pool = Pool(engine, settings.workers)
    ingest = Ingest.of(core)
    delivering = asyncio.create_task(ingest.run())
    warming = asyncio.create_task(pool.warm_up())
    _workshop = Workshop(settings, pool, ingest)
    try:
        yield _workshop
    finally:
        _workshop = None
        await ingest.drain(STOP_S)
        for task in (delivering, warming):
            task.cancel()
        await asyncio.gather(delivering, warming, return_exceptions=True)
        pool.close()


class Transcriber:
    """One per live lesson. Hears consenting people only: the media node sends no other sound.

    A listener as the agents role (hilink_app/agents.py) wants it: knows nothing of sockets and media.
    """

    name: ClassVar[str] = "transcription"

    def __init__(self, session_id: str, started_at: datetime | None, send: Send) -> None:
        if _workshop is None:
            raise RuntimeError("the transcription plugin's lifespan is not open in this process")
        shop = _workshop
        self._room = LiveRoom(
            session_id, started_at, shop.pool, shop.sink, send,
            lambda: detector(shop.settings.vad), shop.settings.max_speech_s,
        )  # fmt: skip

    def on_audio(self, participant_id: str, samples: Samples, at_ms: int) -> None:
        self._room.hear(participant_id, samples, at_ms)

    def on_speaker(self, participant_id: str, present: bool) -> None:
        if not present:
            self._room.silent(participant_id)

    def on_frame(self, frame: Mapping[str, Any]) -> None:
        self._room.frame(frame)

    async def work(self) -> None:
        await self._room.tick()

    async def finish(self, over: bool) -> None:
        """The last words are recognised and handed in."""
        await self._room.finish(over)
