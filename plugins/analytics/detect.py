"""Signals: what may need attention, with its evidence. A person accepts or dismisses; nothing happens by itself.

Purpose: early help for a student. Never used to grade anybody, never shown to families, never about feelings.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from core.domain import CurriculumTopic, ProgressRecord, Signal
from plugins.analytics.models import StudentLesson
from plugins.analytics.settings import AnalyticsSettings

LOOK_BACK = timedelta(days=35)
LAST = 4


def attendance_fell(db: Session, now: datetime, settings: AnalyticsSettings) -> Sequence[Signal]:
    """Students who missed `at_risk_missed` or more of their last four lessons. Excused ones do not count."""
    if not settings.at_risk:
        return []
    by_student: dict[str, list[StudentLesson]] = {}
    query = select(StudentLesson).where(
        StudentLesson.starts_at > now - LOOK_BACK, StudentLesson.status != "excused"
    )
    for row in db.exec(query.order_by(col(StudentLesson.starts_at).desc())):
        by_student.setdefault(row.student_id, []).append(row)
    found: list[Signal] = []
    for student_id, rows in by_student.items():
        recent = rows[:LAST]
        missed = [row for row in recent if row.status == "absent"]
        if len(missed) >= settings.at_risk_missed:
            found.append(
                Signal(
                    kind="attendance_fell",
                    person_id=student_id,
                    session_id=missed[0].session_id,
                    dedupe=f"attendance_fell:{student_id}:{missed[0].session_id}",
                    purpose="early_help",
                    evidence={
                        "missed": len(missed),
                        "of": len(recent),
                        "sessions": [row.session_id for row in missed],
                    },
                    raised_at=now,
                )
            )
    return found


def topic_hard(db: Session, now: datetime, settings: AnalyticsSettings) -> Sequence[Signal]:
    """A topic where most students answer wrong: a gap in the curriculum, not in a child."""
    totals: dict[str, tuple[int, int, int]] = {}
    for row in db.exec(select(ProgressRecord)):
        answers, right, students = totals.get(row.topic_id, (0, 0, 0))
        totals[row.topic_id] = (
            answers + row.answers,
            right + row.answers_right,
            students + bool(row.answers),
        )
    found: list[Signal] = []
    for topic_id, (answers, right, students) in totals.items():
        if answers < settings.answers_least or students < 2 or 100 * right >= settings.answers_low * answers:
            continue
        topic = db.get_one(CurriculumTopic, topic_id)
        found.append(
            Signal(
                kind="topic_hard",
                dedupe=f"topic_hard:{topic_id}:{now:%G-%V}",
                purpose="curriculum",
                evidence={"topic_id": topic.id, "answers": answers, "right": right, "students": students},
                raised_at=now,
            )
        )
    return found
