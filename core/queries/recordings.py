"""Who may watch a lesson's recording, and what a player needs to put it together.

The rule: coordinators; instructors of that lesson; students of it and their guardians only where the
organisation allows it (`recording_families`). A join link's cookie opens no recording.
"""

from typing import Any

from sqlmodel import Session, col, select

from core import services
from core.access import Viewer
from core.access.viewer import children_of
from core.domain import Person, Recording, RecordingFile, Seat, TranscriptSegment
from core.domain.load import get_session
from core.errors import NotFound

VERSION = 1


def may_watch(db: Session, viewer: Viewer, session_id: str) -> bool:
    """Deny by default."""
    if viewer.seat_id is not None:
        return False
    if viewer.has("coordinator"):
        return True
    people = {viewer.person_id: "instructor"}
    seats = db.exec(
        select(Seat.person_id, Seat.role).where(Seat.session_id == session_id, col(Seat.active).is_(True))
    ).all()
    if any(people.get(person_id) == role for person_id, role in seats):
        return True
    if not services.current().settings.recording_families:
        return False
    own = {viewer.person_id, *(child.id for child in children_of(db, viewer.person_id))}
    return any(role == "student" and person_id in own for person_id, role in seats)


def has_recording(db: Session, viewer: Viewer, session_id: str) -> bool:
    """Whether there is something for this viewer to watch."""
    ready = select(RecordingFile.id).where(
        RecordingFile.session_id == session_id, RecordingFile.status == "ready"
    )
    return db.exec(ready).first() is not None and may_watch(db, viewer, session_id)


def watchable(viewer: Viewer, session_id: str) -> bool:
    """`has_recording` in a snapshot of its own."""
    with services.current().store.read() as db:
        return has_recording(db, viewer, session_id)


def manifest(db: Session, viewer: Viewer, session_id: str) -> dict[str, Any]:
    """All that was recorded of a lesson on one clock; NotFound for whoever may not watch (never says which).

    offset_ms counts from `started_at_ms`, the first file's beginning.
    """
    session = get_session(db, session_id)
    if not may_watch(db, viewer, session_id):
        raise NotFound("There is no recording of this lesson.")
    files = db.exec(
        select(RecordingFile)
        .where(RecordingFile.session_id == session_id, RecordingFile.status == "ready")
        .order_by(col(RecordingFile.started_ms))
    ).all()
    if not files:
        raise NotFound("There is no recording of this lesson.")
    names = dict(
        db.exec(select(Person.id, Person.name).where(col(Person.id).in_({f.person_id for f in files}))).all()
    )
    origin = files[0].started_ms
    tracks: dict[tuple[str, str], dict[str, Any]] = {}
    for file in files:
        track = tracks.setdefault(
            (file.person_id, file.source),
            {
                "person_id": file.person_id,
                "name": names.get(file.person_id, ""),
                "source": file.source,
                "kind": "audio" if file.source in ("microphone", "screen_audio") else "video",
                "segments": [],
            },
        )
        track["segments"].append(
            {
                "url": f"/api/v1/recordings/files/{file.id}",
                "codec": file.codec,
                "offset_ms": file.started_ms - origin,
                "duration_ms": file.duration_ms,
                "gaps": file.gaps,
                "width": file.width,
                "height": file.height,
            }
        )
    began = session.started_at or session.starts_at
    lag = round(began.timestamp() * 1000) - origin
    lines = db.exec(
        select(TranscriptSegment, Person.name)
        .join(Person, col(Person.id) == col(TranscriptSegment.person_id))
        .where(TranscriptSegment.session_id == session_id)
        .order_by(col(TranscriptSegment.started_ms))
    )
    return {
        "version": VERSION,
        "session_id": session_id,
        "started_at_ms": origin,
        "duration_ms": max(f.started_ms + f.duration_ms for f in files) - origin,
        "tracks": list(tracks.values()),
        "lines": [
            {"at_ms": max(0, row.started_ms + lag), "name": name, "text": row.text} for row, name in lines
        ],
        "incomplete": db.exec(
            select(Recording.id).where(Recording.session_id == session_id, Recording.status != "finished")
        ).first()
        is not None,
    }


def file_for(db: Session, viewer: Viewer, file_id: str) -> RecordingFile:
    """A file this viewer may watch; NotFound."""
    row = db.get(RecordingFile, file_id)
    if row is None or row.status != "ready" or not may_watch(db, viewer, row.session_id):
        raise NotFound("There is no recording of this lesson.")
    return row
