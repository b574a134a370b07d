"""Pages, their log, their authors and who changed how much.

Revision ID: wb0001
"""

import sqlalchemy as sa
from alembic import op

from core.domain.base import UTCDateTime

revision = "wb0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "whiteboard_update",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_whiteboard_update"),
    )
    op.create_index("ix_whiteboard_update_page", "whiteboard_update", ["session_id", "page", "id"])
    op.create_table(
        "whiteboard_snapshot",
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("elements", sa.Integer(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "page", name="pk_whiteboard_snapshot"),
    )
    op.create_index("ix_whiteboard_snapshot_updated_at", "whiteboard_snapshot", ["updated_at"])
    op.create_table(
        "whiteboard_author",
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("element_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "page", "element_id", name="pk_whiteboard_author"),
    )
    op.create_index("ix_whiteboard_author_person_id", "whiteboard_author", ["person_id"])
    op.create_table(
        "whiteboard_activity",
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("minute", UTCDateTime(), nullable=False),
        sa.Column("updates", sa.Integer(), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("removed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "page", "person_id", "minute", name="pk_whiteboard_activity"),
    )
    op.create_index("ix_whiteboard_activity_person_id", "whiteboard_activity", ["person_id"])


def downgrade() -> None:
    for table in ("whiteboard_activity", "whiteboard_author", "whiteboard_snapshot", "whiteboard_update"):
        op.drop_table(table)
