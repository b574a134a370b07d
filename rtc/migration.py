"""Packets from an address nobody checked: whose are they? (rtc/PROTOCOL.md, "A new address".)

A browser behind a router that got a new address goes on sending, and does not know; its next connectivity check may
be seconds away. What opens with a connection's keys is that connection's, so it may go on at once. This is what
QUIC and DTLS connection ids do (RFC 9000 section 9, RFC 9146 section 6), with the check as the path's validation.
"""

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rtc import stun

if TYPE_CHECKING:
    from rtc.transport import Transport
    from rtc.udp import UdpSocket

PACKETS_PER_S = 200
TRIALS_PER_S = 4_000
"""One costs about 2 us: a flood from forged addresses takes less than a hundredth of a core."""


class Strays:
    """Finds the connection of a packet from an unknown address, within a budget that a flood cannot exceed."""

    def __init__(self) -> None:
        self._second: int = 0
        self._packets: int = 0
        self._trials: int = 0

    def adopt(
        self,
        transports: Mapping[str, "Transport"],
        data: bytes,
        socket_: "UdpSocket",
        address: stun.Address,
    ) -> bool:
        """Let the packet's connection take it, and its address. data: 12 bytes or more of SRTP or SRTCP."""
        if not self._may():
            return False
        ssrc = data[4:8] if 192 <= data[1] <= 223 else data[8:12]
        for transport in self._candidates(transports.values(), ssrc):
            self._trials += 1
            if transport.adopt(data, socket_, address):
                return True
            if self._trials >= TRIALS_PER_S:
                return False
        return False

    def _candidates(self, transports: Iterable["Transport"], ssrc: bytes) -> list["Transport"]:
        return [one for one in transports if one.hears(ssrc)]

    def _may(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second = second
            self._packets = self._trials = 0
        self._packets += 1
        return self._packets <= PACKETS_PER_S and self._trials < TRIALS_PER_S
