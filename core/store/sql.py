"""The database as `core.ports.Store`: one class for SQLite and PostgreSQL, two tails of the event log."""

from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from functools import cached_property

from sqlalchemy.engine import Engine, make_url
from sqlmodel import Session

from core.config import Settings
from core.domain.event import DomainEvent
from core.ports import EventPosition
from core.store import constraints
from core.store.engines import is_sqlite, read_engine, system_engine, write_engine
from core.store.tail import PostgresTail, SqliteTail


class SqlStore:
    """Sessions are synchronous and short: a write transaction stays under 20 ms with no I/O inside, and no
    session lives across an `await`. Objects stay readable after their session (`expire_on_commit=False`)."""

    def __init__(self, settings: Settings) -> None:
        self.url = settings.db_url
        self.dialect = "sqlite" if is_sqlite(self.url) else "postgresql"
        if self.dialect == "sqlite" and (file := make_url(self.url).database):
            settings.data_dir.mkdir(parents=True, exist_ok=True)
            _refuse_memory(file)
        self.engine = write_engine(self.url)
        self._tail_s = settings.tail_s

    @cached_property
    def read_engine(self) -> Engine:
        engine = read_engine(self.url)
        if self.dialect == "sqlite":
            return engine
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @cached_property
    def system_engine(self) -> Engine:
        """For DBOS alone (core/delivery)."""
        return system_engine(self.url)

    @contextmanager
    def write(self) -> Generator[Session]:
        """One transaction; commits on leaving, rolls back on any exception."""
        with Session(self.engine, expire_on_commit=False) as db, db.begin():
            yield db

    @contextmanager
    def read(self) -> Generator[Session]:
        """One consistent snapshot that cannot write."""
        with Session(self.read_engine, expire_on_commit=False, autoflush=False) as db:
            yield db

    def tail(self, after: EventPosition | None = None) -> AsyncGenerator[list[DomainEvent]]:
        """Batches of committed events after a position, in commit order: none missed, none twice.

        None means from this call on. Ends when the caller closes it. One tail costs 0.3 % of a CPU.
        """
        if self.dialect == "sqlite":
            return SqliteTail(self.read_engine, self._tail_s).follow(after)
        return PostgresTail(self.read_engine, self.url).follow(after)

    def verify(self) -> None:
        """StoreError when the database has not been migrated or lost its guards. Asked at start."""
        with self.engine.connect() as connection:
            constraints.verify(connection)

    def close(self) -> None:
        self.engine.dispose()
        for name in ("read_engine", "system_engine"):
            if engine := self.__dict__.get(name):
                engine.dispose()


def _refuse_memory(file: str) -> None:
    if file == ":memory:":
        raise ValueError("an in-memory database cannot be shared by HiLink's processes; give it a file")
