"""Roll-ups: lessons and weeks of students, days of the organisation.

Revision ID: an0001
"""

import sqlalchemy as sa
from alembic import op

from core.domain.base import UTCDateTime

revision = "an0001"
down_revision = None
branch_labels = None
depends_on = None


def _int(name: str) -> sa.Column:
    return sa.Column(name, sa.Integer(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "analytics_student_lesson",
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("student_id", sa.String(), nullable=False),
        sa.Column("course_id", sa.String(), nullable=False),
        sa.Column("starts_at", UTCDateTime(timezone=True), nullable=False),
        sa.Column("week", sa.Date(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        _int("present_s"),
        _int("planned_s"),
        sa.Column("talk_s", sa.Float(), nullable=False),
        _int("answers"),
        _int("answers_right"),
        _int("hands"),
        _int("chats"),
        _int("board_updates"),
        _int("topics_covered"),
        _int("topics_started"),
        sa.PrimaryKeyConstraint("session_id", "student_id", name="pk_analytics_student_lesson"),
    )
    op.create_index("ix_analytics_student_lesson_student_id", "analytics_student_lesson", ["student_id"])
    op.create_table(
        "analytics_student_week",
        sa.Column("student_id", sa.String(), nullable=False),
        sa.Column("week", sa.Date(), nullable=False),
        *(_int(name) for name in ("lessons", "attended", "late", "missed", "present_s", "planned_s")),
        sa.Column("talk_s", sa.Float(), nullable=False),
        *(_int(name) for name in ("answers", "answers_right", "hands", "chats", "board_updates", "topics_covered")),
        sa.PrimaryKeyConstraint("student_id", "week", name="pk_analytics_student_week"),
    )
    op.create_table(
        "analytics_day",
        sa.Column("day", sa.Date(), nullable=False),
        *(_int(name) for name in ("lessons", "seats", "attended", "missed", "present_s", "planned_s")),
        sa.PrimaryKeyConstraint("day", name="pk_analytics_day"),
    )


def downgrade() -> None:
    for table in ("analytics_day", "analytics_student_week", "analytics_student_lesson"):
        op.drop_table(table)
