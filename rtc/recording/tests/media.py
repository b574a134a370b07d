"""Real encoded media for the recorder's tests: PyAV encoders, and RTP packetizers of each codec."""

import fractions
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from rtc.recording.bits import leb128, read_leb128
from rtc.tests.priority import ordinary

FPS = 25
ENCODERS = {
    "vp8": ("libvpx", {"deadline": "realtime", "cpu-used": "8", "g": "25", "lag-in-frames": "0"}),
    "vp9": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "g": "25", "lag-in-frames": "0"}),
    "h264": ("libx264", {"preset": "ultrafast", "tune": "zerolatency", "g": "25"}),
    "av1": ("libsvtav1", {"preset": "12", "g": "25"}),
}


@dataclass(frozen=True)
class Rtp:
    """One packet. at_s: when it is sent."""

    sequence: int
    marker: bool
    timestamp: int
    payload: bytes
    at_s: float


def video_frames(codec: str, count: int, size: tuple[int, int] = (160, 96)) -> list[bytes]:
    """Encoded frames, a keyframe each second; the picture is a moving bar."""
    with ordinary():
        return _video_frames(codec, count, size)


def _video_frames(codec: str, count: int, size: tuple[int, int]) -> list[bytes]:
    name, options = ENCODERS[codec]
    encoder = cast(VideoCodecContext, av.CodecContext.create(name, "w"))
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = fractions.Fraction(1, FPS)
    encoder.framerate = fractions.Fraction(FPS)
    encoder.bit_rate = 300_000
    encoder.options = options
    out: list[bytes] = []
    noise = np.random.default_rng(1)
    for number in range(count):
        picture = noise.integers(0, 60, (size[1], size[0], 3), np.uint8)
        picture[:, (number * 4) % size[0] :][:, :8] = 255
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        frame.pts = number
        out += _encoded(encoder, frame)
    return out + _encoded(encoder, None)


def _encoded(encoder: Any, frame: object) -> list[bytes]:
    return [bytes(packet) for packet in encoder.encode(frame)]


def opus_packets(count: int) -> list[bytes]:
    """20 ms of a tone each."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 48_000, "stereo", "s16"
    encoder.options = {"frame_duration": "20"}
    out: list[bytes] = []
    for number in range(count):
        wave = (8000 * np.sin((np.arange(960) + 960 * number) * 0.06)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(wave, 2).reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate, frame.pts = 48_000, 960 * number
        out += _encoded(encoder, frame)
    return out[:count]


def packetize(
    codec: str,
    frames: list[bytes],
    sequence: int = 65_500,
    timestamp: int = 0xFFFF0000,
    start_s: float = 100.0,
) -> list[Rtp]:
    """Packets with numbers and times that come round on the way. VP8, VP9, H264 and AV1 in parts of 200 bytes."""
    out: list[Rtp] = []
    step_s, step = (0.02, 960) if codec == "opus" else (1 / FPS, 90_000 // FPS)
    for number, frame in enumerate(frames):
        payloads = list(PACKETIZERS[codec](frame))
        for place, payload in enumerate(payloads):
            out.append(
                Rtp(
                    sequence & 0xFFFF,
                    place == len(payloads) - 1,
                    (timestamp + number * step) & 0xFFFFFFFF,
                    payload,
                    start_s + number * step_s,
                )
            )
            sequence += 1
    return out


def _parts(data: bytes, size: int = 200) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def _vp8(frame: bytes) -> Iterator[bytes]:
    for number, part in enumerate(_parts(frame)):
        yield bytes((0x90 if number == 0 else 0x80, 0xE0, 0x80, 7, 0, 0)) + part


def _vp9(frame: bytes) -> Iterator[bytes]:
    keyframe = not frame[0] & 0x04
    parts = _parts(frame)
    for number, part in enumerate(parts):
        first = 0x80 | (0 if keyframe else 0x40) | 0x10
        first |= (0x08 if number == 0 else 0) | (0x04 if number == len(parts) - 1 else 0)
        if keyframe and number == 0:
            yield bytes((first | 0x02, 0x80, 9)) + bytes((0x18, 0, 160, 0, 96, 1, 0x04, 1)) + part
        else:
            yield bytes((first, 0x80, 9)) + (bytes((2,)) if first & 0x50 == 0x50 else b"") + part


def _h264(frame: bytes) -> Iterator[bytes]:
    units = [one.rstrip(b"\0") for one in frame.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if one]
    small = [one for one in units if one[0] & 31 in (7, 8)]
    if small:
        yield b"\x78" + b"".join(len(one).to_bytes(2, "big") + one for one in small)
    for unit in units:
        if unit[0] & 31 in (6, 7, 8):
            continue
        if len(unit) <= 200:
            yield unit
            continue
        parts = _parts(unit[1:])
        for number, part in enumerate(parts):
            flags = (0x80 if number == 0 else 0) | (0x40 if number == len(parts) - 1 else 0)
            yield bytes((unit[0] & 0xE0 | 28, flags | unit[0] & 31)) + part


def _av1(frame: bytes) -> Iterator[bytes]:
    obus: list[bytes] = []
    at = 0
    while at < len(frame):
        header, start = frame[at], at + (2 if frame[at] & 4 else 1)
        size, start = read_leb128(frame, start)
        if (header >> 3) & 15 != 2:
            obus.append(bytes((header & ~2,)) + frame[start : start + size])
        at = start + size
    first = any((one[0] >> 3) & 15 == 1 for one in obus)
    # The OBUs one after the other with their lengths, cut anywhere: an element that goes on says so.
    current, room, continues = b"", 200, False
    for place, obu in enumerate(obus):
        while obu:
            take = obu[: max(1, room - len(current) - 2)]
            obu = obu[len(take) :]
            current += leb128(len(take)) + take
            if obu:
                yield bytes((0x80 * continues | 0x40 | 0x08 * first,)) + current
                current, continues, first = b"", True, False
        if place == len(obus) - 1 or len(current) >= room - 8:
            yield bytes((0x80 * continues | 0x08 * first,)) + current
            current, continues, first = b"", False, False


def _opus(frame: bytes) -> Iterator[bytes]:
    yield frame


PACKETIZERS = {"vp8": _vp8, "vp9": _vp9, "h264": _h264, "av1": _av1, "opus": _opus}
