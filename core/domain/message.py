"""Messages to people (rows, sent by the worker) and timers (rows, fired by the clock)."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index
from sqlmodel import Field

from core.domain.base import Table, UTCDateTime, new_id


class Message(Table, table=True):
    """kind names the template; params are ids and values it needs. status: queued | sent | failed | cancelled.

    The text is rendered when it is sent, in the reader's language and zone. dedupe makes queueing
    idempotent; message_id is the mail's Message-ID, the same on every try.
    """

    __tablename__ = "message"
    __table_args__ = (Index("ix_message_status_due", "status", "due_at"),)
    id: str = Field(default_factory=new_id, primary_key=True)
    kind: str
    channel: str = "email"
    to_person_id: str = Field(foreign_key="person.id", index=True)
    session_id: str | None = Field(default=None, foreign_key="class_session.id", index=True)
    params: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    dedupe: str = Field(unique=True)
    message_id: str = ""
    status: str = "queued"
    attempts: int = 0
    due_at: datetime = Field(sa_type=UTCDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    error: str = ""


class Timer(Table, table=True):
    """kind: reminder | stage | readiness | recheck | refresh | no_show | empty_room | overdue_end | course_rooms |
    transcript_timeout | summary_due | recording_due | case_due.

    version is the subject's when the timer was written: an older one fires into nothing.
    """

    __tablename__ = "timer"
    __table_args__ = (Index("ix_timer_status_due", "status", "due_at"),)
    id: str = Field(default_factory=new_id, primary_key=True)
    kind: str
    subject_id: str = Field(index=True)
    version: int = 1
    params: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    due_at: datetime = Field(sa_type=UTCDateTime)
    status: str = "waiting"
    """waiting | fired | stale | failed."""
    attempts: int = 0
    fired_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class MessagePreference(Table, table=True):
    """How one person wants to be reminded; no row = the organisation's settings. reminders_s: before the start.

    channels: names in the order they are tried. quiet_from, quiet_until: "21:00", wall clock where they live,
    "" = never quiet; a reminder that falls in between comes before it.
    """

    __tablename__ = "message_preference"
    person_id: str = Field(foreign_key="person.id", primary_key=True)
    reminders_s: list[int] = Field(default_factory=list, sa_type=JSON)
    channels: list[str] = Field(default_factory=list, sa_type=JSON)
    quiet_from: str = ""
    quiet_until: str = ""
    version: int = 1
