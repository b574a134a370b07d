"""A participant's subscriber connection: what we send the browser."""

import asyncio
import time
from typing import TYPE_CHECKING, Any

from rtc import layers, rtcp, rtp, sdp, transport_cc
from rtc.bandwidth import UNKNOWN_BPS, Bandwidth
from rtc.errors import Malformed
from rtc.estimate import TRAIN_BYTES, TRAIN_PACKETS, LineEstimate
from rtc.forwarder import Forwarder
from rtc.pacer import Pacer
from rtc.publication import Publication
from rtc.publisher import Endpoint
from rtc.quality import Quality
from rtc.sent import SentPackets
from rtc.transport import Transport

if TYPE_CHECKING:
    from rtc.participant import Participant

AUDIO_RESERVE_BPS = 50_000
"""For one voice at least, packet headers included; for more, what they were measured to need."""
RED_COSTS = 1.65
"""Each packet of sound with the one before it once more, of what it is without (headers are not doubled)."""
BACKLOG_S = 0.4
"""More than this waiting for the line: pictures were promised too much of it."""
REPORTS_A_PACKET = 32
"""28 bytes each."""
RTX_SHARE = 0.25
RTX_MIN_BPS = 40_000
EXTENSIONS = (rtp.EXT_ABS_SEND_TIME, rtp.EXT_TRANSPORT_SEQUENCE)


class Subscriber:
    """Its forwarders, by mid and by SSRC, and how much its network takes. One per RTCPeerConnection."""

    adapts = True
    """False: everybody gets everything, whatever the line takes. For benches, to compare with."""
    width_px = 640.0
    """How wide pictures are shown while the browser has not said so."""

    def __init__(
        self, endpoint: Endpoint, participant: "Participant", connection: str, offer: sdp.Offer
    ) -> None:
        self.participant = participant
        self.connection = connection
        self.sequence = -1
        self.transport = Transport(
            endpoint.port, endpoint.dtls, offer.ufrag, offer.fingerprints, self, offer.passive
        )
        self.slots: dict[str, Forwarder] = {}
        self.bandwidth = Bandwidth(time.monotonic())
        """From REMB and receiver reports, for browsers without transport-wide feedback."""
        self.line: LineEstimate | None = None
        """From transport-wide feedback, where it was negotiated."""
        self.sent_bps = 0.0
        self._arrivals: transport_cc.Arrivals | None = None
        self.pacer = Pacer(time.monotonic, asyncio.get_running_loop().call_later, self._pad)
        self._allocation = layers.Allocation(0.0, 0.0, 0.0)
        self._audio_bps = float(AUDIO_RESERVE_BPS)
        self._recent_bps = 0.0
        self._endpoint = endpoint
        self._version = 0
        self._by_ssrc: dict[int, Forwarder] = {}
        self._sent_bytes = 0
        self._sent_at = time.monotonic()
        self._rtx_tokens = 0.0
        self._rtx_at = time.monotonic()
        self.quality = Quality(self)

    def negotiate(self, offer: sdp.Offer, tracks: list[Publication]) -> tuple[str, dict[str, dict[str, Any]]]:
        """Answer an offer: tracks keep their transceiver, new ones take idle ones. Returns SDP and `mids`."""
        now = time.monotonic()
        mids = {section.mid for section in offer.sections}
        for mid in [mid for mid in self.slots if mid not in mids]:
            self._drop_slot(mid)
        self.transport.restart(offer.ufrag)
        self._version += 1
        if self.line is None and any(rtp.EXT_TRANSPORT_SEQUENCE in one.extensions for one in offer.sections):
            self.transport.sent = SentPackets()
            self.line = LineEstimate(now)
            self._arrivals = transport_cc.Arrivals(self.transport.sent)
            self.pacer.on_sent = self.line.on_sent
        for mid, forwarder in self.slots.items():
            if forwarder.publication is not None and forwarder.publication not in tracks:
                self.unbind(mid)
        held = {slot.publication for slot in self.slots.values()}
        waiting = sorted((one for one in tracks if one not in held), key=self._comes)
        placed: dict[str, dict[str, Any]] = {}
        answers = [self._answer(section, waiting, placed, now) for section in offer.sections]
        self.allocate(now)
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
        return sdp.build_answer(local, answers), placed

    def unbind(self, mid: str) -> None:
        """Stop sending what is in this slot; the slot stays for another track."""
        forwarder = self.slots[mid]
        self.pacer.drop(forwarder)
        forwarder.select(None, 3, time.monotonic())
        forwarder.loss_at = forwarder.rtt_at = float("-inf")
        if forwarder.publication is not None:
            forwarder.publication.forwarders.discard(forwarder)
            forwarder.publication = None

    def drop(self, keep: list[Publication]) -> None:
        """Stop at once everything that is not in `keep`."""
        for mid, forwarder in self.slots.items():
            if forwarder.publication is not None and forwarder.publication not in keep:
                self.unbind(mid)

    def close(self, reason: str) -> None:
        """Idempotent."""
        self.drop([])
        self.pacer.close()
        self.transport.close(reason)

    def on_connected(self) -> None:
        now = time.monotonic()
        for forwarder in self.slots.values():
            # A keyframe that came during the handshake is lost for the browser.
            wanted = forwarder.encoding or forwarder.target
            if wanted is not None:
                wanted.request_keyframe(now)
        self.bandwidth.started_at = now
        self.participant.on_connection("subscriber", True, "")

    def on_moved(self) -> None:
        """What is sent goes to the new address by itself."""

    def on_closed(self, reason: str) -> None:
        for forwarder in self.slots.values():
            self._account(forwarder)
        self.drop([])
        self.pacer.close()
        self.participant.on_subscriber_closed(self, reason)

    def on_rtp(self, packet: bytes) -> None:
        """Subscribers send no media."""

    def on_rtcp(self, packet: bytes) -> None:
        """Feedback from the browser, in the clear."""
        now = time.monotonic()
        try:
            for block in rtcp.split(packet):
                self._on_block(block, now)
        except Malformed:
            return

    def allocate(self, now: float, ladders: layers.Ladders | None = None) -> None:
        """Every quarter of a second, and when the line says that it is too much: what to send of each picture.

        ladders: see layers.allocate.
        """
        self._measure(now)
        demands = self._demands()
        audio = self._audio_bps = self._allocate_audio(now)
        if not self.adapts:
            budget = UNKNOWN_BPS
        elif self.line is not None:
            budget = self.line.budget_bps
            if self.pacer.backlog_s() > BACKLOG_S:
                budget *= BACKLOG_S / self.pacer.backlog_s()
        else:
            wanted = audio + self._allocation.wanted
            budget = self.bandwidth.update(now, min(self.sent_bps, self._recent_bps), wanted)
        self._allocation = layers.allocate(demands, max(0.0, budget - audio), now, ladders)
        asked = [one for demand in demands if (one := self._apply(demand, budget, now)) is not None]
        for publication in asked:
            publication.participant.send_encodings([publication])
        if self.line is not None and self.adapts:
            self.line.update(now, *self._wanted())
            self._pace(now)

    def report(self, now: float) -> None:
        """Four times a second: the clocks of all tracks, where there is news. That is lip-sync."""
        reports = [
            report
            for forwarder in self.slots.values()
            if forwarder.encoding is not None
            and (report := forwarder.report(forwarder.encoding, now)) is not None
        ]
        for at in range(0, len(reports), REPORTS_A_PACKET):
            self.transport.send_rtcp(b"".join(reports[at : at + REPORTS_A_PACKET]))

    @property
    def limited(self) -> bool:
        """Whether the line has set a limit."""
        return self.line.limited if self.line is not None else self.bandwidth.limited

    @property
    def budget_bps(self) -> float:
        """What may be sent in all, bit/s."""
        return self.line.budget_bps if self.line is not None else self.bandwidth.budget_bps

    def _allocate_audio(self, now: float) -> float:
        """Sound is always sent; what has to be kept free for it, bit/s."""
        total = 0.0
        for forwarder in self.slots.values():
            publication = forwarder.publication
            if publication is None or publication.kind != "audio":
                continue
            forwarder.select(publication.default_encoding(now), 3, now)
            forwarder.reason = "muted" if publication.muted else "full"
            encoding = forwarder.encoding
            if encoding is not None and not publication.muted and encoding.alive(now):
                redundant = forwarder.red_payload_type is not None and encoding.red is not None
                total += (RED_COSTS if redundant else 1.05) * encoding.bitrate_bps()
        return max(AUDIO_RESERVE_BPS, total)

    def _apply(self, demand: layers.Demand, budget_bps: float, now: float) -> Publication | None:
        """Do what was decided. The publication whose browser has to go on with an encoding, if any."""
        forwarder, option, publication = demand.forwarder, demand.option, demand.publication
        forwarder.reason = demand.reason
        forwarder.pacer = self.pacer if self.pacer.rate_bps is not None else None
        if option is None:
            if demand.reason in ("waiting", "sender"):
                # Nothing arrives yet: stand ready for the first keyframe.
                if forwarder.encoding is None and forwarder.target is None:
                    forwarder.select(publication.default_encoding(now), 3, now)
            elif demand.reason != "muted":
                self.pacer.drop(forwarder)
                forwarder.select(None, 3, now)
            return None
        current = forwarder.encoding
        if current is not None and current is not option.encoding and current.bitrate_bps(0) > budget_bps:
            # Until the smaller one's keyframe the larger one would fill the line.
            self.pacer.drop(forwarder)
            forwarder.select(None, 3, now)
        forwarder.select(option.encoding, option.temporal, now)
        return publication if publication.ask(option.encoding, now) else None

    def _pace(self, now: float) -> None:
        """Probe where there may be room, and let pictures leave at the line's pace."""
        line, sent = self.line, self.transport.sent
        if line is None or sent is None or not self.adapts:
            return
        wanted, better = self._wanted()
        if self.transport.connected:
            if line.wants_train(now, better) and self.pacer.quiet:
                first = sent.next
                for _ in range(TRAIN_PACKETS):
                    self.pacer.spend(self._pad(now), now)
                if sent.next > first:
                    line.train_left(first, sent.next, now)
            line.wants_ramp(now, wanted, better)
        rate = line.pace_bps
        self.pacer.set_rate(rate, line.ramp.until if line.ramp is not None else 0.0)
        for forwarder in self.slots.values():
            forwarder.pacer = self.pacer if rate is not None else None

    def _wanted(self) -> tuple[float, float]:
        """Everything in full, and the next better quality (0: none), with the sound."""
        audio = self._audio_bps
        better = self._allocation.next
        return audio + self._allocation.wanted, audio + better if better else 0.0

    def _pad(self, now: float) -> int:
        """One packet of padding, on whatever repairs pictures. Bytes on the line, 0 if nothing can."""
        for forwarder in self.slots.values():
            size = forwarder.pad(TRAIN_BYTES, now)
            if size:
                return size
        return 0

    def _on_feedback(self, block: rtcp.Block, now: float) -> None:
        line, arrivals = self.line, self._arrivals
        if line is None or arrivals is None:
            return
        if line.on_outcomes(arrivals.read(transport_cc.parse(block)), now):
            self.allocate(now)
        else:
            self._pace(now)

    def _comes(self, publication: Publication) -> int:
        """Which track gets a transceiver first, where there are fewer: the speaker, screens, who can be heard."""
        if publication.participant.id == self.participant.room.loudest or publication.source == "screen":
            return 0
        visible = self.participant.visible or {}
        if (publication.participant.id, publication.source) in visible:
            return 1
        return 3 if publication.muted else 2

    def _answer(
        self, section: sdp.Section, waiting: list[Publication], placed: dict[str, dict[str, Any]], now: float
    ) -> sdp.AnswerSection:
        answer = sdp.AnswerSection(section, extensions=EXTENSIONS)
        if section.direction not in ("recvonly", "sendrecv"):
            if section.mid in self.slots:
                self.unbind(section.mid)
            return answer
        forwarder = self.slots.get(section.mid)
        publication = forwarder.publication if forwarder is not None else None
        if publication is None:
            publication = next(
                (one for one in waiting if one.kind == section.kind and sdp.match_codec(section, one.codec)),
                None,
            )
            if publication is None:
                return answer
            waiting.remove(publication)
            if forwarder is not None:
                # A new source needs a new SSRC: Chromium gives a receiver whose SSRC stays the same a new
                # decoder but no way to the screen (frames are decoded and never shown, Chromium 156).
                self._drop_slot(section.mid)
                forwarder = None
        codec = sdp.match_codec(section, publication.codec)
        if codec is None:
            return answer
        if forwarder is None:
            forwarder = self._new_slot(section)
        forwarder.payload_type, forwarder.rtx_payload_type = codec.payload_type, codec.rtx
        # The payload types inside RED stay as the publisher wrote them.
        answer.red = (
            publication.codec.red is not None and publication.codec.payload_type == codec.payload_type
        )
        forwarder.red_payload_type = codec.red if answer.red else None
        forwarder.clock_hz = codec.clock_hz
        if forwarder.publication is None:
            forwarder.publication = publication
            publication.forwarders.add(forwarder)
            publication.attach_all(now)
        answer.direction, answer.codec = "sendonly", codec
        # One stream id per person and device group is what makes a browser keep lips and voice together.
        group = "screen" if publication.source.startswith("screen") else "person"
        answer.msid = (
            f"{publication.participant.id}.{group} {publication.participant.id}.{publication.source}"
        )
        answer.ssrc = forwarder.ssrc
        answer.rtx_ssrc = forwarder.rtx_ssrc if codec.rtx is not None else 0
        placed[section.mid] = {
            "participant_id": publication.participant.id,
            "source": publication.source,
            "muted": publication.muted,
        }
        return answer

    def _new_slot(self, section: sdp.Section) -> Forwarder:
        """A forwarder for a section, with an SSRC of its own and nothing in it."""
        forwarder = Forwarder(self.transport)
        while forwarder.ssrc in self._by_ssrc:
            # Two streams of one SSRC would share a key stream.
            forwarder = Forwarder(self.transport)
        forwarder.sequence_id = section.extensions.get(rtp.EXT_TRANSPORT_SEQUENCE, 0)
        # Chromium reports on the one or the other.
        forwarder.time_id = 0 if forwarder.sequence_id else section.extensions.get(rtp.EXT_ABS_SEND_TIME, 0)
        self.slots[section.mid] = forwarder
        self._by_ssrc[forwarder.ssrc] = forwarder
        return forwarder

    def _drop_slot(self, mid: str) -> None:
        self.unbind(mid)
        forwarder = self.slots.pop(mid)
        self._account(forwarder)
        self._by_ssrc.pop(forwarder.ssrc, None)
        self.transport.forget(forwarder.ssrc)
        self.transport.forget(forwarder.rtx_ssrc)

    def _account(self, forwarder: Forwarder) -> None:
        """What a forwarder sent in its life stays counted when it is gone."""
        counters = self._endpoint.port.counters
        counters.bytes_out += forwarder.sent_bytes
        counters.resent += forwarder.retransmitted

    def _on_block(self, block: rtcp.Block, now: float) -> None:
        if block.kind in (rtcp.RR, rtcp.SR):
            for report in rtcp.reports(block):
                forwarder = self._by_ssrc.get(report.ssrc)
                if forwarder is not None and forwarder.publication is not None:
                    self._on_report(forwarder, report, now)
        elif block.kind == rtcp.RTPFB and block.count == rtcp.FB_NACK:
            forwarder = self._by_ssrc.get(rtcp.media_ssrc(block))
            if forwarder is not None:
                self._on_nack(forwarder, rtcp.nacked(block), now)
        elif block.kind == rtcp.RTPFB and block.count == rtcp.FB_TRANSPORT:
            self._on_feedback(block, now)
        elif block.kind == rtcp.PSFB and block.count == rtcp.FB_PLI:
            self._want_keyframe(rtcp.media_ssrc(block), now)
        elif block.kind == rtcp.PSFB and block.count == rtcp.FB_FIR:
            for ssrc in rtcp.fir_ssrcs(block):
                self._want_keyframe(ssrc, now)
        elif block.kind == rtcp.PSFB and block.count == rtcp.FB_AFB:
            bps = rtcp.remb_bps(block)
            if bps is not None:
                self.bandwidth.on_remb(float(bps), now)

    def _on_report(self, forwarder: Forwarder, report: rtcp.ReportBlock, now: float) -> None:
        forwarder.on_report(report, now)
        if forwarder.loss_at == now:
            self.bandwidth.on_loss(forwarder.loss)
        if forwarder.rtt_at == now:
            self.bandwidth.on_round_trip(forwarder.rtt_s, now)

    def _want_keyframe(self, ssrc: int, now: float) -> None:
        self._endpoint.port.counters.plis += 1
        forwarder = self._by_ssrc.get(ssrc)
        encoding = forwarder and (forwarder.encoding or forwarder.target)
        if encoding:
            encoding.request_keyframe(now)

    def _on_nack(self, forwarder: Forwarder, lost: list[int], now: float) -> None:
        rate = max(RTX_MIN_BPS, RTX_SHARE * (self.budget_bps if self.limited else self.sent_bps))
        self._rtx_tokens = min(rate / 2, self._rtx_tokens + (now - self._rtx_at) * rate)
        self._rtx_at = now
        for sequence in lost:
            # Repairs compete with new packets on a full line, and sound must win.
            if self._rtx_tokens <= 0:
                return
            size = forwarder.retransmit(sequence, now)
            self._rtx_tokens -= 8 * size
            self.pacer.spend(size, now)

    def _demands(self) -> list[layers.Demand]:
        visible = self.participant.visible
        demands: list[layers.Demand] = []
        speaker = self.participant.room.loudest
        for forwarder in self.slots.values():
            publication = forwarder.publication
            if publication is None or publication.kind != "video":
                continue
            key = (publication.participant.id, publication.source)
            width = self.width_px if visible is None else visible.get(key, (0, 0))[0]
            first = publication.source == "screen" or publication.participant.id == speaker
            demands.append(
                layers.Demand(
                    forwarder,
                    publication,
                    0 if first else 1 if width >= 480 else 2,
                    width,
                    forwarder.encoding,
                )
            )
        return demands

    def _measure(self, now: float) -> None:
        span = now - self._sent_at
        if span < 0.5:
            return
        total = sum(one.sent_bytes for one in self.slots.values())
        rate = max(0, total - self._sent_bytes) * 8 / span
        # What was just switched down must not look like congestion: hence the newest rate too.
        self._recent_bps = rate
        self.sent_bps += (rate - self.sent_bps) * 0.6
        self._sent_bytes, self._sent_at = total, now
