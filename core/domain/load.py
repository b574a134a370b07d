"""Read domain rows as the frozen views that hooks, ports and pages get. Raises NotFound."""

from typing import Any

from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from core.domain.case import ExceptionCase
from core.domain.course import Course, CurriculumTopic
from core.domain.person import Person
from core.domain.record import Summary, TranscriptSegment
from core.domain.session import Attendance, ClassSession, EngagementSignal, Seat
from core.errors import NotFound
from core.views import (
    AttendanceView,
    CaseView,
    ClassSessionView,
    SeatView,
    SegmentView,
    Sentence,
    SummaryInput,
    SummaryView,
    TopicView,
)


def get_session(db: Session, session_id: str, *, lock: bool = False) -> ClassSession:
    """The row; lock=True before a read-then-write (FOR UPDATE on PostgreSQL)."""
    row = db.get(ClassSession, session_id, with_for_update=True if lock else None)
    if row is None:
        raise NotFound("This lesson does not exist.")
    return row


def seats(db: Session, session_id: str, *, active_only: bool = True) -> list[Seat]:
    query = select(Seat).where(Seat.session_id == session_id).order_by(col(Seat.role), col(Seat.id))
    return [seat for seat in db.exec(query) if seat.active or not active_only]


def session_view(db: Session, session_id: str) -> ClassSessionView:
    row = get_session(db, session_id)
    return ClassSessionView(
        id=row.id,
        course_id=row.course_id,
        title=row.title,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        status=row.status,
        version=row.version,
        seats=tuple(
            SeatView(seat.id, seat.person_id, seat.role)
            for seat in seats(db, session_id, active_only=row.status != "cancelled")
        ),
        started_at=row.started_at,
        ended_at=row.ended_at,
        end_reason=row.end_reason,
        chain=row.chain,
    )


def attendance_views(db: Session, session_id: str) -> tuple[AttendanceView, ...]:
    rows = db.exec(
        select(Attendance).where(Attendance.session_id == session_id).order_by(col(Attendance.person_id))
    )
    return tuple(
        AttendanceView(
            row.session_id, row.person_id, row.role, row.status, row.present_s, row.joined_at, row.left_at
        )
        for row in rows
    )


def segment_views(db: Session, session_id: str) -> tuple[SegmentView, ...]:
    """A lesson has hundreds: rows of columns, because making objects of them took longer than reading them."""
    table: Any = TranscriptSegment
    rows = db.execute(  # pyright: ignore[reportDeprecated] - SQLModel's own select takes four columns
        columns(
            table.id,
            table.session_id,
            table.person_id,
            table.started_ms,
            table.ended_ms,
            table.text,
            table.confidence,
            table.low_accuracy,
        )
        .where(table.session_id == session_id)
        .order_by(table.started_ms, table.id)
    )
    return tuple(SegmentView(*row) for row in rows)


def topic_views(db: Session, course_id: str) -> tuple[TopicView, ...]:
    rows = db.exec(
        select(CurriculumTopic)
        .where(CurriculumTopic.course_id == course_id)
        .order_by(col(CurriculumTopic.position))
    )
    return tuple(TopicView(row.id, row.name, row.position, tuple(row.keywords)) for row in rows)


def sentences_of(body: dict[str, Any]) -> tuple[Sentence, ...]:
    """Sentences as they stand in a Summary's or StudentReport's body."""
    return tuple(
        Sentence(item["text"], tuple(item.get("spans", ())), item.get("section", "covered"))
        for item in body.get("sentences", ())
    )


def summary_view(db: Session, summary_id: str) -> SummaryView:
    row = db.get(Summary, summary_id)
    if row is None:
        raise NotFound("This summary does not exist.")
    return SummaryView(
        id=row.id,
        session_id=row.session_id,
        status=row.status,
        version=row.version,
        draft_no=row.draft_no,
        engine=row.engine,
        low_accuracy=row.low_accuracy,
        sentences=sentences_of(row.body),
        reason=row.reason,
        approved_at=row.decided_at if row.status == "approved" else None,
    )


def summary_input(db: Session, session_id: str, previous_reason: str = "") -> SummaryInput:
    """Everything a summariser may look at, for the seated people of this session alone."""
    view = session_view(db, session_id)
    course = db.get_one(Course, view.course_id)
    people = [seat.person_id for seat in view.seats]
    rows = db.exec(select(Person).where(col(Person.id).in_(people))).all()
    instructors = view.people("instructor")
    lang = next((row.lang for row in rows if row.id in instructors), "en")
    signals = db.exec(select(EngagementSignal).where(EngagementSignal.session_id == session_id))
    return SummaryInput(
        session=view,
        course=course.name,
        topics=topic_views(db, view.course_id),
        segments=segment_views(db, session_id),
        attendance=attendance_views(db, session_id),
        signals=tuple((row.person_id, row.signal, row.value) for row in signals),
        names={row.id: row.first_name for row in rows},
        previous_reason=previous_reason,
        lang=lang,
    )


def case_view(db: Session, case_id: str) -> CaseView:
    row = db.get(ExceptionCase, case_id)
    if row is None:
        raise NotFound("This case does not exist.")
    return CaseView(
        id=row.id,
        kind=row.kind,
        severity=row.severity,
        queue=row.queue,
        status=row.status,
        opened_at=row.opened_at,
        due_at=row.due_at,
        version=row.version,
        session_id=row.session_id,
        person_id=row.person_id,
        owner_id=row.owner_id,
        facts=dict(row.facts),
    )
