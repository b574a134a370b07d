"""Transport-wide feedback, the estimate made from it, pacing and probing: over lines in virtual time."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtc import rtcp, transport_cc
from rtc.errors import Malformed
from rtc.pacer import Pacer
from rtc.sent import SentPackets
from rtc.tests.line import AUDIO_BPS, LADDER, Clock, Line, Sender

pytestmark = pytest.mark.unit

FULL = len(LADDER) - 1


def on_line(**line: Any) -> Sender:
    """A sender that has found its pace on a good line, and then gets this one."""
    sender = Sender(Line(Clock()))
    sender.run(10)
    assert sender.step == FULL and not sender.estimate.limited
    for name, value in line.items():
        setattr(sender.line, name, value)
    sender.reset()
    sender.most_queue_s = 0.0
    return sender


def read(packet: bytes) -> transport_cc.Feedback:
    return transport_cc.parse(next(rtcp.split(packet)))


@given(
    st.lists(st.none() | st.integers(-32768, 32767), min_size=1, max_size=300),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFF),
)
def test_a_report_reads_as_it_was_written(deltas: list[int | None], base: int, reference: int) -> None:
    feedback = transport_cc.Feedback(base, reference, 7, deltas)
    assert read(transport_cc.build(1, feedback)) == feedback


def body(*words: int, tail: bytes = b"", count: int) -> rtcp.Block:
    head = bytes(8) + (100).to_bytes(2, "big") + count.to_bytes(2, "big") + bytes((0, 0, 1, 0))
    return rtcp.Block(rtcp.RTPFB, 15, head + b"".join(one.to_bytes(2, "big") for one in words) + tail)


def test_run_lengths_and_both_vectors() -> None:
    # Three lost in a run; then one bit each (1 0 1 ...); then two bits each: small, large, lost.
    words = (0x0003, 0x8000 | 0b10100000000000, 0xC000 | 0b01100000000000)
    tail = bytes((4, 8, 12)) + (-2).to_bytes(2, "big", signed=True)
    feedback = transport_cc.parse(body(*words, tail=tail, count=20))
    assert feedback.deltas == [None] * 3 + [4, None, 8] + [None] * 11 + [12, -2, None]


@pytest.mark.parametrize(
    "block",
    [
        rtcp.Block(rtcp.RTPFB, 15, bytes(15)),
        body(0x2001, count=0),
        body(0x2001, count=5000),
        body(0x2004, tail=b"\1\1", count=4),
        body(0x4002, tail=b"\1\1\1", count=2),
        body(0x6001, tail=bytes(8), count=1),
        body(0x2000, tail=bytes(8), count=1),
        body(count=1),
    ],
)
def test_a_report_that_does_not_add_up_is_refused(block: rtcp.Block) -> None:
    with pytest.raises(Malformed):
        transport_cc.parse(block)


@given(st.binary(max_size=200))
def test_any_bytes_as_a_report(data: bytes) -> None:
    try:
        feedback = transport_cc.parse(rtcp.Block(rtcp.RTPFB, 15, data))
    except Malformed:
        return
    sent = SentPackets()
    for _ in range(50):
        sent.add(100, 1.0)
    assert len(transport_cc.Arrivals(sent).read(feedback)) <= 50


def test_reports_are_put_beside_what_was_sent() -> None:
    sent = SentPackets()
    sent.next = 0xFFFE
    for number in range(4):
        sent.add(1000 + number, 5.0 + number / 100)
    arrivals = transport_cc.Arrivals(sent)
    first = arrivals.read(transport_cc.Feedback(0xFFFE, 0xFFFFFF, 0, [4, None, 8]))
    assert [(one.number, one.sent_at, one.size) for one in first] == [
        (0xFFFE, 5.0, 1000),
        (0xFFFF, 5.01, 1001),
        (0x10000, 5.02, 1002),
    ]
    assert first[0].arrived_at is not None and first[2].arrived_at is not None
    assert first[1].arrived_at is None
    assert first[2].arrived_at - first[0].arrived_at == pytest.approx(0.002)
    (later,) = arrivals.read(transport_cc.Feedback(1, 0, 1, [0]))
    assert later.arrived_at is not None, "the browser's clock came round"
    assert later.arrived_at - first[0].arrived_at == pytest.approx(0.064 - 0.001)
    assert not arrivals.read(transport_cc.Feedback(40, 0, 2, [0])), "never sent"


def test_a_good_line_is_never_probed() -> None:
    sender = on_line()
    sender.run(60)
    assert sender.step == FULL and not sender.steps
    assert sender.padding_bytes == 0 and sender.pacer.rate_bps is None


@pytest.mark.parametrize(
    ("kbps", "least_step", "share"), [(500, 3, 0.6), (200, 1, 0.5), (120, 0, 0.6)], ids=str
)
def test_a_bottleneck_costs_picture_and_no_sound(kbps: int, least_step: int, share: float) -> None:
    sender = on_line(rate_bps=1000.0 * kbps)
    sender.run(60)
    # Half a second of queue and loss before the first report can say so.
    assert sender.audio_loss <= 0.01
    assert sender.estimate.limited and sender.step >= least_step
    assert sender.video_bytes * 8 / 60 >= share * (1000 * kbps - AUDIO_BPS)
    sender.reset()
    sender.run(60)
    assert sender.audio_loss <= 0.001
    assert sender.padding_bytes * 8 / 60 <= 0.1 * 1000 * kbps


def test_from_bad_to_worse_and_back_within_eight_seconds() -> None:
    sender = on_line(rate_bps=500e3)
    for rate in (500e3, 200e3, 120e3):
        sender.line.rate_bps = rate
        sender.reset()
        sender.run(120)
        assert sender.audio_loss <= 0.005, rate
    sender.line.rate_bps = 2e6
    sender.reset()
    sender.run(8)
    assert sender.step == FULL and not sender.estimate.limited
    assert sender.audio_loss == 0
    sender.reset()
    sender.run(20)
    assert not sender.steps, "and stays"


def test_a_sudden_drop_is_answered_within_half_a_second() -> None:
    sender = on_line(rate_bps=120e3)
    sender.run(0.7)
    assert sender.estimate.budget_bps < 130e3
    sender.run(1.5)
    assert sender.line.free_at - sender.clock.now < 0.1, "the queue is drained"


@pytest.mark.parametrize("loss", [0.05, 0.15])
def test_loss_of_the_line_itself_is_no_congestion(loss: float) -> None:
    sender = on_line(loss=loss)
    sender.run(20)
    assert sender.step == FULL
    sender.reset()
    sender.run(60)
    assert sender.video_bytes * 8 / 60 > 0.9 * LADDER[FULL]


@pytest.mark.parametrize("queue_s", [0.03, 2.0])
def test_short_and_endless_queues(queue_s: float) -> None:
    sender = on_line(rate_bps=500e3, queue_s=queue_s)
    sender.run(20)
    sender.reset()
    sender.most_queue_s = 0.0
    sender.run(60)
    assert sender.audio_loss < 0.03 and sender.most_queue_s < 0.5
    assert 200e3 < sender.estimate.budget_bps < 560e3


def test_a_busy_machine_is_no_bottleneck() -> None:
    """Everything arrives up to 0.3 s late, then at once."""
    sender = on_line(stall=(1.0, 0.3))
    sender.run(60)
    assert not sender.steps and not sender.estimate.limited


def test_jitter_is_no_bottleneck() -> None:
    sender = on_line(jitter_s=0.06)
    sender.run(60)
    assert not sender.steps and not sender.estimate.limited


def test_a_longer_way_is_no_bottleneck_for_long() -> None:
    sender = on_line(delay_s=0.2)
    sender.run(20)
    assert sender.step == FULL
    sender.reset()
    sender.run(30)
    assert not sender.steps


def test_a_long_round_trip() -> None:
    sender = Sender(Line(Clock(), delay_s=0.25))
    sender.run(10)
    sender.line.rate_bps = 500e3
    sender.run(10)
    sender.reset()
    sender.run(60)
    assert sender.audio_loss <= 0.01 and sender.step >= 3
    sender.line.rate_bps = 2e6
    sender.run(12)
    assert sender.step == FULL


def test_somebody_elses_traffic_is_shared_with_and_outlived() -> None:
    sender = on_line(rate_bps=1e6, cross_bps=700e3)
    sender.run(30)
    sender.reset()
    sender.run(30)
    assert sender.audio_loss <= 0.01 and sender.step >= 0
    sender.line.cross_bps = 0.0
    sender.run(10)
    assert sender.estimate.budget_bps > 700e3


def test_somebody_who_keeps_the_queue_full_does_not_starve_us() -> None:
    """A download without end: the queue stands whatever we do."""
    sender = on_line(rate_bps=2e6, queue_s=0.5, greedy=True)
    sender.run(40)
    sender.reset()
    sender.run(40)
    assert sender.video_bytes > 0 and sender.audio_loss <= 0.05


def test_lost_reports_do_no_harm() -> None:
    sender = on_line(rate_bps=200e3)
    sender.feedback_lost = 0.3
    sender.run(20)
    sender.reset()
    sender.run(60)
    assert sender.audio_loss <= 0.005 and sender.step >= 1


def test_a_line_too_narrow_for_any_picture() -> None:
    sender = on_line(rate_bps=70e3)
    sender.run(10)
    sender.reset()
    sender.run(30)
    assert sender.audio_loss <= 0.01 and sender.step == -1


class Waiting:
    """Something the pacer lets wait."""

    def __init__(self, pacer: Pacer) -> None:
        self.pacer = pacer
        self.sent: list[tuple[float, int]] = []
        self.resumed = 0

    def forward(self, size: int, now: float) -> None:
        self.pacer.spend(size, now)
        self.sent.append((now, size))

    def resume(self, now: float) -> None:
        self.resumed += 1


def paced(rate_bps: float | None) -> tuple[Clock, Pacer, Waiting]:
    clock = Clock()
    pacer = Pacer(clock, clock.call_later, lambda now: 260)
    pacer.set_rate(rate_bps)
    return clock, pacer, Waiting(pacer)


def test_without_a_limit_nothing_waits() -> None:
    clock, pacer, picture = paced(None)
    assert not any(pacer.keeps(picture, 1200, (1200, clock.now)) for _ in range(100))


def test_a_keyframe_leaves_at_the_lines_pace_and_sound_passes_it() -> None:
    clock, pacer, picture = paced(200e3)
    clock.run(clock.now + 1)
    began = clock.now
    for _ in range(20):
        if not pacer.keeps(picture, 1000, (1000, clock.now)):
            picture.forward(1000, clock.now)
    assert len(picture.sent) <= 2 and pacer.backlog_s() > 0.7
    assert pacer.keeps(picture, 0, (0, clock.now)), "what is left out keeps its turn"
    for _ in range(40):
        # Sound leaves at once; the pictures wait for what it took.
        pacer.spend(140, clock.now)
        clock.run(clock.now + 0.02)
    clock.run(clock.now + 2)
    pictures = [one for one in picture.sent if one[1]]
    assert len(pictures) == 20
    assert pictures[-1][0] - began == pytest.approx(8 * (20 * 1000 + 40 * 140) / 200e3, rel=0.15)
    assert pacer.backlog_s() == 0


def test_what_waited_too_long_is_dropped_for_a_new_keyframe() -> None:
    clock, pacer, picture = paced(100e3)
    for _ in range(200):
        pacer.keeps(picture, 1000, (1000, clock.now))
        clock.run(clock.now + 0.02)
    assert picture.resumed and pacer.backlog_s() < 5


def test_lifting_the_limit_lets_everything_go_and_closing_forgets_it() -> None:
    clock, pacer, picture = paced(100e3)
    for _ in range(20):
        pacer.keeps(picture, 1000, (1000, clock.now))
    other = Waiting(pacer)
    pacer.keeps(other, 1000, (1000, clock.now))
    pacer.drop(other)
    pacer.set_rate(None)
    assert len(picture.sent) >= 18 and not other.sent
    pacer.set_rate(100e3)
    for _ in range(20):
        pacer.keeps(picture, 1000, (1000, clock.now))
    before = len(picture.sent)
    pacer.close()
    clock.run(clock.now + 5)
    assert len(picture.sent) == before


def test_padding_fills_what_is_left_and_ends_in_time() -> None:
    clock = Clock()
    padding: list[float] = []

    def pad(now: float) -> int:
        padding.append(now)
        return 260

    pacer = Pacer(clock, clock.call_later, pad)
    began = clock.now
    pacer.set_rate(400e3, began + 0.5)
    clock.run(began + 2)
    assert len(padding) * 260 * 8 / 0.5 == pytest.approx(400e3, rel=0.15)
    assert padding[-1] <= began + 0.5
