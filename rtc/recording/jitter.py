"""Puts one stream's packets back in order and waits for what NACKs bring; then gives a hole up and says so."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

VIDEO_WAIT_S = 2.0
"""The node asks six times, the last one 1.2 s after the hole showed; then the way here and back."""
AUDIO_WAIT_S = 0.3
"""Nobody asks for sound again: only reordered packets are waited for."""
MAX_WAITING = 4_096
JUMP = 3_000
"""A number that far ahead or behind is no hole: the sender counts anew."""


@dataclass(frozen=True, slots=True)
class Lost:
    """This many packets in a row never came."""

    count: int


class JitterBuffer(Generic[T]):
    """Sequence numbers are 16 bits and come round; times are seconds on one clock."""

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._next: int | None = None
        self._waiting: dict[int, tuple[T, float]] = {}
        self.late = 0

    def push(self, sequence: int, item: T, now: float) -> list[T | Lost]:
        """What is ready now, in order."""
        if self._next is None:
            self._next = sequence
        ahead = ((sequence - self._next + 0x8000) & 0xFFFF) - 0x8000
        if not -JUMP < ahead < JUMP:
            out = self.drain()
            self._next = sequence + 1
            return [*out, Lost(1), item]
        place = self._next + ahead
        if ahead == 0 and not self._waiting:
            self._next = place + 1
            return [item]
        if ahead < 0 or place in self._waiting:
            self.late += ahead < 0
            return []
        self._waiting[place] = (item, now)
        out: list[T | Lost] = []
        self._take(out)
        if len(self._waiting) > MAX_WAITING:
            self._skip(out)
        return out

    def expire(self, now: float) -> list[T | Lost]:
        """Give up holes that were waited for long enough."""
        out: list[T | Lost] = []
        while self._waiting:
            place = min(self._waiting)
            if now - self._waiting[place][1] < self._wait_s:
                break
            self._skip(out)
        return out

    def drain(self) -> list[T | Lost]:
        """Everything, at once: nothing more comes."""
        out: list[T | Lost] = []
        while self._waiting:
            self._skip(out)
        return out

    def _skip(self, out: list[T | Lost]) -> None:
        place = min(self._waiting)
        assert self._next is not None
        if place > self._next:
            out.append(Lost(place - self._next))
        self._next = place
        self._take(out)

    def _take(self, out: list[T | Lost]) -> None:
        assert self._next is not None
        while (entry := self._waiting.pop(self._next, None)) is not None:
            out.append(entry[0])
            self._next += 1
