"""recordings

Revises: 6377b9ebec10
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '67a07e51ed7b'
down_revision = '6377b9ebec10'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('recording',
    sa.Column('id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('session_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('status', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('started_by', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('keep_until', sa.DateTime(timezone=True), nullable=False),
    sa.Column('failure', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('sets', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['session_id'], ['class_session.id'], name=op.f('fk_recording_session_id_class_session')),
    sa.ForeignKeyConstraint(['started_by'], ['person.id'], name=op.f('fk_recording_started_by_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_recording'))
    )
    with op.batch_alter_table('recording', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_recording_keep_until'), ['keep_until'], unique=False)
        batch_op.create_index(batch_op.f('ix_recording_session_id'), ['session_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_recording_status'), ['status'], unique=False)

    op.create_table('recording_file',
    sa.Column('id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('recording_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('session_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('person_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('set_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('name', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('source', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('codec', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('status', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('blob_key', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('received', sa.BigInteger(), nullable=False),
    sa.Column('parts', sa.JSON(), nullable=False),
    sa.Column('sha256', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('started_ms', sa.BigInteger(), nullable=False),
    sa.Column('duration_ms', sa.Integer(), nullable=False),
    sa.Column('width', sa.Integer(), nullable=False),
    sa.Column('height', sa.Integer(), nullable=False),
    sa.Column('gaps', sa.JSON(), nullable=False),
    sa.Column('keep_until', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_recording_file_person_id_person')),
    sa.ForeignKeyConstraint(['recording_id'], ['recording.id'], name=op.f('fk_recording_file_recording_id_recording')),
    sa.ForeignKeyConstraint(['session_id'], ['class_session.id'], name=op.f('fk_recording_file_session_id_class_session')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_recording_file')),
    sa.UniqueConstraint('set_id', 'name', name=op.f('uq_recording_file_set_id'))
    )
    with op.batch_alter_table('recording_file', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_recording_file_keep_until'), ['keep_until'], unique=False)
        batch_op.create_index(batch_op.f('ix_recording_file_person_id'), ['person_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_recording_file_recording_id'), ['recording_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_recording_file_session_id'), ['session_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_recording_file_status'), ['status'], unique=False)

    with op.batch_alter_table('course', schema=None) as batch_op:
        batch_op.add_column(sa.Column('recorded', sa.Boolean(), nullable=False, server_default=sa.false()))



def downgrade() -> None:
    with op.batch_alter_table('course', schema=None) as batch_op:
        batch_op.drop_column('recorded')

    with op.batch_alter_table('recording_file', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_recording_file_status'))
        batch_op.drop_index(batch_op.f('ix_recording_file_session_id'))
        batch_op.drop_index(batch_op.f('ix_recording_file_recording_id'))
        batch_op.drop_index(batch_op.f('ix_recording_file_person_id'))
        batch_op.drop_index(batch_op.f('ix_recording_file_keep_until'))

    op.drop_table('recording_file')
    with op.batch_alter_table('recording', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_recording_status'))
        batch_op.drop_index(batch_op.f('ix_recording_session_id'))
        batch_op.drop_index(batch_op.f('ix_recording_keep_until'))

    op.drop_table('recording')
