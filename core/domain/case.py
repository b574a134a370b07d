"""Exception cases: what needs a person, in whose queue, until when; and AI signals people decide on."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field

from core.domain.base import Table, UTCDateTime, new_id


class ExceptionCase(Table, table=True):
    """kind: no_show | ended_early | delivery_failed | summary_overdue | provisioning_failed | ...

    status: open | taken | resolved. dedupe makes opening idempotent. facts: ids and numbers, never text.
    """

    __tablename__ = "exception_case"
    id: str = Field(default_factory=new_id, primary_key=True)
    kind: str
    severity: str = "normal"
    queue: str = "coordinator"
    status: str = Field(default="open", index=True)
    dedupe: str = Field(unique=True)
    session_id: str | None = Field(default=None, foreign_key="class_session.id", index=True)
    person_id: str | None = Field(default=None, foreign_key="person.id")
    facts: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    opened_at: datetime = Field(sa_type=UTCDateTime)
    due_at: datetime = Field(sa_type=UTCDateTime)
    owner_id: str | None = Field(default=None, foreign_key="person.id")
    escalated_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    resolved_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    resolved_by: str | None = Field(default=None, foreign_key="person.id")
    resolution: str = ""
    version: int = 1


class CaseNote(Table, table=True):
    """Personal data may be inside; erased with the case's people."""

    __tablename__ = "case_note"
    id: str = Field(default_factory=new_id, primary_key=True)
    case_id: str = Field(foreign_key="exception_case.id", index=True)
    person_id: str = Field(foreign_key="person.id")
    at: datetime = Field(sa_type=UTCDateTime)
    text: str


class Signal(Table, table=True):
    """An AI or statistical flag with its evidence; a person accepts or dismisses. Never acts by itself."""

    __tablename__ = "signal"
    id: str = Field(default_factory=new_id, primary_key=True)
    kind: str
    person_id: str | None = Field(default=None, foreign_key="person.id", index=True)
    session_id: str | None = Field(default=None, foreign_key="class_session.id")
    dedupe: str = Field(unique=True)
    purpose: str = ""
    evidence: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    raised_at: datetime = Field(sa_type=UTCDateTime)
    decision: str = ""
    """"" | accepted | dismissed."""
    decided_by: str | None = Field(default=None, foreign_key="person.id")
    decided_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
