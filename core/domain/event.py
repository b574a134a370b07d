"""The event log, deliveries to plugins, plugin switches, audit, and readers' cursors."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, text
from sqlmodel import Field

from core.domain.base import Table, UTCDateTime, new_id

BigId = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite autoincrements only a column that is exactly INTEGER."""


class DomainEvent(Table, table=True):
    """Append-only. payload: ids and numbers, never text. Written by core.delivery.emit alone.

    xid: the writing transaction on PostgreSQL, 0 on SQLite; readers go by (xid, id), see core/store.
    """

    __tablename__ = "domain_event"
    __table_args__ = (Index("ix_domain_event_xid_id", "xid", "id"), {"sqlite_autoincrement": True})
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    xid: int = Field(default=0, sa_column=Column(BigId, nullable=False, server_default=text("0")))
    kind: str = Field(index=True)
    schema_version: int = 1
    session_id: str | None = Field(default=None, index=True)
    person_id: str | None = Field(default=None, index=True)
    at: datetime = Field(sa_type=UTCDateTime)
    payload: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)


class Delivery(Table, table=True):
    """One lifecycle hook call of one plugin for one event. id: `{event_id}:{plugin}`, also the workflow id.

    status: waiting | held | done | skipped | failed. held: the plugin was switched off, nothing is lost.
    """

    __tablename__ = "delivery"
    __table_args__ = (Index("ix_delivery_plugin_status", "plugin", "status"),)
    id: str = Field(primary_key=True)
    event_id: int = Field(index=True, sa_type=BigInteger)
    plugin: str
    hook: str
    subject_id: str
    subject_version: int = 1
    change: str = ""
    status: str = Field(default="waiting", index=True)
    attempts: int = 0
    run: int = 0
    """Counts operator retries; part of the workflow id after the first."""
    error: str = ""
    created_at: datetime = Field(sa_type=UTCDateTime)
    done_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class StepDone(Table, table=True):
    """`ctx.transaction(name)` happened: written in the step's own transaction, so it happens once."""

    __tablename__ = "step_done"
    delivery_id: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    result: Any = Field(default=None, sa_type=JSON)
    at: datetime = Field(sa_type=UTCDateTime)


class PluginSwitch(Table, table=True):
    """A row = somebody switched the plugin; none = enabled."""

    __tablename__ = "plugin_switch"
    plugin: str = Field(primary_key=True)
    enabled: bool
    changed_by: str | None = None
    changed_at: datetime = Field(sa_type=UTCDateTime)


class AuditEntry(Table, table=True):
    """Who saw or changed what. action: verb.noun; subject_id: what; person_id: about whom; facts: ids and numbers."""

    __tablename__ = "audit_entry"
    id: str = Field(default_factory=new_id, primary_key=True)
    at: datetime = Field(sa_type=UTCDateTime, index=True)
    actor_id: str | None = Field(default=None, index=True)
    """None = the system."""
    action: str
    subject_id: str = ""
    person_id: str | None = Field(default=None, index=True)
    facts: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)


class Cursor(Table, table=True):
    """Where a durable reader of the event log stands, moved in the reader's own transaction."""

    __tablename__ = "cursor"
    reader: str = Field(primary_key=True)
    xid: int = Field(default=0, sa_type=BigInteger)
    event_id: int = Field(default=0, sa_type=BigInteger)


class IngestCursor(Table, table=True):
    """Highest batch number taken from one media node or agent: makes ingest idempotent."""

    __tablename__ = "ingest_cursor"
    source: str = Field(primary_key=True)
    seq: int = Field(default=0, sa_type=BigInteger)


class WorkerHeartbeat(Table, table=True):
    """A live worker. executor_id is stable per slot; the reaper takes over those that fell silent."""

    __tablename__ = "worker_heartbeat"
    executor_id: str = Field(primary_key=True)
    at: datetime = Field(sa_type=UTCDateTime)


class MediaNode(Table, table=True):
    """A media node as it last described itself; name is stable over its restarts, instance is not.

    load: share of one core. draining: an operator wants no new rooms on it. stopped_at: it said goodbye.
    """

    __tablename__ = "media_node"
    name: str = Field(primary_key=True)
    instance: str
    region: str
    control_url: str
    version: int
    load: float = 0.0
    rooms: int = 0
    participants: int = 0
    draining: bool = False
    started_at: datetime = Field(sa_type=UTCDateTime)
    seen_at: datetime = Field(sa_type=UTCDateTime)
    stopped_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
