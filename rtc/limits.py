"""What one client, room or node may take: every limit is counted here at the node, whatever a page believes."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from core.config import Settings

BURST_S = 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """uplink_bps is asked for by REMB; above uplink_hard_bps packets are dropped, and then the connection.

    tracks: of one participant. messages_per_s: of one participant, five seconds' worth at once.
    """

    rooms: int = 2_000
    participants: int = 200
    tracks: int = 4
    uplink_bps: int = 4_000_000
    uplink_hard_bps: int = 16_000_000
    messages_per_s: float = 20.0
    sdp_bytes: int = 512 * 1024

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """As the settings say."""
        return cls(
            settings.media_max_rooms,
            settings.media_max_participants,
            settings.media_max_tracks,
            settings.media_max_uplink_bps,
            settings.media_max_uplink_hard_bps,
            settings.media_max_messages_per_s,
            settings.media_max_sdp_bytes,
        )


class Budget:
    """A token bucket for messages: constant cost, no memory."""

    __slots__ = ("_at", "_clock", "_left", "_most", "_per_s")

    def __init__(self, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._most, self._clock = per_s, per_s * BURST_S, clock
        self._left, self._at = self._most, clock()

    def take(self) -> bool:
        """False when there is nothing left for another one."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
