"""What a lesson leaves: transcript, summary, reports, coverage, progress, briefing."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, UniqueConstraint

from core.domain.base import Table, UTCDateTime, new_id


class TranscriptSegment(Table, table=True):
    """Personal data, kept `retention_transcript_days`. Times in ms from the session's start.

    low_accuracy: from an engine whose words must not be quoted to a family.
    """

    __tablename__ = "transcript_segment"
    id: str = Field(default_factory=new_id, primary_key=True)
    session_id: str = Field(foreign_key="class_session.id", index=True)
    person_id: str = Field(foreign_key="person.id", index=True)
    started_ms: int
    ended_ms: int
    text: str
    confidence: float = 1.0
    engine: str = ""
    low_accuracy: bool = False


class Summary(Table, table=True):
    """For staff. status: draft | approved | rejected. body: {"sentences": [{text, spans, section}], "coverage": [...]}."""

    __tablename__ = "summary"
    __table_args__ = (UniqueConstraint("session_id", "draft_no"),)
    id: str = Field(default_factory=new_id, primary_key=True)
    session_id: str = Field(foreign_key="class_session.id", index=True)
    draft_no: int = 1
    status: str = Field(default="draft", index=True)
    engine: str = ""
    low_accuracy: bool = False
    body: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    drafted_at: datetime = Field(sa_type=UTCDateTime)
    due_at: datetime = Field(sa_type=UTCDateTime)
    decided_by: str | None = Field(default=None, foreign_key="person.id")
    decided_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    reason: str = ""
    version: int = 1


class StudentReport(Table, table=True):
    """What one family sees. body: {"headline", "sentences": [{text, spans}], "homework", "facts": {...}}."""

    __tablename__ = "student_report"
    __table_args__ = (UniqueConstraint("summary_id", "student_id"),)
    id: str = Field(default_factory=new_id, primary_key=True)
    session_id: str = Field(foreign_key="class_session.id", index=True)
    student_id: str = Field(foreign_key="person.id", index=True)
    summary_id: str = Field(foreign_key="summary.id")
    status: str = "draft"
    body: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    approved_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    told_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class Coverage(Table, table=True):
    """state: covered | started | not_reached. evidence: segment ids."""

    __tablename__ = "coverage"
    session_id: str = Field(foreign_key="class_session.id", primary_key=True)
    topic_id: str = Field(foreign_key="curriculum_topic.id", primary_key=True)
    state: str
    score: float = 0.0
    evidence: list[str] = Field(default_factory=list, sa_type=JSON)
    confirmed: bool = False


class ProgressRecord(Table, table=True):
    """One student and one topic over all approved lessons. state: started | covered. answers are checks on the topic."""

    __tablename__ = "progress_record"
    student_id: str = Field(foreign_key="person.id", primary_key=True)
    topic_id: str = Field(foreign_key="curriculum_topic.id", primary_key=True)
    state: str
    lessons: int = 0
    answers: int = 0
    answers_right: int = 0
    last_session_id: str | None = Field(default=None, foreign_key="class_session.id")
    updated_at: datetime = Field(sa_type=UTCDateTime)


class Briefing(Table, table=True):
    """What the instructor should know before session_id. body: {last_time, watch_for, homework, open_topics, plan}."""

    __tablename__ = "briefing"
    session_id: str = Field(foreign_key="class_session.id", primary_key=True)
    from_session_id: str | None = Field(default=None, foreign_key="class_session.id")
    status: str = "draft"
    body: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    prepared_at: datetime = Field(sa_type=UTCDateTime)
    version: int = 1
