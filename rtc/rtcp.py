"""RTCP (RFC 3550, RFC 4585, RFC 5104) and REMB: compound packets in, the few kinds we send out."""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rtc.errors import Malformed

SR, RR, RTPFB, PSFB = 200, 201, 205, 206
FB_NACK, FB_TRANSPORT = 1, 15
FB_PLI, FB_FIR, FB_AFB = 1, 4, 15
MAX_NACKS = 512
"""Sequence numbers taken from one NACK packet; a longer list is a flood or hopeless."""


@dataclass(frozen=True, slots=True)
class Block:
    """One packet of a compound. `count` is the 5-bit field: report count or feedback format."""

    kind: int
    count: int
    body: bytes


class ReportBlock(NamedTuple):
    """What a receiver says about one of our streams. fraction_lost 0-1; lsr and dlsr in 1/65536 s."""

    ssrc: int
    fraction_lost: float
    packets_lost: int
    highest_sequence: int
    jitter: int
    lsr: int
    dlsr: int


class SenderInfo(NamedTuple):
    """Of a sender report: which NTP time a stream's RTP timestamp stands for."""

    ssrc: int
    ntp: int
    rtp_timestamp: int


def split(data: bytes) -> Iterator[Block]:
    """The packets of a compound; Malformed where a length points outside."""
    at = 0
    while at < len(data):
        if at + 4 > len(data) or data[at] >> 6 != 2:
            raise Malformed("RTCP header")
        end = at + 4 * (((data[at + 2] << 8) | data[at + 3]) + 1)
        if end > len(data):
            raise Malformed("RTCP length")
        body = data[at + 4 : end]
        if data[at] & 0x20:
            padding = body[-1] if body else 0
            if not 0 < padding <= len(body):
                raise Malformed("RTCP padding")
            body = body[:-padding]
        yield Block(data[at + 1], data[at] & 31, body)
        at = end


def sender_info(block: Block) -> SenderInfo:
    """Of an SR."""
    if len(block.body) < 24:
        raise Malformed("RTCP SR")
    ssrc, high, low, rtp_timestamp = struct.unpack_from("!LLLL", block.body)
    return SenderInfo(ssrc, (high << 32) | low, rtp_timestamp)


def reports(block: Block) -> list[ReportBlock]:
    """Report blocks of an SR or RR."""
    at = 24 if block.kind == SR else 4
    if len(block.body) < at + 24 * block.count:
        raise Malformed("RTCP report blocks")
    result: list[ReportBlock] = []
    for _ in range(block.count):
        ssrc, lost, highest, jitter, lsr, dlsr = struct.unpack_from("!LLLLLL", block.body, at)
        total = lost & 0xFFFFFF
        if total & 0x800000:
            total -= 0x1000000
        result.append(ReportBlock(ssrc, (lost >> 24) / 256, total, highest, jitter, lsr, dlsr))
        at += 24
    return result


def media_ssrc(block: Block) -> int:
    """Of a feedback packet."""
    if len(block.body) < 8:
        raise Malformed("RTCP feedback")
    return int.from_bytes(block.body[4:8], "big")


def nacked(block: Block) -> list[int]:
    """Sequence numbers asked for by a generic NACK."""
    body = block.body
    if len(body) < 12 or len(body) % 4:
        raise Malformed("RTCP NACK")
    lost: list[int] = []
    for at in range(8, len(body), 4):
        first, mask = struct.unpack_from("!HH", body, at)
        lost.append(first)
        lost.extend((first + bit + 1) & 0xFFFF for bit in range(16) if mask >> bit & 1)
        if len(lost) > MAX_NACKS:
            break
    return lost[:MAX_NACKS]


def fir_ssrcs(block: Block) -> list[int]:
    """Streams a Full Intra Request is about."""
    return [int.from_bytes(block.body[at : at + 4], "big") for at in range(8, len(block.body) - 7, 8)]


def remb_bps(block: Block) -> int | None:
    """The estimate of a REMB message (draft-alvestrand-rmcat-remb), or None for other feedback."""
    body = block.body
    if len(body) < 16 or body[8:12] != b"REMB":
        return None
    return (((body[13] & 3) << 16) | (body[14] << 8) | body[15]) << (body[13] >> 2)


def build_sr(ssrc: int, ntp: int, rtp_timestamp: int, packets: int, octets: int) -> bytes:
    """A sender report without report blocks."""
    return struct.pack(
        "!BBHLQLLL",
        0x80,
        SR,
        6,
        ssrc,
        ntp,
        rtp_timestamp & 0xFFFFFFFF,
        packets & 0xFFFFFFFF,
        octets & 0xFFFFFFFF,
    )


def build_rr(sender: int, blocks: Sequence[ReportBlock]) -> bytes:
    """A receiver report; more than 31 blocks make several packets."""
    packets = b""
    for start in range(0, max(1, len(blocks)), 31):
        part = blocks[start : start + 31]
        packets += struct.pack("!BBHL", 0x80 | len(part), RR, 1 + 6 * len(part), sender)
        for one in part:
            lost = max(0, min(255, int(one.fraction_lost * 256))) << 24 | (one.packets_lost & 0xFFFFFF)
            packets += struct.pack(
                "!LLLLLL", one.ssrc, lost, one.highest_sequence & 0xFFFFFFFF, one.jitter, one.lsr, one.dlsr
            )
    return packets


def build_nack(sender: int, ssrc: int, lost: Iterable[int]) -> bytes:
    """A generic NACK. lost: sequence numbers in sending order."""
    fields: list[tuple[int, int]] = []
    for sequence in lost:
        ahead = (sequence - fields[-1][0]) & 0xFFFF if fields else 0
        if fields and 0 < ahead <= 16:
            fields[-1] = (fields[-1][0], fields[-1][1] | 1 << (ahead - 1))
        else:
            fields.append((sequence, 0))
    head = struct.pack("!BBHLL", 0x80 | FB_NACK, RTPFB, 2 + len(fields), sender, ssrc)
    return head + b"".join(struct.pack("!HH", *one) for one in fields)


def build_pli(sender: int, ssrc: int) -> bytes:
    """Ask for a keyframe."""
    return struct.pack("!BBHLL", 0x80 | FB_PLI, PSFB, 2, sender, ssrc)


def build_remb(sender: int, bps: int, ssrcs: Sequence[int]) -> bytes:
    """What a sender may send at most, over all of `ssrcs` (at most 255)."""
    ssrcs = ssrcs[:255]
    exponent, mantissa = 0, max(0, int(bps))
    while mantissa > 0x3FFFF:
        mantissa >>= 1
        exponent += 1
    head = struct.pack("!BBHLL", 0x80 | FB_AFB, PSFB, 4 + len(ssrcs), sender, 0)
    rate = struct.pack("!BBH", len(ssrcs), exponent << 2 | mantissa >> 16, mantissa & 0xFFFF)
    return head + b"REMB" + rate + b"".join(struct.pack("!L", one) for one in ssrcs)
