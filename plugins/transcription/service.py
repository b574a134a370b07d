"""What web and worker do for transcription: say how captions work here, hand out transcripts."""

from sqlmodel import Session, col, select

from core.access import Viewer
from core.domain import Person, Room, Seat
from core.domain.load import get_session, segment_views
from core.errors import NotAllowed
from core.i18n import gettext
from core.lifecycle.provision import provision_room
from plugins.transcription.engine import describe
from plugins.transcription.settings import TranscriptionSettings
from plugins.transcription.vtt import webvtt


def announce_captions(db: Session, session_id: str, settings: TranscriptionSettings) -> None:
    """Write into the room's settings which engine will caption. Idempotent; captions off stays off.

    captions_by: for a room whose captions are switched on later.
    """
    provision_room(db, session_id)
    room = db.get(Room, session_id, with_for_update=True)
    if room is None:
        return
    how = describe(settings)
    off = room.settings.get("captions") is False
    room.settings = {**room.settings, "captions_by": how, "captions": False if off else how}
    db.add(room)


def transcript_vtt(db: Session, viewer: Viewer, session_id: str) -> str:
    """The lesson's transcript as WebVTT, for its instructor and for coordinators. NotFound, NotAllowed."""
    get_session(db, session_id)
    if not viewer.has("coordinator") and not _teaches(db, viewer, session_id):
        raise NotAllowed("Only the instructor of this lesson and coordinators may read its transcript.")
    segments = segment_views(db, session_id)
    speakers = {segment.person_id for segment in segments}
    people = db.exec(select(Person).where(col(Person.id).in_(speakers))).all()
    note = ""
    if any(segment.low_accuracy for segment in segments):
        note = gettext("Captions come from a simple engine and will often be wrong.", viewer.lang)
    return webvtt(segments, {person.id: person.name for person in people}, note)


def _teaches(db: Session, viewer: Viewer, session_id: str) -> bool:
    query = select(Seat.id).where(
        Seat.session_id == session_id,
        Seat.person_id == viewer.person_id,
        Seat.role == "instructor",
        col(Seat.active).is_(True),
    )
    return viewer.seat_id is None and db.exec(query).first() is not None
