"""Courses, their curriculum, who may teach and who takes them, and materials."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, text
from sqlmodel import Field, UniqueConstraint

from core.domain.base import Table, UTCDateTime, new_id, utc_now


class Course(Table, table=True):
    __tablename__ = "course"
    id: str = Field(default_factory=new_id, primary_key=True)
    name: str
    level: str = ""
    description: str = ""
    active: bool = True
    recorded: bool = False
    """Its lessons are recorded from their start on; of those who consented, as always."""
    length_min: int = Field(default=45, sa_column_kwargs={"server_default": text("45")})
    template: dict[str, Any] = Field(
        default_factory=dict[str, Any],
        sa_column=Column(JSON, nullable=False, server_default=text("'{}'")),
    )
    """Settings of its lessons' rooms: {"whiteboard", "captions", "polls", "chat": bool, "lobby": mode,
    "captions_lang": BCP 47, "region": a media region, "" = near its people}. What is missing is the house's default."""
    version: int = 1


class CurriculumTopic(Table, table=True):
    """position: order in the course from 1. keywords: words that point to the topic in speech."""

    __tablename__ = "curriculum_topic"
    __table_args__ = (UniqueConstraint("course_id", "position"),)
    id: str = Field(default_factory=new_id, primary_key=True)
    course_id: str = Field(foreign_key="course.id", index=True)
    position: int
    name: str
    keywords: list[str] = Field(default_factory=list, sa_type=JSON)


class Qualification(Table, table=True):
    """The instructor may teach the course."""

    __tablename__ = "qualification"
    instructor_id: str = Field(foreign_key="person.id", primary_key=True)
    course_id: str = Field(foreign_key="course.id", primary_key=True)


class Enrollment(Table, table=True):
    __tablename__ = "enrollment"
    __table_args__ = (UniqueConstraint("student_id", "course_id"),)
    id: str = Field(default_factory=new_id, primary_key=True)
    student_id: str = Field(foreign_key="person.id", index=True)
    course_id: str = Field(foreign_key="course.id", index=True)
    active: bool = True
    enrolled_at: datetime = Field(default_factory=utc_now, sa_type=UTCDateTime)


class Material(Table, table=True):
    """A file for a course or one session. The bytes are in the BlobStore under blob_key."""

    __tablename__ = "material"
    id: str = Field(default_factory=new_id, primary_key=True)
    course_id: str | None = Field(default=None, foreign_key="course.id", index=True)
    session_id: str | None = Field(default=None, foreign_key="class_session.id", index=True)
    name: str
    media_type: str
    size: int
    blob_key: str
    added_by: str = Field(foreign_key="person.id")
    added_at: datetime = Field(sa_type=UTCDateTime)
