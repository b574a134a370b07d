"""One incoming RTP stream: an audio track, or one simulcast encoding of a video track."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtc import codecs, rtcp, rtp
from rtc.dependency import Dependency

if TYPE_CHECKING:
    from rtc.forwarder import Forwarder
    from rtc.recording.tap import TrackTap

RING = 512
RING_MASK = RING - 1
HOLE = 100
"""A hole of that many packets, or after SILENCE_S, is not worth asking for: a keyframe is quicker."""
SILENCE_S = 0.5
PLI_INTERVAL_S = 0.5
NACK_INTERVAL_S = 0.08
NACK_TRIES = 6
MAX_MISSING = 200
ALIVE_S = 2.0
OVERHEAD = 60
"""Bytes a packet needs on the line beside its payload: IP, UDP, RTP with extensions, SRTP tag."""
FEW_PACKETS = 10
"""A share of fewer packets than these says nothing."""

Stored = tuple[int, int, int, bytes]
"""sequence, marker (0x80 or 0), timestamp, payload."""


@dataclass(slots=True)
class _Missing:
    asked_at: float
    tries: int


class Encoding:
    """Keeps recent packets, asks the publisher for what is missing, and hands everything to its forwarders.

    send_rtcp: where feedback to the publisher goes. The SSRC is 0 until the first packet of a RID arrived.
    """

    __slots__ = (
        "_after_jump",
        "_asked_keyframe_at",
        "_base",
        "_bytes_at",
        "_cycles",
        "_expected_prior",
        "_jitter",
        "_missing",
        "_received_prior",
        "_send_rtcp",
        "_temporal_bytes",
        "_transit",
        "clock_hz",
        "codec",
        "dependency",
        "dependency_id",
        "forwarders",
        "height",
        "highest",
        "is_video",
        "keyframe_wanted",
        "last_at",
        "loss",
        "packets",
        "rates_bps",
        "red",
        "rid",
        "ring",
        "send_time",
        "sr",
        "sr_at",
        "ssrc",
        "stamped_at",
        "started_at",
        "tap",
        "width",
    )

    def __init__(
        self, is_video: bool, codec: str, clock_hz: int, rid: str | None, send_rtcp: Callable[[bytes], None]
    ) -> None:
        self.is_video = is_video
        self.codec = codec
        self.clock_hz = clock_hz
        self.rid = rid
        self.ssrc = 0
        self.forwarders: list[Forwarder] = []
        self.tap: TrackTap | None = None
        self.red: bytes | None = None
        """The payload that is being handed on as it came in RED (RFC 2198), None when it did not."""
        self.dependency: Dependency | None = None
        self.dependency_id = 0
        self.ring: list[Stored | None] = [None] * RING
        self.highest: int | None = None
        self.last_at = 0.0
        self.started_at = 0.0
        self.packets = 0
        self.loss = 0.0
        self.width = self.height = 0
        self.sr: rtcp.SenderInfo | None = None
        self.keyframe_wanted = False
        self.send_time = 0
        """abs-send-time of what is sent at `stamped_at`, 24 bits: the same for all forwarders."""
        self.stamped_at = 0.0
        self.rates_bps = [0.0, 0.0, 0.0, 0.0]
        self._send_rtcp = send_rtcp
        self._missing: dict[int, _Missing] = {}
        self._base = self._cycles = self._expected_prior = self._received_prior = 0
        self._after_jump: int | None = None
        self._transit: int | None = None
        self._jitter = 0.0
        self.sr_at = 0.0
        self._asked_keyframe_at = 0.0
        self._temporal_bytes = [0, 0, 0, 0]
        self._bytes_at = time.monotonic()

    def alive(self, now: float) -> bool:
        """Whether packets arrive; browsers stop sending encodings they have no bandwidth for."""
        return now - self.last_at < ALIVE_S

    def bitrate_bps(self, temporal: int = 3) -> float:
        """Measured rate of the layers up to `temporal`."""
        return sum(self.rates_bps[: temporal + 1])

    @property
    def jitter_s(self) -> float:
        """How unevenly packets arrive (RFC 3550, 6.4.1)."""
        return self._jitter / self.clock_hz

    def stamp(self, now: float) -> None:
        """Before something is sent at `now`."""
        self.send_time, self.stamped_at = rtp.send_time(now), now

    def receive(self, packet: rtp.Packet, now: float, forward: bool) -> None:
        """A media packet, in whatever order. forward: False while muted (it is counted, not passed on)."""
        sequence, ahead = packet.sequence, 1
        self.packets += 1
        if self.highest is None:
            self.highest = self._base = sequence
            self.started_at = now
        else:
            ahead = rtp.distance(sequence, self.highest)
            if ahead > 0:
                self._advance(sequence, ahead, now)
            elif -ahead >= RING:
                self.packets -= 1
                if sequence != self._after_jump:
                    self._after_jump = (sequence + 1) & 0xFFFF
                    return
                # Two that follow each other are no stray (RFC 3550, A.1).
                self.restart(now)
                self.receive(packet, now, forward)
                return
            elif self._is_repeat(sequence):
                self.packets -= 1
                return
            else:
                self._missing.pop(sequence, None)
        if ahead > 0:
            self.last_at = now
            self._update_jitter(packet.timestamp, now)
        self.ring[sequence & RING_MASK] = (sequence, packet.marker, packet.timestamp, packet.payload)
        layer = self._describe(packet) if self.is_video else None
        self._fan_out(sequence, packet.marker, packet.timestamp, packet.payload, layer, now, forward)

    def receive_repair(self, payload: bytes, packet: rtp.Packet, now: float, forward: bool) -> None:
        """An RTX packet (RFC 4588): the original sequence number in front. Unasked ones are padding."""
        if len(payload) < 3:
            return
        sequence = (payload[0] << 8) | payload[1]
        if sequence not in self._missing:
            return
        packet.sequence, packet.payload = sequence, payload[2:]
        self.receive(packet, now, forward)

    def restart(self, now: float) -> None:
        """The browser began its sender anew: other numbers and times, perhaps another SSRC."""
        self.highest = self._transit = self._after_jump = self.sr = None
        self.packets = self._cycles = self._expected_prior = self._received_prior = 0
        self.ring = [None] * RING
        self._missing.clear()
        self._asked_keyframe_at = 0.0
        for forwarder in tuple(self.forwarders):
            forwarder.restart(self, now)
        if self.tap is not None:
            self.tap.restarted(self)

    def request_keyframe(self, now: float) -> None:
        """Ask the publisher until one comes, at most every PLI_INTERVAL_S however many want it."""
        if not self.is_video:
            return
        self.keyframe_wanted = True
        if now - self._asked_keyframe_at >= PLI_INTERVAL_S and self.ssrc:
            self._asked_keyframe_at = now
            self._send_rtcp(rtcp.build_pli(1, self.ssrc))

    def tick(self, now: float) -> None:
        """Every 50 ms: repeat what has not been answered."""
        if self.keyframe_wanted and (self.forwarders or self.tap) and self.alive(now):
            self.request_keyframe(now)
        if not self._missing:
            return
        again: list[int] = []
        for sequence, entry in list(self._missing.items()):
            if now - entry.asked_at < NACK_INTERVAL_S * entry.tries:
                continue
            if entry.tries >= NACK_TRIES:
                del self._missing[sequence]
                continue
            entry.asked_at, entry.tries = now, entry.tries + 1
            again.append(sequence)
        if again:
            self._send_rtcp(rtcp.build_nack(1, self.ssrc, again))

    def on_sender_report(self, info: rtcp.SenderInfo, now: float) -> None:
        """The publisher's clock. Subscribers pass it on in their turn (Subscriber.report)."""
        self.sr, self.sr_at = info, now
        if self.tap is not None:
            self.tap.report(self, info, now)

    def report(self, now: float) -> rtcp.ReportBlock | None:
        """The reception report since the last call (RFC 3550, A.3); also closes the bitrate window."""
        self._measure(now)
        if self.highest is None:
            return None
        extended = self._cycles + self.highest
        expected = extended - self._base + 1
        expected_now = expected - self._expected_prior
        received_now = self.packets - self._received_prior
        self._expected_prior, self._received_prior = expected, self.packets
        fraction = max(0, expected_now - received_now) / expected_now if expected_now > 0 else 0.0
        self.loss = fraction if expected_now >= FEW_PACKETS else 0.0
        lsr = (self.sr.ntp >> 16) & 0xFFFFFFFF if self.sr else 0
        dlsr = int((now - self.sr_at) * 65536) & 0xFFFFFFFF if self.sr else 0
        lost = max(-0x800000, min(0x7FFFFF, expected - self.packets))
        return rtcp.ReportBlock(
            self.ssrc, fraction, lost, extended, int(self._jitter) & 0xFFFFFFFF, lsr, dlsr
        )

    def _advance(self, sequence: int, ahead: int, now: float) -> None:
        assert self.highest is not None
        if sequence < self.highest:
            self._cycles += 0x10000
        if ahead > 1 and self.is_video:
            if ahead < HOLE and now - self.last_at < SILENCE_S:
                lost = [(self.highest + one) & 0xFFFF for one in range(1, ahead)]
                for one in lost:
                    self._missing[one] = _Missing(now, 1)
                while len(self._missing) > MAX_MISSING:
                    del self._missing[next(iter(self._missing))]
                self._send_rtcp(rtcp.build_nack(1, self.ssrc, lost))
            else:
                self._missing.clear()
                self._asked_keyframe_at = 0.0
                self.request_keyframe(now)
        self.highest = sequence

    def _is_repeat(self, sequence: int) -> bool:
        stored = self.ring[sequence & RING_MASK]
        return stored is not None and stored[0] == sequence

    def _describe(self, packet: rtp.Packet) -> codecs.Layer | None:
        payload = packet.payload
        if self.codec == "vp8":
            layer = codecs.parse_vp8(payload)
        elif self.codec == "vp9":
            layer = codecs.parse_vp9(payload)
        else:
            keyframe = codecs.starts_keyframe(self.codec, payload)
            temporal, start, switch_up = 0, True, False
            if self.dependency_id:
                if self.dependency is None:
                    self.dependency = Dependency()
                values = rtp.extension_values(packet.profile, packet.extensions)
                start, temporal, switch_up = self.dependency.read(values.get(self.dependency_id, b""))
            layer = codecs.Layer(start, keyframe, -1, 0, temporal, switch_up) if payload else None
        if layer is not None and layer.keyframe:
            self.keyframe_wanted = False
            if self.codec == "vp8":
                self.width, self.height = codecs.vp8_size(payload) or (self.width, self.height)
        return layer

    def _fan_out(
        self,
        sequence: int,
        marker: int,
        timestamp: int,
        payload: bytes,
        layer: codecs.Layer | None,
        now: float,
        forward: bool,
    ) -> None:
        keyframe = layer is not None and layer.keyframe
        self._temporal_bytes[layer.temporal if layer else 0] += len(payload) + OVERHEAD
        if not forward:
            return
        if self.tap is not None:
            self.tap.take(self, sequence, marker, timestamp, payload, keyframe, now)
        # A copy, because a forwarder that moves to another encoding leaves this list while we walk it.
        for forwarder in tuple(self.forwarders) if keyframe else self.forwarders:
            forwarder.forward(self, sequence, marker, timestamp, payload, layer, keyframe, now)

    def _update_jitter(self, timestamp: int, now: float) -> None:
        transit = (int(now * self.clock_hz) - timestamp) & 0xFFFFFFFF
        if self._transit is not None:
            moved = (transit - self._transit) & 0xFFFFFFFF
            moved = min(moved, 0x100000000 - moved)
            self._jitter += (moved - self._jitter) / 16
        self._transit = transit

    def _measure(self, now: float) -> None:
        span = now - self._bytes_at
        if span < 0.4:
            return
        if not any(self._temporal_bytes):
            # Paused or cut off: what it needs when it comes back is what it needed before.
            self._bytes_at = now
            return
        for layer, count in enumerate(self._temporal_bytes):
            rate = count * 8 / span
            # Smoothed, so that one keyframe does not look like a bitrate.
            self.rates_bps[layer] += (rate - self.rates_bps[layer]) * (0.4 if self.rates_bps[layer] else 1.0)
        self._temporal_bytes = [0, 0, 0, 0]
        self._bytes_at = now
