"""Addresses of pages with a placeholder, filled in from what the demo academy holds."""

import re

from sqlmodel import Session, col, select

from core.domain import ClassSession, StudentReport, Summary
from core.store.sql import SqlStore
from tests.stack import Stack

PLACEHOLDER = re.compile(r"\[+(\w+)\]+")


def filled(stack: Stack, route: str) -> str:
    """The route with an id in place of each placeholder. KeyError for a placeholder nobody has taught us."""
    if not PLACEHOLDER.search(route):
        return route
    store = SqlStore(stack.settings)
    try:
        with store.read() as db:
            ids = _ids(db)
    finally:
        store.close()
    return PLACEHOLDER.sub(lambda found: ids[found.group(1)], route)


def _ids(db: Session) -> dict[str, str]:
    report = db.exec(select(StudentReport).where(StudentReport.status == "approved")).first()
    summary = db.exec(select(Summary).where(Summary.status == "draft")).first()
    lesson = db.exec(
        select(ClassSession).where(ClassSession.status == "scheduled").order_by(col(ClassSession.starts_at))
    ).first()
    assert report is not None and summary is not None and lesson is not None
    return {
        "report_id": report.id,
        "summary_id": summary.id,
        "student_id": report.student_id,
        "session_id": lesson.id,
    }
