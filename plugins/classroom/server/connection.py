"""One browser's socket: what it may send, and what waits to be sent to it."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Protocol

from starlette.websockets import WebSocketDisconnect

from plugins.classroom.settings import ClassroomSettings

LOST, TOO_LARGE, TOO_SLOW, TOO_MANY = 1001, 1009, 1013, 4429
_SEND_TIMEOUT_S = 20.0
_CLOSE_TIMEOUT_S = 5.0
_MEDIA_COST = 0.1
_AGENT_RATE = 5
"""An agent speaks for everybody it hears."""


class Verdict(Enum):
    """What to do with a frame: take it, say once that it is too many, drop it, or end the socket."""

    TAKE = "take"
    WARN = "warn"
    DROP = "drop"
    CLOSE = "close"


class Socket(Protocol):
    """The part of a WebSocket this needs; Starlette's has it."""

    async def send_text(self, data: str) -> None: ...

    async def close(self, code: int = 1000, reason: str | None = None) -> None: ...


class Rate:
    """A token bucket that also counts what it refused: a browser that does not listen is let go."""

    def __init__(self, per_s: float, burst: float, max_refused: int, clock: Callable[[], float]) -> None:
        self._per_s, self._burst, self._max_refused, self._clock = per_s, burst, max_refused, clock
        self._tokens, self._at = burst, clock()
        self._refused = 0

    def take(self, cost: float) -> Verdict:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_s)
        self._at = now
        if self._tokens >= self._burst / 2:
            self._refused = 0
        if self._tokens >= cost:
            self._tokens -= cost
            return Verdict.TAKE
        self._refused += 1
        if self._refused > self._max_refused:
            return Verdict.CLOSE
        return Verdict.WARN if self._refused == 1 else Verdict.DROP


class Connection:
    """The queue is bounded in frames and bytes: a browser that cannot keep up is let go and comes back."""

    def __init__(
        self,
        socket: Socket,
        settings: ClassroomSettings,
        *,
        agent: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._socket, self._settings, self._clock = socket, settings, clock
        self.agent = agent
        more = _AGENT_RATE if agent else 1
        self._rate = Rate(
            settings.messages_per_s * more, settings.message_burst * more, settings.max_refused, clock
        )
        self._waiting: deque[str] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._code: int | None = None
        self.heard_at = clock()

    @property
    def closing(self) -> bool:
        return self._code is not None

    @property
    def silent_s(self) -> float:
        return self._clock() - self.heard_at

    def heard(self, media: bool) -> Verdict:
        """Count one frame of the browser."""
        self.heard_at = self._clock()
        return self._rate.take(_MEDIA_COST if media else 1.0)

    def send(self, text: str) -> None:
        """Queue one frame; never blocks. Past the bounds the socket is closed with 1013."""
        if self._code is not None:
            return
        self._waiting.append(text)
        self._bytes += len(text)
        if (
            len(self._waiting) > self._settings.max_queue_frames
            or self._bytes > self._settings.max_queue_bytes
        ):
            self._waiting.clear()
            self.close(TOO_SLOW)
        self._wake.set()

    def close(self, code: int) -> None:
        """End the socket after what waits; the first code stays."""
        if self._code is None:
            self._code = code
            self._wake.set()

    async def write(self) -> None:
        """Send until `close` was called and all is sent. A browser may go at any time: no error of ours.

        Closing is left to `hang_up`: Granian's close waits for ever while a receive is pending.
        """
        try:
            while True:
                while self._waiting:
                    text = self._waiting.popleft()
                    self._bytes -= len(text)
                    await asyncio.wait_for(self._socket.send_text(text), _SEND_TIMEOUT_S)
                if self._code is not None:
                    return
                self._wake.clear()
                if not self._waiting and self._code is None:
                    await self._wake.wait()
        except (TimeoutError, RuntimeError, OSError, WebSocketDisconnect):
            self._code = self._code or TOO_SLOW

    async def hang_up(self) -> None:
        """Close the socket with the code. Call when nothing is received any more."""
        with suppress(TimeoutError, RuntimeError, OSError, WebSocketDisconnect):
            await asyncio.wait_for(self._socket.close(self._code or LOST), _CLOSE_TIMEOUT_S)
