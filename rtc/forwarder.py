"""One track on its way to one subscriber: chooses the encoding, rewrites headers, answers NACKs.

The SSRC belongs to the subscriber's transceiver and stays when another track moves in; sequence numbers and
timestamps are made to continue, so the browser's receiver never has to start anew.
"""

import random
import struct
from typing import TYPE_CHECKING

from rtc import rtcp, rtp
from rtc.codecs import Layer, parse_vp8
from rtc.encoding import FEW_PACKETS, OVERHEAD, Encoding
from rtc.encoding import RING_MASK as ENCODING_MASK
from rtc.pacer import Pacer
from rtc.srtp_fast import Stream
from rtc.transport import Transport

if TYPE_CHECKING:
    from rtc.publication import Publication

RING = 512
MASK = RING - 1
SYNC_WAIT_S = 1.0
SR_FRESH_S = 10.0
"""An older sender report is passed on as it was: nobody knows whether that clock still runs."""
LOSS_WINDOW_S = 0.4
HALF_ROUND = 0x8000
_HEADER = rtp.HEADER
_HEADER_ONE = struct.Struct("!BBHLLHHL")
_HEADER_TWO = struct.Struct("!BBHLLHHLL")


class Forwarder:
    """A slot of a subscriber. `select` says what to send; `encoding` is what is being sent now."""

    __slots__ = (
        "_first_in",
        "_first_out",
        "_holes",
        "_last_at",
        "_last_encoding",
        "_last_picture",
        "_last_timestamp",
        "_next_in",
        "_offset",
        "_picture_offset",
        "_repaired_bytes",
        "_reported",
        "_rtx_sequence",
        "_segments",
        "_source",
        "_sr_sent",
        "_sr_told",
        "_stream",
        "_temporal",
        "_temporal_wait_at",
        "_timestamp_offset",
        "clock_hz",
        "encoding",
        "loss",
        "loss_at",
        "max_temporal",
        "octets",
        "pacer",
        "packets",
        "payload_type",
        "publication",
        "reason",
        "red_payload_type",
        "retransmitted",
        "rtt_at",
        "rtt_s",
        "rtx_payload_type",
        "rtx_ssrc",
        "sequence_id",
        "ssrc",
        "target",
        "time_id",
        "transport",
    )

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.ssrc = random.getrandbits(31) | 1
        self.rtx_ssrc = self.ssrc ^ 1
        self._source = (self.ssrc << 32) | 0xBEDE0001
        self._stream: Stream | None = None
        self.payload_type = 0
        self.rtx_payload_type: int | None = None
        self.red_payload_type: int | None = None
        self.time_id = self.sequence_id = 0
        self.clock_hz = 90000
        self.publication: Publication | None = None
        self.encoding: Encoding | None = None
        self.target: Encoding | None = None
        self.max_temporal = 3
        self.pacer: Pacer | None = None
        """Set while the subscriber's line is the limit."""
        self.reason = "waiting"
        self.packets = self.octets = self.retransmitted = self._repaired_bytes = 0
        self.loss = 0.0
        self.rtt_s = 0.0
        self.loss_at = self.rtt_at = float("-inf")
        self._holes = 0
        self._reported = (0, 0, 0)
        self._first_in = 0
        self._next_in = 0
        self._first_out = 0
        self._offset = 0
        self._timestamp_offset = random.getrandbits(31)
        self._picture_offset = 0
        self._last_picture = 0
        self._last_timestamp = 0
        self._last_at = 0.0
        self._last_encoding: Encoding | None = None
        self._temporal = 3
        self._temporal_wait_at = 0.0
        self._rtx_sequence = random.getrandbits(14)
        self._sr_sent: tuple[int, float] = (0, 0.0)
        self._sr_told: rtcp.SenderInfo | None = None
        self._segments: list[tuple[int, int, int]] = []
        """(first sequence number, its offset, its picture offset), oldest first; empty: nothing sent yet."""

    @property
    def sent_bytes(self) -> int:
        """On the line, with what was sent again."""
        return self.octets + OVERHEAD * self.packets + self._repaired_bytes

    def select(self, encoding: Encoding | None, temporal: int, now: float) -> None:
        """Send this encoding up to this temporal layer from its next keyframe on; None stops sending."""
        if temporal > self.max_temporal:
            self._temporal_wait_at = now
        self.max_temporal = temporal
        if encoding is None:
            self._detach(self.encoding)
            self._detach(self.target)
            self.encoding = self.target = None
            return
        if encoding is self.encoding:
            if self.target is not None:
                self._detach(self.target)
                self.target = None
            return
        if encoding is not self.target:
            self._detach(self.target)
            self.target = encoding
            if self not in encoding.forwarders:
                encoding.forwarders.append(self)
            if self.transport.connected:
                # Before that it would be lost on the way, and the next one is half a second off.
                encoding.request_keyframe(now)

    def resume(self, now: float) -> None:
        """After a pause on the publisher's side: go on from the next keyframe as if nothing was missing."""
        encoding = self.encoding
        if encoding is not None and self.target is None:
            self.encoding, self.target = None, encoding
            encoding.request_keyframe(now)

    def restart(self, encoding: Encoding, now: float) -> None:
        """An encoding began anew with numbers and times of its own: go on as from another one."""
        self._last_encoding = None
        if encoding is self.encoding and self.target is not None:
            self._detach(encoding)
            self.encoding = None
        else:
            self.resume(now)

    def forward(
        self,
        encoding: Encoding,
        sequence: int,
        marker: int,
        timestamp: int,
        payload: bytes,
        layer: Layer | None,
        keyframe: bool,
        now: float,
    ) -> None:
        """One packet of an encoding this forwarder is attached to. The node's busiest function."""
        pacer = self.pacer
        if pacer is not None and encoding.is_video:
            # What is left out of temporal layers takes nothing, but must be left out in its turn.
            size = 0 if layer is not None and layer.temporal > self.max_temporal else len(payload) + OVERHEAD
            if pacer.keeps(
                self, size, (encoding, sequence, marker, timestamp, payload, layer, keyframe, now)
            ):
                return
        if encoding is not self.encoding:
            if encoding is not self.target or not payload or (encoding.is_video and not keyframe):
                return
            self._switch(encoding, sequence, timestamp, layer, now)
        if sequence != self._next_in:
            ahead = ((sequence - self._next_in + 0x8000) & 0xFFFF) - 0x8000
            if ahead < 0:
                self._forward_late(sequence, marker, timestamp, payload, layer, now)
                return
            self._holes += ahead
        self._next_in = (sequence + 1) & 0xFFFF
        if not sequence & MASK:
            self._age()
        picture_at = picture = 0
        if layer is None:
            if not payload:
                self._leave_out(marker, payload)
                return
        else:
            temporal = layer.temporal
            if temporal and (temporal > self._temporal or temporal > self.max_temporal):
                if self._skips(layer, now):
                    self._leave_out(marker, payload)
                    return
            picture_at = layer.picture_id_at
            if picture_at:
                picture = self._last_picture = (layer.picture_id + self._picture_offset) & 0x7FFF
        start = 0x9000 | marker | self.payload_type
        red = encoding.red
        if red is not None and self.red_payload_type is not None:
            start, payload = 0x9000 | marker | self.red_payload_type, red
        timestamp = self._last_timestamp = (timestamp + self._timestamp_offset) & 0xFFFFFFFF
        self._last_at = now
        size = len(payload)
        self.packets += 1
        self.octets += size
        size += OVERHEAD
        if pacer is not None:
            pacer.spend(size, now)
        transport = self.transport
        outbox = transport.outbox
        if outbox is None:
            return
        sequence = (sequence + self._offset) & 0xFFFF
        sent = transport.sent if self.sequence_id else None
        if sent is not None and not self.time_id:
            element = (self.sequence_id << 28) | 0x1000000 | (sent.add(size, now) << 8)
        elif sent is None and self.time_id:
            if encoding.stamped_at != now:
                encoding.stamp(now)
            element = (self.time_id << 28) | 0x2000000 | encoding.send_time
        else:
            if picture_at:
                payload = _with_picture(payload, picture_at, picture)
            head = self._header(start & 0xFF, sequence, timestamp, self.ssrc, size, now)
            transport.send_rtp(head + payload)
            return
        stream = self._stream
        if stream is None:
            stream = self._stream = transport.stream(self.ssrc.to_bytes(4, "big"))
        destination = transport.destination
        assert destination is not None
        outbox.put_media(
            stream,
            destination,
            start,
            sequence,
            timestamp,
            self._source,
            element,
            payload,
            picture_at,
            0x8000 | picture,
        )

    def _forward_late(
        self, sequence: int, marker: int, timestamp: int, payload: bytes, layer: Layer | None, now: float
    ) -> None:
        """A packet that later ones have overtaken, with the numbers of its time."""
        if not payload or (layer is not None and layer.temporal > self._temporal):
            return
        # What came before the switch has another encoding's offset: a number far ahead of the others,
        # after which SRTP takes everything for a replay.
        if ((self._next_in - sequence) & 0xFFFF) > RING or (
            (sequence - self._first_in) & 0xFFFF
        ) >= HALF_ROUND:
            return
        offset, picture_offset = self._offsets(sequence)
        out = (sequence + offset) & 0xFFFF
        if ((self._highest_out - out) & 0xFFFF) >= RING:
            return
        self._holes -= 1
        if layer is not None and layer.picture_id_at and picture_offset:
            picture = (layer.picture_id + picture_offset) & 0x7FFF
            payload = _with_picture(payload, layer.picture_id_at, picture)
        size = len(payload)
        self.packets += 1
        self.octets += size
        size += OVERHEAD
        if self.pacer is not None:
            self.pacer.spend(size, now)
        timestamp = (timestamp + self._timestamp_offset) & 0xFFFFFFFF
        second = marker | self.payload_type
        self.transport.send_rtp(self._header(second, out, timestamp, self.ssrc, size, now) + payload)

    def retransmit(self, out: int, now: float) -> int:
        """Answer one NACK from the encoding's ring, by RTX where negotiated. Bytes sent, 0 if it is gone."""
        encoding = self.encoding
        if encoding is None or not self._segments:
            return 0
        if ((self._highest_out - out) & 0xFFFF) >= RING or ((out - self._first_out) & 0xFFFF) >= HALF_ROUND:
            return 0
        sequence, picture_offset = self._find(out)
        stored = encoding.ring[sequence & ENCODING_MASK]
        if stored is None or stored[0] != sequence or not stored[3]:
            return 0
        _, marker, timestamp, payload = stored
        if picture_offset and encoding.codec == "vp8":
            layer = parse_vp8(payload)
            if layer is not None and layer.picture_id_at:
                picture = (layer.picture_id + picture_offset) & 0x7FFF
                payload = _with_picture(payload, layer.picture_id_at, picture)
        timestamp = (timestamp + self._timestamp_offset) & 0xFFFFFFFF
        size = len(payload) + OVERHEAD
        if self.rtx_payload_type is None:
            data = self._header(marker | self.payload_type, out, timestamp, self.ssrc, size, now) + payload
        else:
            number = self._rtx_sequence
            self._rtx_sequence = (number + 1) & 0xFFFF
            head = self._header(
                marker | self.rtx_payload_type, number, timestamp, self.rtx_ssrc, size + 2, now
            )
            data = head + struct.pack("!H", out) + payload
        self.retransmitted += 1
        self._repaired_bytes += size
        self.transport.send_rtp(data)
        return len(data)

    def probe(self, now: float) -> int:
        """Send the newest packet once more by RTX, to see what the line takes. Bytes sent, 0 if impossible.

        Unlike padding it may even be of use; browsers drop what they have and still report its arrival.
        """
        if self.rtx_payload_type is None:
            return 0
        return self.retransmit(self._highest_out, now)

    def pad(self, size: int, now: float) -> int:
        """Send a packet of nothing but padding (1 to 255 bytes) by RTX. Bytes on the line, 0 if impossible."""
        if self.rtx_payload_type is None or not self.sequence_id:
            return 0
        number = self._rtx_sequence
        self._rtx_sequence = (number + 1) & 0xFFFF
        on_line = size + OVERHEAD
        timestamp = self._last_timestamp
        header = self._header(self.rtx_payload_type, number, timestamp, self.rtx_ssrc, on_line, now)
        self.transport.send_rtp(bytes((header[0] | 0x20,)) + header[1:] + bytes(size - 1) + bytes((size,)))
        return on_line

    def report(self, encoding: Encoding, now: float) -> bytes | None:
        """The encoding's newest sender report in this subscriber's timestamps, as of now; None: told already."""
        info = encoding.sr
        if info is None or info is self._sr_told or encoding is not self.encoding or not self.packets:
            return None
        age_s = now - encoding.sr_at
        if age_s > SR_FRESH_S:
            age_s = 0.0
        ntp = info.ntp + int(age_s * 4294967296)
        self._sr_told, self._sr_sent = info, ((ntp >> 16) & 0xFFFFFFFF, now)
        timestamp = info.rtp_timestamp + int(age_s * encoding.clock_hz) + self._timestamp_offset
        return rtcp.build_sr(self.ssrc, ntp, timestamp, self.packets, self.octets)

    def on_report(self, block: rtcp.ReportBlock, now: float) -> None:
        """What the subscriber says it received. What never reached us is not its line's fault.

        Browsers send a report with every NACK, so shares are taken over LOSS_WINDOW_S or more.
        """
        expected = block.highest_sequence - self._reported[0]
        if not 0 <= expected < HALF_ROUND or block.packets_lost < self._reported[1]:
            # Another track moved in, and the browser counts anew.
            self._reported = (block.highest_sequence, block.packets_lost, self._holes)
        elif expected >= FEW_PACKETS and now - self.loss_at >= LOSS_WINDOW_S:
            lost = block.packets_lost - self._reported[1]
            explained = min(lost, max(0, self._holes - self._reported[2]))
            # Its count is a little older than ours: what is not explained by this one may be by the next.
            holes = self._holes - max(0, self._holes - self._reported[2] - explained) // 2
            self._reported = (block.highest_sequence, block.packets_lost, holes)
            self.loss, self.loss_at = (lost - explained) / expected, now
        if block.lsr and block.lsr == self._sr_sent[0]:
            self.rtt_s, self.rtt_at = max(0.0, now - self._sr_sent[1] - block.dlsr / 65536), now

    def recent_loss(self, now: float, within_s: float) -> float:
        """The last report's loss while it is news."""
        return self.loss if now - self.loss_at < within_s else 0.0

    def recent_rtt_s(self, now: float, within_s: float) -> float | None:
        """The last round trip while it is news."""
        return self.rtt_s if now - self.rtt_at < within_s else None

    def _header(self, second: int, sequence: int, timestamp: int, ssrc: int, size: int, now: float) -> bytes:
        """A header with the extensions that are negotiated. second: its second byte; size: see OVERHEAD."""
        sent = self.transport.sent if self.sequence_id else None
        if sent is not None:
            number = (self.sequence_id << 28) | 0x1000000 | (sent.add(size, now) << 8)
            if not self.time_id:
                return _HEADER_ONE.pack(0x90, second, sequence, timestamp, ssrc, 0xBEDE, 1, number)
            send_time = (self.time_id << 28) | 0x2000000 | rtp.send_time(now)
            return _HEADER_TWO.pack(0x90, second, sequence, timestamp, ssrc, 0xBEDE, 2, send_time, number)
        if self.time_id:
            send_time = (self.time_id << 28) | 0x2000000 | rtp.send_time(now)
            return _HEADER_ONE.pack(0x90, second, sequence, timestamp, ssrc, 0xBEDE, 1, send_time)
        return _HEADER.pack(0x80, second, sequence, timestamp, ssrc)

    def _skips(self, layer: Layer, now: float) -> bool:
        """Temporal layers: down at once, up at a frame that does not need the ones we left out."""
        if self._temporal > self.max_temporal:
            self._temporal = self.max_temporal
        elif self._temporal < self.max_temporal and self._temporal < layer.temporal <= self.max_temporal:
            if layer.frame_start and (layer.switch_up or now - self._temporal_wait_at > SYNC_WAIT_S):
                self._temporal = layer.temporal
        return layer.temporal > self._temporal

    def _leave_out(self, marker: int, payload: bytes) -> None:
        """The packet before `_next_in` is not sent: what follows closes the gap."""
        self._offset = (self._offset - 1) & 0xFFFF
        if marker and payload:
            self._picture_offset = (self._picture_offset - 1) & 0x7FFF
        self._segments.append((self._next_in, self._offset, self._picture_offset))
        if len(self._segments) > 2 * RING:
            self._age()

    def _switch(
        self, encoding: Encoding, sequence: int, timestamp: int, layer: Layer | None, now: float
    ) -> None:
        begun = bool(self._segments)
        if begun and encoding is not self._last_encoding:
            self._timestamp_offset = self._continued_timestamp(encoding, timestamp, now) - timestamp
        first = (self._highest_out + 1) & 0xFFFF if begun else random.getrandbits(14)
        self._first_in, self._first_out = sequence, first
        self._offset = (first - sequence) & 0xFFFF
        self._next_in = sequence
        if layer is not None and layer.picture_id_at and begun:
            self._picture_offset = (self._last_picture + 1 - layer.picture_id) & 0x7FFF
        self._segments = [(sequence, self._offset, self._picture_offset)]
        if self.encoding is not encoding:
            self._detach(self.encoding)
        self.encoding, self.target, self._last_encoding = encoding, None, encoding
        self._temporal = self.max_temporal
        self._sr_told = None
        report = self.report(encoding, now)
        if report is not None:
            self.transport.send_rtcp(report)

    def _continued_timestamp(self, encoding: Encoding, timestamp: int, now: float) -> int:
        """Where the subscriber's timeline stands: by both sender reports when possible, else by our clock."""
        clock = encoding.clock_hz
        expected = self._last_timestamp + max(1, int((now - self._last_at) * clock))
        old = self._last_encoding
        if old is None or old.sr is None or encoding.sr is None or self.publication is None:
            return expected
        if old not in self.publication.encodings.values():
            return expected
        ntp_apart = (encoding.sr.ntp - old.sr.ntp) / 4294967296
        since_sr = rtp.time_distance(timestamp, encoding.sr.rtp_timestamp)
        aligned = old.sr.rtp_timestamp + int(ntp_apart * clock) + since_sr + self._timestamp_offset
        ahead = rtp.time_distance(aligned, self._last_timestamp)
        return aligned if 0 < ahead < 3 * clock else expected

    @property
    def _highest_out(self) -> int:
        """The last number that was given out, also when its packet is still missing."""
        return (self._next_in - 1 + self._offset) & 0xFFFF

    def _offsets(self, sequence: int) -> tuple[int, int]:
        """(offset, picture offset) that were in force for a packet of the last RING."""
        for first, offset, picture_offset in reversed(self._segments):
            if ((sequence - first) & 0xFFFF) < HALF_ROUND:
                return offset, picture_offset
        return self._segments[0][1:]

    def _find(self, out: int) -> tuple[int, int]:
        """(incoming sequence number, picture offset) of a number we gave out."""
        for first, offset, picture_offset in reversed(self._segments):
            sequence = (out - offset) & 0xFFFF
            # The newest that fits: one that was left out has the number of its successor.
            if ((sequence - first) & 0xFFFF) < HALF_ROUND:
                return sequence, picture_offset
        return (out - self._segments[0][1]) & 0xFFFF, self._segments[0][2]

    def _age(self) -> None:
        """The switch may be long ago: numbers come round, so it must not stay the limit."""
        oldest = (self._next_in - 1 - RING) & 0xFFFF
        if ((self._next_in - 1 - self._first_in) & 0xFFFF) > 2 * RING:
            self._first_in, self._first_out = oldest, (self._highest_out - RING) & 0xFFFF
        segments = self._segments
        gone = 0
        while gone + 1 < len(segments) and ((oldest - segments[gone + 1][0]) & 0xFFFF) < HALF_ROUND:
            gone += 1
        del segments[:gone]
        first, offset, picture_offset = segments[0]
        if ((oldest - first) & 0xFFFF) < HALF_ROUND:
            segments[0] = (oldest, offset, picture_offset)

    def _detach(self, encoding: Encoding | None) -> None:
        if encoding is not None and self in encoding.forwarders:
            encoding.forwarders.remove(self)


def _with_picture(payload: bytes, at: int, picture: int) -> bytes:
    return payload[:at] + bytes((0x80 | picture >> 8, picture & 0xFF)) + payload[at + 2 :]
