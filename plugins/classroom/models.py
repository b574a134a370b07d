"""The classroom's tables.

Personal data: chat messages and who answered what, kept `retention_chat_days`; how a person's line was, kept
`retention_quality_days`. Erased with their person.
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


class LineQuality(Table, table=True):
    """How one person's line was in one minute: means over `seconds` of it, and how long what went on.

    at: the minute's beginning. None: not known. Losses and `concealed` (sound the browser made up, because it
    did not arrive) are shares, 0 to 1. estimate_bps: None while the line set no limit. layer: the smallest
    picture they were sent, rid and temporal layer ("h2"). weak_s, reduced_s, paused_s: how long their line was
    weak, took smaller pictures, took none; sender_s: pictures were smaller because of who sent them.
    """

    __tablename__ = "classroom_quality"
    session_id: str = Field(primary_key=True)
    participant_id: str = Field(primary_key=True)
    at: datetime = Field(sa_type=UTCDateTime, primary_key=True, index=True)
    person_id: str = Field(index=True)
    seconds: int
    up_bps: int | None = None
    up_loss: float | None = None
    up_jitter_ms: float | None = None
    rtt_ms: float | None = None
    down_bps: int | None = None
    down_loss: float | None = None
    estimate_bps: int | None = None
    concealed: float | None = None
    freezes: int = 0
    frozen_s: float = 0.0
    weak_s: int = 0
    reduced_s: int = 0
    paused_s: int = 0
    sender_s: int = 0
    layer: str = ""
