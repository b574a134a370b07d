"""Step 4: while it is live: who is there, what they do, what is said. Called by the room server and by ingest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from core import services
from core.clock import cancel_timers, set_timer
from core.delivery import emit, start_chain
from core.domain import (
    ClassSession,
    EngagementSignal,
    IngestCursor,
    PresenceInterval,
    Room,
    Seat,
    TranscriptSegment,
)
from core.domain.load import get_session
from core.errors import InvalidInput
from core.events import (
    EngagementMeasured,
    ParticipantJoined,
    ParticipantLeft,
    PollAnswered,
    SessionStarted,
)
from core.lifecycle import recordings
from core.lifecycle.cases import settle_no_show
from core.lifecycle.join import consents_of

SIGNALS = ("talk_s", "hands", "chats", "reactions", "answers", "answers_right", "board_updates")
MAX_SEGMENT_CHARS = 4_000
MAX_BATCH = 500
MAX_GAPS = 100


def presence_started(session_id: str, person_id: str, participant_id: str, role: str) -> None:
    """A seated person's connection is in the room. Starts the lesson when both sides are there. Idempotent."""
    service = services.current()
    now = service.clock.now()
    with service.store.write() as db:
        if db.exec(select(PresenceInterval).where(PresenceInterval.participant_id == participant_id)).first():
            return
        row = get_session(db, session_id, lock=True)
        db.add(
            PresenceInterval(
                session_id=session_id,
                person_id=person_id,
                participant_id=participant_id,
                role=role,
                started_at=now,
            )
        )
        db.flush()
        emit(db, ParticipantJoined(session_id=session_id, person_id=person_id, role=role))
        came = db.exec(select(PresenceInterval.person_id).where(PresenceInterval.session_id == session_id))
        settle_no_show(db, session_id, set(came))
        room = db.get_one(Room, session_id)
        if room.empty_since is not None:
            room.empty_since = None
            db.add(room)
            cancel_timers(db, session_id, ("empty_room",))
        if row.status == "scheduled" and _both_sides_here(db, session_id):
            row.status, row.started_at = "live", now
            db.add(row)
            emit(db, SessionStarted(session_id=session_id))
            if room.settings.get("recording"):
                recordings.start_in(db, session_id, None)


def presence_ended(participant_id: str, reason: str, at: datetime | None = None) -> None:
    """That connection is gone. reason: left | lost | removed | session_ended | server_restart. Idempotent.

    at: when the line broke, when it was given up only later; None = now.
    """
    service = services.current()
    with service.store.write() as db:
        row = db.exec(
            select(PresenceInterval)
            .where(PresenceInterval.participant_id == participant_id)
            .with_for_update()
        ).first()
        if row is None or row.ended_at is not None:
            return
        row.ended_at, row.end_reason = max(row.started_at, at or service.clock.now()), reason
        db.add(row)
        emit(
            db,
            ParticipantLeft(session_id=row.session_id, person_id=row.person_id, role=row.role, reason=reason),
        )


def presence_gap(participant_id: str, at: datetime, seconds: float, why: str) -> None:
    """A cut that a seat survived, as evidence beside its interval; attendance is not changed by it.

    at: when it began. seconds: 0 = not known. why: line | server | media, see PresenceInterval.
    """
    with services.current().store.write() as db:
        query = select(PresenceInterval).where(PresenceInterval.participant_id == participant_id)
        row = db.exec(query.with_for_update()).first()
        if row is None or len(row.gaps) >= MAX_GAPS:
            return
        row.gaps = [*row.gaps, {"at": at.isoformat(), "s": round(seconds, 1), "why": why}]
        db.add(row)


def close_open_intervals(db: Session, session_id: str | None, reason: str) -> int:
    """Ends every open interval (of one session, or all after a crash). Returns how many."""
    now = services.current().clock.now()
    query = select(PresenceInterval).where(col(PresenceInterval.ended_at).is_(None))
    if session_id is not None:
        query = query.where(PresenceInterval.session_id == session_id)
    rows = db.exec(query).all()
    for row in rows:
        row.ended_at, row.end_reason = now, reason
        db.add(row)
        emit(
            db,
            ParticipantLeft(session_id=row.session_id, person_id=row.person_id, role=row.role, reason=reason),
        )
    return len(rows)


def room_emptied(session_id: str) -> None:
    """Nobody is in the room: a timer ends the lesson after the grace time, unless somebody returns."""
    service = services.current()
    now = service.clock.now()
    with service.store.write() as db:
        row = get_session(db, session_id)
        room = db.get(Room, session_id)
        if row.status != "live" or room is None or room.empty_since is not None:
            return
        room.empty_since = now
        db.add(room)
        due = now + timedelta(seconds=service.settings.empty_grace_s)
        set_timer(db, "empty_room", session_id, due, row.version)


def answer_recorded(session_id: str, person_id: str, poll_id: str, option: int, right: bool | None) -> None:
    """A student answered a poll or check (again)."""
    with services.current().store.write() as db:
        emit(
            db,
            PollAnswered(
                session_id=session_id, person_id=person_id, poll_id=poll_id, option=option, right=right
            ),
        )


def engagement(
    db: Session, session_id: str, person_id: str, signal: str, value: float, *, add: bool = True
) -> None:
    """Adds to (or sets) a structured engagement signal, in the caller's transaction. value >= 0."""
    if signal not in SIGNALS or not 0 <= value < 1e7:
        raise InvalidInput("signal", "Unknown engagement signal.")
    row = db.get(EngagementSignal, (session_id, person_id, signal), with_for_update=True)
    row = row or EngagementSignal(session_id=session_id, person_id=person_id, signal=signal)
    row.value = row.value + value if add else value
    db.add(row)
    emit(db, EngagementMeasured(session_id=session_id, person_id=person_id, signal=signal, value=row.value))


def add_engagement(session_id: str, measured: Sequence[tuple[str, str, float]]) -> None:
    """Adds a batch of (person_id, signal, value) in one transaction."""
    with services.current().store.write() as db:
        for person_id, signal, value in measured:
            engagement(db, session_id, person_id, signal, value)


@dataclass(frozen=True, slots=True)
class Batch:
    """What a media node or an agent hands in. seq rises by one with each batch of a source."""

    source: str
    seq: int
    items: tuple[dict[str, Any], ...]


def ingest(batch: Batch) -> bool:
    """Take a batch once: False when it was taken before. InvalidInput when any item is off; then none is taken.

    Items: transcript.segment, transcript.done, engagement. Segments of people without consent are dropped.
    """
    if len(batch.items) > MAX_BATCH:
        raise InvalidInput("items", "A batch holds {most} items at most.", most=MAX_BATCH)
    with services.current().store.write() as db:
        cursor = db.get(IngestCursor, batch.source, with_for_update=True) or IngestCursor(source=batch.source)
        if batch.seq <= cursor.seq:
            return False
        cursor.seq = batch.seq
        db.add(cursor)
        for item in batch.items:
            try:
                _take(db, batch.source, item)
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                raise InvalidInput("items", "An item of this batch is malformed.") from error
        return True


def _take(db: Session, source: str, item: dict[str, Any]) -> None:
    kind, session_id = item["kind"], str(item["session_id"])
    if db.get(ClassSession, session_id) is None:
        return
    if kind == "transcript.segment":
        _take_segment(db, session_id, item)
    elif kind == "transcript.done":
        room = db.get(Room, session_id)
        if room is not None and room.transcript_done_at is None:
            room.transcript_done_at = services.current().clock.now()
            db.add(room)
            if get_session(db, session_id).chain == "attended":
                start_chain(db, session_id, "transcript")
    elif kind == "engagement":
        person_id = str(item["person_id"])
        if _seated(db, session_id, person_id):
            engagement(db, session_id, person_id, str(item["signal"]), float(item["value"]))
    else:
        raise ValueError(kind)


def _take_segment(db: Session, session_id: str, item: dict[str, Any]) -> None:
    person_id, text = str(item["person_id"]), str(item["text"]).strip()
    started_ms, ended_ms = int(item["started_ms"]), int(item["ended_ms"])
    if not 0 <= started_ms <= ended_ms < 86_400_000 or len(text) > MAX_SEGMENT_CHARS:
        raise ValueError("segment out of range")
    if (
        not text
        or not _seated(db, session_id, person_id)
        or "transcription" not in consents_of(db, person_id)
    ):
        return
    db.add(
        TranscriptSegment(
            session_id=session_id,
            person_id=person_id,
            started_ms=started_ms,
            ended_ms=ended_ms,
            text=text,
            confidence=min(1.0, max(0.0, float(item.get("confidence", 1.0)))),
            engine=str(item.get("engine", ""))[:60],
            low_accuracy=bool(item.get("low_accuracy", False)),
        )
    )


def _seated(db: Session, session_id: str, person_id: str) -> bool:
    return (
        db.exec(select(Seat.id).where(Seat.session_id == session_id, Seat.person_id == person_id)).first()
        is not None
    )


def _both_sides_here(db: Session, session_id: str) -> bool:
    roles = set(
        db.exec(
            select(PresenceInterval.role).where(
                PresenceInterval.session_id == session_id, col(PresenceInterval.ended_at).is_(None)
            )
        )
    )
    return {"instructor", "student"} <= roles
