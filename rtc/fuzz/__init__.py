"""Every reader of bytes from outside as a function of bytes: it may refuse them, and nothing else.

`TARGETS` are what hypothesis tries in the tests and what `python -m rtc.fuzz NAME --seconds N` gives to atheris.
`corpus/NAME/` keeps small inputs: some that are well-formed, and every one that once broke something.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

from core.ports import MediaRights
from rtc import codecs, rtcp, rtp, sdp, stun, transport_cc
from rtc.control import Control
from rtc.dtls import Dtls, DtlsContext, Fingerprint, pack_records
from rtc.encoding import Encoding
from rtc.errors import Malformed, MediaError
from rtc.forwarder import Forwarder
from rtc.node import Node
from rtc.outbox import media_packet
from rtc.recording.frames import assembler_for
from rtc.transport import Transport

CORPUS = Path(__file__).with_name("corpus")
CODECS = ("vp8", "vp9", "h264", "av1", "opus")


def read_stun(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        request = stun.parse_request(data)
        request.verify("password")
        stun.build_response(request, ("127.0.0.1", 5), "password")
        stun.build_response(request, ("::1", 5, 0, 0), "password")


def read_rtp(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        packet = rtp.parse(data)
        assert len(packet.payload) <= len(data)
        rtp.extension_values(packet.profile, packet.extensions)


def read_rtcp(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        for block in rtcp.split(data):
            for read in (rtcp.reports, rtcp.sender_info, rtcp.nacked, rtcp.media_ssrc):
                with contextlib.suppress(Malformed):
                    read(block)
            rtcp.fir_ssrcs(block)
            rtcp.remb_bps(block)
            with contextlib.suppress(Malformed):
                transport_cc.parse(block)


def read_sdp(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for most in (sdp.MAX_PUBLISHER_SECTIONS, sdp.MAX_SUBSCRIBER_SECTIONS):
        with contextlib.suppress(MediaError):
            offer = sdp.parse_offer(text, most)
            local = sdp.LocalDescription(
                ["127.0.0.1"], 9, Fingerprint("sha-256", "AA"), "ufrag", "password", 1
            )
            answers = [
                sdp.AnswerSection(one, "recvonly", one.codecs[0], list(one.extensions), one.rids)
                for one in offer.sections
            ]
            assert sdp.build_answer(local, answers).count("\r\nm=") == len(offer.sections)


def read_payload(data: bytes) -> None:
    """The first byte chooses the codec."""
    if not data:
        return
    codec, payload = CODECS[data[0] % len(CODECS)], data[1:]
    codecs.parse_vp8(payload)
    codecs.vp8_size(payload)
    codecs.starts_keyframe(codec, payload)


def read_frames(data: bytes) -> None:
    """Payloads on their way into a recording: first byte the codec, then packets of (length, flags, payload)."""
    if not data:
        return
    assembler = assembler_for(CODECS[data[0] % len(CODECS)])
    for at, piece in enumerate(_pieces(data[1:])):
        if piece and piece[0] & 2:
            assembler.lost()
        assembler.push(at * 3000, bool(piece and piece[0] & 1), piece[1:])


def read_dtls(data: bytes) -> None:
    """Records before and after one another, on a fresh association."""
    pack_records(data)
    dtls = Dtls(_dtls_context(), [Fingerprint("sha-256", "AA")])
    with contextlib.suppress(MediaError):
        for piece in _pieces(data):
            dtls.receive(piece)
    dtls.close()


def forward(data: bytes) -> None:
    """RTP packets of a publisher through an encoding and a forwarder, with NACKs in between."""
    wire = _Wire()
    encoding = Encoding(True, "vp8", 90000, None, wire.send)
    forwarder = Forwarder(cast(Transport, wire))
    forwarder.payload_type, forwarder.rtx_payload_type = 96, 97
    now = 1.0
    forwarder.select(encoding, 3, now)
    for piece in _pieces(data):
        now += 0.01
        with contextlib.suppress(Malformed):
            packet = rtp.parse(piece)
            if packet.marker and packet.payload_type & 1:
                encoding.receive_repair(packet.payload, packet, now, True)
            else:
                encoding.receive(packet, now, True)
            forwarder.retransmit(packet.sequence, now)
            forwarder.max_temporal = packet.payload_type & 3
            encoding.tick(now)
    encoding.report(now)
    assert len(encoding.ring) == 512


def ask_node(data: bytes) -> None:
    """A frame of the room server's control connection: refused or answered, never a fault."""
    answer = _in_loop(lambda node: node.control.answer(_control(), data.decode("utf-8", "replace")))
    assert answer.get("error", {}).get("kind") != "internal", answer
    json.dumps(answer)


def tell_node(data: bytes) -> None:
    """A browser's message about media."""
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(message, dict):
        return

    def tell(node: Node) -> list[dict[str, Any]]:
        node.close_room("r")
        node.join("r", "p", MediaRights())
        node.join("r", "other", MediaRights())
        return node.signal("r", "p", cast(dict[str, Any], message))

    json.dumps(_in_loop(tell))


TARGETS: dict[str, Callable[[bytes], None]] = {
    "stun": read_stun,
    "rtp": read_rtp,
    "rtcp": read_rtcp,
    "sdp": read_sdp,
    "payload": read_payload,
    "frames": read_frames,
    "dtls": read_dtls,
    "forward": forward,
    "control": ask_node,
    "message": tell_node,
}


def corpus(name: str) -> list[bytes]:
    """The kept inputs of a target, by file name."""
    return [path.read_bytes() for path in sorted((CORPUS / name).glob("*")) if path.is_file()]


class _Wire:
    """Takes what a forwarder sends."""

    sent = None
    connected = True
    closed = False

    def send(self, packet: bytes) -> None:
        assert len(packet) < 70_000

    send_rtp = send_rtcp = send

    def __init__(self) -> None:
        self.outbox = self.destination = self

    def stream(self, ssrc: bytes) -> bytes:
        return ssrc

    def put_media(self, stream: bytes, destination: object, *parts: Any) -> None:
        self.send(media_packet(*parts))


def _pieces(data: bytes) -> Iterator[bytes]:
    """One length byte, then that many bytes times four; at most 64 pieces."""
    at, count = 0, 0
    while at < len(data) and count < 64:
        size = 4 * data[at]
        yield data[at + 1 : at + 1 + size]
        at += 1 + size
        count += 1


@cache
def _dtls_context() -> DtlsContext:
    return DtlsContext()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


@cache
def _node() -> Node:
    return Node(["127.0.0.1"], 0, b"k" * 32)


@cache
def _control() -> Control:
    return Control(cast(Any, None), asyncio.Queue(1 << 20))


def _in_loop(ask: Callable[[Node], Any]) -> Any:
    async def run() -> Any:
        answer = ask(_node())
        await asyncio.sleep(0)
        return answer

    try:
        return _loop().run_until_complete(run())
    finally:
        while not _control().outbox.empty():
            _control().outbox.get_nowait()


def close() -> None:
    """End what the node targets opened."""
    if _loop.cache_info().currsize:
        if _node.cache_info().currsize:
            for room_id in list(_node().rooms):
                _loop().run_until_complete(_closed(room_id))
            _node().endpoint.port.close()
            _node.cache_clear()
        _loop().close()
        _loop.cache_clear()


async def _closed(room_id: str) -> None:
    _node().close_room(room_id)
    await asyncio.sleep(0)
