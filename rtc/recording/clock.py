"""From RTP timestamps to the node's clock: sender reports tie a person's sound and picture together, the
least delayed packet of all ties the person's clock to ours. Seconds everywhere; our clock is time.monotonic().
"""

from rtc.rtp import time_distance

WINDOW_S = 30.0
JUMP_S = 0.5
"""A sender report that moves a stream's clock further than this comes from another clock."""
ANOTHER_S = 2.0
"""A person whose reports are that much older than before has another clock: they came back with another device."""
_NTP = 4294967296.0


class Least:
    """The smallest value of the last one or two windows: clocks drift, so old minima must go."""

    __slots__ = ("_before", "_now", "_since")

    def __init__(self) -> None:
        self._now = self._before = float("inf")
        self._since = float("-inf")

    def add(self, value: float, at_s: float) -> None:
        if at_s - self._since >= WINDOW_S:
            self._before, self._now, self._since = self._now, value, at_s
        elif value < self._now:
            self._now = value

    @property
    def value(self) -> float:
        """inf when nothing was added."""
        return min(self._now, self._before)


class SenderClock:
    """One person's NTP clock, shared by all streams of their connection."""

    def __init__(self) -> None:
        self.offset = Least()


class StreamClock:
    """One SSRC's timestamps, extended past 32 bits."""

    def __init__(self, clock_hz: int, sender: SenderClock) -> None:
        self._hz = clock_hz
        self._sender = sender
        self._last: int | None = None
        self._arrival = Least()
        self._report: tuple[float, int] | None = None

    def extend(self, timestamp: int) -> int:
        """The timestamp without its wrap, near the newest one."""
        if self._last is None:
            self._last = timestamp + (1 << 32)
        return self._last + time_distance(timestamp, self._last & 0xFFFFFFFF)

    def received(self, timestamp: int, at_s: float) -> None:
        """A packet came."""
        extended = self.extend(timestamp)
        if self._last is None or extended > self._last:
            self._last = extended
        self._arrival.add(at_s - extended / self._hz, at_s)
        if self._report is not None:
            self._sender.offset.add(at_s - self._ntp_s(extended), at_s)

    def reported(self, ntp: int, timestamp: int, at_s: float) -> None:
        """A sender report. ntp: 32.32 fixed point."""
        extended = self.extend(timestamp)
        seconds = ntp / _NTP
        if self._report is not None and abs(self._ntp_s(extended) - seconds) > JUMP_S:
            self._sender.offset = Least()
        if at_s - seconds > self._sender.offset.value + ANOTHER_S:
            self._sender.offset = Least()
        self._report = (seconds, extended)
        self._sender.offset.add(at_s - seconds, at_s)

    def at_s(self, extended: int) -> float:
        """When this was captured, on our clock; by arrival alone until a sender report came."""
        if self._report is not None:
            return self._ntp_s(extended) + self._sender.offset.value
        return extended / self._hz + self._arrival.value

    def _ntp_s(self, extended: int) -> float:
        assert self._report is not None
        seconds, reported = self._report
        return seconds + (extended - reported) / self._hz
