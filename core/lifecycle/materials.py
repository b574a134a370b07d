"""Materials of a lesson or course: who may add and who may open them. The bytes are in the BlobStore."""

from sqlmodel import col, select

from core import services
from core.access import Viewer
from core.access.viewer import children_of
from core.delivery import audit
from core.domain import Enrollment, Material, Qualification, Seat
from core.domain.base import new_id
from core.domain.load import get_session
from core.errors import NotAllowed, NotFound


def new_key(session_id: str) -> str:
    """A blob key: ids alone, never a name."""
    return f"materials/{session_id}/{new_id()}"


def may_add(viewer: Viewer, session_id: str) -> None:
    """The session's instructor or a coordinator; NotAllowed, NotFound."""
    with services.current().store.read() as db:
        get_session(db, session_id)
        seat = db.exec(
            select(Seat.role).where(
                Seat.session_id == session_id, Seat.person_id == viewer.person_id, col(Seat.active).is_(True)
            )
        ).first()
        if seat != "instructor" and not viewer.has("coordinator"):
            raise NotAllowed("Only the instructor can add materials to this lesson.")


def add(viewer: Viewer, session_id: str, name: str, media_type: str, size: int, blob_key: str) -> str:
    """Record an uploaded file; returns its id."""
    may_add(viewer, session_id)
    with services.current().store.write() as db:
        row = Material(
            session_id=session_id,
            name=name.strip(),
            media_type=media_type[:100],
            size=size,
            blob_key=blob_key,
            added_by=viewer.person_id,
            added_at=services.current().clock.now(),
        )
        db.add(row)
        audit(db, viewer.person_id, "material.add", row.id)
        return row.id


def access(viewer: Viewer, material_id: str) -> Material:
    """The material if this viewer may open it; NotFound otherwise (never says which). Downloads are audited."""
    with services.current().store.write() as db:
        row = db.get(Material, material_id)
        if row is None:
            raise NotFound("This file does not exist.")
        people = [viewer.person_id, *(child.id for child in children_of(db, viewer.person_id))]
        allowed = viewer.has("coordinator")
        if row.session_id is not None:
            seats = select(Seat.id).where(
                Seat.session_id == row.session_id, col(Seat.person_id).in_(people), col(Seat.active).is_(True)
            )
            allowed = allowed or db.exec(seats).first() is not None
        elif row.course_id is not None:
            enrolled = select(Enrollment.id).where(
                Enrollment.course_id == row.course_id, col(Enrollment.student_id).in_(people)
            )
            teaches = db.get(Qualification, (viewer.person_id, row.course_id)) is not None
            allowed = allowed or teaches or db.exec(enrolled).first() is not None
        if viewer.session_id is not None and row.session_id != viewer.session_id:
            allowed = False  # a join link opens its own lesson alone
        if not allowed:
            raise NotFound("This file does not exist.")
        audit(db, viewer.person_id, "material.open", row.id)
        return row
