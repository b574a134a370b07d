"""Database engines: three a process on SQLite, two on PostgreSQL.

SQLite's dangers are silent. With the driver's own transactions a read-then-write lost 190 of 200 updates,
because the SELECT ran outside of the transaction. So the driver never begins by itself
(`isolation_level = None`) and each engine's `begin` event says which transaction it wants:

write   BEGIN IMMEDIATE: one writer at a time, nothing it read can change under it
read    BEGIN + PRAGMA query_only: one snapshot, never blocks, cannot write by mistake
system  for DBOS alone, which polls: its own BEGIN IMMEDIATE before the first write only; with the `begin`
        event every poll would take the write lock, and its migration would fail
"""

from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine

BUSY_MS = 15_000
"""How long a writer waits for another one. Write transactions take milliseconds, so this means trouble."""

_PRAGMAS = {
    "journal_mode": "WAL",
    "synchronous": "NORMAL",
    "busy_timeout": str(BUSY_MS),
    "foreign_keys": "ON",
    "cache_size": "-16000",
    "wal_autocheckpoint": "1000",
    "journal_size_limit": "67108864",
    "temp_store": "MEMORY",
}

_PG_IDLE_MS = 30_000
"""An open transaction stalls the event tail of every process (see postgres tail), so it is ended."""


def is_sqlite(url: str) -> bool:
    return url.startswith("sqlite")


def write_engine(url: str, pool: int = 5) -> Engine:
    """The engine of every change, and of the outbox rows written with it."""
    if not is_sqlite(url):
        return _postgres(url, pool)
    engine = _sqlite(url, pool, {})
    event.listen(engine, "begin", _begin_immediate)
    return engine


def read_engine(url: str, pool: int = 5) -> Engine:
    """The engine of pages and tails. On SQLite it refuses to write; on PostgreSQL the store sets that."""
    if not is_sqlite(url):
        return _postgres(url, pool)
    engine = _sqlite(url, pool, {"query_only": "ON"})
    event.listen(engine, "begin", _begin_deferred)
    return engine


def system_engine(url: str, pool: int = 20) -> Engine:
    """DBOS's own engine. Never shared with the domain: a step holding one connection needs a second."""
    if not is_sqlite(url):
        return _postgres(url, pool)
    engine = create_engine(
        url, pool_size=pool, max_overflow=10, pool_timeout=30, connect_args={"check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def connect(raw: Any, record: Any) -> None:
        set_pragmas(raw, {})
        raw.isolation_level = "IMMEDIATE"

    return engine


def migration_engine(url: str) -> Engine:
    """One connection for DDL. SQLite: foreign keys off, because a batch migration drops and renames the table
    and would cascade through every row that points to it; the caller runs `foreign_key_check` instead."""
    if not is_sqlite(url):
        return _postgres(url, 2)
    engine = _sqlite(url, 1, {"foreign_keys": "OFF", "busy_timeout": "120000"})
    event.listen(engine, "begin", _begin_immediate)
    return engine


def set_pragmas(raw: Any, extra: dict[str, str]) -> None:
    cursor = raw.cursor()
    for name, value in {**_PRAGMAS, **extra}.items():
        cursor.execute(f"PRAGMA {name}={value}")
    cursor.close()


def _sqlite(url: str, pool: int, extra: dict[str, str]) -> Engine:
    engine = create_engine(
        url, pool_size=pool, max_overflow=0, pool_timeout=30, connect_args={"check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def connect(raw: Any, record: Any) -> None:
        raw.isolation_level = None
        set_pragmas(raw, extra)

    return engine


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_deferred(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _postgres(url: str, pool: int) -> Engine:
    options = f"-c idle_in_transaction_session_timeout={_PG_IDLE_MS} -c timezone=UTC"
    return create_engine(
        url,
        pool_size=pool,
        max_overflow=4,
        pool_timeout=30,
        pool_pre_ping=True,
        connect_args={"options": options},
    )
