"""Lets pictures leave no faster than a narrow line takes them, so that sound never waits behind a keyframe.

Only for a subscriber whose line is the limit: for all others forwarders send as packets come. Sound never waits;
what it takes is taken off what pictures may send. What is left of the rate can be filled with padding.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

BURST_S = 0.04
BEHIND_S = 0.12
"""While something waits, a late timer may make up for so much: the line stood idle meanwhile."""
DEBT_S = 0.25
STEP_S = 0.005
MAX_WAIT_S = 1.2
"""A picture that waited longer is of no use: the rest is dropped, and it goes on from the next keyframe."""


class Paced(Protocol):
    """What packets wait for: a forwarder. forward takes the packet it was about, the time last."""

    @property
    def forward(self) -> Callable[..., None]: ...

    def resume(self, now: float) -> None: ...


class Timer(Protocol):
    """asyncio.TimerHandle, or a test's."""

    def cancel(self) -> None: ...


class Pacer:
    """One per subscriber. rate_bps None: nothing waits. pad(now) sends one padding packet, returns its bytes.

    clock and call_later: time.monotonic and the event loop's, or a simulation's.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        call_later: Callable[[float, Callable[[], None]], Timer],
        pad: Callable[[float], int],
    ) -> None:
        self.rate_bps: float | None = None
        self.padding_until = 0.0
        self.on_sent: Callable[[int, float], None] | None = None
        self._clock, self._call_later, self._pad = clock, call_later, pad
        self._queue: deque[tuple[float, int, Paced, tuple[Any, ...]]] = deque()
        self._queued_bytes = 0
        self._tokens = 0.0
        self._filled_at = 0.0
        self._timer: Timer | None = None
        self._releasing = False

    @property
    def quiet(self) -> bool:
        """Nothing waits, and what was sent last has left the line too."""
        self._fill(self._clock())
        return not self._queue and self._tokens >= 0

    def backlog_s(self) -> float:
        """How long what waits now will need."""
        return 8 * self._queued_bytes / self.rate_bps if self.rate_bps else 0.0

    def set_rate(self, rate_bps: float | None, padding_until: float = 0.0) -> None:
        """From now on. None lets go of everything that waits."""
        now = self._clock()
        self._fill(now)
        self.rate_bps, self.padding_until = rate_bps, padding_until
        self._release(now)
        self._arm(now)

    def keeps(self, owner: Paced, size: int, packet: tuple[Any, ...]) -> bool:
        """Before a packet of `size` bytes is sent: True when the pacer keeps it and will call owner.forward.

        Who sends says so by `spend`. size 0: nothing will be sent, but the order matters.
        """
        if self._releasing or self.rate_bps is None:
            return False
        now = self._clock()
        self._fill(now)
        if not self._queue and (self._tokens > 0 or not size):
            return False
        self._queue.append((now, size, owner, packet))
        self._queued_bytes += size
        if now - self._queue[0][0] > MAX_WAIT_S:
            for late in {id(one[2]): one[2] for one in self._queue}.values():
                self.drop(late)
                late.resume(now)
        self._arm(now)
        return True

    def spend(self, size: int, now: float) -> None:
        """Bytes that left."""
        if self.rate_bps is not None:
            self._tokens = max(self._tokens - size, -DEBT_S * self.rate_bps / 8)
        if self.on_sent is not None:
            self.on_sent(size, now)

    def drop(self, owner: Paced) -> None:
        """Forget what waits for this one."""
        kept = [one for one in self._queue if one[2] is not owner]
        self._queue = deque(kept)
        self._queued_bytes = sum(one[1] for one in kept)

    def close(self) -> None:
        """Forget everything."""
        self._queue.clear()
        self._queued_bytes = 0
        self.rate_bps, self.padding_until = None, 0.0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fill(self, now: float) -> None:
        if self.rate_bps is not None:
            rate = self.rate_bps / 8
            most = BEHIND_S if self._queue or now < self.padding_until else BURST_S
            self._tokens = min(most * rate, self._tokens + (now - self._filled_at) * rate)
        self._filled_at = now

    def _release(self, now: float) -> None:
        self._releasing = True
        try:
            while self._queue and (self.rate_bps is None or self._tokens > 0):
                _, size, owner, packet = self._queue.popleft()
                self._queued_bytes -= size
                owner.forward(*packet[:-1], now)
        finally:
            self._releasing = False

    def _tick(self) -> None:
        self._timer = None
        now = self._clock()
        self._fill(now)
        self._release(now)
        while now < self.padding_until and not self._queue and self._tokens > 0 and self.rate_bps is not None:
            size = self._pad(now)
            if not size:
                self.padding_until = 0.0
                break
            self.spend(size, now)
        self._arm(now)

    def _arm(self, now: float) -> None:
        if self._timer is None and self.rate_bps is not None and (self._queue or now < self.padding_until):
            wait = max(STEP_S, -8 * self._tokens / self.rate_bps)
            self._timer = self._call_later(wait, self._tick)
