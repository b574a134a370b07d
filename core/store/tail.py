"""Following the event log: how live pages and roll-ups learn of every committed event, once, in order.

SQLite has a single writer, so id order is commit order and a plain poll by id is right.
PostgreSQL hands out ids before the commit: a reader that goes by id missed 215 of 816 events. Readers go by
(transaction id, id) and only below the oldest transaction that is still open.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator

import psycopg
from sqlalchemy import text, tuple_
from sqlalchemy.engine import Engine, make_url
from sqlmodel import Session, col, func, select

from core.domain.event import DomainEvent
from core.ports import EventPosition
from core.store.constraints import EVENT_CHANNEL

logger = logging.getLogger(__name__)

_BATCH = 500
_SAFETY_POLL_S = 5.0
_BEHIND_OPEN_TRANSACTION_S = (0.01, 0.02, 0.04, 0.08)
"""Busy writers always have one open: who looks too often takes the time they need to end it."""
_RECONNECT_S = (0.5, 1.0, 2.0, 5.0)


class SqliteTail:
    """Polls by id every `poll_s` seconds."""

    def __init__(self, engine: Engine, poll_s: float) -> None:
        self._engine, self._poll_s = engine, poll_s

    def follow(self, after: EventPosition | None) -> AsyncGenerator[list[DomainEvent]]:
        return self._batches(self._newest() if after is None else after.id)

    async def _batches(self, last: int) -> AsyncGenerator[list[DomainEvent]]:
        while True:
            rows = await asyncio.to_thread(self._after, last)
            if rows:
                last = rows[-1].id or last
                yield rows
            if len(rows) < _BATCH:
                await asyncio.sleep(self._poll_s)

    def _newest(self) -> int:
        with Session(self._engine) as db:
            return db.exec(select(func.max(DomainEvent.id))).one() or 0

    def _after(self, last: int) -> list[DomainEvent]:
        with Session(self._engine, expire_on_commit=False) as db:
            query = select(DomainEvent).where(col(DomainEvent.id) > last).order_by(col(DomainEvent.id))
            return list(db.exec(query.limit(_BATCH)))


class PostgresTail:
    """Woken by NOTIFY; looks again every five seconds in case one got lost with a connection."""

    def __init__(self, engine: Engine, url: str) -> None:
        self._engine = engine
        self._dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)

    def follow(self, after: EventPosition | None) -> AsyncGenerator[list[DomainEvent]]:
        return self._batches(after or self._newest())

    async def _batches(self, position: EventPosition) -> AsyncGenerator[list[DomainEvent]]:
        failures = behind = 0
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as listener:
                    await listener.execute(f"LISTEN {EVENT_CHANNEL}")
                    while True:
                        rows, more = await asyncio.to_thread(self._after, position)
                        failures = 0
                        if rows:
                            behind = 0
                            position = EventPosition(rows[-1].xid, rows[-1].id or 0)
                            yield rows
                        elif more:
                            await asyncio.sleep(_BEHIND_OPEN_TRANSACTION_S[behind])
                            behind = min(behind + 1, len(_BEHIND_OPEN_TRANSACTION_S) - 1)
                        else:
                            behind = 0
                            async for _ in listener.notifies(timeout=_SAFETY_POLL_S, stop_after=1):
                                pass
            except psycopg.OperationalError:
                logger.warning("Event tail lost its connection; reconnecting", extra={"failures": failures})
                await asyncio.sleep(_RECONNECT_S[min(failures, len(_RECONNECT_S) - 1)])
                failures += 1

    def _newest(self) -> EventPosition:
        with Session(self._engine) as db:
            row = db.exec(
                select(DomainEvent.xid, DomainEvent.id)
                .where(_SETTLED)
                .order_by(col(DomainEvent.xid).desc(), col(DomainEvent.id).desc())
                .limit(1)
            ).first()
            return EventPosition(row[0], row[1] or 0) if row else EventPosition(0, 0)

    def _after(self, position: EventPosition) -> tuple[list[DomainEvent], bool]:
        """Settled rows after the position; and whether more are visible but behind an open transaction."""
        newer = tuple_(col(DomainEvent.xid), col(DomainEvent.id)) > tuple_(position.xid, position.id)
        with Session(self._engine, expire_on_commit=False) as db:
            query = select(DomainEvent).where(newer, _SETTLED)
            rows = list(db.exec(query.order_by(col(DomainEvent.xid), col(DomainEvent.id)).limit(_BATCH)))
            more = not rows and db.exec(select(DomainEvent.id).where(newer).limit(1)).first() is not None
            return rows, more


_SETTLED = text("domain_event.xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
