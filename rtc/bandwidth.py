"""How much a subscriber's network takes, from the browser's loss reports, round trips and estimate (REMB).

Only packets that were lost on the way to the subscriber, or a delay that lasts, are congestion. REMB is no
evidence by itself: on a busy machine it falls to a tenth of what a clean line carries, it never says more
than about 1.5 times what is being sent, and it stands still while no picture is sent. It counts as a witness
of loss and delay. Room to grow is found out by growing.
"""

from dataclasses import dataclass, field

UNKNOWN_BPS = 50_000_000.0
START_BPS = 1_500_000.0
FLOOR_BPS = 60_000.0
"""Sound and a little: whatever happened, growing begins again from here."""
SETTLE_S = 2.0
"""The first reports come before the connection has found its pace."""
HOLD_S = 3.0
MAX_HOLD_S = 24.0
GROWTH_PER_S = 1.5
CAREFUL_PER_S = 1.15
"""Around where it went wrong last time."""
BLAME_S = 5.0
"""Congestion so soon after growing is blamed on growing."""
CALM_S = 30.0
LOSS_CONGESTED = 0.10
LOSS_CALM = 0.03
"""Below: room to try more. Above, right after growing and with a falling estimate: that was too much."""
SIGNS = 2
DELAY_S = 0.2
DELAY_LASTS_S = 1.0
"""Round trips DELAY_S longer than the line's own, for so long without a shorter one, are a queue."""
DELAY_IS_NEWS_S = 2.0
DECISION_S = 0.6
LATE_S = 0.5
"""A round this much after the last one: we are starved, and what was measured says nothing about the line."""
FALL = 0.97
FALL_LASTS_S = 2.0
BASE_DRIFT = 0.005
"""In every round, towards the latest round trip: a line may become longer for good."""


@dataclass(slots=True)
class Bandwidth:
    """budget_bps is what may be sent in all. `congested` says whether the line has ever set a limit to it."""

    started_at: float
    budget_bps: float = START_BPS
    remb_bps: float | None = None
    hold_s: float = HOLD_S
    congested_at: float = field(default=float("-inf"))
    grown_at: float = 0.0
    ceiling_bps: float = 0.0
    """What passed when it was too much."""
    _updated_at: float = 0.0
    _fell_at: float = field(default=float("-inf"))
    _base_s: float | None = None
    _rtt_s: float = 0.0
    _rtt_at: float = field(default=float("-inf"))
    _delayed_since: float | None = None
    _loss: float | None = None
    _loss_signs: int = 0
    _calm: bool = True

    @property
    def limited(self) -> bool:
        """Whether the budget was set by congestion; else it is only where we began, or no limit at all."""
        return self.budget_bps < UNKNOWN_BPS and self.congested_at > float("-inf")

    def on_remb(self, bps: float, now: float) -> None:
        """The browser's estimate came."""
        if self.remb_bps is not None and bps < FALL * self.remb_bps:
            self._fell_at = now
        self.remb_bps = bps

    def on_loss(self, loss: float) -> None:
        """A report said which share (0-1) was lost on this line."""
        self._loss = max(loss, self._loss or 0.0)

    def on_round_trip(self, rtt_s: float, now: float) -> None:
        """A report gave a round trip."""
        self._rtt_s, self._rtt_at = rtt_s, now
        if self._base_s is None or rtt_s < self._base_s:
            self._base_s = rtt_s
        if rtt_s < self._base_s + DELAY_S:
            self._delayed_since = None
        elif self._delayed_since is None:
            self._delayed_since = now

    def update(self, now: float, sent_bps: float, wanted_bps: float) -> float:
        """Decide again; call every quarter of a second.

        sent_bps: rate of the last second. wanted_bps: what everything in full would need.
        """
        elapsed = now - self._updated_at if self._updated_at else 0.0
        self._updated_at = now
        loss, self._loss = self._loss, None
        if elapsed > LATE_S or now - self.started_at < SETTLE_S:
            self._loss_signs, self._delayed_since = 0, None
            return self.budget_bps
        if self._base_s is not None:
            self._base_s += BASE_DRIFT * (self._rtt_s - self._base_s)
        fell = now - self._fell_at < FALL_LASTS_S and (self.remb_bps or sent_bps) < 0.95 * sent_bps
        if self._too_much(now, loss, fell):
            lost = loss or 0.0
            self._back_off(now, sent_bps * (1 - lost if lost > LOSS_CONGESTED else 0.85))
        elif self._calm and now - self.congested_at > self.hold_s:
            self._grow(now, elapsed, sent_bps, wanted_bps)
        return self.budget_bps

    def _too_much(self, now: float, loss: float | None, fell: bool) -> bool:
        if loss is not None:
            self._calm = loss < LOSS_CALM
            if self._calm:
                self._loss_signs = 0
            elif loss > LOSS_CONGESTED:
                # One report alone is often a burst; with a falling estimate, or a third gone, it is not.
                self._loss_signs += SIGNS if fell or loss > 3 * LOSS_CONGESTED else 1
            elif fell and now - self.grown_at < BLAME_S:
                self._loss_signs += SIGNS
        since = self._delayed_since
        lasts = since is not None and self._rtt_at - since >= DELAY_LASTS_S
        queue = lasts and now - self._rtt_at < DELAY_IS_NEWS_S
        return self._loss_signs >= SIGNS or (fell and queue)

    def _grow(self, now: float, elapsed: float, sent_bps: float, wanted_bps: float) -> None:
        if self.budget_bps >= UNKNOWN_BPS:
            return
        if self.budget_bps > 1.3 * wanted_bps:
            self.budget_bps = UNKNOWN_BPS
            self.hold_s = HOLD_S
            return
        careful = 0.8 * self.ceiling_bps < self.budget_bps < 1.3 * self.ceiling_bps
        pace = CAREFUL_PER_S if careful else GROWTH_PER_S
        self.budget_bps = max(self.budget_bps, sent_bps) * pace**elapsed
        self.grown_at = now

    def _back_off(self, now: float, passed_bps: float) -> None:
        if now - self.congested_at < DECISION_S:
            return
        self._loss_signs, self._delayed_since = 0, None
        if now - self.grown_at < BLAME_S and self.grown_at > self.congested_at:
            self.hold_s = min(MAX_HOLD_S, 2 * self.hold_s)
        elif now - self.congested_at > CALM_S:
            self.hold_s = HOLD_S
        self.congested_at = now
        self.ceiling_bps = passed_bps
        self.budget_bps = max(FLOOR_BPS, 0.9 * min(passed_bps, self.budget_bps))
