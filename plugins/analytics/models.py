"""Tables of the analytics plugin. Rows are derived: they can be thrown away and made again from the event log."""

from datetime import date, datetime

from sqlmodel import Field

from core.domain.base import Table, UTCDateTime


class StudentLesson(Table, table=True):
    """What one lesson was for one student: the smallest piece roll-ups are made of."""

    __tablename__ = "analytics_student_lesson"
    session_id: str = Field(primary_key=True)
    student_id: str = Field(primary_key=True, index=True)
    course_id: str
    starts_at: datetime = Field(sa_type=UTCDateTime)
    week: date
    """Monday of its week, UTC."""
    status: str = ""
    present_s: int = 0
    planned_s: int = 0
    talk_s: float = 0.0
    answers: int = 0
    answers_right: int = 0
    hands: int = 0
    chats: int = 0
    board_updates: int = 0
    topics_covered: int = 0
    topics_started: int = 0


class StudentWeek(Table, table=True):
    """One student's week: sums over their lessons. What charts over time read."""

    __tablename__ = "analytics_student_week"
    student_id: str = Field(primary_key=True)
    week: date = Field(primary_key=True)
    lessons: int = 0
    attended: int = 0
    late: int = 0
    missed: int = 0
    present_s: int = 0
    planned_s: int = 0
    talk_s: float = 0.0
    answers: int = 0
    answers_right: int = 0
    hands: int = 0
    chats: int = 0
    board_updates: int = 0
    topics_covered: int = 0


class OrganisationDay(Table, table=True):
    """The whole organisation's day (UTC): what leadership looks at."""

    __tablename__ = "analytics_day"
    day: date = Field(primary_key=True)
    lessons: int = 0
    seats: int = 0
    attended: int = 0
    missed: int = 0
    present_s: int = 0
    planned_s: int = 0
