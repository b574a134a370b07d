"""Just enough of the codecs' own headers to describe a file: picture size and CodecPrivate."""

from dataclasses import dataclass

from rtc.errors import Malformed


class Bits:
    """Reads a bit string, most significant bit first; Malformed past its end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at, self._end = int.from_bytes(data, "big"), 0, 8 * len(data)

    def read(self, count: int) -> int:
        if self._at + count > self._end:
            raise Malformed("header cut short")
        self._at += count
        return (self._data >> (self._end - self._at)) & ((1 << count) - 1)

    def ue(self) -> int:
        """Exp-Golomb (H.264, 9.1)."""
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > 31:
                raise Malformed("Exp-Golomb")
        return (1 << zeros) - 1 + self.read(zeros)

    def se(self) -> int:
        value = self.ue()
        return (value + 1) // 2 if value & 1 else -(value // 2)


@dataclass(frozen=True, slots=True)
class Picture:
    """Size in px and CodecPrivate."""

    width: int
    height: int
    private: bytes = b""


def vp8_picture(frame: bytes) -> Picture:
    """Of a keyframe (RFC 6386, 9.1)."""
    if len(frame) < 10 or frame[3:6] != b"\x9d\x01\x2a":
        raise Malformed("VP8 keyframe")
    width, height = (int.from_bytes(frame[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    return Picture(width, height)


def vp9_picture(frame: bytes) -> Picture:
    """Of a keyframe (VP9 bitstream, 7.2)."""
    bits = Bits(frame[:32])
    if bits.read(2) != 2:
        raise Malformed("VP9 frame marker")
    profile = bits.read(1) | bits.read(1) << 1
    if profile == 3:
        bits.read(1)
    if bits.read(1) or bits.read(1):  # show_existing_frame, frame_type
        raise Malformed("no VP9 keyframe")
    bits.read(2)
    if bits.read(24) != 0x498342:
        raise Malformed("VP9 sync code")
    if profile >= 2:
        bits.read(1)
    if bits.read(3) != 7:
        bits.read(1)
        if profile in (1, 3):
            bits.read(3)
    elif profile in (1, 3):
        bits.read(1)
    return Picture(bits.read(16) + 1, bits.read(16) + 1)


_LONG_SPS = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)


def h264_picture(sps: bytes, pps: bytes) -> Picture:
    """Size and AVCDecoderConfigurationRecord (ISO 14496-15, 5.3.3) of a sequence and a picture parameter set."""
    if len(sps) < 4 or not pps:
        raise Malformed("H264 parameter sets")
    bits = Bits(sps[1:].replace(b"\0\0\3", b"\0\0"))
    profile = bits.read(8)
    bits.read(16)
    bits.ue()
    chroma = 1
    tail = b""
    if profile in _LONG_SPS:
        chroma = bits.ue()
        if chroma == 3:
            bits.read(1)
        luma, colour = bits.ue(), bits.ue()
        tail = bytes((0xFC | chroma & 3, 0xF8 | luma & 7, 0xF8 | colour & 7, 0))
        bits.read(1)
        if bits.read(1):
            raise Malformed("H264 scaling lists")
    bits.ue()
    kind = bits.ue()
    if kind == 0:
        bits.ue()
    elif kind == 1:
        bits.read(1)
        bits.se()
        bits.se()
        for _ in range(min(255, bits.ue())):
            bits.se()
    bits.ue()
    bits.read(1)
    width, rows = bits.ue() + 1, bits.ue() + 1
    whole = bits.read(1)
    if not whole:
        bits.read(1)
    bits.read(1)
    left = right = top = bottom = 0
    if bits.read(1):
        left, right, top, bottom = bits.ue(), bits.ue(), bits.ue(), bits.ue()
    across, down = (2 if chroma in (1, 2) else 1), (2 if chroma == 1 else 1) * (2 - whole)
    private = b"\1" + sps[1:4] + b"\xff\xe1" + len(sps).to_bytes(2, "big") + sps
    private += b"\1" + len(pps).to_bytes(2, "big") + pps + tail
    return Picture(
        16 * width - across * (left + right), 16 * rows * (2 - whole) - down * (top + bottom), private
    )


def av1_picture(obu: bytes) -> Picture:
    """Size and av1C (AV1 in ISOBMFF, 2.3) of a sequence header OBU's payload (AV1 bitstream, 5.5)."""
    bits = Bits(obu)
    profile, _, reduced = bits.read(3), bits.read(1), bits.read(1)
    level, tier = 0, 0
    if reduced:
        level = bits.read(5)
    else:
        level, tier = _av1_operating_points(bits)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    width, height = bits.read(width_bits) + 1, bits.read(height_bits) + 1
    if not reduced and bits.read(1):
        bits.read(7)
    bits.read(3)
    if not reduced:
        _av1_tools(bits)
    bits.read(3)
    flags = _av1_colour(bits, profile)
    head = bytes((0x81, profile << 5 | level, tier << 7 | flags, 0))
    return Picture(width, height, head + b"\x0a" + leb128(len(obu)) + obu)


def _av1_operating_points(bits: Bits) -> tuple[int, int]:
    model = delay_bits = 0
    if bits.read(1):
        bits.read(64)
        if bits.read(1):
            bits.ue()
        model = bits.read(1)
        if model:
            delay_bits = bits.read(5) + 1
            bits.read(42)
    delays = bits.read(1)
    first = (0, 0)
    for number in range(bits.read(5) + 1):
        bits.read(12)
        level = bits.read(5)
        tier = bits.read(1) if level > 7 else 0
        if model and bits.read(1):
            bits.read(2 * delay_bits + 1)
        if delays and bits.read(1):
            bits.read(4)
        if number == 0:
            first = (level, tier)
    return first


def _av1_tools(bits: Bits) -> None:
    bits.read(4)
    order = bits.read(1)
    if order:
        bits.read(2)
    screen = 2 if bits.read(1) else bits.read(1)
    if screen and not bits.read(1):
        bits.read(1)
    if order:
        bits.read(3)


def _av1_colour(bits: Bits, profile: int) -> int:
    """The third byte of av1C without the tier: depth, monochrome, subsampling, sample position."""
    high = bits.read(1)
    twelve = bits.read(1) if profile == 2 and high else 0
    mono = 0 if profile == 1 else bits.read(1)
    primaries = transfer = matrix = 2
    if bits.read(1):
        primaries, transfer, matrix = bits.read(8), bits.read(8), bits.read(8)
    across = down = 1
    position = 0
    if mono:
        pass
    elif (primaries, transfer, matrix) == (1, 13, 0):
        across = down = 0
    else:
        bits.read(1)
        if profile == 1:
            across = down = 0
        elif profile == 2:
            across, down = 1, 0
            if twelve:
                across = bits.read(1)
                down = bits.read(1) if across else 0
        if across and down:
            position = bits.read(2)
    return high << 6 | twelve << 5 | mono << 4 | across << 3 | down << 2 | position


def leb128(value: int) -> bytes:
    """AV1 bitstream, 4.10.5."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_leb128(data: bytes, at: int) -> tuple[int, int]:
    """(value, where it ends); Malformed."""
    value = shift = 0
    while at < len(data) and shift < 35:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise Malformed("leb128")


OPUS_HEAD = b"OpusHead\1\2" + (0).to_bytes(2, "little") + (48_000).to_bytes(4, "little") + b"\0\0\0"
"""CodecPrivate of an Opus track (RFC 7845, 5.1): two channels, no pre-skip, for the timeline begins anywhere."""
_OPUS_SILK_MS = (10, 20, 40, 60)


def opus_ms(packet: bytes) -> float:
    """How long a packet sounds (RFC 6716, 3.1); 0 for an empty one."""
    if not packet:
        return 0.0
    config, code = packet[0] >> 3, packet[0] & 3
    if config < 12:
        frame = float(_OPUS_SILK_MS[config & 3])
    elif config < 16:
        frame = 20.0 if config & 1 else 10.0
    else:
        frame = 2.5 * (1 << (config & 3))
    if code == 3:
        return frame * (packet[1] & 63) if len(packet) > 1 else 0.0
    return frame * (1 if code == 0 else 2)
