"""What somebody asks for, and plans that place many of these at once."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field

from core.domain.base import Table, UTCDateTime, new_id


class LessonRequest(Table, table=True):
    """Lessons wanted. status: open | placed | rejected | withdrawn.

    windows: [{"weekday": 0, "starts": "16:00", "ends": "18:00"}], wall clock in tz. per_week: lessons a week;
    from_day to until_day (None: for good), both included, or `lessons` in all. wishes: {"instructor_id": id,
    "same_instructor": bool, "language": ..}, each may be missing. note: personal data.
    reason: why it was rejected. constraint: code of the tightest one when nothing fits.
    """

    __tablename__ = "lesson_request"
    id: str = Field(default_factory=new_id, primary_key=True)
    student_id: str = Field(foreign_key="person.id", index=True)
    course_id: str = Field(foreign_key="course.id", index=True)
    language: str = ""
    windows: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    tz: str
    per_week: int = 1
    length_min: int = 45
    from_day: date
    until_day: date | None = None
    lessons: int | None = None
    wishes: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    note: str = ""
    status: str = Field(default="open", index=True)
    reason: str = ""
    constraint: str = ""
    asked_by: str = Field(foreign_key="person.id")
    asked_at: datetime = Field(sa_type=UTCDateTime)
    due_at: datetime = Field(sa_type=UTCDateTime)
    decided_by: str | None = Field(default=None, foreign_key="person.id")
    decided_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    rule: str = ""
    """Name of the written rule that accepted it, "" = a person did."""
    version: int = 1


class BatchPlan(Table, table=True):
    """Many requests placed at once, as a proposal until somebody accepts it.

    status: waiting | solving | ready | booking | accepted | undoing | undone | rejected | cancelled | failed.
    request_ids: what it is about, [] = every request that is open. progress: {"phase", "share" in hundredths,
    "done", "total", "at": when the worker last said so, "run": which attempt, "tries"}.
    figures: {"placed", "asked", "objective", "bound", "greedy", "wall_s"}. weeks: instructors whose week changes,
    [{"id", "lessons": [before, after], "gap_min": [before, after]}]. reason: why it was rejected, or failed.
    """

    __tablename__ = "batch_plan"
    id: str = Field(default_factory=new_id, primary_key=True)
    from_day: date
    until_day: date
    status: str = Field(default="waiting", index=True)
    request_ids: list[str] = Field(default_factory=list, sa_type=JSON)
    progress: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    figures: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    weeks: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    reason: str = ""
    made_by: str = Field(foreign_key="person.id")
    made_at: datetime = Field(sa_type=UTCDateTime)
    decided_by: str | None = Field(default=None, foreign_key="person.id")
    decided_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    version: int = 1


class PlanItem(Table, table=True):
    """One request in a plan. times: [ISO starts], UTC: its first lesson at each of its weekly times.

    status: placed | unplaced | chosen (accepted, not booked yet) | booked | clashed | rejected | undone.
    reasons: [{"code", "words", "params"}]: why this one; unplaced: the tightest constraint; clashed: what came between.
    """

    __tablename__ = "plan_item"
    id: str = Field(default_factory=new_id, primary_key=True)
    plan_id: str = Field(foreign_key="batch_plan.id", index=True)
    request_id: str = Field(foreign_key="lesson_request.id", index=True)
    instructor_id: str | None = Field(default=None, foreign_key="person.id")
    times: list[str] = Field(default_factory=list, sa_type=JSON)
    status: str = "unplaced"
    reasons: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    series_id: str | None = Field(default=None, foreign_key="series.id")
