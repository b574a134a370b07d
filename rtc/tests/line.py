"""A line in virtual time: a sender as the node is one, a bottleneck, a browser that reports. Nothing sleeps."""

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rtc import rtcp, transport_cc
from rtc.estimate import TRAIN_PACKETS, LineEstimate
from rtc.pacer import Pacer
from rtc.sent import SentPackets

AUDIO_BYTES = 140
AUDIO_BPS = 8 * AUDIO_BYTES * 50
VIDEO_BYTES = 1160
FRAMES = 24
LADDER = (55e3, 90e3, 130e3, 230e3, 380e3, 700e3, 1_250e3)
KEYFRAMES = (0, 3, 5)
"""Steps that mean another encoding: their first frame is a keyframe."""


class Clock:
    """Virtual seconds, and what is to happen when."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()

    def __call__(self) -> float:
        return self.now

    def call_later(self, wait: float, action: Callable[[], None]) -> "Clock":
        heapq.heappush(self._events, (self.now + wait, next(self._count), action))
        return self

    def cancel(self) -> None:
        """Timers of a simulation run out by themselves."""

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            self.now, _, action = heapq.heappop(self._events)
            action()
        self.now = until


@dataclass
class Line:
    """rate_bps with a queue of queue_s. loss: share of packets lost at random. jitter_s: each packet up to so late,
    in order. stall: (every_s, for_s) the browser's machine does nothing. cross_bps: somebody else's packets."""

    clock: Clock
    rate_bps: float = 10e6
    queue_s: float = 0.3
    delay_s: float = 0.02
    loss: float = 0.0
    jitter_s: float = 0.0
    stall: tuple[float, float] = (0.0, 0.0)
    cross_bps: float = 0.0
    greedy: bool = False
    """Somebody else keeps the queue nearly full."""
    burst_bytes: float = 0.0
    """Of a token bucket: so much passes at once after a pause."""
    free_at: float = 0.0
    last_at: float = 0.0
    _crossed_at: float = 0.0
    dice: random.Random = field(default_factory=lambda: random.Random(11))

    def send(self, size: int) -> float | None:
        """When it arrives, or None."""
        now = self.clock.now
        self.free_at += (now - self._crossed_at) * self.cross_bps / self.rate_bps if self._crossed_at else 0.0
        self._crossed_at = now
        if self.greedy:
            self.free_at = max(self.free_at, now + self.queue_s * self.dice.uniform(0.7, 0.98))
        earliest = now - self.burst_bytes * 8 / self.rate_bps
        self.free_at = max(self.free_at, earliest)
        if self.free_at - now > self.queue_s or self.dice.random() < self.loss:
            return None
        self.free_at += 8 * size / self.rate_bps
        at = max(now, self.free_at) + self.delay_s + self.dice.random() * self.jitter_s
        every, pause = self.stall
        if every and at % every < pause:
            at += pause - at % every
        self.last_at = max(at, self.last_at)
        return self.last_at


class Sender:
    """The node's side of one subscriber: sound, one picture in steps, probes. What arrived is counted."""

    def __init__(self, line: Line, wanted: bool = True) -> None:
        self.clock, self.line = line.clock, line
        self.estimate = LineEstimate(self.clock.now)
        self.pacer = Pacer(self.clock, self.clock.call_later, self._pad)
        self.pacer.on_sent = self.estimate.on_sent
        self.sent = SentPackets()
        self.arrivals = transport_cc.Arrivals(self.sent)
        self.step = 0
        self.steps: list[tuple[float, int]] = []
        self.top = len(LADDER) - 1 if wanted else 0
        self.audio = [0, 0]
        self.video_bytes = self.padding_bytes = 0
        self.most_queue_s = 0.0
        self.feedback_lost = 0.0
        self._ids: dict[int, float | None] = {}
        self._reported = 0
        self._reference: float | None = None
        for every, action in (
            (0.02, self._sound),
            (1 / FRAMES, self._picture),
            (0.25, self._decide),
            (0.1, self._report),
        ):
            self._repeat(every, action)

    def run(self, seconds: float) -> None:
        self.clock.run(self.clock.now + seconds)

    def reset(self) -> None:
        self.audio, self.video_bytes, self.padding_bytes, self.steps = [0, 0], 0, 0, []

    @property
    def audio_loss(self) -> float:
        return self.audio[1] / max(1, sum(self.audio))

    def forward(self, size: int, now: float) -> None:
        """For the pacer."""
        self.pacer.spend(size, now)
        self._send(size)
        self.video_bytes += size

    def resume(self, now: float) -> None:
        """For the pacer: a picture waited too long."""

    def _repeat(self, every: float, action: Callable[[], None]) -> None:
        def again() -> None:
            action()
            self.clock.call_later(every, again)

        self.clock.call_later(every, again)

    def _send(self, size: int) -> bool:
        number = self.sent.next
        self.sent.add(size, self.clock.now)
        arrives = self.line.send(size)
        self._ids[number] = arrives
        self.most_queue_s = max(self.most_queue_s, self.line.free_at - self.clock.now)
        return arrives is not None

    def _pad(self, now: float) -> int:
        self._send(260)
        self.padding_bytes += 260
        return 260

    def _sound(self) -> None:
        self.pacer.spend(AUDIO_BYTES, self.clock.now)
        self.audio[not self._send(AUDIO_BYTES)] += 1

    def _picture(self, size: float = 0) -> None:
        left = int(size or LADDER[self.step] / 8 / FRAMES) if self.step >= 0 else 0
        while left > 0:
            part = min(VIDEO_BYTES, max(left, 80))
            left -= VIDEO_BYTES
            if not self.pacer.keeps(self, part, (part, self.clock.now)):
                self.forward(part, self.clock.now)

    def _decide(self) -> None:
        room = self.estimate.budget_bps - AUDIO_BPS
        step = max((one for one in range(self.top + 1) if LADDER[one] <= room), default=-1)
        if step != self.step:
            self.steps.append((self.clock.now, step))
            if any(min(step, self.step) < one <= max(step, self.step) for one in KEYFRAMES):
                self.pacer.drop(self)
                self.step = step
                if step >= 0:
                    self._picture(5 * LADDER[max(one for one in KEYFRAMES if one <= step)] / 8 / FRAMES)
            self.step = step
        self.estimate.update(self.clock.now, *self._wanted())
        self._pace()

    def _wanted(self) -> tuple[float, float]:
        better = LADDER[self.step + 1] if self.step < self.top else 0.0
        return AUDIO_BPS + LADDER[self.top], AUDIO_BPS + better if better else 0.0

    def _pace(self) -> None:
        now, line = self.clock.now, self.estimate
        wanted, better = self._wanted()
        if line.wants_train(now, better) and self.pacer.quiet:
            first = self.sent.next
            for _ in range(TRAIN_PACKETS):
                self.pacer.spend(self._pad(now), now)
            line.train_left(first, self.sent.next, now)
        line.wants_ramp(now, wanted, better)
        self.pacer.set_rate(line.pace_bps, line.ramp.until if line.ramp else 0.0)

    def _report(self) -> None:
        """What arrived by now, as a browser reports it: through the bytes of RTCP."""
        now = self.clock.now
        every, pause = self.line.stall
        if every and now % every < pause:
            return
        last = max((one for one, at in self._ids.items() if at is not None and at <= now), default=None)
        if last is None:
            return
        numbers = range(self._reported, last + 1)
        arrived = [
            at if at is not None and at <= now else None for at in (self._ids.get(one) for one in numbers)
        ]
        for one in numbers:
            self._ids.pop(one, None)
        self._reported = last + 1
        if not numbers or self.line.dice.random() < self.feedback_lost:
            return
        reference = int(next(at for at in arrived if at is not None) / transport_cc.REFERENCE_S)
        clock, deltas = round(reference * 256), list[int | None]()
        for at in arrived:
            ticks = None if at is None else round(at / transport_cc.DELTA_S)
            deltas.append(None if ticks is None else ticks - clock)
            clock = clock if ticks is None else ticks
        feedback = transport_cc.Feedback(numbers[0] & 0xFFFF, reference & 0xFFFFFF, 0, deltas)
        packet = transport_cc.build(1, feedback)
        self.clock.call_later(self.line.delay_s, lambda: self._receive(packet))

    def _receive(self, packet: bytes) -> None:
        block: Any = next(rtcp.split(packet))
        if self.estimate.on_outcomes(self.arrivals.read(transport_cc.parse(block)), self.clock.now):
            self._decide()
        else:
            self._pace()
