"""What was sent to one browser, for its transport-wide feedback to refer to.

draft-holmer-rmcat-transport-wide-cc-extensions-01: every packet of a connection carries one running number,
whatever its SSRC, and the browser reports when each number arrived.
"""

from array import array

SIZE = 4096
"""Two seconds of the busiest subscriber; feedback comes every 50 to 250 ms."""
MASK = SIZE - 1


class SentPackets:
    """A ring of the newest SIZE packets: 40 KiB a connection, nothing allocated while sending.

    `next` is the full (not wrapped) number of the packet to come; only its low 16 bits are on the wire.
    """

    __slots__ = ("next", "sizes", "times")

    def __init__(self) -> None:
        self.next = 0
        self.times = array("d", bytes(8 * SIZE))
        self.sizes = array("H", bytes(2 * SIZE))

    def add(self, size: int, now: float) -> int:
        """Take the next number for a packet of `size` bytes on the line, IP header included. Low 16 bits."""
        number = self.next
        self.next = number + 1
        self.times[number & MASK] = now
        self.sizes[number & MASK] = size
        return number & 0xFFFF

    def full(self, number: int) -> int | None:
        """The full number that a 16-bit one of a report stands for, or None: not sent yet, or forgotten."""
        full = self.next - 1 - ((self.next - 1 - number) & 0xFFFF)
        return full if full >= 0 and self.next - full <= SIZE else None

    def get(self, full: int) -> tuple[float, int] | None:
        """(monotonic seconds it was sent at, bytes on the line) of a full number, or None."""
        if not 0 <= full < self.next or self.next - full > SIZE:
            return None
        return self.times[full & MASK], self.sizes[full & MASK]
