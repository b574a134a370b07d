"""Step 9: what the lesson changes: the student's progress, and what the next instructor should know."""

from collections import Counter
from typing import Any

from sqlmodel import Session, col, or_, select

from core import services
from core.delivery import emit
from core.domain import (
    Attendance,
    Briefing,
    ClassSession,
    Coverage,
    CurriculumTopic,
    EngagementSignal,
    Material,
    ProgressRecord,
    Seat,
    StudentReport,
    Summary,
)
from core.domain.load import get_session
from core.events import BriefingPrepared, ProgressUpdated

_RANK = {"not_reached": 0, "started": 1, "covered": 2}


def settle_progress(db: Session, session_id: str) -> None:
    """After approval: coverage goes into each present student's record, and the next briefing is rewritten."""
    now = services.current().clock.now()
    session = get_session(db, session_id)
    covered = db.exec(
        select(Coverage).where(Coverage.session_id == session_id, Coverage.state != "not_reached")
    ).all()
    students = db.exec(
        select(Attendance.person_id).where(
            Attendance.session_id == session_id, Attendance.role == "student", Attendance.present_s > 0
        )
    ).all()
    for student_id in students:
        answers, right = _answers(db, session_id, student_id)
        for item in covered:
            row = db.get(ProgressRecord, (student_id, item.topic_id), with_for_update=True)
            row = row or ProgressRecord(
                student_id=student_id, topic_id=item.topic_id, state="started", updated_at=now
            )
            if _RANK[item.state] > _RANK[row.state]:
                row.state = item.state
            row.lessons += 1
            if item.topic_id == session.topic_id or len(covered) == 1:
                row.answers, row.answers_right = row.answers + answers, row.answers_right + right
            row.last_session_id, row.updated_at = session_id, now
            db.add(row)
        emit(db, ProgressUpdated(session_id=session_id, person_id=student_id))
    for following in _next_sessions(db, session, students):
        stage_briefing(db, following)


def stage_briefing(db: Session, session_id: str) -> None:
    """Write (or rewrite) the briefing of a coming session from the newest approved summary of its people.

    With the list of materials for the lesson. Nothing happens when it says the same already.
    """
    brief(db, get_session(db, session_id, lock=True))


def brief(db: Session, session: ClassSession) -> None:
    """`stage_briefing` for a lesson that the caller has locked."""
    session_id = session.id
    students = _students(db, session_id)
    last = db.exec(
        select(Summary, ClassSession)
        .join(ClassSession, col(ClassSession.id) == Summary.session_id)
        .join(Seat, col(Seat.session_id) == ClassSession.id)
        .where(
            Summary.status == "approved",
            ClassSession.course_id == session.course_id,
            ClassSession.ends_at <= session.starts_at,
            col(Seat.person_id).in_(students),
            ClassSession.id != session_id,
        )
        .order_by(col(ClassSession.starts_at).desc())
    ).first()
    body = _body(db, session, students, last[0] if last else None)
    from_session_id = last[1].id if last else None
    row = db.get(Briefing, session_id)
    if row is not None and (row.body, row.from_session_id) == (body, from_session_id):
        return
    if row is None:
        row = Briefing(session_id=session_id, prepared_at=services.current().clock.now(), version=0)
    row.from_session_id, row.body, row.status = from_session_id, body, "draft"
    row.prepared_at = services.current().clock.now()
    row.version += 1
    db.add(row)
    emit(db, BriefingPrepared(session_id=session_id, from_session_id=row.from_session_id))


def _body(db: Session, session: ClassSession, students: list[str], last: Summary | None) -> dict[str, Any]:
    """last_time, watch_for: sentences with their section's evidence; open_topics: topics not covered yet, in order.

    materials: ids, see `materials_of`.
    """
    by_section: dict[str, list[dict[str, Any]]] = {}
    sentences: list[dict[str, Any]] = last.body.get("sentences", []) if last else []
    for item in sentences:
        by_section.setdefault(item.get("section", "covered"), []).append(
            {"text": item["text"], "spans": item.get("spans", [])}
        )
    homework: list[str] = []
    if last is not None:
        reports = db.exec(
            select(StudentReport).where(
                StudentReport.summary_id == last.id, col(StudentReport.student_id).in_(students)
            )
        )
        homework = [report.body["homework"] for report in reports if report.body.get("homework")]
    done = Counter(
        db.exec(
            select(ProgressRecord.topic_id).where(
                col(ProgressRecord.student_id).in_(students), ProgressRecord.state == "covered"
            )
        )
    )
    topics = db.exec(
        select(CurriculumTopic)
        .where(CurriculumTopic.course_id == session.course_id)
        .order_by(col(CurriculumTopic.position))
    )
    open_topics = [topic.name for topic in topics if done[topic.id] < max(1, len(students))]
    return {
        "last_time": by_section.get("covered", []) + by_section.get("went_well", []),
        "watch_for": by_section.get("watch", []),
        "next": by_section.get("next", []),
        "homework": homework,
        "open_topics": open_topics[:5],
        "from_summary_id": last.id if last else None,
        "materials": materials_of(db, session),
    }


def materials_of(db: Session, session: ClassSession) -> list[str]:
    """Ids of the lesson's files and its course's, oldest first."""
    query = select(Material.id).where(
        or_(Material.session_id == session.id, Material.course_id == session.course_id)
    )
    return list(db.exec(query.order_by(col(Material.added_at), col(Material.id))))


def _next_sessions(db: Session, session: ClassSession, students: list[str] | Any) -> list[str]:
    """The next scheduled session of the same course for each of these students."""
    found: list[str] = []
    for student_id in students:
        following = db.exec(
            select(ClassSession.id)
            .join(Seat, col(Seat.session_id) == ClassSession.id)
            .where(
                Seat.person_id == student_id,
                col(Seat.active).is_(True),
                ClassSession.course_id == session.course_id,
                ClassSession.starts_at >= session.ends_at,
                ClassSession.status == "scheduled",
            )
            .order_by(col(ClassSession.starts_at))
        ).first()
        if following is not None and following not in found:
            found.append(following)
    return found


def _students(db: Session, session_id: str) -> list[str]:
    return list(
        db.exec(
            select(Seat.person_id).where(
                Seat.session_id == session_id, Seat.role == "student", col(Seat.active).is_(True)
            )
        )
    )


def _answers(db: Session, session_id: str, student_id: str) -> tuple[int, int]:
    def value(signal: str) -> int:
        row = db.get(EngagementSignal, (session_id, student_id, signal))
        return round(row.value) if row else 0

    return value("answers"), value("answers_right")
