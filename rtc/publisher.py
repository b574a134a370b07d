"""A participant's publisher connection: what the browser sends us."""

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rtc import codecs, rtcp, rtp, sdp, speakers
from rtc.dtls import DtlsContext
from rtc.encoding import Encoding
from rtc.errors import Malformed, Refused
from rtc.limits import Limits
from rtc.publication import SOURCES, Publication
from rtc.transport import Transport
from rtc.udp import UdpPort

if TYPE_CHECKING:
    from rtc.participant import Participant

logger = logging.getLogger(__name__)

FLOOD_S = 3
"""Seconds in a row above the hard limit after which the connection is closed."""
MAX_KNOWN_SSRCS = 128
_EXTENSIONS = (rtp.EXT_MID, rtp.EXT_RID, rtp.EXT_REPAIRED_RID, rtp.EXT_AUDIO_LEVEL, rtp.EXT_ABS_SEND_TIME)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What all connections of a node share."""

    port: UdpPort
    dtls: DtlsContext
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One entry of a publisher offer's `tracks`."""

    mid: str
    source: str
    muted: bool


@dataclass(frozen=True, slots=True)
class _Identity:
    """What an SSRC said about itself. Browsers say it in the first packets only."""

    mid: str
    rid: str | None
    repair: bool


@dataclass(frozen=True, slots=True)
class _Incoming:
    """Where packets of one SSRC belong. repair: they are RTX."""

    publication: Publication
    encoding: Encoding
    repair: bool


class Publisher:
    """Sorts packets into encodings and reports back. One per RTCPeerConnection."""

    def __init__(
        self, endpoint: Endpoint, participant: "Participant", connection: str, offer: sdp.Offer
    ) -> None:
        self.participant = participant
        self.connection = connection
        self.sequence = -1
        self.transport = Transport(
            endpoint.port, endpoint.dtls, offer.ufrag, offer.fingerprints, self, offer.passive
        )
        self._endpoint = endpoint
        self._version = 0
        self._by_ssrc: dict[int, _Incoming] = {}
        self._known: dict[int, _Identity] = {}
        self._by_mid: dict[str, Publication] = {}
        self._media_types: set[int] = set()
        self._repair_types: set[int] = set()
        self._red_types: set[int] = set()
        self._extension_ids: dict[str, int] = {}
        self._window_bytes = 0
        limits, own_bps = endpoint.limits, participant.rights.uplink_bps
        self.uplink_bps = min(own_bps, limits.uplink_bps) if own_bps else limits.uplink_bps
        hard_bps = min(2 * own_bps, limits.uplink_hard_bps) if own_bps else limits.uplink_hard_bps
        self.window_limit = hard_bps // 8
        self._flooded_s = 0

    @property
    def encodings(self) -> list[Encoding]:
        return [
            encoding for publication in self._by_mid.values() for encoding in publication.encodings.values()
        ]

    def negotiate(
        self, offer: sdp.Offer, wanted: list[Wanted], allowed: tuple[str, ...]
    ) -> tuple[str, dict[str, str]]:
        """Answer an offer. Returns the SDP and the accepted {mid: source}; the rest is answered inactive."""
        now = time.monotonic()
        sources = {one.mid: one for one in wanted}
        answers: list[sdp.AnswerSection] = []
        accepted: dict[str, Wanted] = {}
        for section in offer.sections:
            one = sources.get(section.mid)
            # Also while inactive: browsers refuse to bring a simulcast section back that lost its extensions.
            answer = sdp.AnswerSection(section, extensions=_extensions(section), rids=section.rids)
            sending = section.direction in ("sendonly", "sendrecv")
            if (
                one
                and sending
                and one.source in allowed
                and SOURCES[one.source] == section.kind
                and section.codecs
            ):
                accepted[section.mid] = one
                answer.direction, answer.codec, answer.red = "recvonly", section.codecs[0], True
            answers.append(answer)
        self._version += 1
        self.transport.restart(offer.ufrag)
        self._by_mid = {mid: one for mid, one in self._by_mid.items() if mid in accepted}
        self._by_ssrc.clear()
        for answer in answers:
            if answer.codec is not None:
                self._accept(answer, accepted[answer.section.mid], now)
        self.participant.keep_only({one.source for one in accepted.values()})
        credentials = self.transport.ice.current
        local = sdp.LocalDescription(
            self._endpoint.port.addresses,
            self._endpoint.port.port,
            self._endpoint.dtls.fingerprint,
            credentials.ufrag,
            credentials.password,
            self._version,
            self.transport.setup,
        )
        return sdp.build_answer(local, answers), {mid: one.source for mid, one in accepted.items()}

    def quality(self, now: float) -> dict[str, Any]:
        """How the browser's own line is, for the protocol's `quality`: what arrives of all it sends."""
        alive = [one for one in self.encodings if one.alive(now)]
        return {
            "uplink_bps": round(sum(one.bitrate_bps() for one in alive)),
            "uplink_loss": round(max((one.loss for one in self.encodings), default=0.0), 4),
            "uplink_jitter_ms": round(1000 * max((one.jitter_s for one in alive), default=0.0), 1),
        }

    def on_connected(self) -> None:
        self.participant.on_connection("publisher", True, "")

    def on_moved(self) -> None:
        self.participant.on_publisher_moved()

    def on_closed(self, reason: str) -> None:
        self.participant.on_publisher_closed(self, reason)

    def on_rtp(self, packet: bytes) -> None:
        """One packet in the clear."""
        self._window_bytes += len(packet)
        if self._window_bytes > self.window_limit:
            self._endpoint.port.counters.over_limit += 1
            return
        try:
            parsed = rtp.parse(packet)
        except Malformed:
            return
        now = time.monotonic()
        incoming = self._by_ssrc.get(parsed.ssrc) or self._identify(parsed)
        if incoming is None:
            return
        publication = incoming.publication
        if incoming.repair:
            if parsed.payload_type in self._repair_types:
                incoming.encoding.receive_repair(parsed.payload, parsed, now, not publication.muted)
            return
        if parsed.payload_type not in self._media_types:
            return
        if publication.kind == "audio":
            level_id = self._extension_ids.get(rtp.EXT_AUDIO_LEVEL)
            if level_id is not None and parsed.extensions:
                level = rtp.extension_values(parsed.profile, parsed.extensions).get(level_id)
                if level:
                    speakers.hear(publication, level[0])
            red = parsed.payload_type in self._red_types
            incoming.encoding.red = parsed.payload if red else None
            if red:
                parsed.payload = codecs.red_primary(parsed.payload) or b""
        encoding = incoming.encoding
        if parsed.ssrc != encoding.ssrc:
            # A latecomer of a sender that was started anew, unless it is the other way round.
            if encoding.alive(now):
                return
            encoding.ssrc = parsed.ssrc
            encoding.restart(now)
        encoding.receive(parsed, now, not publication.muted)

    def on_rtcp(self, packet: bytes) -> None:
        """A compound packet in the clear: only sender reports matter."""
        now = time.monotonic()
        try:
            for block in rtcp.split(packet):
                if block.kind == rtcp.SR:
                    info = rtcp.sender_info(block)
                    incoming = self._by_ssrc.get(info.ssrc)
                    if incoming is not None and not incoming.repair:
                        incoming.encoding.on_sender_report(info, now)
        except Malformed:
            return

    def report(self, now: float) -> None:
        """Once a second: reception reports, and the ceiling for what the browser may send."""
        self._flooded_s = self._flooded_s + 1 if self._window_bytes > self.window_limit else 0
        self._endpoint.port.counters.bytes_in += self._window_bytes
        self._window_bytes = 0
        if self._flooded_s >= FLOOD_S:
            self.transport.close("too_much")
            return
        blocks = [block for encoding in self.encodings if (block := encoding.report(now)) is not None]
        if not blocks or not self.transport.connected:
            return
        packet = rtcp.build_rr(1, blocks)
        video = [one.ssrc for one in self.encodings if one.is_video and one.ssrc]
        if video:
            packet += rtcp.build_remb(1, self.uplink_bps, video)
        self.transport.send_rtcp(packet)

    def _feed_back(self, packet: bytes) -> None:
        """An encoding asks the browser for something: packets again, or a keyframe."""
        counters = self._endpoint.port.counters
        if packet[1] == rtcp.PSFB:
            counters.keyframe_requests += 1
        else:
            counters.nacks_sent += 1
        self.transport.send_rtcp(packet)

    def _accept(self, answer: sdp.AnswerSection, wanted: Wanted, now: float) -> None:
        section, codec = answer.section, answer.codec
        assert codec is not None
        self._media_types.add(codec.payload_type)
        if codec.rtx is not None:
            self._repair_types.add(codec.rtx)
        if codec.red is not None:
            self._media_types.add(codec.red)
            self._red_types.add(codec.red)
        self._extension_ids.update(section.extensions)
        publication = self._by_mid.get(section.mid)
        rids: list[str | None] = [*section.rids] or [None]
        same = (
            publication is not None
            and publication.source == wanted.source
            and list(publication.encodings) == rids
        )
        if not same or publication is None or publication.codec.name != codec.name:
            made = {
                rid: Encoding(section.kind == "video", codec.name, codec.clock_hz, rid, self._feed_back)
                for rid in rids
            }
            publication = self.participant.publish(wanted.source, codec, made, wanted.muted, now)
            self._by_mid[section.mid] = publication
        else:
            self.participant.set_muted(wanted.source, wanted.muted)
        for encoding in publication.encodings.values():
            if codec.name == "av1":
                encoding.dependency_id = section.extensions.get(rtp.EXT_DEPENDENCY, 0)
        if not section.rids:
            media = [ssrc for ssrc in section.ssrcs if ssrc not in section.rtx_of][:1]
            for ssrc in media:
                self._remember(ssrc, _Identity(section.mid, None, False))
            for repair, ssrc in section.rtx_of.items():
                if ssrc in media:
                    self._remember(repair, _Identity(section.mid, None, True))

    def _identify(self, packet: rtp.Packet) -> _Incoming | None:
        """An SSRC without a place yet: by MID and RID (RFC 8852), or by what it said earlier."""
        values = rtp.extension_values(packet.profile, packet.extensions)
        mid = _text(values.get(self._extension_ids.get(rtp.EXT_MID, 0)))
        if mid is not None:
            repair = packet.payload_type in self._repair_types
            uri = rtp.EXT_REPAIRED_RID if repair else rtp.EXT_RID
            rid = _text(values.get(self._extension_ids.get(uri, 0)))
            identity = _Identity(mid, rid, repair)
        else:
            known = self._known.get(packet.ssrc)
            if known is None:
                return None
            identity = known
        publication = self._by_mid.get(identity.mid)
        encoding = publication and (
            publication.encodings.get(identity.rid) or publication.encodings.get(None)
        )
        if publication is None or encoding is None:
            return None
        self._remember(packet.ssrc, identity)
        incoming = self._by_ssrc[packet.ssrc] = _Incoming(publication, encoding, identity.repair)
        if not identity.repair and encoding.ssrc != packet.ssrc:
            began, encoding.ssrc = encoding.ssrc, packet.ssrc
            if began:
                encoding.restart(time.monotonic())
        return incoming

    def _remember(self, ssrc: int, identity: _Identity) -> None:
        self._known[ssrc] = identity
        while len(self._known) > MAX_KNOWN_SSRCS:
            # Connections live long and browsers change SSRCs when they start a sender anew.
            gone = next(iter(self._known))
            del self._known[gone]
            self._by_ssrc.pop(gone, None)


def check_offer(offer: sdp.Offer, wanted: list[Wanted], limits: Limits) -> None:
    """Before anything is changed. Refused("too_many") for too many tracks, Malformed for SSRCs that collide."""
    if len(wanted) > limits.tracks:
        raise Refused("too_many", "tracks")
    _check_ssrcs(offer.sections)


def _extensions(section: sdp.Section) -> tuple[str, ...]:
    """AV1 says only in a header extension which temporal layer a packet is of."""
    av1 = bool(section.codecs) and section.codecs[0].name == "av1"
    return (*_EXTENSIONS, rtp.EXT_DEPENDENCY) if av1 else _EXTENSIONS


def _check_ssrcs(sections: list[sdp.Section]) -> None:
    seen: set[int] = set()
    for section in sections:
        if any(repair == media for repair, media in section.rtx_of.items()):
            raise Malformed("SSRC that repairs itself")
        for ssrc in section.ssrcs:
            if ssrc in seen:
                raise Malformed("SSRC in two sections")
            seen.add(ssrc)


def _text(value: bytes | None) -> str | None:
    return value.decode("ascii", "replace") if value else None
