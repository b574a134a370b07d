"""One browser at one page of a board: what it may send, and what waits to be sent to it."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol

from pycrdt import merge_updates

from plugins.whiteboard.protocol import (
    CLOSE_TOO_BIG,
    CLOSE_TOO_MANY,
    CLOSE_TOO_SLOW,
    SYNC,
    UPDATE,
    read_sync,
    sync_frame,
)
from plugins.whiteboard.settings import WhiteboardSettings

_MERGE_ABOVE: Final = 8
_SEND_TIMEOUT_S: Final = 30.0


class Refused(Exception):
    """The socket is closed with this code. Not an error of ours: never logged as one."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(code)


class Socket(Protocol):
    """The part of a WebSocket this needs; Starlette's has it."""

    async def send_bytes(self, data: bytes) -> None: ...

    async def close(self, code: int = 1000, reason: str | None = None) -> None: ...


@dataclass(frozen=True, slots=True)
class BoardSeat:
    """Who is at the board, as the server knows it. role: instructor | student | coordinator | ...

    name: what the others see beside the pointer. can_draw: False is a viewer.
    """

    session_id: str
    person_id: str
    name: str
    role: str
    can_draw: bool = True


class Connection:
    """Counts what comes in, queues what goes out. The queue is bounded in bytes: a slow browser is sent
    its backlog merged into one frame, and let go (1013, it comes back) when even that does not help."""

    def __init__(self, socket: Socket, seat: BoardSeat, settings: WhiteboardSettings) -> None:
        self.socket, self.seat = socket, seat
        self.awareness_id: int | None = None
        self.silent_bytes = 0
        """Bytes of updates that changed nothing: duplicates, or changes whose beginning never came."""
        self.refusals = 0
        self._settings = settings
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._wake = asyncio.Event()
        self.closed_with: int | None = None
        self._frames_left = 2.0 * settings.messages_per_s
        self._bytes_left = 8.0 * settings.bytes_per_s
        self._counted_at = time.monotonic()

    def admit(self, frame: bytes) -> None:
        """Count one incoming frame; Refused past a limit (token buckets, so a burst is fine)."""
        settings, now = self._settings, time.monotonic()
        if len(frame) > settings.max_frame_bytes:
            raise Refused(CLOSE_TOO_BIG)
        passed, self._counted_at = now - self._counted_at, now
        self._frames_left = min(
            2.0 * settings.messages_per_s, self._frames_left + passed * settings.messages_per_s
        )
        self._bytes_left = min(8.0 * settings.bytes_per_s, self._bytes_left + passed * settings.bytes_per_s)
        self._frames_left -= 1
        self._bytes_left -= len(frame)
        if self._frames_left < 0 or self._bytes_left < 0:
            raise Refused(CLOSE_TOO_MANY)

    def put(self, frame: bytes, bounded: bool = True) -> None:
        """Queue a frame. bounded=False for the first picture of the page, which may be large."""
        if self.closed_with is not None:
            return
        self._queue.append(frame)
        self._queued_bytes += len(frame) if bounded else 0
        if self._queued_bytes > self._settings.max_queue_bytes:
            self._merge_backlog()
            if self._queued_bytes > self._settings.max_queue_bytes:
                self.close(CLOSE_TOO_SLOW)
        self._wake.set()

    def close(self, code: int) -> None:
        """End the connection with this code; what still waits is dropped. The first code wins."""
        if self.closed_with is None:
            self.closed_with = code
            self._queue.clear()
            self._wake.set()

    async def write(self) -> None:
        """Send what is queued until somebody calls `close`, or the browser does not take it any more."""
        try:
            while self.closed_with is None:
                await self._wake.wait()
                self._wake.clear()
                if len(self._queue) > _MERGE_ABOVE:
                    self._merge_backlog()
                while self._queue and self.closed_with is None:
                    frame = self._queue.popleft()
                    await asyncio.wait_for(self.socket.send_bytes(frame), _SEND_TIMEOUT_S)
                    self._queued_bytes = max(0, self._queued_bytes - len(frame)) if self._queue else 0
        except (RuntimeError, OSError, TimeoutError):
            # The browser is gone or reads nothing; its receiving side ends the connection.
            self.close(CLOSE_TOO_SLOW)

    def _merge_backlog(self) -> None:
        updates = [frame for frame in self._queue if frame[0] == SYNC and frame[1] == UPDATE]
        if len(updates) > 1:
            rest = [frame for frame in self._queue if not (frame[0] == SYNC and frame[1] == UPDATE)]
            merged = merge_updates(*(read_sync(frame)[1] for frame in updates))
            self._queue = deque((*rest, sync_frame(UPDATE, merged)))
            self._queued_bytes = sum(map(len, self._queue))
