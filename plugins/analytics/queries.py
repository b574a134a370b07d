"""What the charts ask, from the roll-ups alone."""

from dataclasses import dataclass

from sqlmodel import col, select

from core import services
from core.access import Viewer
from core.queries.learn import check_may_follow
from plugins.analytics.models import StudentWeek

WEEKS = 26


@dataclass(frozen=True)
class Week:
    """monday: ISO date. attended of lessons; talk_min a lesson; right: right answers in 100, -1 without answers."""

    monday: str
    lessons: int
    attended: int
    missed: int
    talk_min: float
    right: int
    hands: int
    topics_covered: int


def weeks(viewer: Viewer, student_id: str) -> list[Week]:
    """The student's last half year, oldest first. NotAllowed for people who have nothing to do with them."""
    with services.current().store.read() as db:
        check_may_follow(db, viewer, student_id)
        rows = db.exec(
            select(StudentWeek)
            .where(StudentWeek.student_id == student_id)
            .order_by(col(StudentWeek.week).desc())
            .limit(WEEKS)
        ).all()
    return [
        Week(
            row.week.isoformat(),
            row.lessons,
            row.attended,
            row.missed,
            round(row.talk_s / 60 / max(1, row.attended), 1),
            round(100 * row.answers_right / row.answers) if row.answers else -1,
            row.hands,
            row.topics_covered,
        )
        for row in reversed(rows)
    ]
