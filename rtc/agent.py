"""A server-side participant: joins a room like anyone, hears one audio track per consenting speaker.

Subclass `RoomAgent` and override `on_audio` (and what else you need):

    class Transcriber(RoomAgent):
        def on_audio(self, participant_id, samples, at_ms): ...

    agent = Transcriber(door)          # door() gives a fresh room WebSocket address with a ticket in it
    reason = await agent.run()         # until the room ends, or `close()`

It reconnects by itself: a new socket with a new ticket, and a new media connection when the old one died
(aiortc accepts ICE restarts without acting on them, so a restart would not help).
"""

import asyncio
import contextlib
import json
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import numpy as np
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, AudioResampler
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from core.errors import HiLinkError
from rtc.loopback import allow_loopback
from rtc.participant import PROTOCOL_VERSION

logger = logging.getLogger(__name__)

RATE_HZ = 16_000
FINAL_CODES = {1000: "ended", 4403: "revoked", 4409: "replaced", 4410: "removed"}
"""Close codes of the room WebSocket after which there is no point in coming back."""
FIRST_RETRY_S, MAX_RETRY_S = 0.5, 10.0
MAX_FRAME = 1 << 20
ANSWER_TIMEOUT_S = 10.0
CLOCK_JUMP_MS = 1_500.0

Door = Callable[[], Awaitable[str]]
Samples = NDArray[np.int16]


class RoomAgent:
    """One agent in one room. All `on_*` methods are called in the event loop and must not block it."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._socket: ClientConnection | None = None
        self._ears: Ears | None = None
        self._tracks: list[dict[str, Any]] = []
        self._changed = asyncio.Event()
        self._closing = False

    def on_audio(self, participant_id: str, samples: Samples, at_ms: int) -> None:
        """Sound of one person. samples: (n,) int16, 16 kHz mono, usually 20 ms. at_ms: time of the first
        sample, ms since 1970, on one clock for all speakers. Nothing comes while a person is muted."""

    def on_speaker(self, participant_id: str, present: bool) -> None:
        """A person can be heard from now on, or cannot any more (left, unpublished, withdrew consent)."""

    def on_frame(self, frame: Mapping[str, Any]) -> None:
        """Any other frame of the room WebSocket: `welcome`, `person`, `gone`, `session`..."""

    async def send(self, frame: Mapping[str, Any]) -> bool:
        """A frame to the room server (a `caption`). False when there is no connection; it is not kept."""
        if self._socket is None:
            return False
        try:
            await self._socket.send(json.dumps(frame, ensure_ascii=False))
        except ConnectionClosed:
            return False
        return True

    async def run(self) -> str:
        """Be in the room until it ends; why it ended: ended, revoked, replaced, removed, closed.

        What `door` raises ends it too, when it is a HiLinkError; anything transient is tried again.
        """
        retry_s = FIRST_RETRY_S
        try:
            while not self._closing:
                began = time.monotonic()
                code = await self._visit()
                if code in FINAL_CODES:
                    return FINAL_CODES[code]
                if time.monotonic() - began > MAX_RETRY_S:
                    retry_s = FIRST_RETRY_S
                await asyncio.sleep(retry_s)
                retry_s = min(MAX_RETRY_S, 2 * retry_s)
        finally:
            await self._deafen()
        return "closed"

    async def close(self) -> None:
        """Leave; `run` returns soon after."""
        self._closing = True
        if self._socket is not None:
            await self.send({"type": "leave"})
            await self._socket.close()

    async def _visit(self) -> int:
        """One socket's life; its close code, 0 when there was none."""
        try:
            address = await self._door()
            async with connect(address, max_size=MAX_FRAME, proxy=None) as socket:
                self._socket = socket
                await self.send({"type": "hello", "version": 1, "resume": "", "device": {}})
                await self._media({"type": "hello", "version": PROTOCOL_VERSION, **self._connections()})
                listener = asyncio.create_task(self._listen())
                try:
                    async for text in socket:
                        await self._receive(json.loads(text))
                finally:
                    listener.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await listener
                    self._socket = None
                return socket.close_code or 0
        except HiLinkError:
            raise
        except ConnectionClosed as error:
            return error.rcvd.code if error.rcvd else 0
        except InvalidStatus as error:
            logger.info("agent refused at the door", extra={"status": error.response.status_code})
        except (OSError, WebSocketException, ValueError) as error:
            logger.info("agent disconnected", extra={"error": type(error).__name__})
        return 0

    def _connections(self) -> dict[str, str | None]:
        return {"publisher": None, "subscriber": self._ears.connection if self._ears else None}

    async def _media(self, message: Mapping[str, Any]) -> None:
        await self.send({"type": "media", "message": message})

    async def _receive(self, frame: dict[str, Any]) -> None:
        if frame.get("type") != "media":
            self.on_frame(frame)
            return
        message: dict[str, Any] = frame["message"]
        match message.get("type"):
            case "welcome":
                if self._ears is not None and message["subscriber"] != self._ears.connection:
                    await self._deafen()
                self._tracks = message["tracks"]
                self._changed.set()
            case "tracks":
                self._tracks = message["tracks"]
                self._changed.set()
            case "answer":
                if self._ears is not None:
                    self._ears.answer(message)
            case "closed":
                await self._deafen()
                self._changed.set()
            case "moved":
                await self._deafen()
                await self._media({"type": "hello", "version": PROTOCOL_VERSION, **self._connections()})
            case "error":
                logger.info("agent refused", extra={"kind": message.get("kind"), "re": message.get("re")})
                if self._ears is not None and message.get("re") == "offer":
                    self._ears.answer(message)
            case _:
                pass

    async def _listen(self) -> None:
        """Negotiate whenever the tracks changed or the connection died, one exchange at a time."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            wanted = sum(1 for one in self._tracks if one["kind"] == "audio")
            if self._ears is not None and self._ears.dead:
                await self._deafen()
            if self._ears is None:
                if not wanted:
                    continue
                self._ears = Ears(self, self._changed.set)
            try:
                await self._ears.negotiate(wanted, self._media)
            except (TimeoutError, ConnectionError, ValueError) as error:
                logger.info("agent could not negotiate", extra={"error": type(error).__name__})
                await self._deafen()
                await asyncio.sleep(1.0)
                self._changed.set()

    async def _deafen(self) -> None:
        ears, self._ears = self._ears, None
        if ears is not None:
            await ears.close()


class Ears:
    """The subscriber connection of an agent: one recvonly transceiver per speaker, reused after a leave."""

    def __init__(self, agent: RoomAgent, changed: Callable[[], None]) -> None:
        allow_loopback()
        self.connection = secrets.token_hex(12)
        self._agent = agent
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._sequence = 0
        self._answer: asyncio.Future[dict[str, Any]] | None = None
        self._speakers: dict[str, str] = {}
        self._tasks: dict[RTCRtpTransceiver, asyncio.Task[None]] = {}
        self._pc.on("connectionstatechange", lambda: changed() if self.dead else None)

    @property
    def dead(self) -> bool:
        """Whether only a new connection helps."""
        return self._pc.connectionState in ("failed", "closed")

    async def negotiate(self, wanted: int, send: Callable[[Mapping[str, Any]], Awaitable[None]]) -> None:
        """Offer enough transceivers and apply the answer. TimeoutError, ValueError when that fails."""
        while len(self._pc.getTransceivers()) < wanted:
            self._pc.addTransceiver("audio", direction="recvonly")
        await self._pc.setLocalDescription(await self._pc.createOffer())
        self._sequence += 1
        self._answer = asyncio.get_running_loop().create_future()
        await send(
            {
                "type": "offer",
                "kind": "subscriber",
                "connection": self.connection,
                "seq": self._sequence,
                "sdp": self._pc.localDescription.sdp,
            }
        )
        reply = await asyncio.wait_for(self._answer, ANSWER_TIMEOUT_S)
        if reply["type"] != "answer":
            raise ValueError(reply.get("kind"))
        await self._pc.setRemoteDescription(RTCSessionDescription(reply["sdp"], "answer"))
        self._place(reply["mids"])

    def answer(self, message: dict[str, Any]) -> None:
        """The node's answer (or error) to the offer under way; others are ignored."""
        future = self._answer
        if future is not None and not future.done() and message.get("seq") == self._sequence:
            future.set_result(message)

    async def close(self) -> None:
        """Stop listening and forget every speaker."""
        self._place({})
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._pc.close()

    def _place(self, mids: Mapping[str, Mapping[str, Any]]) -> None:
        speakers = {mid: str(one["participant_id"]) for mid, one in mids.items()}
        before, after = set(self._speakers.values()), set(speakers.values())
        self._speakers = speakers
        for participant_id in before - after:
            self._agent.on_speaker(participant_id, False)
        for participant_id in after - before:
            self._agent.on_speaker(participant_id, True)
        for transceiver in self._pc.getTransceivers():
            if transceiver.mid in speakers and transceiver not in self._tasks:
                self._tasks[transceiver] = asyncio.create_task(self._hear(transceiver))

    async def _hear(self, transceiver: RTCRtpTransceiver) -> None:
        resampler = AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
        timeline = Timeline()
        speaker: str | None = None
        while True:
            try:
                frame = cast(object, await transceiver.receiver.track.recv())  # pyright: ignore[reportUnknownMemberType]
            except MediaStreamError:
                return
            if not isinstance(frame, AudioFrame) or frame.pts is None or frame.time_base is None:
                continue
            now_speaks = self._speakers.get(transceiver.mid or "")
            if now_speaks != speaker:
                speaker, timeline = now_speaks, Timeline()
            at_ms = timeline.place(
                float(frame.pts * frame.time_base) * 1000, frame.samples * 1000 / frame.sample_rate
            )
            if speaker is None:
                continue
            for resampled in resampler.resample(frame):
                samples = resampled.to_ndarray().reshape(-1).astype(np.int16, copy=False)
                self._agent.on_audio(speaker, samples, round(at_ms))


class Timeline:
    """Puts a track's media time on our clock: the packet that was least delayed so far sets the offset."""

    def __init__(self, now_ms: Callable[[], float] = lambda: time.time() * 1000) -> None:
        self._now_ms = now_ms
        self._offset: float | None = None

    def place(self, media_ms: float, length_ms: float) -> float:
        """When the frame that just came began, ms since 1970."""
        offset = self._now_ms() - media_ms - length_ms
        if self._offset is None or offset < self._offset or offset - self._offset > CLOCK_JUMP_MS:
            self._offset = offset
        return media_ms + self._offset
