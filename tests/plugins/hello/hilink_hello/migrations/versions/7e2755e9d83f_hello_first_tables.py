"""hello: first tables

Revises: nothing
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "7e2755e9d83f"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "hello_note",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("session_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("what", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hello_note")),
    )
    with op.batch_alter_table("hello_note", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_hello_note_session_id"), ["session_id"], unique=False)


def downgrade() -> None:

    with op.batch_alter_table("hello_note", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_hello_note_session_id"))

    op.drop_table("hello_note")
