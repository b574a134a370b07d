"""The board hub: opens pages, lets people in and out, stores what they draw, counts who was active.

One hub in the process that has the sockets. It takes its surroundings as arguments: a `BoardStore`,
who may still be here (`still_seated`), and where activity goes (`on_activity`).
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from pycrdt import merge_updates

from core.errors import StoreError
from plugins.whiteboard.connection import BoardSeat, Connection, Refused, Socket
from plugins.whiteboard.page import BoardPage, Counts
from plugins.whiteboard.protocol import (
    CLOSE_BAD_PAGE,
    CLOSE_MALFORMED,
    CLOSE_NOT_ALLOWED,
    CLOSE_TEXT_FRAME,
    CLOSE_TOO_MANY,
    MalformedFrame,
)
from plugins.whiteboard.room import Room, Unsaved
from plugins.whiteboard.settings import WhiteboardSettings
from plugins.whiteboard.store import BoardStore, PageChanges

logger = logging.getLogger(__name__)

_IDLE_SNAPSHOT_S: Final = 10.0
_IDLE_SNAPSHOT_ROWS: Final = 20
_SAVE_BATCH: Final = 20

ActivitySink = Callable[[str, Mapping[str, Counts]], Awaitable[None]]
"""(session id, person id -> what they did since the last call)."""
StillSeated = Callable[[BoardSeat], Awaitable[bool]]


class ReceivingSocket(Socket, Protocol):
    """An accepted WebSocket; `receive` gives ASGI messages."""

    async def receive(self) -> Any: ...


async def _nowhere(session_id: str, people: Mapping[str, Counts]) -> None:
    return None


class BoardHub:
    """Use inside `async with hub.running():`. utc_now and clock can be replaced in tests."""

    def __init__(
        self,
        settings: WhiteboardSettings,
        store: BoardStore,
        still_seated: StillSeated,
        on_activity: ActivitySink = _nowhere,
        clock: Callable[[], float] = time.monotonic,
        utc_now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings = settings
        self._store, self._still_seated, self._on_activity = store, still_seated, on_activity
        self._clock, self._utc_now = clock, utc_now
        self._rooms: dict[tuple[str, int], asyncio.Future[Room]] = {}
        self._activity: dict[str, dict[str, Counts]] = {}
        self._saving = asyncio.Lock()
        self._stopping = False

    @asynccontextmanager
    async def running(self) -> AsyncGenerator["BoardHub"]:
        """Keep the clockwork going; on leaving, close the sockets and store everything."""
        tasks = [
            asyncio.create_task(self._every(self.settings.save_s, self.save)),
            asyncio.create_task(self._every(self.settings.recheck_s, self._recheck)),
            asyncio.create_task(self._every(self.settings.activity_s, self._report_activity)),
            asyncio.create_task(self._every(min(5.0, self.settings.linger_s), self._tidy)),
        ]
        try:
            yield self
        finally:
            self._stopping = True
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for room in self._open_rooms():
                for connection in list(room.connections):
                    connection.close(1001)
                await self._put_away(room)
            await self._report_activity()

    async def serve(self, socket: ReceivingSocket, seat: BoardSeat, number: int) -> None:
        """Keep one browser at one page until either side ends it. Before: socket accepted, seat checked."""
        if not 1 <= number <= self.settings.max_pages or number > await self.page_count(seat.session_id) + 1:
            await socket.close(CLOSE_BAD_PAGE)
            return
        room = await self._room(seat.session_id, number)
        connection = Connection(socket, seat, self.settings)
        if not self._has_place(room, seat) or self._stopping:
            await socket.close(CLOSE_TOO_MANY)
            return
        room.enter(connection)
        await self._tell_pages(seat.session_id)
        try:
            await self._listen(socket, room, connection)
        finally:
            room.leave(connection)

    async def page_count(self, session_id: str) -> int:
        """Pages with something on them or somebody at them, counted to the last such page."""
        stored = await asyncio.to_thread(self._store.pages, session_id)
        live = [
            room.number for room in self._open_rooms() if room.session_id == session_id and room.connections
        ]
        return max((*stored, *live), default=0)

    def close_participant(self, session_id: str, person_id: str) -> int:
        """The seat was taken away: end this person's sockets on all pages; how many there were."""
        closed = 0
        for room in self._open_rooms():
            for connection in list(room.connections):
                if (room.session_id, connection.seat.person_id) == (session_id, person_id):
                    room.leave(connection)
                    connection.close(CLOSE_NOT_ALLOWED)
                    closed += 1
        return closed

    async def close_session(self, session_id: str) -> None:
        """The lesson is over: end all its sockets and put the board away."""
        for room in self._open_rooms():
            if room.session_id == session_id:
                for connection in list(room.connections):
                    room.leave(connection)
                    connection.close(CLOSE_NOT_ALLOWED)
                await self._put_away(room)

    async def save(self) -> None:
        """Store what was drawn since the last time, pages together. If that fails it is kept for later."""
        async with self._saving:
            rooms = [room for room in self._open_rooms() if room.unsaved.updates or room.unsaved.counts]
            for start in range(0, len(rooms), _SAVE_BATCH):
                await self._save_batch(rooms[start : start + _SAVE_BATCH])

    def stats(self) -> dict[str, int]:
        """Numbers for health pages and tests."""
        rooms = self._open_rooms()
        return {
            "pages": len(rooms),
            "connections": sum(len(room.connections) for room in rooms),
            "unsaved": sum(len(room.unsaved.updates) for room in rooms),
        }

    async def _listen(self, socket: ReceivingSocket, room: Room, connection: Connection) -> None:
        """Until the browser leaves or the connection is closed from our side.

        The socket is closed only when no `receive` is pending: Granian waits for one side with the other.
        """
        writer = asyncio.create_task(connection.write())
        receiving: asyncio.Task[Any] | None = None
        try:
            while connection.closed_with is None:
                receiving = asyncio.create_task(socket.receive())
                await asyncio.wait((receiving, writer), return_when=asyncio.FIRST_COMPLETED)
                if not receiving.done():
                    break
                message = receiving.result()
                if message["type"] == "websocket.disconnect":
                    return
                code = self._take(room, connection, message.get("bytes"))
                if code is not None:
                    connection.close(code)
        except RuntimeError:
            return  # Starlette's word for "already disconnected"
        finally:
            connection.close(1000)
            tasks = [task for task in (receiving, writer) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(RuntimeError, OSError, TimeoutError):
            await asyncio.wait_for(socket.close(connection.closed_with or 1000), 2.0)

    def _take(self, room: Room, connection: Connection, frame: bytes | None) -> int | None:
        """Let the room have one frame; the close code if it ends the connection."""
        if frame is None:
            return CLOSE_TEXT_FRAME
        if connection not in room.connections:
            return CLOSE_NOT_ALLOWED
        try:
            connection.admit(frame)
            room.handle(connection, frame)
        except Refused as refused:
            return refused.code
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic in the Rust library is not an Exception
            if not isinstance(error, MalformedFrame):
                logger.warning(
                    "whiteboard frame refused",
                    extra={"session_id": room.session_id, "page": room.number, "kind": type(error).__name__},
                )
            return CLOSE_MALFORMED
        return None

    def _has_place(self, room: Room, seat: BoardSeat) -> bool:
        own = sum(connection.seat.person_id == seat.person_id for connection in room.connections)
        return own < self.settings.max_connections and len(room.connections) < self.settings.max_participants

    async def _room(self, session_id: str, number: int) -> Room:
        """The page's room; opened once however many ask for it at the same time."""
        key = (session_id, number)
        opening = self._rooms.get(key)
        if opening is not None:
            return await asyncio.shield(opening)
        opening = self._rooms[key] = asyncio.get_running_loop().create_future()
        try:
            stored = await asyncio.to_thread(self._store.load, session_id, number)
            page = BoardPage(self.settings, stored.pieces)
            page.remove(stored.erased)
            room = Room(session_id, number, page, self.settings, self._clock)
            room.log_rows, room.last_row_id = stored.rows, stored.last_row_id
            if page.unreadable:
                logger.error(
                    "whiteboard page partly unreadable",
                    extra={"session_id": session_id, "page": number, "pieces": page.unreadable},
                )
        except BaseException as error:
            del self._rooms[key]
            opening.set_exception(error)
            opening.exception()  # somebody looked at it: no "never retrieved" at collection
            raise
        opening.set_result(room)
        return room

    async def _tell_pages(self, session_id: str) -> None:
        count = await self.page_count(session_id)
        limits = {"pages": count, "max_pages": self.settings.max_pages, "limit": self.settings.max_elements}
        for room in self._open_rooms():
            if room.session_id == session_id:
                for connection in room.connections:
                    room.tell(
                        connection, "board", page=room.number, can_draw=connection.seat.can_draw, **limits
                    )

    async def _save_batch(self, rooms: list[Room]) -> None:
        taken: list[tuple[Room, Unsaved]] = []
        changes: list[PageChanges] = []
        now = self._utc_now()
        for room in rooms:
            unsaved, room.unsaved = room.unsaved, Unsaved()
            taken.append((room, unsaved))
            update = merge_updates(*unsaved.updates) if unsaved.updates else None
            changes.append(
                PageChanges(room.session_id, room.number, now, update, unsaved.counts, unsaved.authors)
            )
        try:
            row_ids = await asyncio.to_thread(self._store.save, changes)
        except BaseException:
            for room, unsaved in taken:
                room.unsaved = _joined(unsaved, room.unsaved)
            raise
        for (room, unsaved), row_id in zip(taken, row_ids, strict=True):
            if row_id:
                room.log_rows += 1
                room.last_row_id = row_id
            people = self._activity.setdefault(room.session_id, {})
            for person_id, counts in unsaved.counts.items():
                people.setdefault(person_id, Counts()).add(counts)

    async def _snapshot(self, room: Room) -> None:
        rows, up_to = room.log_rows, room.last_row_id
        data, elements = room.page.snapshot(), room.page.live_count
        await asyncio.to_thread(
            self._store.snapshot, room.session_id, room.number, data, elements, up_to, self._utc_now()
        )
        room.log_rows -= rows

    async def _tidy(self) -> None:
        """Purge, fold logs into snapshots, forget pages nobody looks at."""
        now = self._clock()
        for room in self._open_rooms():
            room.purge(self.settings.purge_s)
            idle = now - room.changed_at > _IDLE_SNAPSHOT_S
            if room.empty_since is not None and now - room.empty_since >= self.settings.linger_s:
                await self._put_away(room)
            elif room.log_rows >= self.settings.snapshot_rows or (
                idle and room.log_rows >= _IDLE_SNAPSHOT_ROWS
            ):
                await self.save()
                await self._snapshot(room)

    async def _put_away(self, room: Room) -> None:
        """Store a page in its final shape and forget it, unless somebody came back meanwhile."""
        key = (room.session_id, room.number)
        room.purge(-1.0)
        room.flush()
        await self.save()
        if room.log_rows:
            stored = await asyncio.to_thread(self._store.load, room.session_id, room.number)
            if room.page.remove(stored.erased):
                room.flush()
                await self.save()
            await self._snapshot(room)
        if not room.connections and not room.unsaved.updates:
            self._rooms.pop(key, None)

    async def _recheck(self) -> None:
        """End the sockets of seats that are no longer valid."""
        seats = {connection.seat for room in self._open_rooms() for connection in room.connections}
        for seat in seats:
            if not await self._still_seated(seat):
                self.close_participant(seat.session_id, seat.person_id)

    async def _report_activity(self) -> None:
        activity, self._activity = self._activity, {}
        for session_id, people in activity.items():
            if not people:
                continue
            try:
                await self._on_activity(session_id, people)
            except Exception:
                kept = self._activity.setdefault(session_id, {})
                for person_id, counts in people.items():
                    kept.setdefault(person_id, Counts()).add(counts)
                logger.warning("whiteboard activity not reported, kept", extra={"session_id": session_id})

    async def _every(self, period_s: float, work: Callable[[], Awaitable[None]]) -> None:
        """A border: one failing round must not stop the clock (the database may be away for a moment)."""
        while True:
            await asyncio.sleep(period_s)
            try:
                await work()
            except StoreError:
                logger.warning("whiteboard store is away", extra={"work": work.__name__})
            except Exception:
                logger.exception("whiteboard housekeeping failed", extra={"work": work.__name__})

    def _open_rooms(self) -> list[Room]:
        return [
            opening.result()
            for opening in self._rooms.values()
            if opening.done() and opening.exception() is None
        ]


def _joined(first: Unsaved, then: Unsaved) -> Unsaved:
    for person_id, counts in then.counts.items():
        first.counts.setdefault(person_id, Counts()).add(counts)
    return Unsaved(first.updates + then.updates, first.counts, {**then.authors, **first.authors})
