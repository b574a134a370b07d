"""Encodings, forwarders, layers, bandwidth and speakers, packet by packet, without a network."""

import itertools
import struct
from typing import Any, cast

import pytest

from core.ports import MediaRights
from rtc import rtcp, rtp, speakers
from rtc.bandwidth import UNKNOWN_BPS, Bandwidth
from rtc.encoding import Encoding
from rtc.forwarder import Forwarder
from rtc.layers import Demand, allocate
from rtc.outbox import media_packet
from rtc.publication import Publication
from rtc.sdp import Codec
from rtc.sent import SIZE, SentPackets

pytestmark = pytest.mark.unit

VP8 = Codec(96, "vp8", 90000, "VP8/90000", "", 97)


class Wire:
    """A transport, and its outbox, that keeps what was sent."""

    def __init__(self) -> None:
        self.connected = True
        self.outbox = self.destination = self
        self.rtp: list[rtp.Packet] = []
        self.rtcp: list[rtcp.Block] = []
        self.sent: SentPackets | None = None

    def send_rtp(self, packet: bytes) -> None:
        self.rtp.append(rtp.parse(packet))

    def stream(self, ssrc: bytes) -> bytes:
        return ssrc

    def put_media(self, stream: bytes, destination: object, *parts: Any) -> None:
        self.send_rtp(media_packet(*parts))

    def send_rtcp(self, packet: bytes) -> None:
        self.rtcp.extend(rtcp.split(packet))


class Stream:
    """A VP8 encoding fed one packet a frame, with temporal layers 0 2 1 2."""

    def __init__(self, rid: str | None = None) -> None:
        self.up = Wire()
        self.encoding = Encoding(True, "vp8", 90000, rid, self.up.send_rtcp)
        self.encoding.ssrc = 4242
        self.now = 100.0

    def frame(self, number: int, key: bool = False, sequence: int | None = None) -> None:
        layer = 0 if key else (0, 2, 1, 2)[number % 4]
        picture = number & 0x7FFF
        payload = bytes(
            (0x90, 0xE0, 0x80 | picture >> 8, picture & 255, 0, layer << 6 | 0x20, 0 if key else 1, 7)
        )
        self.now += 0.033
        number = number if sequence is None else sequence
        packet = rtp.Packet(96, 0x80, number & 0xFFFF, number * 3000 & 0xFFFFFFFF, 4242, 0, b"", payload)
        self.encoding.receive(packet, self.now, True)


def attach(stream: Stream) -> tuple[Forwarder, Wire]:
    down = Wire()
    forwarder = Forwarder(cast(Any, down))
    forwarder.payload_type, forwarder.rtx_payload_type = 100, 101
    forwarder.select(stream.encoding, 3, stream.now)
    return forwarder, down


def pictures(packets: list[rtp.Packet]) -> list[int]:
    return [(one.payload[2] & 0x7F) << 8 | one.payload[3] for one in packets]


def is_run(values: list[int], modulo: int) -> bool:
    return all((b - a) % modulo == 1 for a, b in itertools.pairwise(values))


def test_nothing_is_forwarded_before_a_keyframe_and_one_is_asked_for() -> None:
    stream = Stream()
    _, down = attach(stream)
    assert [one.count for one in stream.up.rtcp] == [rtcp.FB_PLI]
    stream.frame(1)
    assert not down.rtp
    stream.frame(4, key=True)
    assert len(down.rtp) == 1


def test_many_wishes_for_a_keyframe_make_one_request() -> None:
    stream = Stream()
    for _ in range(20):
        attach(stream)
    assert len(stream.up.rtcp) == 1
    for _ in range(30):
        stream.now += 0.05
        stream.frame(1)
        stream.encoding.tick(stream.now)
    assert 2 <= sum(one.count == rtcp.FB_PLI for one in stream.up.rtcp) <= 6


def test_dropping_temporal_layers_leaves_no_hole() -> None:
    stream = Stream()
    forwarder, down = attach(stream)
    for number in range(65500, 65500 + 80):
        if number == 65520:
            forwarder.select(stream.encoding, 0, stream.now)
        if number == 65560:
            forwarder.select(stream.encoding, 3, stream.now)
        stream.frame(number, key=number == 65500)
    assert is_run([one.sequence for one in down.rtp], 1 << 16)
    assert is_run(pictures(down.rtp), 1 << 15)
    assert len(down.rtp) == 20 + 10 + 20


def test_a_switch_between_encodings_continues_numbers_and_time() -> None:
    small, large = Stream("h"), Stream("f")
    forwarder, down = attach(small)
    for number in range(10):
        small.frame(number, key=number == 0)
    forwarder.select(large.encoding, 3, small.now)
    large.now = small.now
    for number in range(5000, 5010):
        large.frame(number, key=number == 5003)
        small.frame(number - 4990)
    assert forwarder.encoding is large.encoding
    assert forwarder not in small.encoding.forwarders
    assert is_run([one.sequence for one in down.rtp], 1 << 16)
    assert is_run(pictures(down.rtp), 1 << 15)
    steps = [(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in zip(down.rtp, down.rtp[1:], strict=False)]
    assert all(0 < step < 9000 for step in steps)


def test_a_hole_is_asked_for_and_the_late_packet_finds_its_place() -> None:
    stream = Stream()
    _, down = attach(stream)
    for number in (0, 1, 2, 5, 6):
        stream.frame(number, key=number == 0)
    nacks = [rtcp.nacked(one) for one in stream.up.rtcp if one.kind == rtcp.RTPFB]
    assert nacks == [[3, 4]]
    before = [one.sequence for one in down.rtp]
    repair = rtp.Packet(97, 0x80, 9, 9000, 77, 0, b"", b"")
    stream.encoding.receive_repair(
        b"\0\3" + bytes((0x90, 0xE0, 0x80, 3, 0, 0xA0, 1, 7)), repair, stream.now, True
    )
    assert down.rtp[-1].sequence == (before[0] + 3) & 0xFFFF
    count = len(down.rtp)
    stream.frame(3)
    assert len(down.rtp) == count


def test_a_long_hole_asks_for_a_keyframe_at_once() -> None:
    stream = Stream()
    attach(stream)
    stream.frame(0, key=True)
    stream.up.rtcp.clear()
    stream.now += 3
    stream.frame(1, sequence=90)
    assert [(one.kind, one.count) for one in stream.up.rtcp] == [(rtcp.PSFB, rtcp.FB_PLI)]


def test_a_packet_older_than_the_switch_is_not_sent_on() -> None:
    first = Stream()
    forwarder, down = attach(first)
    for number in range(700):
        first.frame(number, key=number == 0)
    forwarder.select(None, 3, first.now)
    other = Stream()
    other.now = first.now
    forwarder.select(other.encoding, 3, other.now)
    for number in (40000, 40001, 40003):
        other.frame(number)
    other.frame(40004, key=True)
    last = down.rtp[-1].sequence
    other.frame(40002)
    other.frame(40005)
    assert [(one.sequence - last) & 0xFFFF for one in down.rtp[-2:]] == [0, 1]
    assert is_run([one.sequence for one in down.rtp], 1 << 16)


def test_packets_are_repaired_long_after_a_switch() -> None:
    stream = Stream()
    forwarder, down = attach(stream)
    for number in range(40000):
        if number != 39990:
            stream.frame(number, key=number == 0)
    missing = (down.rtp[0].sequence + 39990) & 0xFFFF
    stream.frame(39990)
    assert down.rtp[-1].sequence == missing
    assert forwarder.retransmit(missing, stream.now)


@pytest.mark.parametrize("start", [30000, 59000])
def test_a_sender_that_begins_anew_is_followed(start: int) -> None:
    stream = Stream()
    _, down = attach(stream)
    for number in range(60000, 60020):
        stream.frame(number, key=number == 60000)
    count = len(down.rtp)
    for number in range(start, start + 20):
        stream.frame(number, key=number >= start + 10)
    assert len(down.rtp) == count + 10
    assert is_run([one.sequence for one in down.rtp], 1 << 16)
    steps = [(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in itertools.pairwise(down.rtp)]
    assert all(0 < step < 180000 for step in steps)


def test_what_never_reached_us_is_not_the_subscribers_loss() -> None:
    stream = Stream()
    forwarder, _ = attach(stream)
    for number in range(100):
        if number % 5 != 3:
            stream.frame(number, key=number == 0)
    forwarder.on_report(rtcp.ReportBlock(forwarder.ssrc, 0.2, 20, 100, 0, 0, 0), stream.now)
    for number in range(100, 200):
        if number % 5 != 3:
            stream.frame(number)
    forwarder.on_report(rtcp.ReportBlock(forwarder.ssrc, 0.2, 40, 200, 0, 0, 0), stream.now)
    assert forwarder.loss == pytest.approx(0.0, abs=0.02)
    for number in range(200, 300):
        stream.frame(number)
    forwarder.on_report(rtcp.ReportBlock(forwarder.ssrc, 0.2, 60, 300, 0, 0, 0), stream.now)
    assert forwarder.loss == pytest.approx(0.2, abs=0.02)


def test_a_nack_is_answered_by_rtx_with_the_rewritten_packet() -> None:
    stream = Stream()
    forwarder, down = attach(stream)
    for number in range(0, 40):
        if number == 4:
            forwarder.select(stream.encoding, 0, stream.now)
        stream.frame(number, key=number == 0)
    wanted = down.rtp[-3]
    assert forwarder.retransmit(wanted.sequence, stream.now)
    answer = down.rtp[-1]
    assert (answer.payload_type, answer.ssrc) == (101, forwarder.rtx_ssrc)
    assert answer.payload == struct.pack("!H", wanted.sequence) + wanted.payload
    assert answer.timestamp == wanted.timestamp
    assert not forwarder.retransmit((wanted.sequence + 200) & 0xFFFF, stream.now)


@pytest.mark.parametrize("time_id", [0, 3])
def test_packets_of_a_connection_are_numbered_and_recorded(time_id: int) -> None:
    stream, other = Stream(), Stream()
    forwarder, down = attach(stream)
    second = Forwarder(cast(Any, down))
    second.select(other.encoding, 3, other.now)
    down.sent = SentPackets()
    down.sent.next = 0xFFFD
    for one in (forwarder, second):
        one.sequence_id, one.time_id = 5, time_id
    for number in range(3):
        stream.frame(number, key=number == 0)
        other.frame(number, key=number == 0)
    assert forwarder.retransmit(down.rtp[0].sequence, stream.now)
    found = [rtp.extension_values(one.profile, one.extensions) for one in down.rtp]
    assert [one[5] for one in found] == [
        struct.pack("!H", number & 0xFFFF) for number in range(0xFFFD, 0x10004)
    ]
    assert all((3 in one) is bool(time_id) for one in found)
    assert down.sent.full(0xFFFE) == 0xFFFE and down.sent.full(2) == 0x10002
    assert down.sent.full(4) is None, "not sent yet"
    assert down.sent.get(0x10000) == (pytest.approx(100.066), len(down.rtp[3].payload) + 60)


def test_a_probe_sends_something_the_browser_already_has() -> None:
    stream = Stream()
    forwarder, down = attach(stream)
    assert not forwarder.probe(stream.now)
    for number in range(9):
        stream.frame(number, key=number == 0)
    assert forwarder.probe(stream.now)
    assert down.rtp[-1].payload == struct.pack("!H", down.rtp[-2].sequence) + down.rtp[-2].payload
    forwarder.rtx_payload_type = None
    assert not forwarder.probe(stream.now), "without RTX a second copy would be a replay"


def test_what_is_remembered_of_left_out_packets_is_bounded() -> None:
    stream = Stream()
    forwarder, down = attach(stream)
    stream.frame(0, key=True)
    forwarder.select(stream.encoding, 0, stream.now)
    for number in range(1, 20_000):
        # A sender that leaves out every number at which the record is usually tidied.
        if number % 512:
            stream.frame(number)
    assert len(forwarder._segments) <= 1100  # pyright: ignore[reportPrivateUsage]
    assert forwarder.retransmit(down.rtp[-1].sequence, stream.now)


def test_the_record_of_sent_packets_is_bounded() -> None:
    sent = SentPackets()
    for number in range(3 * SIZE):
        sent.add(number % 1200, float(number))
    assert len(sent.times) == len(sent.sizes) == SIZE
    assert sent.get(2 * SIZE) == (2.0 * SIZE, 2 * SIZE % 1200)
    assert sent.get(2 * SIZE - 1) is None and sent.get(3 * SIZE) is None
    assert sent.full((2 * SIZE - 1) & 0xFFFF) is None


def test_numbers_are_given_only_where_they_were_agreed_on() -> None:
    stream = Stream()
    forwarder, down = attach(stream)
    down.sent = SentPackets()
    stream.frame(0, key=True)
    assert not down.rtp[0].extensions and down.sent.next == 0
    down.sent, forwarder.sequence_id = None, 5
    stream.frame(1)
    assert not down.rtp[1].extensions


def test_the_publishers_clock_is_translated() -> None:
    stream = Stream()
    forwarder, down = attach(stream)
    stream.frame(0, key=True)
    assert forwarder.report(stream.encoding, stream.now) is None, "nothing is known of it"
    stream.encoding.on_sender_report(rtcp.SenderInfo(4242, 55 << 32, 3000), stream.now)
    for wait_s, ntp, timestamp in ((0.0, 55 << 32, 3000), (0.25, (55 << 32) + (1 << 30), 3000 + 22500)):
        report = forwarder.report(stream.encoding, stream.now + wait_s)
        assert report is not None
        info = rtcp.sender_info(next(iter(rtcp.split(report))))
        assert info.ssrc == forwarder.ssrc and abs(info.ntp - ntp) < 1 << 16
        assert (info.rtp_timestamp - down.rtp[0].timestamp) & 0xFFFFFFFF == pytest.approx(timestamp, abs=1)
        assert forwarder.report(stream.encoding, stream.now + wait_s) is None, "told once"
        stream.encoding.on_sender_report(rtcp.SenderInfo(4242, 55 << 32, 3000), stream.now)
    report = forwarder.report(stream.encoding, stream.now + 60)
    assert report is not None and rtcp.sender_info(next(iter(rtcp.split(report)))).ntp == 55 << 32, (
        "an old clock"
    )


def test_a_muted_track_sends_nothing_and_goes_on_without_a_hole() -> None:
    stream = Stream()
    publication = publication_of({None: stream.encoding})
    forwarder, down = attach(stream)
    forwarder.publication = publication
    publication.forwarders.add(forwarder)
    for number in range(60):
        if number == 20:
            publication.set_muted(True, stream.now)
        if number == 40:
            publication.set_muted(False, stream.now)
        packet = rtp.Packet(
            96, 0x80, number, number * 3000, 4242, 0, b"", bytes((0x90, 0x80, number, number % 10 != 0))
        )
        stream.now += 0.033
        stream.encoding.receive(packet, stream.now, not publication.muted)
    assert len(down.rtp) == 40
    assert is_run([one.sequence for one in down.rtp], 1 << 16)
    assert down.rtp[20].timestamp - down.rtp[19].timestamp == 21 * 3000


class Somebody:
    id = "ann"
    rights = MediaRights()


def publication_of(encodings: dict[str | None, Encoding]) -> Publication:
    publication = Publication(cast(Any, Somebody()), "camera", VP8, False)
    publication.encodings = encodings
    return publication


def camera(now: float) -> Publication:
    encodings: dict[str | None, Encoding] = {}
    for rid, rates, width in (("h", [60e3, 30e3, 60e3, 0.0], 320), ("f", [250e3, 100e3, 250e3, 0.0], 640)):
        encoding = Encoding(True, "vp8", 90000, rid, lambda _: None)
        encoding.rates_bps, encoding.last_at, encoding.width = rates, now, width
        encodings[rid] = encoding
    return publication_of(encodings)


def chosen(demand: Demand) -> tuple[str | None, int] | None:
    return (demand.option.encoding.rid, demand.option.temporal) if demand.option else None


@pytest.mark.parametrize(
    ("budget", "width", "layer", "reason"),
    [
        (1e6, 640, ("f", 3), "full"),
        (400e3, 640, ("f", 1), "bandwidth"),
        (160e3, 640, ("h", 3), "bandwidth"),
        (70e3, 640, ("h", 0), "bandwidth"),
        (20e3, 640, None, "bandwidth"),
        (1e6, 200, ("h", 3), "size"),
        (1e6, 0, None, "hidden"),
    ],
)
def test_layers_follow_bandwidth_and_size(budget: float, width: float, layer: object, reason: str) -> None:
    demand = Demand(cast(Any, None), camera(5.0), 0, width)
    allocate([demand], budget, 5.0)
    assert (chosen(demand), demand.reason) == (layer, reason)


def test_the_speaker_comes_before_tiles_and_large_tiles_before_small_ones() -> None:
    speaker, large, small, hidden = (
        Demand(cast(Any, None), camera(5.0), rank, width)
        for rank, width in ((0, 640), (1, 640), (2, 200), (1, 0))
    )
    crowd = [hidden, small, large, speaker]
    given = {
        30e3: [None, None, None],
        160e3: [("h", 3), None, None],
        215e3: [("h", 3), ("h", 0), None],
        500e3: [("f", 1), ("h", 1), ("h", 0)],
        2e6: [("f", 3), ("f", 3), ("h", 3)],
    }
    for budget, expected in given.items():
        allocation = allocate(crowd, budget, 5.0)
        assert [chosen(one) for one in (speaker, large, small)] == expected, budget
        assert chosen(hidden) is None and hidden.reason == "hidden"
        assert allocation.used <= budget
        assert allocation.next == 0 if budget == 2e6 else allocation.next > budget


def test_what_is_sent_is_not_switched_off_for_a_little() -> None:
    publication = camera(5.0)
    demand = Demand(cast(Any, None), publication, 1, 640)
    allocate([demand], 55e3, 5.0)
    assert chosen(demand) is None
    demand.current = publication.encodings["h"]
    assert allocate([demand], 55e3, 5.0).used <= 55e3
    assert chosen(demand) == ("h", 0)
    allocate([demand], 45e3, 5.0)
    assert chosen(demand) is None


def test_a_camera_nobody_watches_is_paused_and_can_be_had_back() -> None:
    publication = camera(5.0)
    for one in publication.encodings.values():
        one.started_at = 0.1
    small, large = publication.encodings["h"], publication.encodings["f"]
    publication.expect_all(0.0)
    small.forwarders.append(cast(Any, "somebody"))
    assert not publication.update_wanted(3.0), "a layout that changes comes back"
    assert publication.update_wanted(5.0)
    assert publication.wanted(5.0) == {"source": "camera", "active": True, "rids": ["h"]}
    assert not publication.update_wanted(5.3)
    large.last_at, small.last_at = 5.0, 20.0
    assert publication.available(large, 20.0) and not publication.held_back(20.0)
    demand = Demand(cast(Any, None), publication, 0, 640)
    allocate([demand], 1e6, 20.0)
    assert chosen(demand) == ("f", 3), "at the rate it had"
    assert publication.ask(large, 20.0) and not publication.ask(large, 20.1)
    assert publication.wanted(20.1)["rids"] == ["h", "f"]
    small.forwarders.clear()
    small.last_at = large.last_at = 30.0
    assert publication.update_wanted(30.0)
    assert publication.wanted(30.0) == {"source": "camera", "active": False, "rids": []}
    publication.recorded = True
    assert publication.update_wanted(31.0)
    assert publication.wanted(31.0)["rids"] == ["f"], "a recorder wants the best"


def test_an_encoding_its_browser_stopped_leaves_nobody_frozen() -> None:
    publication = camera(5.0)
    small, large = publication.encodings["h"], publication.encodings["f"]
    publication.expect_all(0.0)
    demand = Demand(cast(Any, None), publication, 0, 640, large)
    small.last_at = 6.3
    allocate([demand], 1e6, 6.3)
    assert (chosen(demand), demand.reason) == (("h", 3), "full")
    small.last_at = 9.0
    allocate([demand], 1e6, 9.0)
    assert (chosen(demand), demand.reason) == (("h", 3), "sender")
    allocate([demand], 1e6, 20.0)
    assert (chosen(demand), demand.reason) == (None, "sender"), "all of it: their line"
    assert not publication.available(large, 20.0), "asked for and not sent"


def test_an_encoding_nobody_has_seen_is_not_paused() -> None:
    publication = camera(0.0)
    for one in publication.encodings.values():
        one.last_at = 0.0
    publication.expect_all(0.0)
    assert not publication.update_wanted(60.0)


def test_everybody_gets_something_before_the_speaker_gets_more() -> None:
    tile, speaker = (Demand(cast(Any, None), camera(5.0), rank, 640) for rank in (1, 0))
    allocate([tile, speaker], 250e3, 5.0)
    assert (chosen(speaker), chosen(tile)) == (("h", 3), ("h", 1))


class Line:
    """A bandwidth and its clock; reports come once a second, decisions four times."""

    def __init__(self, wanted_bps: float = 700e3) -> None:
        self.bandwidth = Bandwidth(0.0)
        self.wanted_bps = wanted_bps
        self.now = 10.0
        self.bandwidth.on_round_trip(0.02, 10.0)
        self.pass_time(2.0, wanted_bps)

    def pass_time(
        self, seconds: float, sent_bps: float, loss: float = 0.0, rtt_s: float = 0.02, remb_bps: float = 0.0
    ) -> float:
        for step in range(round(seconds * 4)):
            self.now += 0.25
            if step % 4 == 0:
                self.bandwidth.on_loss(loss)
                self.bandwidth.on_round_trip(rtt_s, self.now)
                if remb_bps:
                    self.bandwidth.on_remb(1.1 * remb_bps, self.now - 0.01)
                    self.bandwidth.on_remb(remb_bps, self.now)
            self.bandwidth.update(self.now, min(sent_bps, self.bandwidth.budget_bps), self.wanted_bps)
        return self.bandwidth.budget_bps


def test_bandwidth_falls_with_loss_and_climbs_in_steps() -> None:
    line = Line()
    assert line.bandwidth.budget_bps == UNKNOWN_BPS
    fallen = line.pass_time(0.25, 600e3, loss=0.6, remb_bps=300e3)
    assert fallen == pytest.approx(0.9 * 240e3)
    assert line.bandwidth.limited
    assert line.pass_time(2.5, 600e3) == fallen, "a pause before the next try"
    assert line.pass_time(8.0, 700e3) == UNKNOWN_BPS
    assert not line.bandwidth.limited


def test_a_falling_estimate_alone_is_no_congestion() -> None:
    line = Line()
    for _ in range(20):
        line.pass_time(1.0, 600e3, remb_bps=80e3)
        line.pass_time(1.0, 600e3, rtt_s=0.4, remb_bps=60e3)
    assert line.bandwidth.budget_bps == UNKNOWN_BPS
    assert not line.bandwidth.limited


def test_a_delay_that_lasts_is_congestion() -> None:
    line = Line()
    line.pass_time(3.0, 600e3, rtt_s=0.6, remb_bps=300e3)
    assert line.bandwidth.budget_bps < 600e3


def test_a_machine_that_is_late_says_nothing_about_the_line() -> None:
    line = Line()
    for _ in range(10):
        line.now += 1.5
        line.bandwidth.on_loss(0.5)
        line.bandwidth.on_remb(50e3, line.now)
        line.bandwidth.update(line.now, 600e3, 700e3)
    assert line.bandwidth.budget_bps == UNKNOWN_BPS


def test_growing_that_failed_is_tried_later_but_soon_enough() -> None:
    line = Line()
    line.pass_time(0.25, 300e3, loss=0.5, remb_bps=100e3)
    for _ in range(6):
        began = line.now
        while line.bandwidth.grown_at < began:
            line.pass_time(0.25, 90e3)
        assert line.now - began <= 24.5
        line.pass_time(0.25, 300e3, loss=0.5)
    assert line.bandwidth.hold_s == 24.0
    assert line.bandwidth.budget_bps >= 60e3
    line.pass_time(45.0, 700e3)
    assert line.bandwidth.budget_bps == UNKNOWN_BPS


def test_speakers_are_ranked_by_loudness_and_the_muted_are_silent() -> None:
    loud, quiet, muted = (
        Publication(cast(Any, Somebody()), "microphone", VP8, one) for one in (False, False, True)
    )
    for _ in range(20):
        speakers.hear(loud, 20)
        speakers.hear(quiet, 60)
        speakers.hear(muted, 10)
    assert [one for one, _ in speakers.rank([quiet, muted, loud])] == ["ann"]
    assert speakers.rank([loud])[0][1] == pytest.approx(1 - 20 / 64, abs=0.01)
