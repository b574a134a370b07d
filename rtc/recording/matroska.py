"""A Matroska writer for one track (RFC 9559; WebM is its subset): whole clusters, so that a cut file still plays.

Written here because a muxer library wants an opened encoder to know CodecPrivate and channels, and because
each cluster must be on disk the moment it is complete. Positions are bytes, times milliseconds.
"""

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rtc.errors import Malformed

CLUSTER_MS = 1_000
CLUSTER_BYTES = 1 << 20
MAX_BLOCK_MS = 32_000
"""A block's time in its cluster is a signed 16-bit number."""
_EBML, _SEGMENT, _SEEK_HEAD, _INFO, _TRACKS = (
    b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67", b"\x11\x4d\x9b\x74", b"\x15\x49\xa9\x66", b"\x16\x54\xae\x6b",
)  # fmt: skip
_CLUSTER, _CUES = b"\x1f\x43\xb6\x75", b"\x1c\x53\xbb\x6b"
_SEEK_HEAD_SIZE = 96
_DURATION_SIZE = 11
_UNKNOWN = b"\x01\xff\xff\xff\xff\xff\xff\xff"
OPUS_PREROLL_NS = 80_000_000


@dataclass(frozen=True, slots=True)
class Format:
    """What a file holds. codec: SDP name. private: CodecPrivate. width, height: px, 0 for sound."""

    codec: str
    private: bytes = b""
    width: int = 0
    height: int = 0
    channels: int = 2


CODEC_IDS = {
    "opus": b"A_OPUS",
    "vp8": b"V_VP8",
    "vp9": b"V_VP9",
    "av1": b"V_AV1",
    "h264": b"V_MPEG4/ISO/AVC",
}
SUFFIXES = {"opus": ".mka", "vp8": ".webm", "vp9": ".webm", "av1": ".webm", "h264": ".mkv"}


class Writer:
    """One file. Every method may raise OSError (ENOSPC): the file is then what was flushed before.

    file: opened "w+b", unbuffered; the writer owns it.
    """

    def __init__(self, file: BinaryIO, format: Format) -> None:
        self._file = file
        self._blocks: list[bytes] = []
        self._blocks_size = 0
        self._cluster_ms = 0
        self._cluster_keyframe = False
        self._cues: list[tuple[int, int]] = []
        self._end_ms = 0
        self._last_ms = 0
        header, self._segment_at, self._info_at, self._duration_at, self._tracks_at = _head(format)
        self.size = 0
        self._video = format.codec != "opus"
        self._append(header)

    @property
    def last_ms(self) -> int:
        """Of the newest block."""
        return self._last_ms

    @property
    def end_ms(self) -> int:
        """Where the newest block ends, as far as its length is known."""
        return self._end_ms

    def write(self, at_ms: int, data: bytes, keyframe: bool, lasts_ms: float = 0.0) -> None:
        """One frame. at_ms: since the file's start, never falling."""
        if self._blocks and (
            (self._video and keyframe)
            or at_ms - self._cluster_ms >= CLUSTER_MS
            or self._blocks_size >= CLUSTER_BYTES
        ):
            self.flush()
        if not self._blocks:
            self._cluster_ms, self._cluster_keyframe = at_ms, keyframe
        head = struct.pack(">BhB", 0x81, at_ms - self._cluster_ms, 0x80 if keyframe else 0)
        size = len(data) + 4
        self._blocks.append(b"\xa3" + _length(size) + head)
        self._blocks.append(data)
        self._blocks_size += size + 9
        self._last_ms = at_ms
        self._end_ms = max(self._end_ms, round(at_ms + lasts_ms))

    def flush(self) -> None:
        """Hand the cluster under way to the operating system."""
        if not self._blocks:
            return
        body = _uint(b"\xe7", self._cluster_ms) + b"".join(self._blocks)
        if self._cluster_keyframe:
            self._cues.append((self._cluster_ms, self.size - self._segment_at))
        self._blocks, self._blocks_size = [], 0
        self._append(_CLUSTER + _length(len(body)) + body)

    def close(self) -> None:
        """Complete it: seek table, duration, sizes."""
        try:
            self.flush()
            _complete(
                self._file,
                self.size,
                self._segment_at,
                self._info_at,
                self._duration_at,
                self._tracks_at,
                self._cues,
                self._end_ms,
            )
            os.fsync(self._file.fileno())
            self.size = self._file.seek(0, os.SEEK_END)
        finally:
            self._file.close()

    def abandon(self) -> None:
        """Close without touching the disk any more."""
        self._file.close()

    def _append(self, data: bytes) -> None:
        """All of it, or the file as it was before."""
        view, written = memoryview(data), 0
        try:
            while written < len(view):
                written += self._file.write(view[written:])
        except OSError:
            if written:
                self._file.truncate(self.size)
            raise
        self.size += len(data)


def repair(path: Path) -> int:
    """Complete a file whose writer died: cut after the last whole cluster. Its length in ms; Malformed when
    not even the head is there."""
    with path.open("r+b", buffering=0) as file:
        data = file.read(4096)
        segment = data.find(_SEGMENT)
        info, tracks = data.find(_INFO), data.find(_TRACKS)
        if segment < 0 or info < 0 or tracks < 0:
            raise Malformed("no Matroska head")
        segment_at = segment + 12
        duration_at = info + 12
        at = tracks + 4
        size, used = _read_length(data, at)
        at += used + size
        end = file.seek(0, os.SEEK_END)
        cues: list[tuple[int, int]] = []
        last_ms = 0
        while True:
            file.seek(at)
            head = file.read(32)
            if head[:4] != _CLUSTER:
                break
            try:
                size, used = _read_length(head, 4)
            except Malformed:
                break
            if at + 4 + used + size > end:
                break
            started, last, keyframe = _cluster_times(file, at + 4 + used, size)
            if keyframe:
                cues.append((started, at - segment_at))
            last_ms = max(last_ms, last)
            at += 4 + used + size
        file.truncate(at)
        _complete(file, at, segment_at, info, duration_at, tracks, cues, last_ms)
        os.fsync(file.fileno())
    return last_ms


def _complete(
    file: BinaryIO,
    size: int,
    segment_at: int,
    info_at: int,
    duration_at: int,
    tracks_at: int,
    cues: Sequence[tuple[int, int]],
    end_ms: int,
) -> None:
    file.seek(size)
    body = b"".join(
        _element(
            b"\xbb",
            _uint(b"\xb3", at_ms)
            + _element(b"\xb7", _uint(b"\xf7", 1) + _element(b"\xf1", position.to_bytes(8, "big"))),
        )
        for at_ms, position in cues
    )
    file.write(_CUES + _length(len(body)) + body)
    end = file.tell()
    places = [(_INFO, info_at), (_TRACKS, tracks_at), (_CUES, size)]
    seeks = b"".join(
        _element(
            b"\x4d\xbb",
            _element(b"\x53\xab", name) + _element(b"\x53\xac", (at - segment_at).to_bytes(8, "big")),
        )
        for name, at in places
    )
    head = _element(_SEEK_HEAD, seeks)
    file.seek(segment_at)
    file.write(head + _void(_SEEK_HEAD_SIZE - len(head)))
    file.seek(duration_at)
    file.write(b"\x44\x89\x88" + struct.pack(">d", float(end_ms)))
    file.seek(segment_at - 8)
    file.write((0x0100000000000000 | (end - segment_at)).to_bytes(8, "big"))


def _head(format: Format) -> tuple[bytes, int, int, int, int]:
    """The bytes before the first cluster; where the segment's content, Info, Duration and Tracks begin."""
    webm = format.codec != "h264"
    ebml = _element(
        _EBML,
        _uint(b"\x42\x86", 1)
        + _uint(b"\x42\xf7", 1)
        + _uint(b"\x42\xf2", 4)
        + _uint(b"\x42\xf3", 8)
        + _element(b"\x42\x82", b"webm" if webm else b"matroska")
        + _uint(b"\x42\x87", 4)
        + _uint(b"\x42\x85", 2),
    )
    out = ebml + _SEGMENT + _UNKNOWN
    segment_at = len(out)
    out += _void(_SEEK_HEAD_SIZE)
    info_at = len(out)
    info = (
        _void(_DURATION_SIZE)
        + _uint(b"\x2a\xd7\xb1", 1_000_000)
        + _element(b"\x4d\x80", b"HiLink")
        + _element(b"\x57\x41", b"HiLink")
    )
    out += _INFO + (0x0100000000000000 | len(info)).to_bytes(8, "big")
    duration_at = len(out)
    out += info
    tracks_at = len(out)
    out += _element(_TRACKS, _element(b"\xae", _track(format)))
    return out, segment_at, info_at, duration_at, tracks_at


def _track(format: Format) -> bytes:
    audio = format.codec == "opus"
    out = _uint(b"\xd7", 1) + _uint(b"\x73\xc5", 1) + _uint(b"\x83", 2 if audio else 1) + _uint(b"\x9c", 0)
    out += _element(b"\x86", CODEC_IDS[format.codec])
    if format.private:
        out += _element(b"\x63\xa2", format.private)
    if audio:
        out += _uint(b"\x56\xaa", 0) + _uint(b"\x56\xbb", OPUS_PREROLL_NS)
        rate = _element(b"\xb5", struct.pack(">d", 48_000.0))
        return out + _element(b"\xe1", rate + _uint(b"\x9f", format.channels))
    return out + _element(b"\xe0", _uint(b"\xb0", format.width) + _uint(b"\xba", format.height))


def _cluster_times(file: BinaryIO, at: int, size: int) -> tuple[int, int, bool]:
    """First and last time of a cluster, ms, and whether it begins with a keyframe."""
    file.seek(at)
    body = file.read(size)
    offset, started, last, keyframe = 0, 0, 0, False
    first = True
    while offset < len(body):
        name = body[offset]
        length, used = _read_length(body, offset + 1)
        offset += 1 + used
        if name == 0xE7:
            started = last = int.from_bytes(body[offset : offset + length], "big")
        elif name == 0xA3:
            relative, flags = struct.unpack_from(">hB", body, offset + 1)
            last = started + relative
            keyframe = keyframe or (first and bool(flags & 0x80))
            first = False
        offset += length
    return started, last, keyframe


def _element(name: bytes, body: bytes) -> bytes:
    return name + _length(len(body)) + body


def _uint(name: bytes, value: int) -> bytes:
    body = value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")
    return name + bytes((0x80 | len(body),)) + body


def _void(size: int) -> bytes:
    """Room for something that comes later; size counts all of it, 2 to 127 bytes."""
    return b"\xec" + bytes((0x80 | (size - 2),)) + bytes(size - 2)


def _length(size: int) -> bytes:
    """An element's size as a variable-length number."""
    if size < 0x7F:
        return bytes((0x80 | size,))
    if size < 0x3FFF:
        return (0x4000 | size).to_bytes(2, "big")
    if size < 0x1FFFFF:
        return (0x200000 | size).to_bytes(3, "big")
    return (0x0100000000000000 | size).to_bytes(8, "big")


def _read_length(data: bytes, at: int) -> tuple[int, int]:
    """(size, bytes it takes); Malformed when cut short."""
    if at >= len(data) or not data[at]:
        raise Malformed("Matroska size")
    used = 9 - data[at].bit_length()
    if at + used > len(data):
        raise Malformed("Matroska size")
    return int.from_bytes(data[at : at + used], "big") & ((1 << (7 * used)) - 1), used
