"""From rooms to the database: rows and facts, in their order, without a room waiting for the disk."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from functools import partial

from core.errors import UserError, fault
from core.lifecycle import live, waiting
from core.ports import Store
from plugins.classroom import service
from plugins.classroom.server.outgoing import (
    Audited,
    Measured,
    PresenceEnded,
    PresenceGap,
    PresenceStarted,
    RoomEmptied,
    SaveAnswer,
    SaveChat,
    SaveLobby,
    SavePage,
    SavePoll,
    SaveQuality,
    WaitEnded,
    WaitStarted,
)

logger = logging.getLogger(__name__)

Fact = (
    PresenceStarted
    | PresenceEnded
    | PresenceGap
    | WaitStarted
    | WaitEnded
    | RoomEmptied
    | Measured
    | Audited
    | SaveLobby
)
Entry = SaveChat | SavePoll | SaveAnswer | SavePage | SaveQuality | Fact
_ROWS = (SaveChat, SavePoll, SaveAnswer, SavePage, SaveQuality)
_BATCH = 200
_RETRY_S = (0.2, 1.0, 3.0)
_LIMIT = 20_000


class Journal:
    """One writer task a process: SQLite has one writer anyway, and order is kept for free."""

    def __init__(self, store: Store, retry_s: tuple[float, ...] = _RETRY_S) -> None:
        self._store, self._retry_s = store, retry_s
        self._waiting: asyncio.Queue[tuple[str, Entry]] = asyncio.Queue(_LIMIT)

    def put(self, session_id: str, entry: Entry) -> None:
        """Queue one entry. A full queue (the database has been away for long) drops it and says so."""
        try:
            self._waiting.put_nowait((session_id, entry))
        except asyncio.QueueFull:
            logger.error("Room journal is full, an entry is lost", extra={"session_id": session_id})

    @property
    def size(self) -> int:
        """Entries that wait."""
        return self._waiting.qsize()

    async def run(self) -> None:
        """Write for ever; the hub cancels it after `settled`."""
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < _BATCH:
                try:
                    batch.append(self._waiting.get_nowait())
                except asyncio.QueueEmpty:
                    break
            for work in self._works(batch):
                await self._carry_out(work)
            for _ in batch:
                self._waiting.task_done()

    async def settled(self, timeout_s: float = 10.0) -> bool:
        """Wait until everything queued so far is written; False when that takes too long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._waiting.join(), timeout_s)
            return True
        return False

    def _works(self, batch: list[tuple[str, Entry]]) -> list[Callable[[], None]]:
        """Neighbouring rows share a transaction; facts have their own, in between."""
        works: list[Callable[[], None]] = []
        rows: list[tuple[str, service.Row]] = []
        for session_id, entry in batch:
            if isinstance(entry, _ROWS):
                rows.append((session_id, entry))
                continue
            if rows:
                works += self._save(rows)
                rows = []
            works.append(_fact(session_id, entry))
        return works + self._save(rows) if rows else works

    def _save(self, rows: list[tuple[str, service.Row]]) -> list[Callable[[], None]]:
        answers = [(session_id, row) for session_id, row in rows if isinstance(row, SaveAnswer)]
        facts = [
            partial(live.answer_recorded, session_id, row.person_id, row.poll_id, row.option, row.right)
            for session_id, row in answers
        ]
        return [partial(service.save, self._store, rows), *facts]

    async def _carry_out(self, work: Callable[[], None]) -> None:
        """A border: one entry that cannot be written must not stop the others."""
        for pause_s in (*self._retry_s, None):
            try:
                await asyncio.to_thread(work)
                return
            except UserError:
                logger.warning("Room fact refused", extra={"work": _name(work)})
                return
            except Exception as error:
                facts = {"work": _name(work), "fault": fault(error)}
                if pause_s is None:
                    logger.error("Room fact lost", extra=facts)
                    return
                logger.warning("Room fact not written yet", extra=facts)
                await asyncio.sleep(pause_s)


def _fact(session_id: str, entry: Fact) -> Callable[[], None]:
    match entry:
        case PresenceStarted():
            return partial(
                live.presence_started, session_id, entry.person_id, entry.participant_id, entry.role
            )
        case PresenceEnded():
            return partial(live.presence_ended, entry.participant_id, entry.reason, entry.at)
        case WaitStarted():
            return partial(waiting.started, session_id, entry.person_id, entry.participant_id)
        case WaitEnded():
            return partial(waiting.ended, entry.participant_id, entry.admitted)
        case Audited():
            return partial(
                waiting.record, session_id, entry.actor_id, entry.action, entry.person_id, dict(entry.facts)
            )
        case SaveLobby():
            return partial(waiting.save_mode, session_id, entry.mode)
        case PresenceGap():
            return partial(live.presence_gap, entry.participant_id, entry.at, entry.seconds, entry.why)
        case RoomEmptied():
            return partial(live.room_emptied, session_id)
        case Measured():
            return partial(live.add_engagement, session_id, entry.values)


def _name(work: Callable[[], None]) -> str:
    return work.func.__name__ if isinstance(work, partial) else "work"
