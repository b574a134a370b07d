"""From RTP payloads to frames a decoder takes: VP8 (RFC 7741), VP9 (RFC 9628), H264 (RFC 6184), AV1
(the AOMedia RTP specification), Opus (RFC 7587).

What came in order goes in; a hole drops everything until the next keyframe. Frames are as a Matroska file
wants them: H264 units with their length in front, AV1 units with their size inside, VP9 layers as a superframe.
"""

from dataclasses import dataclass
from typing import Protocol

from rtc.errors import Malformed
from rtc.recording import bits
from rtc.recording.bits import Picture

MAX_FRAME = 4 << 20
"""A larger one is no picture but an attack on memory."""


@dataclass(frozen=True, slots=True)
class Frame:
    """timestamp: RTP. picture: of a video keyframe. lasts_ms: 0 where only the next frame tells."""

    timestamp: int
    data: bytes
    keyframe: bool
    picture: Picture | None = None
    lasts_ms: float = 0.0


class Assembler(Protocol):
    """One stream's."""

    waiting: bool
    """For a keyframe: ask the sender for one."""

    def push(self, timestamp: int, marker: bool, payload: bytes) -> list[Frame]:
        """The next packet in order; what it completes."""
        ...

    def lost(self) -> None:
        """Packets are missing here."""
        ...


class OpusAssembler:
    """Every packet is a frame."""

    waiting = False

    def push(self, timestamp: int, marker: bool, payload: bytes) -> list[Frame]:
        lasts = bits.opus_ms(payload)
        return [Frame(timestamp, payload, True, None, lasts)] if 0 < lasts <= 120 else []

    def lost(self) -> None:
        """Decoders conceal what is missing."""


class _Depayloader(Protocol):
    def start(self) -> None: ...
    def add(self, payload: bytes) -> None: ...
    def finish(self) -> tuple[bytes, Picture | None]: ...


class VideoAssembler:
    """Collects the packets of one timestamp and lets its depayloader make a frame of them."""

    def __init__(self, depayloader: _Depayloader) -> None:
        self.waiting = True
        self._depayloader = depayloader
        self._timestamp: int | None = None
        self._broken = False
        self._size = 0
        self._count = 0

    def push(self, timestamp: int, marker: bool, payload: bytes) -> list[Frame]:
        out: list[Frame] = []
        if timestamp != self._timestamp:
            if self._timestamp is not None:
                out += self._finish()
            self._timestamp, self._size, self._count, self._broken = timestamp, 0, 0, False
            self._depayloader.start()
        if payload and not self._broken:
            self._size += len(payload)
            self._count += 1
            try:
                if self._size > MAX_FRAME:
                    raise Malformed("frame too large")
                self._depayloader.add(payload)
            except (Malformed, IndexError):
                self.lost()
        if marker:
            out += self._finish()
            self._timestamp = None
        return out

    def lost(self) -> None:
        """What follows refers to what is missing."""
        self._broken = self.waiting = True

    def _finish(self) -> list[Frame]:
        if self._broken or not self._count or self._timestamp is None:
            return []
        try:
            data, picture = self._depayloader.finish()
        except (Malformed, IndexError):
            self.lost()
            return []
        if not data or (self.waiting and picture is None):
            return []
        self.waiting = False
        return [Frame(self._timestamp, data, picture is not None, picture)]


class Vp8:
    """Strips the descriptor."""

    def start(self) -> None:
        self._parts: list[bytes] = []

    def add(self, payload: bytes) -> None:
        first, at = payload[0], 1
        if first & 0x80:
            flags = payload[1]
            at = 2
            if flags & 0x80:
                at += 2 if payload[at] & 0x80 else 1
            at += bool(flags & 0x40) + bool(flags & 0x30)
        if not self._parts and not (first & 0x10 and not first & 7):
            raise Malformed("VP8 frame without its beginning")
        self._parts.append(payload[at:])

    def finish(self) -> tuple[bytes, Picture | None]:
        data = b"".join(self._parts)
        return data, None if not data or data[0] & 1 else bits.vp8_picture(data)


class Vp9:
    """Strips the descriptor; several spatial layers of one picture become a superframe (VP9 bitstream, B)."""

    def start(self) -> None:
        self._layers: list[list[bytes]] = []
        self._keyframe = False

    def add(self, payload: bytes) -> None:
        first, at = payload[0], 1
        if first & 0x80:
            at += 2 if payload[at] & 0x80 else 1
        if first & 0x20:
            at += 1 if first & 0x10 else 2
        if first & 0x50 == 0x50:
            for _ in range(3):
                more = payload[at] & 1
                at += 1
                if not more:
                    break
        if first & 0x02:
            at = _after_structure(payload, at)
        if first & 0x08:
            if not self._layers:
                self._keyframe = not first & 0x40
            self._layers.append([])
        elif not self._layers:
            raise Malformed("VP9 frame without its beginning")
        self._layers[-1].append(payload[at:])

    def finish(self) -> tuple[bytes, Picture | None]:
        layers = [b"".join(one) for one in self._layers]
        if not layers or not all(layers) or len(layers) > 8:
            raise Malformed("VP9 layers")
        picture: Picture | None = None
        if self._keyframe:
            picture = bits.vp9_picture(layers[0])
        if len(layers) == 1:
            return layers[0], picture
        width = (max(len(one) for one in layers).bit_length() + 7) // 8
        marker = bytes((0xC0 | (width - 1) << 3 | len(layers) - 1,))
        index = b"".join(len(one).to_bytes(width, "little") for one in layers)
        return b"".join(layers) + marker + index + marker, picture


def _after_structure(payload: bytes, at: int) -> int:
    """Behind the scalability structure (RFC 9628, 4.2.1)."""
    head = payload[at]
    at += 1
    if head & 0x10:
        at += 4 * ((head >> 5) + 1)
    if head & 0x08:
        groups = payload[at]
        at += 1
        for _ in range(groups):
            at += 1 + ((payload[at] >> 2) & 3)
    return at


class H264:
    """Single units, STAP-A and FU-A (packetization-mode 0 and 1); parameter sets are kept for the file's head."""

    def __init__(self) -> None:
        self._sps = self._pps = b""

    def start(self) -> None:
        self._units: list[bytes] = []
        self._fragments: list[bytes] | None = None

    def add(self, payload: bytes) -> None:
        kind = payload[0] & 31
        if kind != 28 and self._fragments is not None:
            raise Malformed("H264 fragment without its end")
        if 1 <= kind <= 23:
            self._unit(payload)
        elif kind == 24:
            at = 1
            while at + 2 <= len(payload):
                size = int.from_bytes(payload[at : at + 2], "big")
                at += 2
                if not size or at + size > len(payload):
                    raise Malformed("STAP-A")
                self._unit(payload[at : at + size])
                at += size
        elif kind == 28:
            self._fragment(payload)
        else:
            raise Malformed("H264 packet type")

    def finish(self) -> tuple[bytes, Picture | None]:
        if self._fragments is not None:
            raise Malformed("H264 fragment without its end")
        picture: Picture | None = None
        slices = [one for one in self._units if 1 <= one[0] & 31 <= 5]
        if slices and not slices[0][1] & 0x80:
            raise Malformed("H264 picture without its first slice")
        if any(one[0] & 31 == 5 for one in slices):
            picture = bits.h264_picture(self._sps, self._pps)
        data = b"".join(len(one).to_bytes(4, "big") + one for one in self._units)
        return data, picture

    def _fragment(self, payload: bytes) -> None:
        header = payload[1]
        if header & 0x80:
            if self._fragments is not None:
                raise Malformed("FU-A begins twice")
            self._fragments = [bytes((payload[0] & 0xE0 | header & 31,))]
        if self._fragments is None:
            raise Malformed("FU-A without its beginning")
        self._fragments.append(payload[2:])
        if header & 0x40:
            unit, self._fragments = b"".join(self._fragments), None
            self._unit(unit)

    def _unit(self, unit: bytes) -> None:
        kind = unit[0] & 31
        if kind == 7:
            self._sps = bytes(unit)
        elif kind == 8:
            self._pps = bytes(unit)
        elif kind != 9:
            # Parameter sets and delimiters are for the file's head, not for its frames.
            self._units.append(bytes(unit))


class Av1:
    """Aggregation header, OBUs over packets; each OBU gets its size back, delimiters are left out."""

    def start(self) -> None:
        self._obus: list[bytes] = []
        self._open: list[bytes] | None = None

    def add(self, payload: bytes) -> None:
        head, at = payload[0], 1
        continues, goes_on, count = bool(head & 0x80), bool(head & 0x40), (head >> 4) & 3
        if continues != (self._open is not None):
            raise Malformed("AV1 fragment")
        number = 0
        while at < len(payload):
            number += 1
            if count and number == count:
                size = len(payload) - at
            else:
                size, at = bits.read_leb128(payload, at)
            if at + size > len(payload):
                raise Malformed("AV1 element")
            element, at = payload[at : at + size], at + size
            if self._open is None:
                self._open = []
            self._open.append(element)
            if at < len(payload) or not goes_on:
                self._obus.append(b"".join(self._open))
                self._open = None

    def finish(self) -> tuple[bytes, Picture | None]:
        if self._open is not None:
            raise Malformed("AV1 fragment without its end")
        out: list[bytes] = []
        picture: Picture | None = None
        for obu in self._obus:
            header, body = _obu(obu)
            kind = (header[0] >> 3) & 15
            if kind == 1:
                picture = bits.av1_picture(body)
            if kind not in (2, 8, 15):  # temporal delimiter, tile list, padding
                out.append(bytes((header[0] | 2,)) + header[1:] + bits.leb128(len(body)) + body)
        return b"".join(out), picture


def _obu(obu: bytes) -> tuple[bytes, bytes]:
    """Header (1 or 2 bytes) and payload."""
    size = 2 if obu[0] & 4 else 1
    header, at = obu[:size], size
    if header[0] & 2:
        length, at = bits.read_leb128(obu, at)
        if at + length > len(obu):
            raise Malformed("OBU size")
        return header, obu[at : at + length]
    return header, obu[at:]


def assembler_for(codec: str) -> Assembler:
    """codec: lower-case SDP name; Malformed for one that is not recorded."""
    match codec:
        case "opus":
            return OpusAssembler()
        case "vp8":
            return VideoAssembler(Vp8())
        case "vp9":
            return VideoAssembler(Vp9())
        case "h264":
            return VideoAssembler(H264())
        case "av1":
            return VideoAssembler(Av1())
        case _:
            raise Malformed(f"codec {codec[:16]}")
