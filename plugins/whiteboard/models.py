"""The whiteboard's tables.

Personal data: who drew which element and how much (ids and numbers). What is drawn is the content of
the lesson; it is erased with its author (service.erase_person) or after `retention_days`.
"""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field

from core.domain.base import Table, UTCDateTime


class WhiteboardUpdate(Table, table=True):
    """The log of a page since its snapshot: merged Yjs updates (v1), in the order of id."""

    __tablename__ = "whiteboard_update"
    __table_args__ = (Index("ix_whiteboard_update_page", "session_id", "page", "id"),)
    id: int | None = Field(default=None, primary_key=True)
    session_id: str
    page: int
    data: bytes
    created_at: datetime = Field(sa_type=UTCDateTime)


class WhiteboardSnapshot(Table, table=True):
    """Everything of a page up to some row of the log, as one Yjs update. elements: how many can be seen."""

    __tablename__ = "whiteboard_snapshot"
    session_id: str = Field(primary_key=True)
    page: int = Field(primary_key=True)
    data: bytes
    elements: int = 0
    updated_at: datetime = Field(sa_type=UTCDateTime, index=True)


class WhiteboardAuthor(Table, table=True):
    """Who drew an element first."""

    __tablename__ = "whiteboard_author"
    session_id: str = Field(primary_key=True)
    page: int = Field(primary_key=True)
    element_id: str = Field(primary_key=True)
    person_id: str = Field(index=True)
    created_at: datetime = Field(sa_type=UTCDateTime)


class WhiteboardActivity(Table, table=True):
    """The audit of changes: how much one person changed on one page in one minute."""

    __tablename__ = "whiteboard_activity"
    session_id: str = Field(primary_key=True)
    page: int = Field(primary_key=True)
    person_id: str = Field(primary_key=True, index=True)
    minute: datetime = Field(sa_type=UTCDateTime, primary_key=True)
    updates: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
