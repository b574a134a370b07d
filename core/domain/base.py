"""What every table shares: ids, aware UTC times, naming of constraints, who may have owned it."""

import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import DateTime, MetaData
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel

SQLModel.metadata.naming_convention = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
).naming_convention
# Unnamed constraints cannot be dropped in SQLite's batch mode, so names come before the first table.


class Table(SQLModel):
    """Base of every table, ours and plugins'. Says once that `__tablename__` is a plain string."""

    if TYPE_CHECKING:
        __tablename__: ClassVar[str]  # pyright: ignore[reportIncompatibleVariableOverride] - SQLModel types it as declared_attr


_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id() -> str:
    """A ULID in lower case: 26 letters, sorts by time, unguessable enough not to be enumerated."""
    value = (int(time.time() * 1000) << 80) | int.from_bytes(os.urandom(10))
    letters = [""] * 26
    for place in range(25, -1, -1):
        letters[place] = _ALPHABET[value & 31]
        value >>= 5
    return "".join(letters)


class UTCDateTime(TypeDecorator[datetime]):
    """Aware UTC in Python; timestamptz on PostgreSQL, fixed-width text on SQLite (so it compares right)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive time reached the database")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def utc_now() -> datetime:
    """Default for `*_at` columns; policy takes the time from the injected clock instead."""
    return datetime.now(UTC)
