"""Lists as CSV, for the people who may see them on the page."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime
from sqlmodel import col, select

from core import services
from core.access import Viewer, rule
from core.delivery import audit
from core.domain import Attendance, ClassSession, Course, Person, Seat
from core.errors import InvalidInput

router = APIRouter()
LONGEST = timedelta(days=366)


@router.get("/api/v1/exports/sessions.csv")
def sessions_csv(
    viewer: Annotated[Viewer, Depends(rule("coordinator"))], after: AwareDatetime, before: AwareDatetime
) -> StreamingResponse:
    """One row a seat: session, course, person, role, planned times in UTC, status, attendance. At most 366 days."""
    if not timedelta(0) < before - after <= LONGEST:
        raise InvalidInput("before", "Please choose a period of up to a year.")
    with services.current().store.write() as db:
        audit(db, viewer.person_id, "export.sessions")
    with services.current().store.read() as db:
        rows = db.exec(
            select(ClassSession, Seat, Person.name, Attendance)
            .join(Seat, col(Seat.session_id) == ClassSession.id)
            .join(Person, col(Person.id) == Seat.person_id)
            .outerjoin(
                Attendance,
                (col(Attendance.session_id) == ClassSession.id) & (col(Attendance.person_id) == Person.id),
            )
            .where(ClassSession.starts_at >= after, ClassSession.starts_at < before)
            .order_by(col(ClassSession.starts_at), col(ClassSession.id), col(Seat.role))
            .limit(50_000)
        ).all()
        courses = dict(db.exec(select(Course.id, Course.name)).all())
    table = [
        [
            session.id,
            courses[session.course_id],
            name,
            seat.role,
            session.starts_at.isoformat(),
            session.ends_at.isoformat(),
            session.status,
            attendance.status if attendance else "",
            attendance.present_s if attendance else "",
        ]
        for session, seat, name, attendance in rows
    ]
    head = [
        "session",
        "course",
        "person",
        "role",
        "starts_at",
        "ends_at",
        "status",
        "attendance",
        "present_s",
    ]
    return csv_response("sessions.csv", [head, *table])


def csv_response(name: str, table: Sequence[Sequence[object]]) -> StreamingResponse:
    """A download. Cells that a spreadsheet would run as a formula get a leading apostrophe."""

    def lines() -> Iterator[str]:
        for row in table:
            buffer = io.StringIO()
            csv.writer(buffer).writerow([_inert(cell) for cell in row])
            yield buffer.getvalue()

    return StreamingResponse(
        lines(),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


def _inert(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
