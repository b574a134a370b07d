"""Roll-ups and signals from real events."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from core.delivery import emit
from core.domain import Attendance, Cursor, DomainEvent, EngagementSignal, Person
from core.events import AttendanceCorrected, AttendanceFinalized
from core.services import Services
from core.testing import seed, services
from plugins.analytics import detect, rollup
from plugins.analytics.models import OrganisationDay, StudentLesson, StudentWeek
from plugins.analytics.settings import AnalyticsSettings

pytestmark = pytest.mark.unit


@pytest.fixture
def app(tmp_path: Path):
    with services(tmp_path, built_ins=("plugins.analytics",)) as made:
        yield made


def _ended(
    app: Services, days_ago: float, student: Person | None = None, status: str = "present"
) -> seed.Lesson:
    with app.store.write() as db:
        one = seed.lesson(db, starts_in_s=-days_ago * 86_400)
        seed.ended(db, one)
        row = db.get_one(Attendance, (one.session.id, one.students[0].id))
        if student is not None:
            db.delete(row)
            db.flush()
            row = Attendance(
                session_id=one.session.id,
                person_id=student.id,
                role="student",
                status=status,
                final_at=app.clock.now(),
            )
        row.status = status
        row.present_s = 0 if status == "absent" else 3_000
        db.add(row)
        db.add(
            EngagementSignal(session_id=one.session.id, person_id=row.person_id, signal="answers", value=4)
        )
        db.add(
            EngagementSignal(
                session_id=one.session.id, person_id=row.person_id, signal="answers_right", value=3
            )
        )
        emit(db, AttendanceFinalized(session_id=one.session.id, version=1))
    return one


def _take_all(app: Services) -> None:
    with app.store.write() as db:
        after = rollup.position().id
        rows = db.exec(
            select(DomainEvent).where(col(DomainEvent.id) > after).order_by(col(DomainEvent.id))
        ).all()
        rollup.apply(db, rows)


def test_a_finished_lesson_counts_once_even_when_its_events_come_again(app: Services):
    one = _ended(app, 2)
    _take_all(app)
    with app.store.write() as db:
        db.delete(db.get_one(Cursor, rollup.READER))
    _take_all(app)
    with app.store.read() as db:
        week = db.exec(select(StudentWeek)).one()
        day = db.exec(select(OrganisationDay)).one()
    assert (week.student_id, week.lessons, week.attended, week.answers, week.answers_right) == (
        one.students[0].id, 1, 1, 4, 3,
    )  # fmt: skip
    assert (day.lessons, day.attended, day.present_s) == (1, 1, 3_000)


def test_a_correction_changes_the_week(app: Services):
    one = _ended(app, 2)
    _take_all(app)
    with app.store.write() as db:
        row = db.get_one(Attendance, (one.session.id, one.students[0].id))
        row.status, row.present_s = "excused", 0
        db.add(row)
        emit(db, AttendanceCorrected(session_id=one.session.id, person_id=row.person_id, status="excused"))
    _take_all(app)
    with app.store.read() as db:
        week = db.exec(select(StudentWeek)).one()
    assert (week.lessons, week.attended, week.missed) == (1, 0, 0)


def test_missing_twice_in_four_lessons_is_a_signal_with_its_evidence(app: Services):
    first = _ended(app, 9)
    student = first.students[0]
    _ended(app, 6, student, "absent")
    _ended(app, 3, student, "absent")
    _take_all(app)
    with app.store.read() as db:
        found = detect.attendance_fell(db, app.clock.now(), AnalyticsSettings())
        none = detect.attendance_fell(db, app.clock.now(), AnalyticsSettings(at_risk=False))
    assert [(s.person_id, s.evidence["missed"], s.evidence["of"]) for s in found] == [(student.id, 2, 3)]
    assert none == []


def test_erasing_a_person_takes_their_rows(app: Services):
    one = _ended(app, 2)
    _take_all(app)
    with app.store.write() as db:
        rollup.erase_person(db, one.students[0].id)
    with app.store.read() as db:
        assert db.exec(select(StudentLesson)).all() == []
        assert db.exec(select(OrganisationDay)).one().lessons == 1


def test_the_week_begins_on_monday():
    from datetime import UTC, datetime

    assert (
        rollup.monday(datetime(2026, 11, 23, 1, tzinfo=UTC))
        == (datetime(2026, 11, 29, tzinfo=UTC) - timedelta(days=6)).date()
    )
