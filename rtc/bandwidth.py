"""How much a subscriber's network takes, from the browser's own estimate (REMB) and its loss reports.

REMB never says more than about 1.5 times what is being sent, climbs only 8 % a second and stands still
while no picture is sent. So only its falling is believed, as a sign of congestion, and how far it fell; room
to grow is found out by growing, in steps, with a longer pause after each one that failed.
"""

from dataclasses import dataclass

UNKNOWN_BPS = 50_000_000.0
FLOOR_BPS = 30_000.0
SETTLE_S = 2.0
"""The first estimates come before the browser has seen enough to mean it."""
HOLD_S = 3.0
MAX_HOLD_S = 30.0
GROWTH_PER_S = 1.5
BLAME_S = 5.0
"""Congestion so soon after growing is blamed on growing."""
LOSS_CONGESTED = 0.10
DECISION_S = 0.6
FALL = 0.97
FALL_LASTS_S = 0.6


@dataclass(slots=True)
class Bandwidth:
    """budget_bps is what may be sent in all; UNKNOWN_BPS until something says otherwise."""

    started_at: float
    budget_bps: float = UNKNOWN_BPS
    remb_bps: float | None = None
    hold_s: float = HOLD_S
    congested_at: float = 0.0
    grown_at: float = 0.0
    _updated_at: float = 0.0
    _signs: int = 0
    _fell_at: float = 0.0

    def on_remb(self, bps: float, now: float) -> None:
        """The browser's estimate came."""
        if self.remb_bps is not None and bps < FALL * self.remb_bps:
            self._fell_at = now
        self.remb_bps = bps

    def update(self, now: float, sent_bps: float, wanted_bps: float, loss: float) -> float:
        """Decide again; call every quarter of a second.

        sent_bps: rate of the last second. wanted_bps: what everything in full would need.
        loss: 0-1, of the worst track.
        """
        elapsed = min(1.0, now - self._updated_at) if self._updated_at else 0.0
        self._updated_at = now
        if self.remb_bps is None or now - self.started_at < SETTLE_S:
            return self.budget_bps
        fell = now - self._fell_at < FALL_LASTS_S and self.remb_bps < 0.95 * sent_bps and sent_bps > FLOOR_BPS
        congested = fell or loss > LOSS_CONGESTED
        self._signs = self._signs + 1 if congested else 0
        if congested:
            # One sign alone is often a keyframe or a busy machine.
            if self._signs > 1:
                passed = min(self.remb_bps, sent_bps) if fell else sent_bps * (1 - loss)
                self._back_off(now, passed)
        elif self.budget_bps < UNKNOWN_BPS and now - self.congested_at > self.hold_s:
            if self.budget_bps > 1.3 * wanted_bps:
                self.budget_bps = UNKNOWN_BPS
                self.hold_s = HOLD_S
            else:
                self.budget_bps = max(self.budget_bps, min(self.remb_bps, sent_bps))
                self.budget_bps *= GROWTH_PER_S**elapsed
                self.grown_at = now
        return self.budget_bps

    def _back_off(self, now: float, passed_bps: float) -> None:
        if now - self.congested_at < DECISION_S:
            return
        if now - self.grown_at < BLAME_S and self.grown_at > self.congested_at:
            self.hold_s = min(MAX_HOLD_S, 2 * self.hold_s)
        elif now - self.congested_at > 2 * MAX_HOLD_S:
            self.hold_s = HOLD_S
        self.congested_at = now
        self.budget_bps = max(FLOOR_BPS, 0.9 * min(passed_bps, self.budget_bps))
