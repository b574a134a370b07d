"""How much a subscriber's line takes, from transport-wide feedback: what arrived, how late, and how fast.

After Google's congestion control (draft-ietf-rmcat-gcc-02), with one change: not the slope of the delay decides
but the queue itself, the smallest one-way delay of the last moments above the smallest of the last 10 to 20 s.
A busy machine delivers late, then all at once, so that some packet of every moment is in time; a full line
delivers every packet late. The slope cannot tell the two apart, the minimum can (as in CoDel, RFC 8289).

While a queue stands, the rate of arrival is the line's capacity. Room above it is found by probing: a train of
a few small packets, whose spacing on arrival shows at once whether there is none, and only then padding at the
rate that is wanted next, for less than half a second and stopped by the first 40 ms of queue.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from rtc.transport_cc import Outcome

START_BPS = 1_500_000.0
FLOOR_BPS = 60_000.0
"""Sound and a little: whatever happened, growing begins again from here."""
NEVER = float("-inf")

BASE_S = 10.0
"""The smallest delay is that of this window and the one before: a line may become longer for good."""
KEEP_S = 1.0
SHORT_S, SHORT_QUEUE_S, SHORT_PACKETS = 0.15, 0.10, 4
LONG_S, LONG_QUEUE_S, LONG_PACKETS = 0.4, 0.05, 8
DRAINED_S = 0.03
LOSS_WINDOW_S = 0.6
LOSS_PACKETS = 20
LOSS_OVER = 0.10
"""More than the line's own loss by this much is congestion without a queue (a policer, a short buffer)."""
OWN_LOSS_GAIN = 0.1
OWN_LOSS_AFTER_S = 1.5
"""Loss that did not become less so long after sending less is the line's own (Wi-Fi at its edge)."""
RATE_WINDOW_S = 0.4

DRAIN = 0.6
BACK_OFF = 0.85
USE = 0.92
"""Of a capacity that was measured."""
EPISODE_S = 1.0
DECISION_S, LATE_DECISION_S = 0.1, 0.6
REBASE_S = 4.0
"""A queue that stays although we send less is not ours: somebody else's, or a longer way."""
TOLERANT_S, TOLERANCE = 30.0, 3.0
"""After that, for so long, this much more of a queue is borne: else a download would starve us."""

FIRST_PROBE_S = 0.8
TRAIN_EVERY_S = 1.2
TRAIN_PACKETS, TRAIN_BYTES = 4, 200
TRAIN_ROOM = 1.15
TRAIN_TRUST = 0.9
MIN_DISPERSION_S = 0.001
TRAIN_WAIT_S = 1.0
RAMP_S = 0.4
RAMP_WAIT_S = 0.8
RAMP_WARM_S = 0.08
RAMP_QUEUE_S, RAMP_WINDOW_S = 0.04, 0.1
RAMP_STEP, RAMP_CAREFUL_STEP = 2.5, 1.3
RAMP_HOLD_S, MAX_RAMP_HOLD_S = 2.0, 5.0
RAMP_GOT = 0.88
BLAME_S = 6.0
"""Congestion so soon after growing is blamed on growing."""
ENOUGH = 1.3
"""A budget of this much more than is wanted sets no limit."""
GROWTH_PER_S = 1.05
"""Where the media itself fills the budget and nothing is wrong."""


@dataclass(slots=True)
class Train:
    """Packets sent at once; first, end: their transport-wide numbers."""

    first: int
    end: int
    sent_at: float
    arrived: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])


@dataclass(slots=True)
class Ramp:
    """Padding up to rate_bps until `until`; what was sent in it and what arrived."""

    rate_bps: float
    started_at: float
    until: float
    sent_bytes: int = 0
    arrived: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    finished: bool = False


@dataclass(slots=True)
class LineEstimate:
    """budget_bps is what may be sent in all, on the line. Time is given by the caller (monotonic seconds)."""

    started_at: float
    budget_bps: float = START_BPS
    capacity_bps: float = 0.0
    """Measured while a queue stood; 0: never."""
    congested_at: float = NEVER
    reason: str = ""
    """What the last decision to send less was about: queue or loss."""
    queue_s: float = 0.0
    loss: float = 0.0
    own_loss: float = 0.0
    remb_bps: float | None = None
    train: Train | None = None
    ramp: Ramp | None = None
    train_bps: float = 0.0
    """What the last train showed to be possible, 0: no room for more."""
    seen_bps: float = 0.0
    """What the last train showed."""
    ramp_hold_s: float = RAMP_HOLD_S
    _train_at: float = NEVER
    _ramp_failed_at: float = NEVER
    _ramp_good_at: float = NEVER
    _ramp_hold_before_s: float = 0.0
    _draining: bool = False
    _calm_since: float = NEVER
    _bad_since: float = NEVER
    _rebased_at: float = NEVER
    _enough: bool = True
    _updated_at: float = NEVER
    _recent: deque[tuple[float, float, int]] = field(default_factory=deque[tuple[float, float, int]])
    _counts: deque[tuple[float, int, int]] = field(default_factory=deque[tuple[float, int, int]])
    _missing: dict[int, None] = field(default_factory=dict[int, None])
    _base: list[float] = field(default_factory=lambda: [float("inf"), float("inf")])
    _base_at: float = NEVER
    _loss_before: float = 0.0
    _loss_backed_off_at: float = NEVER
    _loss_budget_bps: float = 0.0

    @property
    def limited(self) -> bool:
        """Whether congestion set the budget and it is less than what is wanted."""
        return self.congested_at > NEVER and not self._enough

    @property
    def pace_bps(self) -> float | None:
        """The rate pictures may leave at, sound included; None: as they come."""
        if self.ramp is not None and not self.ramp.finished:
            return self.ramp.rate_bps
        return 1.05 * self.budget_bps if self.limited else None

    def on_outcomes(self, outcomes: Sequence[Outcome], now: float) -> bool:
        """A report came. True when it says that we send too much: decide about layers at once."""
        if not outcomes:
            return False
        self._take(outcomes, now)
        self._judge_train(now)
        bad = self._decide(now)
        self._judge_ramp(now)
        return bad

    def update(self, now: float, wanted_bps: float, next_bps: float) -> float:
        """Every quarter of a second. wanted_bps: everything in full; next_bps: the next better quality."""
        elapsed = min(1.0, now - self._updated_at)
        self._updated_at = now
        self._enough = self.budget_bps >= ENOUGH * wanted_bps and not self._draining
        busy = self.delivered_bps() > 0.8 * self.budget_bps
        if self.limited and busy and not self._draining and now - self._calm_since > FIRST_PROBE_S:
            # Not past what the last train saw.
            most = USE * self.seen_bps if self.seen_bps else float("inf")
            self.budget_bps = max(self.budget_bps, min(most, self.budget_bps * GROWTH_PER_S**elapsed))
        if self.ramp is not None and now - self.ramp.until > RAMP_WAIT_S:
            self._end_ramp(now, False)
        return self.budget_bps

    def wants_train(self, now: float, next_bps: float) -> bool:
        """Whether a train should leave now. Report it by train_left()."""
        return (
            next_bps > self.budget_bps
            and self.train is None
            and self.ramp is None
            and not self._draining
            and now - self._calm_since > FIRST_PROBE_S
            and now - self._train_at > TRAIN_EVERY_S
            and now - self._ramp_failed_at > self.ramp_hold_s
        )

    def train_left(self, first: int, end: int, now: float) -> None:
        """A train was sent with these numbers."""
        self._train_at = now
        self.train = Train(first, end, now)

    def wants_ramp(self, now: float, wanted_bps: float, next_bps: float) -> float:
        """The rate to pad up to from now on, 0: no. Begins the ramp."""
        if self.ramp is not None or not self.train_bps or next_bps <= self.budget_bps or self._draining:
            return 0.0
        step = RAMP_STEP if self.ramp_hold_s <= RAMP_HOLD_S else RAMP_CAREFUL_STEP
        most = min(step * self.budget_bps, TRAIN_TRUST * self.train_bps)
        rate = min(most, max(1.08 * next_bps, ENOUGH * wanted_bps))
        if rate < TRAIN_ROOM * self.budget_bps:
            self.train_bps = 0.0
            return 0.0
        self.ramp = Ramp(rate, now, now + RAMP_S)
        return rate

    def on_sent(self, size: int, now: float) -> None:
        """Bytes that left, while a ramp is under way."""
        ramp = self.ramp
        if ramp is not None and ramp.started_at + RAMP_WARM_S <= now < ramp.until:
            ramp.sent_bytes += size

    def delivered_bps(self, window_s: float = RATE_WINDOW_S) -> float:
        """Rate of arrival by the browser's clock."""
        if len(self._recent) < 2:
            return 0.0
        last = self._recent[-1][0]
        taken = [one for one in self._recent if one[0] > last - window_s]
        if len(taken) < 2:
            return 0.0
        return 8 * sum(one[2] for one in taken) / window_s

    def _take(self, outcomes: Sequence[Outcome], now: float) -> None:
        received = lost = 0
        if now - self._base_at > BASE_S:
            self._base = [float("inf"), self._base[0]]
            self._base_at = now
        missing, recent, least = self._missing, self._recent, self._base[0]
        for number, sent_at, arrived_at, size in outcomes:
            if arrived_at is None:
                if number not in missing:
                    missing[number] = None
                    lost += 1
                continue
            if missing and number in missing:
                # Only late after all.
                del missing[number]
                lost -= 1
            received += 1
            delay = arrived_at - sent_at
            if delay < least:
                least = delay
            recent.append((arrived_at, delay, size))
        self._base[0] = least
        if self.train is not None or self.ramp is not None:
            self._watch_probe(outcomes)
        while len(self._missing) > 512:
            del self._missing[next(iter(self._missing))]
        self._counts.append((now, received, lost))
        while self._counts and self._counts[0][0] < now - LOSS_WINDOW_S:
            self._counts.popleft()
        if self._recent:
            oldest = self._recent[-1][0] - KEEP_S
            while self._recent[0][0] < oldest:
                self._recent.popleft()

    def _watch_probe(self, outcomes: Sequence[Outcome]) -> None:
        train, ramp = self.train, self.ramp
        for number, sent_at, arrived_at, size in outcomes:
            if arrived_at is None:
                continue
            if train is not None and train.first <= number < train.end:
                train.arrived.append((arrived_at, size))
            if ramp is not None and ramp.started_at + RAMP_WARM_S <= sent_at < ramp.until:
                ramp.arrived.append((arrived_at, size))
            if ramp is not None and sent_at >= ramp.until:
                ramp.finished = True

    def _queue(self, window_s: float, packets: int) -> float | None:
        """The smallest queue of the last moments; None when too little arrived to say."""
        if not self._recent:
            return None
        since = self._recent[-1][0] - window_s
        least, count = float("inf"), 0
        for arrived_at, delay, _ in reversed(self._recent):
            if arrived_at < since:
                break
            least, count = min(least, delay), count + 1
        return least - min(self._base) if count >= packets else None

    def _decide(self, now: float) -> bool:
        short = self._queue(SHORT_S, SHORT_PACKETS)
        long = self._queue(LONG_S, LONG_PACKETS)
        if short is not None:
            self.queue_s = short
        borne = self._borne(now)
        queue = (short or 0.0) > borne * SHORT_QUEUE_S or (
            (long or 0.0) > borne * LONG_QUEUE_S and (short or 0.0) > borne * DRAINED_S
        )
        loss = self._lossy(now)
        if not queue and not loss:
            if short is None or short < borne * DRAINED_S:
                self._settle(now)
            return False
        if self._calm_since > NEVER or self._bad_since == NEVER:
            self._bad_since = now
        self._calm_since = NEVER
        if queue and not loss and now - self._bad_since > REBASE_S:
            self._base = [min(one[1] for one in self._recent), float("inf")]
            self._base_at = self._rebased_at = now
            self._settle(now)
            return False
        wait = DECISION_S if now - self._bad_since < EPISODE_S else LATE_DECISION_S
        if now - self.congested_at < wait:
            return False
        self._back_off(now, queue)
        return True

    def _borne(self, now: float) -> float:
        return TOLERANCE if now - self._rebased_at < TOLERANT_S else 1.0

    def _lossy(self, now: float) -> bool:
        received = sum(one[1] for one in self._counts)
        lost = max(0, sum(one[2] for one in self._counts))
        total = received + lost
        if total < LOSS_PACKETS or now - self._counts[0][0] < LOSS_WINDOW_S / 2:
            return False
        self.loss = lost / total
        if self._loss_backed_off_at > NEVER and now - self._loss_backed_off_at > OWN_LOSS_AFTER_S:
            if self.loss > 0.6 * self._loss_before and self.queue_s < self._borne(now) * DRAINED_S:
                # Sending less did not help: give back what was taken for it.
                self.own_loss = self.loss
                self.budget_bps = max(self.budget_bps, self._loss_budget_bps)
            self._loss_backed_off_at = NEVER
        if self.loss > self.own_loss + LOSS_OVER:
            return True
        self.own_loss += OWN_LOSS_GAIN * (self.loss - self.own_loss)
        return False

    def _back_off(self, now: float, queue: bool) -> None:
        passed = self.delivered_bps(RATE_WINDOW_S if now - self._bad_since > RATE_WINDOW_S else SHORT_S)
        first = not self._draining
        if queue:
            self.capacity_bps = passed
            self._draining = True
        elif self._loss_backed_off_at == NEVER:
            self._loss_before, self._loss_backed_off_at = self.loss, now
            self._loss_budget_bps = self.budget_bps
        factor = (DRAIN if now - self._bad_since < EPISODE_S else BACK_OFF) if queue else BACK_OFF
        self.reason = "queue" if queue else "loss"
        self.budget_bps = max(FLOOR_BPS, min(self.budget_bps, factor * passed))
        self.congested_at = now
        self._enough = False
        if self.ramp is not None:
            self._end_ramp(now, False)
        elif first and now - self._ramp_good_at < BLAME_S:
            # A token bucket lets a probe through and nothing after it.
            self.ramp_hold_s = min(MAX_RAMP_HOLD_S, 2 * max(self._ramp_hold_before_s, RAMP_HOLD_S))
            self._ramp_failed_at = now
        if first:
            self.train, self.train_bps = None, 0.0

    def _settle(self, now: float) -> None:
        """Nothing is wrong. After draining a queue: use what the line was measured to take."""
        if self._draining:
            self._draining = False
            self.budget_bps = max(FLOOR_BPS, self.budget_bps, USE * self.capacity_bps)
        if self._calm_since == NEVER:
            self._calm_since = now

    def _judge_train(self, now: float) -> None:
        train = self.train
        if train is None:
            return
        if len(train.arrived) < train.end - train.first:
            if now - train.sent_at > TRAIN_WAIT_S:
                self.train = None
            return
        self.train = None
        arrived = sorted(train.arrived)
        dispersion = max(MIN_DISPERSION_S, arrived[-1][0] - arrived[0][0])
        rate = 8 * sum(size for _, size in arrived[1:]) / dispersion
        self.seen_bps = rate
        self.train_bps = rate if TRAIN_TRUST * rate > TRAIN_ROOM * self.budget_bps else 0.0

    def _judge_ramp(self, now: float) -> None:
        ramp = self.ramp
        if ramp is None:
            return
        queue = self._queue(RAMP_WINDOW_S, SHORT_PACKETS)
        if (
            queue is not None
            and queue > self._borne(now) * RAMP_QUEUE_S
            and len(ramp.arrived) > SHORT_PACKETS
        ):
            # Not yet congestion, but as much as the line takes.
            self.capacity_bps = self.delivered_bps(SHORT_S)
            self._end_ramp(now, False)
            return
        if ramp.finished:
            got = 8 * sum(size for _, size in ramp.arrived)
            sent = 8 * ramp.sent_bytes
            good = got >= RAMP_GOT * (1 - self.own_loss) * sent and sent > 0
            if good:
                reached = sent / (RAMP_S - RAMP_WARM_S)
                self.budget_bps = max(self.budget_bps, min(reached, 1.1 * ramp.rate_bps))
            self._end_ramp(now, good)

    def _end_ramp(self, now: float, good: bool) -> None:
        self.ramp = None
        if good:
            if now - self._ramp_good_at > BLAME_S:
                self._ramp_hold_before_s = self.ramp_hold_s
            self._ramp_good_at = now
            self.ramp_hold_s = RAMP_HOLD_S
            self._train_at = NEVER
            return
        self.train_bps = 0.0
        self._ramp_failed_at = now
        self.ramp_hold_s = min(MAX_RAMP_HOLD_S, 2 * self.ramp_hold_s)
