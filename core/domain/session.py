"""The class session: one scheduled lesson, its seats, room, join links and presence."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, text
from sqlmodel import Field, UniqueConstraint

from core.domain.base import Table, UTCDateTime, new_id


class ClassSession(Table, table=True):
    """status: scheduled | live | ended | cancelled.

    chain: how far the story after the lesson is; "" until it ended, then the names in lifecycle.chain.
    version rises with every change of time, people or status that a timer or delivery must notice.
    """

    __tablename__ = "class_session"
    __table_args__ = (Index("ix_class_session_status_starts", "status", "starts_at"),)
    id: str = Field(default_factory=new_id, primary_key=True)
    course_id: str = Field(foreign_key="course.id", index=True)
    topic_id: str | None = Field(default=None, foreign_key="curriculum_topic.id")
    title: str = ""
    starts_at: datetime = Field(sa_type=UTCDateTime, index=True)
    ends_at: datetime = Field(sa_type=UTCDateTime)
    status: str = "scheduled"
    started_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    end_reason: str = ""
    chain: str = ""
    created_by: str = Field(foreign_key="person.id")
    series_id: str | None = Field(default=None, foreign_key="series.id", index=True)
    series_day: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    """The local date the series' rule names (RFC 5545 RECURRENCE-ID); stays when the lesson is moved."""
    language: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    version: int = 1


class Seat(Table, table=True):
    """Who is expected: role instructor | student. Carries the times so that the database itself refuses
    a double-booking of a person (`ex_seat_person`, core/store/constraints.py). active=False frees the slot."""

    __tablename__ = "seat"
    __table_args__ = (UniqueConstraint("session_id", "person_id"),)
    id: str = Field(default_factory=new_id, primary_key=True)
    session_id: str = Field(foreign_key="class_session.id", index=True)
    person_id: str = Field(foreign_key="person.id", index=True)
    role: str
    starts_at: datetime = Field(sa_type=UTCDateTime)
    ends_at: datetime = Field(sa_type=UTCDateTime)
    active: bool = True
    invited_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class JoinLink(Table, table=True):
    """A personal way in: the link holds a random token, here is its SHA-256. Revoking closes everything it opened."""

    __tablename__ = "join_link"
    token_hash: str = Field(primary_key=True)
    seat_id: str = Field(foreign_key="seat.id", index=True)
    created_at: datetime = Field(sa_type=UTCDateTime)
    expires_at: datetime = Field(sa_type=UTCDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class Room(Table, table=True):
    """The live place of one session (same id). settings: tools, lobby, captions, recording.

    transcript_done_at: the agents have handed in everything.
    """

    __tablename__ = "room"
    session_id: str = Field(foreign_key="class_session.id", primary_key=True)
    provisioned_at: datetime = Field(sa_type=UTCDateTime)
    node: str = ""
    settings: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    empty_since: datetime | None = Field(default=None, sa_type=UTCDateTime)
    transcript_done_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class PresenceInterval(Table, table=True):
    """One connection of one person to the room. end_reason: left | lost | removed | session_ended | server_restart.

    gaps: the cuts it survived, evidence for who wonders: {"at": ISO time, "s": seconds, "why": line | server |
    media}. line: their room connection; server: the room server began anew (s 0: not known); media: sound and pictures alone.
    role "waiting": at the room's door, not in it; end_reason then also admitted.
    """

    __tablename__ = "presence_interval"
    id: str = Field(default_factory=new_id, primary_key=True)
    session_id: str = Field(foreign_key="class_session.id", index=True)
    person_id: str = Field(foreign_key="person.id", index=True)
    participant_id: str = Field(unique=True)
    role: str
    started_at: datetime = Field(sa_type=UTCDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    end_reason: str = ""
    gaps: list[dict[str, Any]] = Field(
        default_factory=list[dict[str, Any]],
        sa_column=Column(JSON, nullable=False, server_default=text("'[]'")),
    )


class Attendance(Table, table=True):
    """status: present | late | left_early | absent | excused. A correction after final is a new fact with who and why."""

    __tablename__ = "attendance"
    session_id: str = Field(foreign_key="class_session.id", primary_key=True)
    person_id: str = Field(foreign_key="person.id", primary_key=True)
    role: str
    status: str
    present_s: int = 0
    joined_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    left_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    intervals: int = 0
    final_at: datetime = Field(sa_type=UTCDateTime)
    corrected_by: str | None = Field(default=None, foreign_key="person.id")
    corrected_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    note: str = ""


class EngagementSignal(Table, table=True):
    """A structured measurement. signal: talk_s, hands, chats, reactions, answers, answers_right, board_updates."""

    __tablename__ = "engagement_signal"
    session_id: str = Field(foreign_key="class_session.id", primary_key=True)
    person_id: str = Field(foreign_key="person.id", primary_key=True)
    signal: str = Field(primary_key=True)
    value: float = 0.0
