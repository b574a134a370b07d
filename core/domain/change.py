"""What happens to a lesson before it begins: changes families ask for, credits, substitutes and their offers, readiness."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, text
from sqlmodel import Field, UniqueConstraint

from core.domain.base import Table, UTCDateTime, new_id

LOOKING = ("open", "offered", "escalated")
"""Statuses of a `Substitution` in which a substitute is still wanted."""


class ChangeRequest(Table, table=True):
    """A change outside the policy waits for a coordinator. kind: move | cancel. status: open | granted | refused | withdrawn.

    session_version: what they saw. starts_at: the time they ask for (move). why: their words, personal data.
    rule: what the policy said, a code: late_notice | too_many | no_teacher_free | ...
    """

    __tablename__ = "change_request"
    id: str = Field(default_factory=new_id, primary_key=True)
    session_id: str = Field(foreign_key="class_session.id", index=True)
    session_version: int
    kind: str
    starts_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    ends_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    asked_by: str = Field(foreign_key="person.id", index=True)
    asked_at: datetime = Field(sa_type=UTCDateTime)
    student_id: str = Field(foreign_key="person.id")
    why: str = ""
    rule: str = ""
    status: str = Field(default="open", index=True)
    decided_by: str | None = Field(default=None, foreign_key="person.id")
    decided_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    answer: str = ""
    version: int = 1


class LessonChange(Table, table=True):
    """A change that was made by a family, for the policy's limits. kind: move | cancel. One row a change.

    was_starts_at, was_ends_at: where a moved lesson was, for undo. session_version: the lesson's after the change.
    """

    __tablename__ = "lesson_change"
    __table_args__ = (Index("ix_lesson_change_student_at", "student_id", "at"),)
    id: str = Field(default_factory=new_id, primary_key=True)
    session_id: str = Field(foreign_key="class_session.id")
    student_id: str = Field(foreign_key="person.id")
    kind: str
    by: str = Field(foreign_key="person.id")
    at: datetime = Field(sa_type=UTCDateTime)
    was_starts_at: datetime = Field(sa_type=UTCDateTime)
    was_ends_at: datetime = Field(sa_type=UTCDateTime)
    session_version: int


class MakeUpCredit(Table, table=True):
    """One lesson to be had again. session_id: the one that fell out; used_session_id: the one it became."""

    __tablename__ = "make_up_credit"
    __table_args__ = (UniqueConstraint("session_id", "student_id"),)
    id: str = Field(default_factory=new_id, primary_key=True)
    student_id: str = Field(foreign_key="person.id", index=True)
    course_id: str = Field(foreign_key="course.id")
    session_id: str = Field(foreign_key="class_session.id")
    granted_at: datetime = Field(sa_type=UTCDateTime)
    expires_at: datetime = Field(sa_type=UTCDateTime)
    used_session_id: str | None = Field(default=None, foreign_key="class_session.id")
    version: int = 1


class Substitution(Table, table=True):
    """A lesson that lost its instructor. status: open | offered | filled | escalated | withdrawn.

    session_version: the lesson's when it was opened. reason: away | shrunk | left | asked. One live one a lesson.
    note: why they cannot come, in their words, for coordinators alone; personal data.
    """

    __tablename__ = "substitution"
    __table_args__ = (
        Index(
            "uq_substitution_live",
            "session_id",
            unique=True,
            sqlite_where=text("status IN ('open', 'offered', 'escalated')"),
            postgresql_where=text("status IN ('open', 'offered', 'escalated')"),
        ),
    )
    id: str = Field(default_factory=new_id, primary_key=True)
    session_id: str = Field(foreign_key="class_session.id", index=True)
    session_version: int
    out_id: str = Field(foreign_key="person.id")
    reason: str
    note: str = ""
    status: str = Field(default="open", index=True)
    opened_by: str | None = Field(default=None, foreign_key="person.id")
    opened_at: datetime = Field(sa_type=UTCDateTime)
    due_at: datetime = Field(sa_type=UTCDateTime)
    filled_by: str | None = Field(default=None, foreign_key="person.id")
    filled_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    version: int = 1


class SubstituteOffer(Table, table=True):
    """One instructor is asked. status: offered | accepted | declined | expired | withdrawn. First to accept wins.

    rank counts from 1. reasons: [{"code", "params", "met"}].
    """

    __tablename__ = "substitute_offer"
    __table_args__ = (
        Index(
            "uq_substitute_offer_accepted",
            "substitution_id",
            unique=True,
            sqlite_where=text("status = 'accepted'"),
            postgresql_where=text("status = 'accepted'"),
        ),
        Index("ix_substitute_offer_instructor_status", "instructor_id", "status"),
    )
    id: str = Field(default_factory=new_id, primary_key=True)
    substitution_id: str = Field(foreign_key="substitution.id", index=True)
    instructor_id: str = Field(foreign_key="person.id")
    rank: int
    reasons: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    status: str = "offered"
    offered_at: datetime = Field(sa_type=UTCDateTime)
    expires_at: datetime = Field(sa_type=UTCDateTime)
    answered_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    version: int = 1


class Readiness(Table, table=True):
    """Whether a lesson can be joined, as last looked at. status: ready | unready.

    checks: {"room": bool, "node": bool, "links": bool, "told": bool, "materials": bool, "briefing": bool}.
    """

    __tablename__ = "readiness"
    session_id: str = Field(foreign_key="class_session.id", primary_key=True)
    session_version: int
    status: str = Field(index=True)
    checks: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    checked_at: datetime = Field(sa_type=UTCDateTime)
