"""A live lesson at the transcriber: captions with the right person and time, consent, talk time, the end."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import av
import numpy as np
import pytest

from plugins.transcription.engine import Decoded, Engine
from plugins.transcription.pool import Pool
from plugins.transcription.room import LiveRoom
from plugins.transcription.vad import RATE_HZ, Samples, detector

pytestmark = pytest.mark.unit
START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
START_MS = round(START.timestamp() * 1000)


class Echo:
    """A recogniser of our own port."""

    def start(self) -> None:
        return

    def feed(self, audio: Samples) -> str:
        return "so far"

    def finish(self, audio: Samples) -> Decoded:
        return Decoded("all of it", 0.9)


class Mute(Echo):
    def finish(self, audio: Samples) -> Decoded:
        return Decoded("")


class Items(list[dict[str, Any]]):
    def add(self, item: Mapping[str, Any]) -> None:
        self.append(dict(item))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [item for item in self if item["kind"] == kind]


def clip() -> Samples:
    with av.open(str(Path(__file__).parent / "data" / "amiable.flac")) as file:
        return np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)]).astype(np.int16)


def live_room(engine: type = Echo) -> tuple[LiveRoom, Items, list[dict[str, Any]], Pool]:
    pool, items, frames = Pool(Engine("echo", engine), 1), Items(), list[dict[str, Any]]()

    async def send(frame: Mapping[str, Any]) -> None:
        frames.append(dict(frame))

    room = LiveRoom("c1", START, pool, items, send, detector)
    room.frame(
        {
            "type": "welcome",
            "people": [{"person_id": "p-ben", "participant_id": "x1"}],
            "started_at": "2026-03-02T15:00:00Z",
        }
    )
    return room, items, frames, pool


async def speak(room: LiveRoom, participant_id: str, after_ms: int) -> None:
    audio = clip()
    for place in range(0, len(audio), 320):
        room.hear(participant_id, audio[place : place + 320], START_MS + after_ms + place * 1000 // RATE_HZ)
        if place % 6400 == 0:
            await asyncio.sleep(0.005)


async def test_captions_name_the_person_and_count_from_the_lessons_start() -> None:
    room, items, frames, pool = live_room()
    await speak(room, "x1", 60_000)
    await room.finish(over=True)
    pool.close()
    assert frames
    assert {frame["person_id"] for frame in frames} == {"p-ben"}
    assert [frame["final"] for frame in frames].count(True) == 1
    assert frames[0]["final"] is False
    assert frames[-1]["text"] == "all of it"
    (segment,) = items.of("transcript.segment")
    assert 60_600 <= segment["started_ms"] <= 61_500
    assert segment["started_ms"] < segment["ended_ms"] <= 66_000
    assert segment["engine"] == "echo"
    assert segment["low_accuracy"] is False
    (talk,) = items.of("engagement")
    assert talk["signal"] == "talk_s"
    assert 2.0 < talk["value"] < 4.0
    assert items[-1] == {"kind": "transcript.done", "session_id": "c1"}


async def test_without_an_end_there_is_no_done() -> None:
    room, items, _, pool = live_room()
    await speak(room, "x1", 0)
    await room.finish(over=False)
    pool.close()
    assert items.of("transcript.segment")
    assert not items.of("transcript.done")


async def test_somebody_unknown_or_without_consent_is_never_captioned() -> None:
    room, items, frames, pool = live_room()
    room.frame({"type": "gone", "person_id": "p-ben", "reason": "consent"})
    await speak(room, "x1", 0)
    await speak(room, "x-stranger", 0)
    await room.finish(over=True)
    assert frames == []
    assert [item["kind"] for item in items] == ["transcript.done"]
    room.frame({"type": "person", "person": {"person_id": "p-ben", "participant_id": "x1"}})
    await speak(room, "x1", 10_000)
    await room.finish(over=True)
    pool.close()
    assert frames


async def test_who_leaves_is_heard_to_the_end_and_may_come_back() -> None:
    room, items, _, pool = live_room()
    await speak(room, "x1", 0)
    room.frame({"type": "gone", "person_id": "p-ben", "reason": "left"})
    room.silent("x1")
    room.frame({"type": "person", "person": {"person_id": "p-ben", "participant_id": "x2"}})
    await speak(room, "x2", 30_000)
    await room.finish(over=True)
    pool.close()
    assert len(items.of("transcript.segment")) == 2
    assert len(items.of("engagement")) == 2


async def test_times_before_the_start_are_clamped() -> None:
    room, items, _, pool = live_room()
    await speak(room, "x1", -60_000)
    await room.finish(over=True)
    pool.close()
    (segment,) = items.of("transcript.segment")
    assert segment["started_ms"] == 0
    assert segment["ended_ms"] == 0


async def test_a_partial_that_was_nothing_is_taken_off_the_screen() -> None:
    room, items, frames, pool = live_room(Mute)
    await speak(room, "x1", 0)
    await room.finish(over=True)
    pool.close()
    assert frames[-1]["final"] is True
    assert frames[-1]["text"] == "…"
    assert not items.of("transcript.segment")


async def test_captions_off_still_measures_talk_time() -> None:
    room, items, frames, pool = live_room()
    pool.close()
    room._pool = Pool(Engine("off", None), 1)
    await speak(room, "x1", 0)
    await room.finish(over=True)
    assert frames == []
    assert items.of("engagement")
    assert not items.of("transcript.segment")


class Polyglot(Echo):
    """Remembers in which language it was asked to listen."""

    asked: ClassVar[list[str]] = []

    def speak(self, language: str) -> None:
        self.asked.append(language)


async def test_a_room_is_captioned_in_its_courses_language() -> None:
    room, items, _, _ = live_room(Polyglot)
    room.frame(
        {
            "type": "welcome",
            "people": [{"person_id": "p-ben", "participant_id": "x1"}],
            "captions_lang": "de-AT",
        }
    )
    await speak(room, "x1", 1_000)
    await room.finish(True)
    assert set(Polyglot.asked) == {"de"}
    assert items.of("transcript.segment")


async def test_a_language_the_engine_does_not_understand_is_not_captioned() -> None:
    room, items, _, pool = live_room()
    pool.engine = replace(pool.engine, languages=("en",))
    room.frame(
        {"type": "welcome", "people": [{"person_id": "p-ben", "participant_id": "x1"}], "captions_lang": "fr"}
    )
    await speak(room, "x1", 1_000)
    await room.finish(True)
    assert items.of("transcript.segment") == []
    assert items.of("engagement")
