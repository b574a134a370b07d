"""core: media nodes and cuts survived

Revises: a19407dc1451
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '6377b9ebec10'
down_revision = 'a19407dc1451'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('media_node',
    sa.Column('name', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('instance', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('region', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('control_url', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('load', sa.Float(), nullable=False),
    sa.Column('rooms', sa.Integer(), nullable=False),
    sa.Column('participants', sa.Integer(), nullable=False),
    sa.Column('draining', sa.Boolean(), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('stopped_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_media_node'))
    )
    with op.batch_alter_table('presence_interval', schema=None) as batch_op:
        batch_op.add_column(sa.Column('gaps', sa.JSON(), server_default=sa.text("'[]'"), nullable=False))



def downgrade() -> None:
    with op.batch_alter_table('presence_interval', schema=None) as batch_op:
        batch_op.drop_column('gaps')

    op.drop_table('media_node')
