"""Lessons that repeat, and packages of lessons they use up."""

from datetime import date, datetime

from sqlalchemy import JSON
from sqlmodel import Field

from core.domain.base import Table, UTCDateTime, new_id


class Series(Table, table=True):
    """A repetition of lessons; each lesson is a ClassSession of its own with `series_id` and `series_day`.

    rule: RFC 5545 RRULE value. first_local: "2026-11-24T16:00", wall clock in tz. skip: ISO dates without a lesson.
    status: active | ended | cancelled. split_from: the series this one took over from "this and following".
    """

    __tablename__ = "series"
    id: str = Field(default_factory=new_id, primary_key=True)
    course_id: str = Field(foreign_key="course.id", index=True)
    instructor_id: str = Field(foreign_key="person.id", index=True)
    student_ids: list[str] = Field(default_factory=list, sa_type=JSON)
    title: str = ""
    language: str = ""
    rule: str
    first_local: str
    tz: str
    length_min: int
    until: date | None = None
    count: int | None = None
    skip: list[str] = Field(default_factory=list, sa_type=JSON)
    package_id: str | None = Field(default=None, foreign_key="lesson_package.id")
    request_id: str | None = Field(default=None, foreign_key="lesson_request.id", index=True)
    split_from: str | None = Field(default=None, foreign_key="series.id")
    status: str = Field(default="active", index=True)
    created_by: str = Field(foreign_key="person.id")
    created_at: datetime = Field(sa_type=UTCDateTime)
    version: int = 1


class LessonPackage(Table, table=True):
    """A number of lessons somebody may take in a course. Used: lessons of it that are not cancelled."""

    __tablename__ = "lesson_package"
    id: str = Field(default_factory=new_id, primary_key=True)
    student_id: str = Field(foreign_key="person.id", index=True)
    course_id: str = Field(foreign_key="course.id")
    lessons: int
    valid_until: date | None = None
    created_by: str = Field(foreign_key="person.id")
    created_at: datetime = Field(sa_type=UTCDateTime)
    version: int = 1
