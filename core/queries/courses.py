"""The coordinator's question about courses: what do their lessons offer?"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from core import services
from core.access import Viewer
from core.domain import ClassSession, Course, Enrollment, Qualification
from core.errors import NotAllowed
from core.lifecycle.provision import TOOLS


@dataclass(frozen=True)
class CourseLine:
    """off: tools its lessons do without. lobby, region: "" = as the house does. planned: lessons to come."""

    id: str
    name: str
    level: str
    length_min: int
    instructors: int
    students: int
    planned: int
    off: list[str]
    lobby: str
    captions_lang: str
    region: str
    recorded: bool
    version: int


NO_COURSE = CourseLine("", "", "", 0, 0, 0, 0, [], "", "", "", False, 0)
"""Stands where there is none: its id is empty."""


def courses(viewer: Viewer) -> list[CourseLine]:
    """The active courses by name. Coordinators alone."""
    if not viewer.has("coordinator"):
        raise NotAllowed()
    service = services.current()
    with service.store.read() as db:
        rows = db.exec(
            select(Course).where(col(Course.active).is_(True)).order_by(col(Course.name), col(Course.id))
        ).all()
        teachers = _counts(db, Qualification.course_id)
        students = _counts(db, Enrollment.course_id, col(Enrollment.active).is_(True))
        planned = _counts(
            db,
            ClassSession.course_id,
            ClassSession.status == "scheduled",
            col(ClassSession.starts_at) > service.clock.now(),
        )
    return [
        CourseLine(
            id=row.id,
            name=row.name,
            level=row.level,
            length_min=row.length_min,
            instructors=teachers.get(row.id, 0),
            students=students.get(row.id, 0),
            planned=planned.get(row.id, 0),
            off=[tool for tool in TOOLS if row.template.get(tool) is False],
            lobby=str(row.template.get("lobby", "")),
            captions_lang=str(row.template.get("captions_lang", "")),
            region=str(row.template.get("region", "")),
            recorded=row.recorded,
            version=row.version,
        )
        for row in rows
    ]


def _counts(db: Session, column: str, *conditions: ColumnElement[bool] | bool) -> dict[str, int]:
    """Rows by course id."""
    return dict(db.exec(select(column, func.count()).where(*conditions).group_by(col(column))).all())
