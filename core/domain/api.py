"""Ways in for programs: tokens with scopes, requests that may be repeated, private calendar addresses."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field

from core.domain.base import Table, UTCDateTime, new_id


class ApiToken(Table, table=True):
    """A program's key; the program holds it, here is its SHA-256. scopes: "sessions:read", "sessions:write", ..."""

    __tablename__ = "api_token"
    id: str = Field(default_factory=new_id, primary_key=True)
    name: str
    token_hash: str = Field(unique=True)
    scopes: list[str] = Field(default_factory=list, sa_type=JSON)
    created_by: str = Field(foreign_key="person.id")
    created_at: datetime = Field(sa_type=UTCDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class IdempotencyKey(Table, table=True):
    """The answer to a request that may come again. fingerprint: SHA-256 of method, path and body."""

    __tablename__ = "idempotency_key"
    token_id: str = Field(foreign_key="api_token.id", primary_key=True)
    key: str = Field(primary_key=True)
    fingerprint: str
    status: int = 0
    """HTTP status of the answer, 0 = still being worked on."""
    body: Any = Field(default=None, sa_type=JSON)
    at: datetime = Field(sa_type=UTCDateTime, index=True)


class CalendarFeed(Table, table=True):
    """A person's private calendar address: it holds a random token, here is its SHA-256."""

    __tablename__ = "calendar_feed"
    token_hash: str = Field(primary_key=True)
    person_id: str = Field(foreign_key="person.id", index=True)
    created_at: datetime = Field(sa_type=UTCDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
