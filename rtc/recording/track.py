"""One person's source on its way into files: order, frames, the common clock, segments."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from rtc.recording.bits import OPUS_HEAD, Picture, opus_ms
from rtc.recording.clock import SenderClock, StreamClock
from rtc.recording.frames import Frame, assembler_for
from rtc.recording.jitter import AUDIO_WAIT_S, VIDEO_WAIT_S, JitterBuffer, Lost
from rtc.recording.matroska import Format, Writer
from rtc.recording.spool import Json, SetFolder

logger = logging.getLogger(__name__)

CLOCKS_HZ = {"opus": 48_000}
VIDEO_HZ = 90_000
GAP_MS = 2_000
"""A longer hole is the beginning of a new segment: players show then that there was nothing."""
ASK_KEYFRAME_S = 1.0
FLUSH_S = 1.0

Packet = tuple[bool, int, bytes]
"""marker, timestamp, payload."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a segment ends by itself."""

    segment_s: float = 300.0
    segment_bytes: int = 64_000_000


@dataclass(slots=True)
class _Stream:
    """One SSRC, or one run of its numbers. The anchor ties its timestamps to the segment's milliseconds."""

    number: int
    clock: StreamClock
    jitter: JitterBuffer[Packet]
    anchor: int | None = None
    anchor_ms: float = 0.0


@dataclass(slots=True)
class _Segment:
    entry: Json
    writer: Writer
    format: Format
    clock: StreamClock
    first: int
    """Extended timestamp of its first frame on `clock`."""
    lost: bool = False


class TrackRecorder:
    """Methods raise OSError when the disk does; then `abandon` it.

    want_keyframe: asks the publisher. finished: told whenever a file is complete. to_ms: our clock in s -> the set's ms.
    """

    def __init__(
        self,
        folder: SetFolder,
        participant_id: str,
        source: str,
        codec: str,
        sender: SenderClock,
        limits: Limits,
        to_ms: Callable[[float], float],
        want_keyframe: Callable[[], None],
        finished: Callable[[], None],
    ) -> None:
        self._folder = folder
        self._track = folder.add_track(participant_id, source, codec)
        self._codec = codec
        self._hz = CLOCKS_HZ.get(codec, VIDEO_HZ)
        self._video = codec != "opus"
        self._sender, self._limits, self._to_ms = sender, limits, to_ms
        self._want_keyframe, self._finished = want_keyframe, finished
        self._stream: _Stream | None = None
        self._assembler = assembler_for(codec)
        self._segment: _Segment | None = None
        self._asked_at = float("-inf")
        self._flushed_at = 0.0
        self._toc = b""

    def packet(
        self, stream: int, sequence: int, marker: bool, timestamp: int, payload: bytes, at_s: float
    ) -> None:
        """One packet, in whatever order."""
        current = self._stream
        if current is None or current.number != stream:
            current = self._switch(stream)
        current.clock.received(timestamp, at_s)
        for one in current.jitter.push(sequence, (marker, timestamp, payload), at_s):
            self._take(current, one)
        if self._assembler.waiting:
            self._ask(at_s)

    def report(self, stream: int, ntp: int, timestamp: int, at_s: float) -> None:
        """A sender report of the stream."""
        current = self._stream
        if current is None or current.number != stream:
            current = self._switch(stream)
        current.clock.reported(ntp, timestamp, at_s)

    def tick(self, now_s: float) -> None:
        """A few times a second: give up holes, and let no second of media stay in memory alone."""
        if self._stream is not None:
            for one in self._stream.jitter.expire(now_s):
                self._take(self._stream, one)
        if self._segment is not None and now_s - self._flushed_at >= FLUSH_S:
            self._flushed_at = now_s
            self._segment.writer.flush()

    def pause(self) -> None:
        """Muted: what is there is written; what comes later is another run of numbers."""
        self._drain()
        self._stream = None

    def close(self) -> None:
        """Complete the file; the track may begin again."""
        self.pause()
        self._end_segment()

    def abandon(self) -> None:
        """The disk failed: keep what can be kept."""
        segment, self._segment, self._stream = self._segment, None, None
        if segment is None:
            return
        segment.writer.abandon()
        self._describe(segment)
        self._folder.repair(self._track, segment.entry)

    def _switch(self, number: int) -> _Stream:
        self._drain()
        self._assembler = assembler_for(self._codec)
        clock = StreamClock(self._hz, self._sender)
        jitter: JitterBuffer[Packet] = JitterBuffer(VIDEO_WAIT_S if self._video else AUDIO_WAIT_S)
        self._stream = _Stream(number, clock, jitter)
        return self._stream

    def _drain(self) -> None:
        if self._stream is not None:
            for one in self._stream.jitter.drain():
                self._take(self._stream, one)

    def _take(self, stream: _Stream, one: "Packet | Lost") -> None:
        if isinstance(one, Lost):
            self._assembler.lost()
            if self._segment is not None:
                self._segment.lost = True
            return
        marker, timestamp, payload = one
        for frame in self._assembler.push(timestamp, marker, payload):
            self._write(stream, frame)

    def _ask(self, now_s: float) -> None:
        if now_s - self._asked_at >= ASK_KEYFRAME_S:
            self._asked_at = now_s
            self._want_keyframe()

    def _write(self, stream: _Stream, frame: Frame) -> None:
        extended = stream.clock.extend(frame.timestamp)
        segment = self._segment
        if segment is not None:
            at_ms = self._place(stream, segment, extended)
            if self._ends_before(segment, frame, at_ms):
                self._end_segment()
                segment = None
        if segment is None:
            if frame.picture is None and self._video:
                return
            segment = self._begin(stream, frame, extended)
        at_ms = self._place(stream, segment, extended)
        writer = segment.writer
        if segment.lost:
            segment.lost = False
            _gap(segment.entry, writer.end_ms, at_ms)
        if not self._video:
            self._fill(writer, at_ms, frame)
        writer.write(max(at_ms, writer.last_ms), frame.data, frame.keyframe, frame.lasts_ms)

    def _place(self, stream: _Stream, segment: _Segment, extended: int) -> int:
        """The frame's time in the segment, ms."""
        if stream.anchor is None:
            stream.anchor = extended
            if extended == segment.first and stream.clock is segment.clock:
                stream.anchor_ms = 0.0
            else:
                apart = stream.clock.at_s(extended) - segment.clock.at_s(segment.first)
                stream.anchor_ms = max(float(segment.writer.end_ms), apart * 1000)
        return round(stream.anchor_ms + (extended - stream.anchor) * 1000 / self._hz)

    def _ends_before(self, segment: _Segment, frame: Frame, at_ms: int) -> bool:
        """Whether this frame belongs into a new file."""
        writer = segment.writer
        if at_ms - writer.end_ms > GAP_MS:
            return True
        full = at_ms >= self._limits.segment_s * 1000 or writer.size >= self._limits.segment_bytes
        if not self._video:
            return full
        if frame.picture is None:
            if full:
                self._ask(at_ms / 1000)
            return False
        return full or frame.picture.private != segment.format.private

    def _begin(self, stream: _Stream, frame: Frame, extended: int) -> _Segment:
        picture = frame.picture or Picture(0, 0)
        form = Format(
            self._codec, picture.private or (b"" if self._video else OPUS_HEAD), picture.width, picture.height
        )
        offset_ms = round(self._to_ms(stream.clock.at_s(extended)))
        entry = self._folder.begin(self._track, offset_ms, picture.width, picture.height)
        file = self._folder.part(entry).open("w+b", buffering=0)
        segment = _Segment(entry, Writer(file, form), form, stream.clock, extended)
        stream.anchor, stream.anchor_ms = extended, 0.0
        self._segment, self._toc = segment, b""
        return segment

    def _end_segment(self) -> None:
        segment = self._segment
        if segment is None:
            return
        if self._stream is not None:
            self._stream.anchor = None
        segment.writer.close()
        self._segment = None
        self._describe(segment)
        if self._folder.finish(self._track, segment.entry):
            self._finished()

    def _describe(self, segment: _Segment) -> None:
        """By now the sender reports have told where its beginning really was."""
        segment.entry["offset_ms"] = round(self._to_ms(segment.clock.at_s(segment.first)))
        segment.entry["duration_ms"] = segment.writer.end_ms

    def _fill(self, writer: Writer, at_ms: int, frame: Frame) -> None:
        """Players let the sound slip when packets are missing; a packet of nothing but its first byte makes
        the decoder conceal one frame (RFC 6716, 4.5), and the time stays right."""
        toc, self._toc = self._toc, bytes((frame.data[0] & 0xFC,))
        if not toc:
            return
        lasts = opus_ms(toc)
        start = float(writer.end_ms)
        while at_ms - start > lasts * 0.75:
            writer.write(round(start), toc, True, lasts)
            start += lasts


def _gap(entry: Json, from_ms: int, to_ms: int) -> None:
    if to_ms > from_ms:
        entry["gaps"].append({"from_ms": from_ms, "to_ms": to_ms, "reason": "lost"})
