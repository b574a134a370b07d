"""The answering half of ICE: a lite agent (RFC 8445, 2.5) that never sends checks, only answers them."""

import secrets
import time
from dataclasses import dataclass, field

from rtc import stun

RESTART_GRACE_S = 30.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """One generation of ICE credentials: ours, and the browser's ufrag from its offer."""

    ufrag: str
    password: str
    remote_ufrag: str

    @classmethod
    def new(cls, remote_ufrag: str) -> "Credentials":
        """Fresh ones; well over the 24 and 128 bits of randomness that RFC 8445 asks for."""
        return cls(secrets.token_hex(6), secrets.token_hex(16), remote_ufrag)


@dataclass(slots=True)
class IceLite:
    """Credentials of one connection over its restarts, and when it was last heard from.

    During a restart both generations are valid: the browser goes on checking with the old one until the
    answer has reached it, and media must not stop for that.
    """

    current: Credentials
    previous: Credentials | None = None
    restarted_at: float = 0.0
    heard_at: float = field(default_factory=time.monotonic)

    def restart(self, remote_ufrag: str) -> Credentials | None:
        """New credentials when the offer's ufrag is new, else None. The old ones stay valid for a while."""
        if remote_ufrag == self.current.remote_ufrag:
            return None
        self.previous, self.current = self.current, Credentials.new(remote_ufrag)
        self.restarted_at = time.monotonic()
        return self.current

    def accept(self, request: stun.Request) -> Credentials | None:
        """The generation a check was made with, or None when it is not genuine."""
        for credentials in (self.current, self.previous):
            if credentials is None:
                continue
            if request.username != f"{credentials.ufrag}:{credentials.remote_ufrag}":
                continue
            if credentials is self.previous and time.monotonic() - self.restarted_at > RESTART_GRACE_S:
                return None
            if request.verify(credentials.password):
                self.heard_at = time.monotonic()
                return credentials
        return None
