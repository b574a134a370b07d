"""The people of the rooms bench: peers that send a picture that was encoded once, and a keyframe when asked."""

import asyncio
import struct
import threading
import time
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy

from bench._media_peer import Peer
from rtc import rtcp, rtp
from rtc.errors import Malformed
from rtc.media_client import MediaClient

WIDTH, HEIGHT, FRAMES = 320, 180, 60
SPEAKER_FPS, OTHERS_FPS = 30, 10
PART = 1000
SILENCE = b"\xf8\xff\xfe"
"""A 20 ms Opus packet (RFC 6716)."""
_LEVEL_ID = 1
_LOUD_DBOV = 20


def encoded() -> list[bytes]:
    """VP8 frames of something that moves, the first one a keyframe."""
    codec = av.CodecContext.create("libvpx", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    codec.time_base, codec.bit_rate = Fraction(1, SPEAKER_FPS), 250_000
    codec.options = {"deadline": "realtime", "cpu-used": "8", "g": str(10 * FRAMES), "lag-in-frames": "0"}
    found: list[bytes] = []
    for number in range(FRAMES):
        picture = numpy.full((HEIGHT, WIDTH, 3), 90, numpy.uint8)
        picture[40:120, 4 * number : 4 * number + 60] = (220, 180, 40)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        frame.pts = number
        found += [bytes(packet) for packet in codec.encode(frame)]
    return found


@dataclass
class Person:
    """One publisher. at: the frame to send next; number: of all it has sent."""

    peer: Peer
    fps: int
    at: int = 0
    number: int = 0
    due: float = 0.0


class Room:
    """Its people; the first one speaks."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.people: list[Person] = []

    async def fill(self, media: MediaClient, count: int, rights: object) -> None:
        for number in range(count):
            await media.join(self.name, f"p{number}", rights)  # type: ignore[arg-type]
            peer = Peer("127.0.0.1")
            level = f"a=extmap:{_LEVEL_ID} {rtp.EXT_AUDIO_LEVEL}\r\na=extmap:2 "
            tracks = [
                {"mid": "0", "source": "microphone", "muted": number > 0},
                {"mid": "1", "source": "camera", "muted": False},
            ]
            message = {
                "type": "offer",
                "kind": "publisher",
                "connection": f"{self.name}-{number}",
                "seq": 1,
                "sdp": peer.offer(["audio", "video"], True).replace("a=extmap:2 ", level, 1),
                "tracks": tracks,
            }
            (answer,) = await media.signal(self.name, f"p{number}", message)
            await asyncio.to_thread(peer.connect, str(answer["sdp"]))
            self.people.append(Person(peer, OTHERS_FPS if number else SPEAKER_FPS))


class Load:
    """Sends for one room at a time, in a thread of its own; all the others' connections are kept alive."""

    def __init__(self) -> None:
        self.rooms: list[Room] = []
        self.active: Room | None = None
        self.late = 0
        self._frames = encoded()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()
        for room in self.rooms:
            for person in room.people:
                person.peer.close()

    def _run(self) -> None:
        step = 0.02
        due = alive = time.monotonic()
        while not self._stopped.is_set():
            time.sleep(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            self.late += now - due > 0.1
            due = max(due + step, now - 5 * step)
            if now - alive > 1.0:
                alive = now
                for room in list(self.rooms):
                    for person in list(room.people):
                        person.peer.report()
            room = self.active
            if room is None:
                continue
            _talk(room.people[0].peer)
            for person in room.people:
                self._asked(person)
                if now >= person.due:
                    person.due = max(person.due + 1 / person.fps, now - 0.1)
                    self._show(person)

    def _show(self, person: Person) -> None:
        data = self._frames[person.at]
        number = person.number & 0x7FFF
        # After the last frame the first one again: it is a keyframe.
        person.at, person.number = (person.at + 1) % len(self._frames), person.number + 1
        parts = [data[at : at + PART] for at in range(0, len(data), PART)]
        stream, media = person.peer.streams["video"], person.peer._media  # pyright: ignore[reportPrivateUsage]
        assert media is not None
        timestamp = int(time.monotonic() * 90_000) & 0xFFFFFFFF
        for index, part in enumerate(parts):
            head = bytes((0x90 if index == 0 else 0x80, 0x80, 0x80 | number >> 8, number & 255))
            marker = 0x80 if index == len(parts) - 1 else 0
            packet = rtp.build(96, marker, stream.sequence, timestamp, stream.ssrc, head + part)
            stream.sequence = (stream.sequence + 1) & 0xFFFF
            stream.packets += 1
            stream.octets += len(part)
            person.peer._send(media.protect(packet))  # pyright: ignore[reportPrivateUsage]

    def _asked(self, person: Person) -> None:
        """A keyframe, as an encoder makes one with its next frame."""
        peer, srtp = person.peer, person.peer._srtp  # pyright: ignore[reportPrivateUsage]
        assert srtp is not None
        for _ in range(8):
            try:
                data = peer.socket.recv(2048)
            except (BlockingIOError, ConnectionRefusedError):
                return
            if data[0] < 128 or not 192 <= data[1] <= 223:
                continue
            clear = srtp.unprotect_rtcp(data)
            if clear is None:
                continue
            try:
                kinds = [(block.kind, block.count) for block in rtcp.split(clear)]
            except Malformed:
                continue
            if (rtcp.PSFB, rtcp.FB_PLI) in kinds:
                person.at = 0


def _talk(peer: Peer) -> None:
    stream, media = peer.streams["audio"], peer._media  # pyright: ignore[reportPrivateUsage]
    assert media is not None
    timestamp = int(time.monotonic() * 48_000) & 0xFFFFFFFF
    head = struct.pack("!BBHLL", 0x90, 111, stream.sequence, timestamp, stream.ssrc)
    level = struct.pack("!HHBBH", 0xBEDE, 1, _LEVEL_ID << 4, 0x80 | _LOUD_DBOV, 0)
    stream.sequence = (stream.sequence + 1) & 0xFFFF
    stream.packets += 1
    peer._send(media.protect(head + level + SILENCE))  # pyright: ignore[reportPrivateUsage]
