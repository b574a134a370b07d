"""One live lesson as the transcriber hears it: who is who, captions out, segments and talk time handed in.

Knows nothing of sockets or media: `agent.py` feeds it and gives it a way to send.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from plugins.transcription.pool import Pool
from plugins.transcription.speaker import Caption, Speaker
from plugins.transcription.vad import Detector, Endpointer, Samples

logger = logging.getLogger(__name__)

TICK_S = 0.5
TALK_EVERY_S = 20.0
_DAY_MS = 86_399_999
_NOTHING = "…"
"""Final text for a piece that turned out to be nothing, so that its partial leaves the screen."""


class Sink(Protocol):
    """Where finals and measurements go (ingest.Ingest, or a list in tests)."""

    def add(self, item: Mapping[str, Any]) -> None: ...


class LiveRoom:
    """send: a frame to the room server. started_at: the lesson's start, to which all times refer."""

    def __init__(
        self,
        session_id: str,
        started_at: datetime | None,
        pool: Pool,
        sink: Sink,
        send: Callable[[Mapping[str, Any]], Awaitable[object]],
        make_detector: Callable[[], Detector],
        max_speech_s: float = 15.0,
    ) -> None:
        self._session_id, self._pool, self._sink, self._send = session_id, pool, sink, send
        self._detector, self._max_s = make_detector, max_speech_s
        self._origin_ms = _ms(started_at) if started_at else round(time.time() * 1000)
        self._language = ""
        self._persons: dict[str, str] = {}
        self._withdrawn: set[str] = set()
        self._speakers: dict[str, Speaker] = {}
        self._talk_told_ms: dict[str, int] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def frame(self, frame: Mapping[str, Any]) -> None:
        """A frame of the room WebSocket: who is behind which participant id, and whose consent ended."""
        match frame.get("type"):
            case "welcome":
                for person in frame.get("people", ()):
                    self._know(person)
                if started := frame.get("started_at"):
                    self._origin_ms = _ms(datetime.fromisoformat(str(started)))
                self._language = str(frame.get("captions_lang", "")).partition("-")[0].lower()
            case "person":
                self._know(frame.get("person", {}))
            case "gone" if frame.get("reason") == "consent":
                self._withdrawn.add(str(frame.get("person_id", "")))
            case _:
                pass

    def hear(self, participant_id: str, samples: Samples, at_ms: int) -> None:
        """samples: (n,) int16 16 kHz mono; at_ms: of the first one, ms since 1970."""
        speaker = self._speakers.get(participant_id)
        if speaker is None:
            endpointer = Endpointer(self._detector(), max_s=self._max_s)
            speaker = Speaker(
                self._pool,
                endpointer,
                lambda caption: self._caption(participant_id, caption),
                self._language,
            )
            self._speakers[participant_id] = speaker
        speaker.hear(samples, at_ms)

    def silent(self, participant_id: str) -> None:
        """This participant cannot be heard any more: finish their last words."""
        speaker = self._speakers.pop(participant_id, None)
        if speaker is not None:
            task = asyncio.create_task(self._finish_speaker(participant_id, speaker))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def tick(self) -> None:
        """Run beside the room until cancelled: ends stalled pieces, hands in talk time."""
        told = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            now_ms = round(time.time() * 1000)
            for speaker in self._speakers.values():
                speaker.tick(now_ms)
            if time.monotonic() - told >= TALK_EVERY_S:
                told = time.monotonic()
                for participant_id, speaker in self._speakers.items():
                    self._tell_talk(participant_id, speaker)

    async def finish(self, over: bool) -> None:
        """Recognise what is still waiting and hand it in. over: the lesson ended, nothing more will come."""
        for participant_id in list(self._speakers):
            self.silent(participant_id)
        if self._closing:
            await asyncio.gather(*self._closing)
        if over:
            self._sink.add({"kind": "transcript.done", "session_id": self._session_id})

    def _know(self, person: Mapping[str, Any]) -> None:
        person_id, participant_id = person.get("person_id"), person.get("participant_id")
        if person_id and participant_id:
            self._persons[str(participant_id)] = str(person_id)
            if person.get("program"):
                self._persons[str(person["program"])] = str(person_id)
            self._withdrawn.discard(str(person_id))

    async def _finish_speaker(self, participant_id: str, speaker: Speaker) -> None:
        await speaker.close()
        self._tell_talk(participant_id, speaker)
        self._talk_told_ms.pop(participant_id, None)

    def _tell_talk(self, participant_id: str, speaker: Speaker) -> None:
        """Seconds since the last time: the other side adds them up."""
        person_id = self._person(participant_id)
        fresh_ms = speaker.talk_ms - self._talk_told_ms.get(participant_id, 0)
        if person_id is None or fresh_ms < 1000:
            return
        self._talk_told_ms[participant_id] = speaker.talk_ms
        self._sink.add(
            {
                "kind": "engagement",
                "session_id": self._session_id,
                "person_id": person_id,
                "signal": "talk_s",
                "value": round(fresh_ms / 1000, 1),
            }
        )

    def _person(self, participant_id: str) -> str | None:
        person_id = self._persons.get(participant_id)
        return None if person_id is None or person_id in self._withdrawn else person_id

    async def _caption(self, participant_id: str, caption: Caption) -> None:
        person_id = self._person(participant_id)
        if person_id is None:
            return
        started_ms = min(_DAY_MS, max(0, caption.started_ms - self._origin_ms))
        ended_ms = min(_DAY_MS, max(started_ms, caption.ended_ms - self._origin_ms))
        if caption.final and caption.text:
            self._sink.add(
                {
                    "kind": "transcript.segment",
                    "session_id": self._session_id,
                    "person_id": person_id,
                    "started_ms": started_ms,
                    "ended_ms": ended_ms,
                    "text": caption.text[:4_000],
                    "confidence": caption.confidence,
                    "engine": self._pool.engine.name,
                    "low_accuracy": caption.low_accuracy,
                }
            )
        await self._send(
            {
                "type": "caption",
                "person_id": person_id,
                "participant_id": participant_id,
                "text": (caption.text or _NOTHING)[:2_000],
                "final": caption.final,
                "started_ms": started_ms,
                "ended_ms": ended_ms,
                "low_accuracy": caption.low_accuracy,
            }
        )


def _ms(at: datetime) -> int:
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
