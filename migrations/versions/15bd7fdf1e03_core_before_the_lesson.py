"""core: before the lesson: availability, requests, series, changes, substitutes, tokens

Revises: 67a07e51ed7b
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '15bd7fdf1e03'
down_revision = '67a07e51ed7b'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('holiday_calendar',
    sa.Column('id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('name', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('days', sa.JSON(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_holiday_calendar')),
    sa.UniqueConstraint('name', name=op.f('uq_holiday_calendar_name'))
    )
    op.create_table('api_token',
    sa.Column('id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('name', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('token_hash', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('scopes', sa.JSON(), nullable=False),
    sa.Column('created_by', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['created_by'], ['person.id'], name=op.f('fk_api_token_created_by_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_token')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_api_token_token_hash'))
    )
    op.create_table('availability_exception',
    sa.Column('id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('person_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('note', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('created_by', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['created_by'], ['person.id'], name=op.f('fk_availability_exception_created_by_person')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_availability_exception_person_id_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_availability_exception'))
    )
    with op.batch_alter_table('availability_exception', schema=None) as batch_op:
        batch_op.create_index('ix_availability_exception_person_starts', ['person_id', 'starts_at'], unique=False)

    op.create_table('availability_hours',
    sa.Column('id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('person_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('weekday', sa.Integer(), nullable=False),
    sa.Column('starts', sa.Time(), nullable=False),
    sa.Column('ends', sa.Time(), nullable=False),
    sa.Column('tz', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=True),
    sa.Column('valid_until', sa.Date(), nullable=True),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_availability_hours_person_id_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_availability_hours'))
    )
    with op.batch_alter_table('availability_hours', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_availability_hours_person_id'), ['person_id'], unique=False)

    op.create_table('batch_plan',
    sa.Column('id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('from_day', sa.Date(), nullable=False),
    sa.Column('until_day', sa.Date(), nullable=False),
    sa.Column('status', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('request_ids', sa.JSON(), nullable=False),
    sa.Column('progress', sa.JSON(), nullable=False),
    sa.Column('figures', sa.JSON(), nullable=False),
    sa.Column('weeks', sa.JSON(), nullable=False),
    sa.Column('reason', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('made_by', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('decided_by', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['decided_by'], ['person.id'], name=op.f('fk_batch_plan_decided_by_person')),
    sa.ForeignKeyConstraint(['made_by'], ['person.id'], name=op.f('fk_batch_plan_made_by_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_batch_plan'))
    )
    with op.batch_alter_table('batch_plan', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_batch_plan_status'), ['status'], unique=False)

    op.create_table('booking_profile',
    sa.Column('person_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('tz', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('languages', sa.JSON(), nullable=False),
    sa.Column('notice_s', sa.Integer(), nullable=False),
    sa.Column('buffer_s', sa.Integer(), nullable=False),
    sa.Column('most_a_day', sa.Integer(), nullable=False),
    sa.Column('most_a_week', sa.Integer(), nullable=False),
    sa.Column('holiday_calendar_id', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['holiday_calendar_id'], ['holiday_calendar.id'], name=op.f('fk_booking_profile_holiday_calendar_id_holiday_calendar')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_booking_profile_person_id_person')),
    sa.PrimaryKeyConstraint('person_id', name=op.f('pk_booking_profile'))
    )
    op.create_table('busy_calendar',
    sa.Column('id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('person_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('url', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('status', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('problem', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('etag', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('fetched_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('rolled_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('next_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_busy_calendar_person_id_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_busy_calendar'))
    )
    with op.batch_alter_table('busy_calendar', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_busy_calendar_next_at'), ['next_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_busy_calendar_person_id'), ['person_id'], unique=False)

    op.create_table('calendar_feed',
    sa.Column('token_hash', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('person_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_calendar_feed_person_id_person')),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_calendar_feed'))
    )
    with op.batch_alter_table('calendar_feed', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_calendar_feed_person_id'), ['person_id'], unique=False)

    op.create_table('lesson_package',
    sa.Column('id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('student_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('course_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('lessons', sa.Integer(), nullable=False),
    sa.Column('valid_until', sa.Date(), nullable=True),
    sa.Column('created_by', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['course_id'], ['course.id'], name=op.f('fk_lesson_package_course_id_course')),
    sa.ForeignKeyConstraint(['created_by'], ['person.id'], name=op.f('fk_lesson_package_created_by_person')),
    sa.ForeignKeyConstraint(['student_id'], ['person.id'], name=op.f('fk_lesson_package_student_id_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lesson_package'))
    )
    with op.batch_alter_table('lesson_package', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_lesson_package_student_id'), ['student_id'], unique=False)

    op.create_table('lesson_request',
    sa.Column('id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('student_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('course_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('language', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('windows', sa.JSON(), nullable=False),
    sa.Column('tz', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('per_week', sa.Integer(), nullable=False),
    sa.Column('length_min', sa.Integer(), nullable=False),
    sa.Column('from_day', sa.Date(), nullable=False),
    sa.Column('until_day', sa.Date(), nullable=True),
    sa.Column('lessons', sa.Integer(), nullable=True),
    sa.Column('wishes', sa.JSON(), nullable=False),
    sa.Column('note', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('status', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('reason', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('constraint', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('asked_by', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('decided_by', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('rule', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['asked_by'], ['person.id'], name=op.f('fk_lesson_request_asked_by_person')),
    sa.ForeignKeyConstraint(['course_id'], ['course.id'], name=op.f('fk_lesson_request_course_id_course')),
    sa.ForeignKeyConstraint(['decided_by'], ['person.id'], name=op.f('fk_lesson_request_decided_by_person')),
    sa.ForeignKeyConstraint(['student_id'], ['person.id'], name=op.f('fk_lesson_request_student_id_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lesson_request'))
    )
    with op.batch_alter_table('lesson_request', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_lesson_request_course_id'), ['course_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_lesson_request_status'), ['status'], unique=False)
        batch_op.create_index(batch_op.f('ix_lesson_request_student_id'), ['student_id'], unique=False)

    op.create_table('message_preference',
    sa.Column('person_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('reminders_s', sa.JSON(), nullable=False),
    sa.Column('channels', sa.JSON(), nullable=False),
    sa.Column('quiet_from', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('quiet_until', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_message_preference_person_id_person')),
    sa.PrimaryKeyConstraint('person_id', name=op.f('pk_message_preference'))
    )
    op.create_table('busy_time',
    sa.Column('id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('calendar_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('person_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['calendar_id'], ['busy_calendar.id'], name=op.f('fk_busy_time_calendar_id_busy_calendar')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_busy_time_person_id_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_busy_time'))
    )
    with op.batch_alter_table('busy_time', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_busy_time_calendar_id'), ['calendar_id'], unique=False)
        batch_op.create_index('ix_busy_time_person_starts', ['person_id', 'starts_at'], unique=False)

    op.create_table('idempotency_key',
    sa.Column('token_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('key', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('fingerprint', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('status', sa.Integer(), nullable=False),
    sa.Column('body', sa.JSON(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['token_id'], ['api_token.id'], name=op.f('fk_idempotency_key_token_id_api_token')),
    sa.PrimaryKeyConstraint('token_id', 'key', name=op.f('pk_idempotency_key'))
    )
    with op.batch_alter_table('idempotency_key', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_idempotency_key_at'), ['at'], unique=False)

    op.create_table('series',
    sa.Column('id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('course_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('instructor_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('student_ids', sa.JSON(), nullable=False),
    sa.Column('title', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('language', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('rule', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('first_local', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('tz', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('length_min', sa.Integer(), nullable=False),
    sa.Column('until', sa.Date(), nullable=True),
    sa.Column('count', sa.Integer(), nullable=True),
    sa.Column('skip', sa.JSON(), nullable=False),
    sa.Column('package_id', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('request_id', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('split_from', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('status', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('created_by', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['course_id'], ['course.id'], name=op.f('fk_series_course_id_course')),
    sa.ForeignKeyConstraint(['created_by'], ['person.id'], name=op.f('fk_series_created_by_person')),
    sa.ForeignKeyConstraint(['instructor_id'], ['person.id'], name=op.f('fk_series_instructor_id_person')),
    sa.ForeignKeyConstraint(['package_id'], ['lesson_package.id'], name=op.f('fk_series_package_id_lesson_package')),
    sa.ForeignKeyConstraint(['request_id'], ['lesson_request.id'], name=op.f('fk_series_request_id_lesson_request')),
    sa.ForeignKeyConstraint(['split_from'], ['series.id'], name=op.f('fk_series_split_from_series')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_series'))
    )
    with op.batch_alter_table('series', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_series_course_id'), ['course_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_series_instructor_id'), ['instructor_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_series_request_id'), ['request_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_series_status'), ['status'], unique=False)

    op.create_table('plan_item',
    sa.Column('id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('plan_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('request_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('instructor_id', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('times', sa.JSON(), nullable=False),
    sa.Column('status', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('reasons', sa.JSON(), nullable=False),
    sa.Column('series_id', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.ForeignKeyConstraint(['instructor_id'], ['person.id'], name=op.f('fk_plan_item_instructor_id_person')),
    sa.ForeignKeyConstraint(['plan_id'], ['batch_plan.id'], name=op.f('fk_plan_item_plan_id_batch_plan')),
    sa.ForeignKeyConstraint(['request_id'], ['lesson_request.id'], name=op.f('fk_plan_item_request_id_lesson_request')),
    sa.ForeignKeyConstraint(['series_id'], ['series.id'], name=op.f('fk_plan_item_series_id_series')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_plan_item'))
    )
    with op.batch_alter_table('plan_item', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_plan_item_plan_id'), ['plan_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_plan_item_request_id'), ['request_id'], unique=False)

    op.create_table('change_request',
    sa.Column('id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('session_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('session_version', sa.Integer(), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('asked_by', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('student_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('why', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('rule', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('status', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('decided_by', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('answer', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['asked_by'], ['person.id'], name=op.f('fk_change_request_asked_by_person')),
    sa.ForeignKeyConstraint(['decided_by'], ['person.id'], name=op.f('fk_change_request_decided_by_person')),
    sa.ForeignKeyConstraint(['session_id'], ['class_session.id'], name=op.f('fk_change_request_session_id_class_session')),
    sa.ForeignKeyConstraint(['student_id'], ['person.id'], name=op.f('fk_change_request_student_id_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_change_request'))
    )
    with op.batch_alter_table('change_request', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_change_request_asked_by'), ['asked_by'], unique=False)
        batch_op.create_index(batch_op.f('ix_change_request_session_id'), ['session_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_change_request_status'), ['status'], unique=False)

    op.create_table('lesson_change',
    sa.Column('id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('session_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('student_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('by', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('was_starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('was_ends_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('session_version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['by'], ['person.id'], name=op.f('fk_lesson_change_by_person')),
    sa.ForeignKeyConstraint(['session_id'], ['class_session.id'], name=op.f('fk_lesson_change_session_id_class_session')),
    sa.ForeignKeyConstraint(['student_id'], ['person.id'], name=op.f('fk_lesson_change_student_id_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lesson_change'))
    )
    with op.batch_alter_table('lesson_change', schema=None) as batch_op:
        batch_op.create_index('ix_lesson_change_student_at', ['student_id', 'at'], unique=False)

    op.create_table('make_up_credit',
    sa.Column('id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('student_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('course_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('session_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('granted_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('used_session_id', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['course_id'], ['course.id'], name=op.f('fk_make_up_credit_course_id_course')),
    sa.ForeignKeyConstraint(['session_id'], ['class_session.id'], name=op.f('fk_make_up_credit_session_id_class_session')),
    sa.ForeignKeyConstraint(['student_id'], ['person.id'], name=op.f('fk_make_up_credit_student_id_person')),
    sa.ForeignKeyConstraint(['used_session_id'], ['class_session.id'], name=op.f('fk_make_up_credit_used_session_id_class_session')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_make_up_credit')),
    sa.UniqueConstraint('session_id', 'student_id', name=op.f('uq_make_up_credit_session_id'))
    )
    with op.batch_alter_table('make_up_credit', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_make_up_credit_student_id'), ['student_id'], unique=False)

    op.create_table('readiness',
    sa.Column('session_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('session_version', sa.Integer(), nullable=False),
    sa.Column('status', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('checks', sa.JSON(), nullable=False),
    sa.Column('checked_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['session_id'], ['class_session.id'], name=op.f('fk_readiness_session_id_class_session')),
    sa.PrimaryKeyConstraint('session_id', name=op.f('pk_readiness'))
    )
    with op.batch_alter_table('readiness', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_readiness_status'), ['status'], unique=False)

    op.create_table('substitution',
    sa.Column('id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('session_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('session_version', sa.Integer(), nullable=False),
    sa.Column('out_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('reason', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('note', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('status', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('opened_by', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('filled_by', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('filled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['filled_by'], ['person.id'], name=op.f('fk_substitution_filled_by_person')),
    sa.ForeignKeyConstraint(['opened_by'], ['person.id'], name=op.f('fk_substitution_opened_by_person')),
    sa.ForeignKeyConstraint(['out_id'], ['person.id'], name=op.f('fk_substitution_out_id_person')),
    sa.ForeignKeyConstraint(['session_id'], ['class_session.id'], name=op.f('fk_substitution_session_id_class_session')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_substitution'))
    )
    with op.batch_alter_table('substitution', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_substitution_session_id'), ['session_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_substitution_status'), ['status'], unique=False)
        batch_op.create_index('uq_substitution_live', ['session_id'], unique=True, sqlite_where=sa.text("status IN ('open', 'offered', 'escalated')"), postgresql_where=sa.text("status IN ('open', 'offered', 'escalated')"))

    op.create_table('substitute_offer',
    sa.Column('id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('substitution_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('instructor_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('rank', sa.Integer(), nullable=False),
    sa.Column('reasons', sa.JSON(), nullable=False),
    sa.Column('status', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('offered_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['instructor_id'], ['person.id'], name=op.f('fk_substitute_offer_instructor_id_person')),
    sa.ForeignKeyConstraint(['substitution_id'], ['substitution.id'], name=op.f('fk_substitute_offer_substitution_id_substitution')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_substitute_offer'))
    )
    with op.batch_alter_table('substitute_offer', schema=None) as batch_op:
        batch_op.create_index('ix_substitute_offer_instructor_status', ['instructor_id', 'status'], unique=False)
        batch_op.create_index(batch_op.f('ix_substitute_offer_substitution_id'), ['substitution_id'], unique=False)
        batch_op.create_index('uq_substitute_offer_accepted', ['substitution_id'], unique=True, sqlite_where=sa.text("status = 'accepted'"), postgresql_where=sa.text("status = 'accepted'"))

    with op.batch_alter_table('class_session', schema=None) as batch_op:
        batch_op.add_column(sa.Column('series_id', sqlmodel.sql.sqltypes.AutoString(), nullable=True))
        batch_op.add_column(sa.Column('series_day', sqlmodel.sql.sqltypes.AutoString(), server_default=sa.text("''"), nullable=False))
        batch_op.add_column(sa.Column('language', sqlmodel.sql.sqltypes.AutoString(), server_default=sa.text("''"), nullable=False))
        batch_op.create_index(batch_op.f('ix_class_session_series_id'), ['series_id'], unique=False)
        batch_op.create_foreign_key(batch_op.f('fk_class_session_series_id_series'), 'series', ['series_id'], ['id'])

    with op.batch_alter_table('course', schema=None) as batch_op:
        batch_op.add_column(sa.Column('length_min', sa.Integer(), server_default=sa.text('45'), nullable=False))
        batch_op.add_column(sa.Column('template', sa.JSON(), server_default=sa.text("'{}'"), nullable=False))



def downgrade() -> None:
    with op.batch_alter_table('course', schema=None) as batch_op:
        batch_op.drop_column('template')
        batch_op.drop_column('length_min')

    with op.batch_alter_table('class_session', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_class_session_series_id_series'), type_='foreignkey')
        batch_op.drop_index(batch_op.f('ix_class_session_series_id'))
        batch_op.drop_column('language')
        batch_op.drop_column('series_day')
        batch_op.drop_column('series_id')

    with op.batch_alter_table('substitute_offer', schema=None) as batch_op:
        batch_op.drop_index('uq_substitute_offer_accepted', sqlite_where=sa.text("status = 'accepted'"), postgresql_where=sa.text("status = 'accepted'"))
        batch_op.drop_index(batch_op.f('ix_substitute_offer_substitution_id'))
        batch_op.drop_index('ix_substitute_offer_instructor_status')

    op.drop_table('substitute_offer')
    with op.batch_alter_table('substitution', schema=None) as batch_op:
        batch_op.drop_index('uq_substitution_live', sqlite_where=sa.text("status IN ('open', 'offered', 'escalated')"), postgresql_where=sa.text("status IN ('open', 'offered', 'escalated')"))
        batch_op.drop_index(batch_op.f('ix_substitution_status'))
        batch_op.drop_index(batch_op.f('ix_substitution_session_id'))

    op.drop_table('substitution')
    with op.batch_alter_table('readiness', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_readiness_status'))

    op.drop_table('readiness')
    with op.batch_alter_table('make_up_credit', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_make_up_credit_student_id'))

    op.drop_table('make_up_credit')
    with op.batch_alter_table('lesson_change', schema=None) as batch_op:
        batch_op.drop_index('ix_lesson_change_student_at')

    op.drop_table('lesson_change')
    with op.batch_alter_table('change_request', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_change_request_status'))
        batch_op.drop_index(batch_op.f('ix_change_request_session_id'))
        batch_op.drop_index(batch_op.f('ix_change_request_asked_by'))

    op.drop_table('change_request')
    with op.batch_alter_table('plan_item', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_plan_item_request_id'))
        batch_op.drop_index(batch_op.f('ix_plan_item_plan_id'))

    op.drop_table('plan_item')
    with op.batch_alter_table('series', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_series_status'))
        batch_op.drop_index(batch_op.f('ix_series_request_id'))
        batch_op.drop_index(batch_op.f('ix_series_instructor_id'))
        batch_op.drop_index(batch_op.f('ix_series_course_id'))

    op.drop_table('series')
    with op.batch_alter_table('idempotency_key', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_idempotency_key_at'))

    op.drop_table('idempotency_key')
    with op.batch_alter_table('busy_time', schema=None) as batch_op:
        batch_op.drop_index('ix_busy_time_person_starts')
        batch_op.drop_index(batch_op.f('ix_busy_time_calendar_id'))

    op.drop_table('busy_time')
    op.drop_table('message_preference')
    with op.batch_alter_table('lesson_request', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_lesson_request_student_id'))
        batch_op.drop_index(batch_op.f('ix_lesson_request_status'))
        batch_op.drop_index(batch_op.f('ix_lesson_request_course_id'))

    op.drop_table('lesson_request')
    with op.batch_alter_table('lesson_package', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_lesson_package_student_id'))

    op.drop_table('lesson_package')
    with op.batch_alter_table('calendar_feed', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_calendar_feed_person_id'))

    op.drop_table('calendar_feed')
    with op.batch_alter_table('busy_calendar', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_busy_calendar_person_id'))
        batch_op.drop_index(batch_op.f('ix_busy_calendar_next_at'))

    op.drop_table('busy_calendar')
    op.drop_table('booking_profile')
    with op.batch_alter_table('batch_plan', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_batch_plan_status'))

    op.drop_table('batch_plan')
    with op.batch_alter_table('availability_hours', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_availability_hours_person_id'))

    op.drop_table('availability_hours')
    with op.batch_alter_table('availability_exception', schema=None) as batch_op:
        batch_op.drop_index('ix_availability_exception_person_starts')

    op.drop_table('availability_exception')
    op.drop_table('api_token')
    op.drop_table('holiday_calendar')
