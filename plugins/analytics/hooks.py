"""What analytics plug into HiLink: roll-ups that follow the event log, detectors, and charts for a student's page."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from core import services
from core.hookspecs import hookimpl
from plugins.analytics import detect, rollup
from plugins.analytics.settings import AnalyticsSettings

if TYPE_CHECKING:
    from datetime import datetime

    from sqlmodel import Session


@hookimpl
def settings() -> type:
    return AnalyticsSettings


@hookimpl
def lifespan(role: str) -> Any:
    return rollup.running() if role == "worker" else None


@hookimpl
def slots() -> Sequence[tuple[str, Callable[..., Any]]]:
    from plugins.analytics import ui  # Reflex, which only the web role has

    return [("student.progress", ui.over_time)]


@hookimpl
def detectors() -> Sequence[tuple[str, Callable[..., Any]]]:
    def own() -> AnalyticsSettings:
        return services.current().plugins.get("analytics").settings or AnalyticsSettings()

    def attendance_fell(db: "Session", now: "datetime") -> Any:
        return detect.attendance_fell(db, now, own())

    def topic_hard(db: "Session", now: "datetime") -> Any:
        return detect.topic_hard(db, now, own())

    return [("attendance_fell", attendance_fell), ("topic_hard", topic_hard)]


@hookimpl
def export_person(db: "Session", person_id: str) -> dict[str, Any]:
    from sqlmodel import select

    from plugins.analytics.models import StudentLesson

    rows = db.exec(select(StudentLesson).where(StudentLesson.student_id == person_id))
    return {"lessons": [row.model_dump(mode="json") for row in rows]}


@hookimpl
def erase_person(db: "Session", person_id: str) -> None:
    rollup.erase_person(db, person_id)
