"""Recordings: started and stopped by people or by the room, handed in by media nodes, erased by their date.

Consent is asked for twice: the node takes packets of consenting people alone, and a file of somebody who had
not consented when it was made is refused here.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from core import services
from core.access import SYSTEM, Actor
from core.clock import cancel_timers, set_timer
from core.delivery import audit, emit
from core.domain import (
    ClassSession,
    Consent,
    PresenceInterval,
    Recording,
    RecordingFile,
    Seat,
)
from core.domain.load import get_session
from core.errors import NotAllowed, NotFound, SessionNotOpen
from core.events import RecordingFailed, RecordingFinished, RecordingStarted, RecordingStopped
from core.lifecycle.cases import open_case
from core.services import Services

HAND_IN_WITHIN = timedelta(hours=2)
SLACK = timedelta(seconds=30)
"""Between a consent and the node: clocks differ, and a withdrawal takes a moment on its way."""
ERASE_BATCH = 100


def start(actor: Actor, session_id: str) -> None:
    """Its instructor or a coordinator. Starting twice changes nothing."""
    with services.current().store.write() as db:
        row = get_session(db, session_id, lock=True)
        _may_record(db, actor, session_id)
        if row.status != "live":
            raise SessionNotOpen("This lesson has not started.")
        start_in(db, session_id, actor.person_id)


def stop(actor: Actor, session_id: str) -> None:
    """Its instructor or a coordinator. Idempotent."""
    with services.current().store.write() as db:
        get_session(db, session_id, lock=True)
        _may_record(db, actor, session_id)
        if stop_in(db, session_id):
            audit(db, actor.person_id, "recording.stop", session_id)


def start_in(db: Session, session_id: str, person_id: str | None) -> None:
    """In the caller's transaction. person_id None: the room does it by itself."""
    if active(db, session_id) is not None:
        return
    service = services.current()
    now = service.clock.now()
    row = Recording(
        session_id=session_id,
        started_by=person_id,
        started_at=now,
        keep_until=now + timedelta(days=service.settings.retention_recording_days),
    )
    db.add(row)
    db.flush()
    emit(db, RecordingStarted(session_id=session_id, recording_id=row.id))
    audit(db, person_id, "recording.start", session_id)


def stop_in(db: Session, session_id: str) -> bool:
    """In the caller's transaction; False when nothing was being recorded."""
    row = active(db, session_id)
    if row is None:
        return False
    row.status, row.ended_at = "ending", services.current().clock.now()
    db.add(row)
    set_timer(db, "recording_due", row.id, row.ended_at + HAND_IN_WITHIN, 1)
    emit(db, RecordingStopped(session_id=session_id, recording_id=row.id))
    return True


def active(db: Session, session_id: str) -> Recording | None:
    """What is being recorded now."""
    query = select(Recording).where(Recording.session_id == session_id, Recording.status == "on")
    return db.exec(query).first()


def set_began(recording_id: str, set_id: str) -> None:
    """A node began a set: it will hand in a manifest."""
    with services.current().store.write() as db:
        row = db.get(Recording, recording_id, with_for_update=True)
        if row is not None and set_id not in row.sets:
            row.sets = [*row.sets, set_id]
            db.add(row)


def failed(recording_id: str, reason: str) -> None:
    """The node gave up, or nothing can be kept. What was written before stays. Idempotent."""
    with services.current().store.write() as db:
        row = db.get(Recording, recording_id, with_for_update=True)
        if row is not None:
            _fail(db, row, reason)


def give_up(db: Session, recording_id: str) -> None:
    """Long over, and not everything is here."""
    row = db.get(Recording, recording_id, with_for_update=True)
    if row is not None and row.status == "ending":
        if row.sets:
            _fail(db, row, "not_handed_in")
        else:
            _finish(db, row)


def take_part(head: dict[str, Any]) -> RecordingFile:
    """The row of the file a part belongs to, made on first sight. KeyError, TypeError, ValueError: malformed.

    NotAllowed: the person had not consented. NotFound: unknown recording or participant, or erased.
    """
    service = services.current()
    set_id, name = str(head["set_id"])[:120], str(head["file"])[:80]
    size, started_ms, duration_ms = int(head["bytes"]), int(head["started_at_ms"]), int(head["duration_ms"])
    if not 0 < size < 1 << 34 or not 0 < duration_ms < 86_400_000 or not 0 < started_ms < 1 << 45:
        raise ValueError("recorded file out of range")
    with service.store.write() as db:
        known = db.exec(
            select(RecordingFile)
            .where(RecordingFile.set_id == set_id, RecordingFile.name == name)
            .with_for_update()
        ).first()
        if known is not None:
            if known.status == "erased":
                raise NotFound("This recording was erased.")
            return known
        recording = db.get(Recording, str(head["recording_id"]))
        if recording is None or recording.session_id != str(head["session_id"]):
            raise NotFound("This recording does not exist.")
        person_id = _person(db, recording.session_id, str(head["participant_id"]))
        _check_consent(db, person_id, started_ms, duration_ms)
        row = RecordingFile(
            recording_id=recording.id,
            session_id=recording.session_id,
            person_id=person_id,
            set_id=set_id,
            name=name,
            source=str(head["source"])[:20],
            codec=str(head["codec"])[:20],
            blob_key="",
            size=size,
            sha256=str(head["sha256"])[:64],
            started_ms=started_ms,
            duration_ms=duration_ms,
            width=int(head["width"]),
            height=int(head["height"]),
            gaps=_gaps(head["gaps"]),
            keep_until=recording.keep_until,
        )
        row.blob_key = f"recordings/{recording.id}/{row.id}"
        db.add(row)
        return row


def part_stored(file_id: str, at: int, length: int) -> int:
    """A part is in the store; how many bytes there are now."""
    with services.current().store.write() as db:
        row = db.get_one(RecordingFile, file_id, with_for_update=True)
        if row.status == "uploading" and row.received == at:
            row.received, row.parts = at + length, [*row.parts, at]
            db.add(row)
        return row.received


def file_ready(file_id: str, sound: bool) -> None:
    """All of it is there. sound: the hash was right; else it is sent again."""
    with services.current().store.write() as db:
        row = db.get_one(RecordingFile, file_id, with_for_update=True)
        row.parts = []
        if sound:
            row.status = "ready"
        else:
            row.received = 0
        db.add(row)


def set_handed_in(set_id: str, recording_id: str) -> None:
    """A node's manifest came: nothing more of that set will. Idempotent."""
    with services.current().store.write() as db:
        row = db.get(Recording, recording_id, with_for_update=True)
        if row is None:
            return
        row.sets = [one for one in row.sets if one != set_id]
        db.add(row)
        if row.status == "ending" and not row.sets:
            _finish(db, row)


async def erase_due(service: Services) -> int:
    """Blobs and rows of files that are due; recordings without files after that. Returns how many files."""
    erased = 0
    while True:
        now = service.clock.now()
        with service.store.read() as db:
            due = db.exec(
                select(RecordingFile)
                .where((col(RecordingFile.keep_until) < now) | (RecordingFile.status == "erased"))
                .limit(ERASE_BATCH)
            ).all()
        for file in due:
            for key in (file.blob_key, *(part_key(file.blob_key, at) for at in file.parts)):
                await service.blobs.delete(key)
        with service.store.write() as db:
            for file in due:
                row = db.get(RecordingFile, file.id)
                if row is not None:
                    audit(db, None, "recording.erase", row.session_id, row.person_id)
                    db.delete(row)
            if not due:
                _erase_empty(db, now)
        erased += len(due)
        if not due:
            return erased


def part_key(blob_key: str, at: int) -> str:
    """Where a part waits for the others."""
    return f"{blob_key}.part-{at:012d}"


def erase_person(db: Session, person_id: str) -> None:
    """Nobody can watch it from this moment on; the bytes go with the next tick."""
    for row in db.exec(select(RecordingFile).where(RecordingFile.person_id == person_id)):
        row.status = "erased"
        db.add(row)


def _erase_empty(db: Session, now: datetime) -> None:
    for row in db.exec(select(Recording).where(col(Recording.keep_until) < now)):
        cancel_timers(db, row.id)
        db.delete(row)


def _fail(db: Session, row: Recording, reason: str) -> None:
    if row.status == "failed":
        return
    row.status, row.failure = "failed", reason[:40]
    row.ended_at = row.ended_at or services.current().clock.now()
    db.add(row)
    cancel_timers(db, row.id)
    emit(db, RecordingFailed(session_id=row.session_id, recording_id=row.id, reason=row.failure))
    open_case(
        db,
        "recording_failed",
        dedupe=f"recording:{row.id}",
        session_id=row.session_id,
        facts={"recording_id": row.id, "reason": row.failure},
    )
    audit(db, SYSTEM.person_id, "recording.fail", row.session_id)


def _finish(db: Session, row: Recording) -> None:
    row.status = "finished"
    db.add(row)
    cancel_timers(db, row.id)
    files = db.exec(select(RecordingFile.id).where(RecordingFile.recording_id == row.id)).all()
    emit(db, RecordingFinished(session_id=row.session_id, recording_id=row.id, files=len(files)))


def _person(db: Session, session_id: str, participant_id: str) -> str:
    """What another program publishes for somebody is named after their seat: `{participant id}.{its own}`."""
    seat_id = participant_id.partition(".")[0]
    query = select(PresenceInterval.person_id).where(
        PresenceInterval.participant_id == seat_id, PresenceInterval.session_id == session_id
    )
    person_id = db.exec(query).first()
    if person_id is None:
        raise NotFound("This participant was not in the lesson.")
    return person_id


def _check_consent(db: Session, person_id: str, started_ms: int, duration_ms: int) -> None:
    """Given before it was made, and not withdrawn while it was."""
    began = datetime.fromtimestamp(started_ms / 1000, UTC)
    ended = began + timedelta(milliseconds=duration_ms)
    rows = db.exec(select(Consent).where(Consent.person_id == person_id, Consent.purpose == "recording"))
    for row in rows:
        if row.given_at <= began + SLACK and (row.withdrawn_at is None or row.withdrawn_at + SLACK >= ended):
            return
    raise NotAllowed("This person has not consented to being recorded.")


def _gaps(value: Any) -> list[dict[str, Any]]:
    return [
        {"from_ms": int(one["from_ms"]), "to_ms": int(one["to_ms"]), "reason": str(one["reason"])[:20]}
        for one in list(value)[:1_000]
    ]


def _may_record(db: Session, actor: Actor, session_id: str) -> None:
    if actor.has("coordinator"):
        return
    seat = db.exec(
        select(Seat.id).where(
            Seat.session_id == session_id,
            Seat.person_id == (actor.person_id or ""),
            Seat.role == "instructor",
            col(Seat.active).is_(True),
        )
    ).first()
    if seat is None or db.get(ClassSession, session_id) is None:
        raise NotAllowed("Only the instructor can record this lesson.")
