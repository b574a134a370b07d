"""Transport-wide feedback (RTPFB, format 15): when each numbered packet arrived at the browser, or that it did not.

draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1.
"""

from dataclasses import dataclass
from typing import NamedTuple

from rtc.errors import Malformed
from rtc.rtcp import Block
from rtc.sent import MASK, SIZE, SentPackets

REFERENCE_S = 0.064
DELTA_S = 0.00025
MAX_COUNT = SIZE
"""Packets in one report. More than we remember cannot be about anything we sent."""
_CLOCK_WRAP = 1 << 24
_NOT_RECEIVED, _SMALL, _LARGE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Feedback:
    """One report. reference: ticks of REFERENCE_S, 24 bits. deltas: 250 us each from the one before, None: lost."""

    base: int
    reference: int
    count: int
    """Number of the report itself, 8 bits."""
    deltas: list[int | None]


class Outcome(NamedTuple):
    """What became of one packet. sent_at: our clock; arrived_at: the browser's, s, None: not (yet) arrived.

    size: bytes on the line.
    """

    number: int
    sent_at: float
    arrived_at: float | None
    size: int


def parse(block: Block) -> Feedback:
    """Read a report; Malformed where its counts and lengths do not fit together."""
    body = block.body
    if len(body) < 16:
        raise Malformed("RTCP transport feedback")
    base = (body[8] << 8) | body[9]
    count = (body[10] << 8) | body[11]
    reference = (body[12] << 16) | (body[13] << 8) | body[14]
    if not 0 < count <= MAX_COUNT:
        raise Malformed("RTCP transport feedback count")
    symbols, at = _symbols(body, count)
    deltas: list[int | None] = []
    for symbol in symbols:
        if symbol == _NOT_RECEIVED:
            deltas.append(None)
        elif symbol == _SMALL:
            if at >= len(body):
                raise Malformed("RTCP transport feedback deltas")
            deltas.append(body[at])
            at += 1
        elif symbol == _LARGE:
            if at + 2 > len(body):
                raise Malformed("RTCP transport feedback deltas")
            deltas.append(int.from_bytes(body[at : at + 2], "big", signed=True))
            at += 2
        else:
            raise Malformed("RTCP transport feedback symbol")
    return Feedback(base, reference, body[15], deltas)


def _symbols(body: bytes, count: int) -> tuple[list[int], int]:
    """Status symbols of `count` packets, and where the deltas begin."""
    symbols: list[int] = []
    at = 16
    while len(symbols) < count:
        if at + 2 > len(body):
            raise Malformed("RTCP transport feedback chunks")
        chunk = (body[at] << 8) | body[at + 1]
        at += 2
        if not chunk & 0x8000:
            run = min(chunk & 0x1FFF, count - len(symbols))
            if not run:
                raise Malformed("RTCP transport feedback run")
            symbols += [chunk >> 13 & 3] * run
        elif chunk & 0x4000:
            symbols += [chunk >> shift & 3 for shift in range(12, -1, -2)]
        else:
            symbols += [chunk >> shift & 1 for shift in range(13, -1, -1)]
    return symbols[:count], at


class Arrivals:
    """Puts reports beside what was sent. The browser's clock is counted on where its 24 bits come round."""

    def __init__(self, sent: SentPackets) -> None:
        self._sent = sent
        self._ticks: int | None = None

    def read(self, feedback: Feedback) -> list[Outcome]:
        """Outcomes in the order of sending. What we do not remember is left out."""
        ticks = feedback.reference
        if self._ticks is not None:
            half = _CLOCK_WRAP >> 1
            ticks = self._ticks + ((ticks - self._ticks + half) % _CLOCK_WRAP) - half
        self._ticks = ticks
        clock = ticks * REFERENCE_S
        outcomes: list[Outcome] = []
        first = self._sent.full(feedback.base)
        after = self._sent.next
        oldest = max(0, after - SIZE)
        times, sizes = self._sent.times, self._sent.sizes
        for step, delta in enumerate(feedback.deltas):
            if delta is not None:
                clock += delta * DELTA_S
            if first is None:
                # The first may be forgotten and a later one not.
                first = self._sent.full((feedback.base + step) & 0xFFFF)
                if first is None:
                    continue
                first -= step
            number = first + step
            if oldest <= number < after:
                at = number & MASK
                outcomes.append(Outcome(number, times[at], None if delta is None else clock, sizes[at]))
        return outcomes


def build(sender: int, feedback: Feedback) -> bytes:
    """A report as a browser sends it, two-bit symbols throughout: for simulated lines and clients of our own."""
    chunks, deltas = bytearray(), bytearray()
    symbols = [
        _NOT_RECEIVED if one is None else _SMALL if 0 <= one < 256 else _LARGE for one in feedback.deltas
    ]
    for start in range(0, len(symbols), 7):
        word = 0xC000
        for place, symbol in enumerate(symbols[start : start + 7]):
            word |= symbol << (12 - 2 * place)
        chunks += word.to_bytes(2, "big")
    for one in feedback.deltas:
        if one is not None:
            deltas += one.to_bytes(1, "big") if 0 <= one < 256 else one.to_bytes(2, "big", signed=True)
    body = sender.to_bytes(4, "big") + (0).to_bytes(4, "big") + feedback.base.to_bytes(2, "big")
    body += len(symbols).to_bytes(2, "big") + feedback.reference.to_bytes(3, "big")
    body += bytes([feedback.count & 255]) + bytes(chunks) + bytes(deltas)
    body += bytes(-len(body) % 4)
    return bytes([0x80 | 15, 205]) + (len(body) // 4).to_bytes(2, "big") + body
