"""Alembic's environment for one owner (core or a plugin); core/store/migrate.py starts it."""

from typing import Any

import sqlalchemy as sa
from alembic import context
from sqlmodel import SQLModel

from core.domain.base import UTCDateTime
from core.plugins import core_tables, table_owner

config = context.config
connection: sa.Connection = config.attributes["connection"]
owner: str = config.attributes["owner"]
plugins: tuple[str, ...] = config.attributes["plugins"]


def mine(name: str | None) -> bool:
    """Tables of this owner: core's are those it has models for, the others are plugins' or DBOS's."""
    if owner == "core":
        return name in core_tables()
    return name is not None and table_owner(name, plugins) == owner


def include_name(name: str | None, type_: str, parents: Any) -> bool:
    if type_ == "table":
        return mine(name)
    return not (name or "").startswith("ex_")  # the index behind an EXCLUDE constraint


def include_object(item: Any, name: str | None, type_: str, reflected: bool, compare_to: Any) -> bool:
    return type_ != "table" or mine(name)


def render_item(type_: str, item: Any, autogen_context: Any) -> str | bool:
    """Revisions say `sa.DateTime(timezone=True)`, so that an old one never needs today's code."""
    if type_ == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    return False


context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    version_table=f"alembic_version_{owner}",
    render_as_batch=True,
    render_item=render_item,
    transactional_ddl=True,
    include_name=include_name,
    include_object=include_object,
    compare_type=False,
)
with context.begin_transaction():
    context.run_migrations()
