"""How each person's line was, by the minute.

Revision ID: cr0002
"""

import sqlalchemy as sa
from alembic import op

from core.domain.base import UTCDateTime

revision = "cr0002"
down_revision = "cr0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "classroom_quality",
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("participant_id", sa.String(), nullable=False),
        sa.Column("at", UTCDateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("up_bps", sa.Integer(), nullable=True),
        sa.Column("up_loss", sa.Float(), nullable=True),
        sa.Column("up_jitter_ms", sa.Float(), nullable=True),
        sa.Column("rtt_ms", sa.Float(), nullable=True),
        sa.Column("down_bps", sa.Integer(), nullable=True),
        sa.Column("down_loss", sa.Float(), nullable=True),
        sa.Column("estimate_bps", sa.Integer(), nullable=True),
        sa.Column("concealed", sa.Float(), nullable=True),
        sa.Column("freezes", sa.Integer(), nullable=False),
        sa.Column("frozen_s", sa.Float(), nullable=False),
        sa.Column("weak_s", sa.Integer(), nullable=False),
        sa.Column("reduced_s", sa.Integer(), nullable=False),
        sa.Column("paused_s", sa.Integer(), nullable=False),
        sa.Column("sender_s", sa.Integer(), nullable=False),
        sa.Column("layer", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "participant_id", "at", name="pk_classroom_quality"),
    )
    op.create_index("ix_classroom_quality_person_id", "classroom_quality", ["person_id"])
    op.create_index("ix_classroom_quality_at", "classroom_quality", ["at"])
