"""Chat, polls, answers, the page everybody follows.

Revision ID: cr0001
"""

import sqlalchemy as sa
from alembic import op

from core.domain.base import UTCDateTime

revision = "cr0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "classroom_chat_message",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("to_person_id", sa.String(), nullable=True),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("at", UTCDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_classroom_chat_message"),
    )
    op.create_index("ix_classroom_chat_message_session", "classroom_chat_message", ["session_id", "at"])
    op.create_index("ix_classroom_chat_message_person_id", "classroom_chat_message", ["person_id"])
    op.create_index("ix_classroom_chat_message_to_person_id", "classroom_chat_message", ["to_person_id"])
    op.create_index("ix_classroom_chat_message_at", "classroom_chat_message", ["at"])
    op.create_table(
        "classroom_poll",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("correct", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("opened_by", sa.String(), nullable=False),
        sa.Column("opened_at", UTCDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_classroom_poll"),
    )
    op.create_index("ix_classroom_poll_session_id", "classroom_poll", ["session_id"])
    op.create_table(
        "classroom_poll_answer",
        sa.Column("poll_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("option", sa.Integer(), nullable=False),
        sa.Column("correct", sa.Boolean(), nullable=True),
        sa.Column("at", UTCDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("poll_id", "person_id", name="pk_classroom_poll_answer"),
    )
    op.create_index("ix_classroom_poll_answer_person_id", "classroom_poll_answer", ["person_id"])
    op.create_index("ix_classroom_poll_answer_session_id", "classroom_poll_answer", ["session_id"])
    op.create_table(
        "classroom_page",
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", name="pk_classroom_page"),
    )
