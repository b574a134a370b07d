"""Every codec's keyframes and temporal layers, on really encoded pictures and on descriptors by the book; RED."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# PyAV's packets are generic over something it does not say.

import fractions
import itertools
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy
import pytest
from aiortc.codecs.h264 import H264Encoder
from av.video.codeccontext import VideoCodecContext
from hypothesis import given
from hypothesis import strategies as st

from rtc import codecs, rtp, sdp
from rtc.dependency import Dependency
from rtc.encoding import Encoding
from rtc.forwarder import Forwarder
from rtc.tests.priority import ordinary
from rtc.tests.test_forwarding import Wire

pytestmark = pytest.mark.unit

MTU = 1100
OFFER = Path(__file__).with_name("offer.sdp").read_text()


def encode(library: str, options: dict[str, str]) -> list[tuple[bytes, bool]]:
    """(frame, whether it is a keyframe) of 30 moving pictures; a keyframe about every tenth."""
    with ordinary():
        return list(_encode(library, options))


def _encode(library: str, options: dict[str, str]) -> Iterator[tuple[bytes, bool]]:
    context = av.CodecContext.create(library, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = 320, 180, "yuv420p"
    context.time_base, context.framerate = fractions.Fraction(1, 30), fractions.Fraction(30)
    context.bit_rate, context.gop_size, context.options = 400_000, 10, options
    random = numpy.random.default_rng(1)
    base = random.integers(0, 255, (180, 320, 3), dtype=numpy.uint8)
    frames: list[Any] = []
    for number in range(30):
        frame = av.VideoFrame.from_ndarray(numpy.roll(base, 3 * number, 1), format="rgb24")
        frame.pts, frame.time_base = number, context.time_base
        frames.append(frame.reformat(format="yuv420p"))
    for frame in (*frames, None):
        packets: list[Any] = context.encode(frame)
        for packet in packets:
            yield bytes(packet), packet.is_keyframe


def split(data: bytes) -> list[bytes]:
    return [data[at : at + MTU] for at in range(0, len(data), MTU)]


def vp9_packets(frame: bytes, key: bool) -> list[bytes]:
    """RFC 9628, 4.2: B on the first, E on the last, P unless it is a key frame, a 15-bit picture id."""
    parts = split(frame)
    flags = [
        0x80 | (0 if key else 0x40) | (0x08 if not at else 0) | (0x04 if at == len(parts) - 1 else 0)
        for at in range(len(parts))
    ]
    return [bytes((flag, 0x80, 7)) + part for flag, part in zip(flags, parts, strict=True)]


def av1_packets(frame: bytes, key: bool) -> list[bytes]:
    """AV1 RTP, 4.4: one OBU element, Z and Y for what is cut, N on the first of a coded video sequence."""
    parts = split(frame)
    return [
        bytes(
            (
                (0x80 if at else 0)
                | (0x40 if at < len(parts) - 1 else 0)
                | 0x10
                | (0x08 if key and not at else 0),
            )
        )
        + part
        for at, part in enumerate(parts)
    ]


def h264_packets(frame: bytes, key: bool) -> list[bytes]:
    """RFC 6184, by another implementation: single units, STAP-A and FU-A."""
    return list(H264Encoder._packetize(H264Encoder._split_bitstream(frame)))  # pyright: ignore[reportPrivateUsage]


ENCODERS = {
    "vp9": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}, vp9_packets),
    "h264": ("libx264", {"preset": "ultrafast", "tune": "zerolatency"}, h264_packets),
    "av1": ("libsvtav1", {"preset": "12"}, av1_packets),
}


@pytest.mark.parametrize("codec", ENCODERS)
def test_keyframes_of_really_encoded_pictures(codec: str) -> None:
    library, options, packetize = ENCODERS[codec]
    keys = 0
    for frame, key in encode(library, options):
        packets = packetize(frame, key)
        starts = [codecs.starts_keyframe(codec, one) for one in packets]
        keys += key
        assert any(starts) is key
        if codec != "h264":
            assert starts == [key] + [False] * (len(packets) - 1)
    assert keys >= 2


def vp9(temporal: int, number: int, key: bool = False, up: bool = False, spatial: int = 0) -> bytes:
    first = 0x80 | 0x20 | (0 if key else 0x40) | 0x08 | 0x04
    return bytes(
        (first, 0x80 | number >> 8 & 0x7F, number & 255, temporal << 5 | up << 4 | spatial << 1, 3, 9)
    )


class BitWriter:
    def __init__(self) -> None:
        self.bits = ""

    def put(self, value: int, count: int) -> "BitWriter":
        self.bits += format(value, f"0{count}b") if count else ""
        return self

    def bytes(self) -> bytes:
        padded = self.bits + "0" * (-len(self.bits) % 8)
        return int(padded, 2).to_bytes(len(padded) // 8, "big")


def dependency(template: int, number: int, structure: bool = False) -> bytes:
    """L1T3 as the AV1 RTP specification lays it out: templates 0 (T0, key), 1 (T0), 2 (T1), 3 and 4 (T2)."""
    out = BitWriter().put(0b11, 2).put(template + 7, 6).put(number, 16)
    if not structure:
        return out.bytes()
    out.put(0b10000, 5).put(7, 6).put(2, 5)
    for following in (0, 1, 1, 0, 3):
        out.put(following, 2)
    for indications in ((2, 2, 2), (2, 2, 2), (0, 1, 2), (0, 0, 1), (0, 0, 1)):
        for one in indications:
            out.put(one, 2)
    for differences in ((), (4,), (2,), (1,), (1,)):
        for one in differences:
            out.put(1, 1).put(one - 1, 4)
        out.put(0, 1)
    # One chain: ns(4) of 1 takes two bits, ns(1) none, then a difference a template.
    out.put(1, 2)
    for one in (0, 4, 2, 1, 3):
        out.put(one, 4)
    out.put(1, 1).put(319, 16).put(179, 16)
    return out.bytes()


def test_the_dependency_descriptor_of_three_temporal_layers() -> None:
    reader = Dependency()
    assert reader.read(dependency(3, 1)) == (True, 0, False), "unknown before a keyframe"
    assert reader.read(dependency(0, 2, structure=True)) == (True, 0, True)
    assert [reader.read(dependency(one, 3))[1] for one in range(5)] == [0, 0, 1, 2, 2]
    assert [reader.read(dependency(one, 3))[2] for one in range(5)] == [True, True, True, False, False]
    assert reader.read(dependency(9, 3)) == (True, 0, False)
    custom = BitWriter().put(0b11, 2).put(10, 6).put(9, 16).put(0b00100, 5).put(0b000010, 6).bytes()
    assert reader.read(custom) == (True, 2, True)
    whole = dependency(0, 2, structure=True)
    for size in range(len(whole)):
        Dependency().read(whole[:size])
    assert reader.read(whole[:9])[1] == 0
    assert reader.read(dependency(2, 4))[1] == 1, "a cut one does not replace a whole one"


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_any_bytes_as_dependency_descriptor(values: list[bytes]) -> None:
    reader = Dependency()
    for one in values:
        _, temporal, _ = reader.read(one)
        assert 0 <= temporal <= 3


@given(st.binary(max_size=60))
def test_any_bytes_as_vp9_and_red(data: bytes) -> None:
    codecs.parse_vp9(data)
    primary = codecs.red_primary(data)
    assert primary is None or data.endswith(primary)


def extended(value: bytes) -> tuple[int, bytes]:
    block = bytes((3, len(value))) + value
    return 0x1000, block + bytes(-len(block) % 4)


class Layered:
    """An encoding with temporal layers 0 2 1 2, and a forwarder on it."""

    def __init__(self, codec: str) -> None:
        self.codec = codec
        self.encoding = Encoding(True, codec, 90000, None, lambda _: None)
        self.encoding.ssrc, self.encoding.dependency_id = 4242, 3 if codec == "av1" else 0
        self.down = Wire()
        self.forwarder = Forwarder(self.down)  # pyright: ignore[reportArgumentType]
        self.now = 10.0
        self.forwarder.select(self.encoding, 3, self.now)

    def frame(self, number: int) -> None:
        key, step = number == 0, number % 4
        temporal = 0 if key else (0, 2, 1, 2)[step]
        profile, block = 0, b""
        if self.codec == "av1":
            payload = bytes((0x18 if key else 0x10, number & 255))
            template = 0 if key else (1, 3, 2, 4)[step]
            profile, block = extended(dependency(template, number, structure=key))
        else:
            payload = vp9(temporal, number, key, up=temporal == 1)
        self.now += 0.033
        packet = rtp.Packet(96, 0x80, number, number * 3000, 4242, profile, block, payload)
        self.encoding.receive(packet, self.now, True)


@pytest.mark.parametrize("codec", ["vp9", "av1"])
def test_temporal_layers_are_chosen_as_with_vp8(codec: str) -> None:
    stream = Layered(codec)
    for number in range(40):
        if number == 20:
            stream.forwarder.select(stream.encoding, 0, stream.now)
        stream.frame(number)
    assert len(stream.down.rtp) == 20 + 5
    numbers = [one.sequence for one in stream.down.rtp]
    assert all((b - a) & 0xFFFF == 1 for a, b in itertools.pairwise(numbers))
    stream.forwarder.select(stream.encoding, 3, stream.now)
    stream.frame(40)
    stream.frame(41)
    assert len(stream.down.rtp) == 26, "the first of the upper layer needs what was left out"
    stream.frame(42)
    assert len(stream.down.rtp) == 27, "here one may switch up"
    for number in range(43, 90):
        stream.frame(number)
    assert len(stream.down.rtp) >= 27 + 30


def test_the_upper_spatial_layers_of_vp9_are_no_beginning() -> None:
    assert codecs.starts_keyframe("vp9", vp9(0, 1, key=True))
    assert not codecs.starts_keyframe("vp9", vp9(0, 1, key=True, spatial=1))


def red(primary: bytes, *older: tuple[int, bytes]) -> bytes:
    heads = b"".join(
        struct.pack("!BBH", 0x80 | 111, offset >> 6, (offset & 63) << 10 | len(block))
        for offset, block in older
    )
    return heads + bytes((111,)) + b"".join(block for _, block in older) + primary


@pytest.mark.parametrize("older", [[], [(960, b"old")], [(1920, b"x" * 300), (960, b"")]])
def test_the_primary_block_of_red(older: list[tuple[int, bytes]]) -> None:
    assert codecs.red_primary(red(b"new", *older)) == b"new"


def test_a_red_that_is_cut_short_is_nothing() -> None:
    whole = red(b"", (960, b"x" * 40))
    assert codecs.red_primary(whole) == b""
    assert all(codecs.red_primary(whole[:size]) is None for size in range(len(whole)))


def test_who_has_no_red_gets_plain_opus() -> None:
    encoding = Encoding(False, "opus", 48000, None, lambda _: None)
    with_red, without = Wire(), Wire()
    for wire, payload_type in ((with_red, 63), (without, None)):
        forwarder = Forwarder(wire)  # pyright: ignore[reportArgumentType]
        forwarder.payload_type, forwarder.red_payload_type = 111, payload_type
        forwarder.select(encoding, 3, 0.0)
    payload = red(b"new", (960, b"old"))
    encoding.red = payload
    encoding.receive(rtp.Packet(63, 0, 1, 960, 7, 0, b"", b"new"), 1.0, True)
    encoding.red = None
    encoding.receive(rtp.Packet(111, 0, 2, 1920, 7, 0, b"", b"plain"), 1.02, True)
    assert [(one.payload_type, one.payload) for one in with_red.rtp] == [(63, payload), (111, b"plain")]
    assert [(one.payload_type, one.payload) for one in without.rtp] == [(111, b"new"), (111, b"plain")]


@pytest.mark.parametrize(("order", "formats"), [("111 63 9", "111 63"), ("63 111 9", "63 111")])
def test_red_and_fec_are_answered_where_they_are_offered(order: str, formats: str) -> None:
    offer = OFFER.replace("111 63 9", order).replace("red/48000/2", "red/48000/2\r\na=fmtp:63 111/111")
    section = sdp.parse_offer(offer, 8).sections[0]
    codec = section.codecs[0]
    assert codec.red == 63
    local = sdp.LocalDescription(["192.0.2.1"], 1, sdp.Fingerprint("sha-256", "AA"), "ours", "pw", 1)
    answered = sdp.build_answer(local, [sdp.AnswerSection(section, "recvonly", codec, red=True)])
    assert f"m=audio 1 UDP/TLS/RTP/SAVPF {formats}\r\n" in answered
    assert "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n" in answered
    assert "useinbandfec=1" in answered
    plain = sdp.build_answer(local, [sdp.AnswerSection(section, "recvonly", codec)])
    assert "red/48000" not in plain


def test_encoding_leaves_the_process_an_ordinary_one() -> None:
    encode(*ENCODERS["av1"][:2])
    if sys.platform == "linux":
        assert os.sched_getscheduler(0) == os.SCHED_OTHER
