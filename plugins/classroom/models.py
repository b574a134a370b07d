"""The classroom's tables.

Personal data: chat messages and who answered what; kept `retention_chat_days`, erased with their person.
"""

from datetime import datetime

from sqlalchemy import JSON, Index
from sqlmodel import Field

from core.domain.base import Table, UTCDateTime


class ChatMessage(Table, table=True):
    """One line of a lesson's chat. to_person_id: None = to everybody."""

    __tablename__ = "classroom_chat_message"
    __table_args__ = (Index("ix_classroom_chat_message_session", "session_id", "at"),)
    id: str = Field(primary_key=True)
    session_id: str
    person_id: str = Field(index=True)
    to_person_id: str | None = Field(default=None, index=True)
    text: str
    at: datetime = Field(sa_type=UTCDateTime, index=True)


class PollRow(Table, table=True):
    """kind: poll | check. status: open | closed | shown. correct: index of the right option."""

    __tablename__ = "classroom_poll"
    id: str = Field(primary_key=True)
    session_id: str = Field(index=True)
    kind: str
    question: str
    options: list[str] = Field(default_factory=list, sa_type=JSON)
    correct: int | None = None
    status: str
    opened_by: str
    opened_at: datetime = Field(sa_type=UTCDateTime)


class PollAnswerRow(Table, table=True):
    """One student's final answer. correct: None for an opinion poll."""

    __tablename__ = "classroom_poll_answer"
    poll_id: str = Field(primary_key=True)
    person_id: str = Field(primary_key=True, index=True)
    session_id: str = Field(index=True)
    option: int
    correct: bool | None = None
    at: datetime = Field(sa_type=UTCDateTime)


class RoomPage(Table, table=True):
    """The board page everybody follows."""

    __tablename__ = "classroom_page"
    session_id: str = Field(primary_key=True)
    page: int = 1
