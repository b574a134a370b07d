"""The transcriber as a participant of a room: an `rtc.agent.RoomAgent` that listens and writes captions."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from core.config import Settings
from core.errors import HiLinkError
from plugins.transcription.engine import EngineFactory, choose
from plugins.transcription.ingest import Ingest
from plugins.transcription.pool import Pool
from plugins.transcription.room import LiveRoom
from plugins.transcription.settings import TranscriptionSettings
from plugins.transcription.vad import detector
from rtc.agent import Door, RoomAgent, Samples

logger = logging.getLogger(__name__)

FINISH_S = 60.0
"""Time for the last words after a lesson."""
STOP_S = 4.0
"""Time to hand in what is ready when the process is told to stop."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all transcribers of one process share: the loaded engine and the way to the web role."""

    settings: TranscriptionSettings
    pool: Pool
    ingest: Ingest


_workshop: Workshop | None = None


@asynccontextmanager
async def workshop(
    core: Settings, settings: TranscriptionSettings, factories: dict[str, EngineFactory]
) -> AsyncIterator[Workshop]:
    """Open for the life of an agents process. Loads the engine before the first lesson."""
    global _workshop
    engine = await asyncio.to_thread(choose, settings, factories)
    logger.info("speech engine", extra={"engine": engine.name, "low_accuracy": engine.low_accuracy})
    pool = Pool(engine, settings.workers)
    ingest = Ingest.of(core)
    delivering = asyncio.create_task(ingest.run())
    await pool.warm_up()
    _workshop = Workshop(settings, pool, ingest)
    try:
        yield _workshop
    finally:
        _workshop = None
        await ingest.drain(STOP_S)
        delivering.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await delivering
        pool.close()


class Transcriber(RoomAgent):
    """One per live lesson. Hears consenting people only: the media node sends no other sound."""

    name: ClassVar[str] = "transcription"

    def __init__(self, door: Door, session_id: str, started_at: datetime | None) -> None:
        super().__init__(door)
        if _workshop is None:
            raise RuntimeError("the transcription plugin's lifespan is not open in this process")
        shop = self._shop = _workshop
        self._room = LiveRoom(
            session_id, started_at, shop.pool, shop.ingest, self.send,
            lambda: detector(shop.settings.vad), shop.settings.max_speech_s,
        )  # fmt: skip

    def on_audio(self, participant_id: str, samples: Samples, at_ms: int) -> None:
        self._room.hear(participant_id, samples, at_ms)

    def on_speaker(self, participant_id: str, present: bool) -> None:
        if not present:
            self._room.silent(participant_id)

    def on_frame(self, frame: Mapping[str, Any]) -> None:
        self._room.frame(frame)

    async def run(self) -> str:
        """Until the lesson ends; then the last words are recognised and handed in."""
        ticking = asyncio.create_task(self._room.tick())
        reason = "failed"
        try:
            reason = await super().run()
        except HiLinkError:
            reason = "ended"  # the door says the lesson is not live any more
        finally:
            ticking.cancel()
            over = reason == "ended"
            try:
                await asyncio.wait_for(self._room.finish(over), FINISH_S if over else STOP_S)
            except TimeoutError:
                logger.warning("last words were not recognised in time")
        return reason
