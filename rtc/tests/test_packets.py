"""RTP, RTCP and payload descriptors: round trips, other implementations, and any bytes at all."""

import contextlib
import struct
from typing import Any, cast

import pytest
from aiortc import rtp as reference
from hypothesis import given
from hypothesis import strategies as st

from rtc import codecs, rtcp, rtp
from rtc.errors import Malformed

pytestmark = pytest.mark.unit


def test_a_packet_with_everything_is_read() -> None:
    block = struct.pack("!HH", 0xBEDE, 2) + bytes((0x10, 0x30, 0x42, 1, 2, 3, 0, 0))
    raw = struct.pack("!BBHLLL", 0xB1, 0x80 | 96, 7, 8, 9, 10) + block + b"payload" + b"\0\0\3"
    packet = rtp.parse(raw)
    assert (packet.payload_type, packet.marker, packet.sequence) == (96, 0x80, 7)
    assert (packet.timestamp, packet.ssrc, packet.payload) == (8, 9, b"payload")
    assert rtp.extension_values(packet.profile, packet.extensions) == {1: b"\x30", 4: b"\1\2\3"}


def test_two_byte_extensions_are_read() -> None:
    assert rtp.extension_values(0x1000, bytes((5, 2, 7, 8, 0, 20, 0))) == {5: b"\7\x08", 20: b""}


def test_the_send_time_block_is_one_extension_element() -> None:
    block = rtp.abs_send_time(3, 64.5)
    assert rtp.extension_values(0xBEDE, block[4:]) == {3: (1 << 17).to_bytes(3, "big")}


@pytest.mark.parametrize(
    ("newer", "older", "distance"), [(1, 0, 1), (0, 65535, 1), (65535, 0, -1), (5, 5, 0)]
)
def test_sequence_distance_wraps(newer: int, older: int, distance: int) -> None:
    assert rtp.distance(newer, older) == distance


@given(st.binary(max_size=80))
def test_any_bytes_as_rtp_and_rtcp(data: bytes) -> None:
    for one in (data, b"\x90" + data, b"\xbf\x60" + data):
        with contextlib.suppress(Malformed):
            packet = rtp.parse(one)
            rtp.extension_values(packet.profile, packet.extensions)
    for kind in (200, 201, 205, 206):
        for head in (b"\x81", b"\x8f", b"\x9f", b"\xa1"):
            size = (len(data) + 3) // 4
            compound = head + bytes((kind,)) + struct.pack("!H", size) + data.ljust(size * 4, b"\0")
            with contextlib.suppress(Malformed):
                for block in rtcp.split(compound):
                    for read in (rtcp.reports, rtcp.sender_info, rtcp.nacked, rtcp.media_ssrc):
                        with contextlib.suppress(Malformed):
                            read(block)
                    rtcp.fir_ssrcs(block)
                    rtcp.remb_bps(block)


@given(st.binary(max_size=40))
def test_any_bytes_as_payloads(data: bytes) -> None:
    codecs.parse_vp8(data)
    codecs.vp8_size(data)
    for codec in ("vp8", "h264", "vp9", "av1", "opus"):
        codecs.starts_keyframe(codec, data)


def test_what_we_send_is_understood_by_another_implementation() -> None:
    block = rtcp.ReportBlock(77, 0.25, 3, 0x10005, 6, 7, 8)
    compound = rtcp.build_rr(1, [block]) + rtcp.build_nack(1, 77, [65534, 1, 40]) + rtcp.build_pli(1, 77)
    compound += rtcp.build_sr(5, 6 << 32, 7, 8, 9) + rtcp.build_remb(1, 1_000_000, [77, 78])
    rr, nack, pli, sr, remb = cast(list[Any], reference.RtcpPacket.parse(compound))
    assert rr.reports[0].fraction_lost == 64 and rr.reports[0].highest_sequence == 0x10005
    assert [one & 0xFFFF for one in nack.lost] == [65534, 1, 40]
    assert (pli.fmt, pli.media_ssrc) == (1, 77)
    assert (sr.sender_info.ntp_timestamp, sr.sender_info.rtp_timestamp) == (6 << 32, 7)
    bps, ssrcs = reference.unpack_remb_fci(remb.fci)
    assert ssrcs == [77, 78] and abs(bps - 1_000_000) < 8


def test_what_we_send_is_what_we_read() -> None:
    lost = [65530, 65531, 2, 30, 31]
    (block,) = rtcp.split(rtcp.build_nack(1, 9, lost))
    assert rtcp.nacked(block) == lost and rtcp.media_ssrc(block) == 9
    (block,) = rtcp.split(rtcp.build_remb(1, 300_000, [1]))
    assert abs((rtcp.remb_bps(block) or 0) - 300_000) < 4
    report = rtcp.ReportBlock(7, 0.5, -2, 9, 10, 11, 12)
    (block,) = rtcp.split(rtcp.build_rr(1, [report]))
    assert rtcp.reports(block) == [report]


def test_a_nack_cannot_ask_for_without_end() -> None:
    body = struct.pack("!LL", 1, 2) + struct.pack("!HH", 5, 0xFFFF) * 1000
    assert len(rtcp.nacked(rtcp.Block(205, 1, body))) == rtcp.MAX_NACKS


def test_vp8_descriptor() -> None:
    keyframe = bytes((0x90, 0xE0, 0x81, 0x02, 9, 0x20, 0x10, 0, 0, 0x9D, 1, 0x2A, 0x80, 2, 0xE0, 1))
    read = codecs.parse_vp8(keyframe)
    assert read == codecs.Layer(True, True, 0x102, 2, 0, True)
    assert codecs.vp8_size(keyframe) == (640, 480)
    inter = codecs.parse_vp8(bytes((0x90, 0x60, 1, 0x80, 0x11)))
    assert inter is not None and inter.temporal == 2 and not inter.keyframe


@pytest.mark.parametrize(
    ("codec", "payload", "starts"),
    [
        ("h264", b"\x65", True),
        ("h264", b"\x41", False),
        ("h264", b"\x18\x00\x02\x67\x00\x00\x01\x68", True),
        ("h264", b"\x7c\x85", True),
        ("h264", b"\x7c\x05", False),
        ("vp9", b"\x08", True),
        ("vp9", b"\x48", False),
        ("av1", b"\x18", True),
        ("av1", b"\x10", False),
    ],
)
def test_keyframes_of_the_other_codecs(codec: str, payload: bytes, starts: bool) -> None:
    assert codecs.starts_keyframe(codec, payload) is starts
