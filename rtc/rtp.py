"""RTP packets (RFC 3550) and their header extensions (RFC 8285): read what arrives, build what leaves."""

import struct
from dataclasses import dataclass

from rtc.errors import Malformed

HEADER = struct.Struct("!BBHLL")
EXT_MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
EXT_RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
EXT_REPAIRED_RID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
EXT_AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
EXT_ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
EXT_DEPENDENCY = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
EXT_TRANSPORT_SEQUENCE = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"


@dataclass(slots=True)
class Packet:
    """A received packet. marker: 0x80 or 0; extensions: the raw block; payload: without padding."""

    payload_type: int
    marker: int
    sequence: int
    timestamp: int
    ssrc: int
    profile: int
    extensions: bytes
    payload: bytes


def parse(data: bytes) -> Packet:
    """Read an unprotected packet; Malformed when a length points outside it."""
    if len(data) < 12:
        raise Malformed("RTP size")
    first: int
    first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    if first >> 6 != 2:
        raise Malformed("RTP version")
    at = 12 + 4 * (first & 15)
    profile, extensions = 0, b""
    if first & 0x10:
        if at + 4 > len(data):
            raise Malformed("RTP extension header")
        profile = (data[at] << 8) | data[at + 1]
        size = 4 * ((data[at + 2] << 8) | data[at + 3])
        extensions = data[at + 4 : at + 4 + size]
        at += 4 + size
    end = len(data)
    if first & 0x20:
        if data[-1] == 0:
            raise Malformed("RTP padding")
        end -= data[-1]
    if at > end:
        raise Malformed("RTP lengths")
    return Packet(second & 0x7F, second & 0x80, sequence, timestamp, ssrc, profile, extensions, data[at:end])


def extension_values(profile: int, block: bytes) -> dict[int, bytes]:
    """Elements by id, one-byte (0xBEDE) and two-byte (0x100x) form; a cut element ends the reading."""
    values: dict[int, bytes] = {}
    at, end = 0, len(block)
    two_byte = profile & 0xFFF0 == 0x1000
    if not two_byte and profile != 0xBEDE:
        return values
    while at < end:
        if block[at] == 0:
            at += 1
            continue
        if two_byte:
            if at + 2 > end:
                break
            identifier, size = block[at], block[at + 1]
            at += 2
        else:
            identifier, size = block[at] >> 4, (block[at] & 15) + 1
            if identifier == 15:
                break
            at += 1
        if at + size > end:
            break
        values[identifier] = block[at : at + size]
        at += size
    return values


def build(payload_type: int, marker: int, sequence: int, timestamp: int, ssrc: int, payload: bytes) -> bytes:
    """A packet without extensions."""
    return HEADER.pack(0x80, marker | payload_type, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload


def send_time(now_s: float) -> int:
    """The value of abs-send-time: seconds as 6.18 fixed point, 24 bits."""
    return int(now_s * 262144) & 0xFFFFFF


def abs_send_time(identifier: int, now_s: float) -> bytes:
    """The extension block of one abs-send-time element."""
    return struct.pack("!HHL", 0xBEDE, 1, (((identifier << 4) | 2) << 24) | send_time(now_s))


def distance(newer: int, older: int) -> int:
    """How far `newer` is ahead of `older` in 16-bit sequence space, -32768 to 32767."""
    return ((newer - older + 0x8000) & 0xFFFF) - 0x8000


def time_distance(newer: int, older: int) -> int:
    """How far `newer` is ahead of `older` in 32-bit timestamps, signed."""
    return ((newer - older + 0x80000000) & 0xFFFFFFFF) - 0x80000000
