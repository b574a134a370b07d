"""Real speech through a real media node to the transcriber: captions, segments, talk time and the end."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import pytest_asyncio
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack
from av import AudioFrame
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from core.ports import MediaRights
from hilink_app.agents import Agent
from plugins.transcription import agent as module
from plugins.transcription.agent import Transcriber, Workshop
from plugins.transcription.engine import built_in, choose
from plugins.transcription.pool import Pool
from plugins.transcription.settings import TranscriptionSettings
from rtc.loopback import allow_loopback
from rtc.media_client import MediaClient
from rtc.node import Node

pytestmark = pytest.mark.media
KEY = b"0123456789abcdef0123456789abcdef"
CLIP = Path(__file__).parents[2] / "plugins" / "transcription" / "tests" / "data" / "amiable.flac"
WORDS = set("he might even have been made amiable himself".split())
RIGHTS = MediaRights(agents_allowed=True)


class Speech(AudioStreamTrack):
    """The clip once, then silence. 48 kHz mono, 20 ms a frame, at the pace of a microphone."""

    def __init__(self) -> None:
        super().__init__()
        with av.open(str(CLIP)) as file:
            resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000)
            frames = [out for frame in file.decode(audio=0) for out in resampler.resample(frame)]
        self.samples = np.concatenate([frame.to_ndarray()[0] for frame in frames])
        self.place = 0
        self.began = 0.0

    async def recv(self) -> AudioFrame:
        self.began = self.began or time.monotonic()
        wait_s = self.began + self.place / 48_000 - time.monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        piece = self.samples[self.place : self.place + 960]
        piece = np.pad(piece, (0, 960 - len(piece)))
        frame = AudioFrame.from_ndarray(piece.reshape(1, -1), format="s16", layout="mono")
        frame.pts, frame.sample_rate, frame.time_base = self.place, 48_000, Fraction(1, 48_000)
        self.place += 960
        return frame


class Room:
    """Stands for the room server: passes media on, keeps captions, ends the lesson when told."""

    def __init__(self, media: MediaClient) -> None:
        self.media = media
        self.captions: list[dict[str, Any]] = []
        self.socket: ServerConnection | None = None
        self.port = 0

    async def pump(self) -> None:
        async for event in self.media.events():
            if event.kind == "message" and event.participant_id == "x-agent" and self.socket is not None:
                with contextlib.suppress(ConnectionClosed):
                    await self.socket.send(json.dumps({"type": "media", "message": event.data}))

    async def serve(self, socket: ServerConnection) -> None:
        await self.media.join("room", "x-agent", MediaRights(publish=(), agent=True))
        self.socket = socket
        people = [{"person_id": "p-ben", "participant_id": "x-ben"}]
        await socket.send(json.dumps({"type": "welcome", "people": people, "started_at": None}))
        with contextlib.suppress(ConnectionClosed):
            async for text in socket:
                frame = json.loads(text)
                if frame["type"] == "caption":
                    self.captions.append(frame)
                elif frame["type"] == "media":
                    for answer in await self.media.signal("room", "x-agent", frame["message"]):
                        await socket.send(json.dumps({"type": "media", "message": answer}))
                elif frame["type"] == "leave":
                    await socket.close(1000)

    async def end(self) -> None:
        assert self.socket is not None
        await self.socket.send(json.dumps({"type": "ended", "reason": "ended_by_instructor"}))
        await self.socket.close(1000)


@pytest_asyncio.fixture
async def room() -> AsyncIterator[Room]:
    node = Node(["127.0.0.1"], 0, KEY)
    await node.start("127.0.0.1", 0)
    media = MediaClient(f"ws://127.0.0.1:{node.control_port}/control", KEY)
    await media.wait_connected()
    found = Room(media)
    pumping = asyncio.create_task(found.pump())
    async with serve(found.serve, "127.0.0.1", 0) as server:
        found.port = next(iter(server.sockets)).getsockname()[1]
        yield found
    pumping.cancel()
    await asyncio.gather(pumping, return_exceptions=True)
    await media.close()
    await node.close()


class Items(list[dict[str, Any]]):
    def add(self, item: Mapping[str, Any]) -> None:
        self.append(dict(item))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [item for item in self if item["kind"] == kind]


@pytest_asyncio.fixture
async def items(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Items]:
    """The plugin's workshop with pocketsphinx, and a list where the web role would be."""
    settings = TranscriptionSettings(_env_file=None, workers=1)  # pyright: ignore[reportCallIssue]
    pool, found = Pool(choose(settings, built_in()), 1), Items()
    await pool.warm_up()
    monkeypatch.setattr(module, "_workshop", Workshop(settings, pool, found))
    yield found
    pool.close()


async def publish(media: MediaClient, rights: MediaRights) -> RTCPeerConnection:
    """Ben's browser: joins and sends the clip."""
    allow_loopback()
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    await media.join("room", "x-ben", rights)
    pc.addTransceiver(Speech(), direction="sendonly")
    await pc.setLocalDescription(await pc.createOffer())
    offer = {
        "type": "offer",
        "kind": "publisher",
        "connection": "c1",
        "seq": 1,
        "sdp": pc.localDescription.sdp,
        "tracks": [{"mid": "0", "source": "microphone", "muted": False}],
    }
    (answer,) = await media.signal("room", "x-ben", offer)
    await pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
    return pc


def enter(room: Room) -> tuple[Agent, "asyncio.Task[str]"]:
    async def door() -> str:
        return f"ws://127.0.0.1:{room.port}/"

    agent = Agent(door, Transcriber, "c1", None)
    return agent, asyncio.create_task(agent.run())


async def until(check: Any, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not check():
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.05)


async def test_real_speech_becomes_captions_segments_and_talk_time(room: Room, items: Items) -> None:
    _, running = enter(room)
    await until(lambda: room.socket is not None, 10)
    pc = await publish(room.media, RIGHTS)
    await until(lambda: any(frame["final"] for frame in room.captions), 60)
    await room.end()
    assert await asyncio.wait_for(running, 30) == "ended"
    await pc.close()
    assert [frame for frame in room.captions if not frame["final"]], "partials while speaking"
    assert {frame["person_id"] for frame in room.captions} == {"p-ben"}
    assert all(frame["low_accuracy"] for frame in room.captions)
    said = {word for item in items.of("transcript.segment") for word in item["text"].split()}
    assert len(said & WORDS) >= 3, said
    assert sum(item["value"] for item in items.of("engagement")) > 1.5
    assert items[-1] == {"kind": "transcript.done", "session_id": "c1"}


async def test_without_consent_the_transcriber_hears_nothing(room: Room, items: Items) -> None:
    agent, running = enter(room)
    await until(lambda: room.socket is not None, 10)
    pc = await publish(room.media, MediaRights(agents_allowed=False))
    await asyncio.sleep(6)
    await agent.close()
    assert await asyncio.wait_for(running, 15) in ("ended", "closed")
    await pc.close()
    assert room.captions == []
    assert items == [], "leaving is not the end of the lesson"
