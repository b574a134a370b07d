"""At the door of the room: who waited and for how long, and what those inside decided about people.

Waiting is evidence, not presence: it settles when somebody came, and nothing else. What was decided (who was
let in, taken out, muted) is in the audit, and read from there when a room opens again.
"""

from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from core import services
from core.delivery import audit, emit
from core.domain import AuditEntry, Person, PresenceInterval, Room
from core.domain.load import get_session
from core.events import ParticipantWaited
from core.lifecycle.cases import settle_no_show

ROLE = "waiting"
"""Of the presence interval of somebody who waits."""
MODE = "lobby"
_ACTIONS = ("remove", "allow", "admit")


def started(session_id: str, person_id: str, participant_id: str) -> None:
    """Somebody waits to be let in: they came, whatever happens next. Idempotent."""
    service = services.current()
    with service.store.write() as db:
        if _interval(db, participant_id) is not None:
            return
        get_session(db, session_id, lock=True)
        db.add(
            PresenceInterval(
                session_id=session_id,
                person_id=person_id,
                participant_id=_key(participant_id),
                role=ROLE,
                started_at=service.clock.now(),
            )
        )
        db.flush()
        came = db.exec(select(PresenceInterval.person_id).where(PresenceInterval.session_id == session_id))
        settle_no_show(db, session_id, set(came))


def ended(participant_id: str, admitted: bool) -> None:
    """They came in, or went away. Idempotent."""
    with services.current().store.write() as db:
        row = _interval(db, participant_id)
        if row is not None and row.ended_at is None:
            _end(db, row, "admitted" if admitted else "left")


def close_all() -> None:
    """After a restart nobody waits any more: whoever still does comes again."""
    with services.current().store.write() as db:
        query = select(PresenceInterval).where(
            col(PresenceInterval.ended_at).is_(None), PresenceInterval.role == ROLE
        )
        for row in db.exec(query).all():
            _end(db, row, "server_restart")


def record(session_id: str, actor_id: str, action: str, person_id: str | None, facts: dict[str, Any]) -> None:
    """Somebody inside did something to somebody, or came with another program.

    action: mute | remove | allow | admit | decline | lobby | publish | watch | program.
    """
    with services.current().store.write() as db:
        audit(db, actor_id, f"room.{action}", session_id, person_id, **facts)


def decided(db: Session, session_id: str) -> tuple[dict[str, tuple[str, datetime]], set[str]]:
    """(who is taken out: person id -> name and when, who was let in by hand), the latest decision counts."""
    rows = db.exec(
        select(AuditEntry, Person.name)
        .join(Person, col(Person.id) == col(AuditEntry.person_id))
        .where(
            AuditEntry.subject_id == session_id,
            col(AuditEntry.action).in_([f"room.{action}" for action in _ACTIONS]),
        )
        .order_by(col(AuditEntry.at))
    ).all()
    removed: dict[str, tuple[str, datetime]] = {}
    admitted: set[str] = set()
    for row, name in rows:
        person_id = row.person_id or ""
        if row.action == "room.remove":
            removed[person_id] = (name, row.at)
            admitted.discard(person_id)
        else:
            removed.pop(person_id, None)
            if row.action == "room.admit":
                admitted.add(person_id)
    return removed, admitted


def outside(db: Session, session_id: str, person_id: str) -> bool:
    """Does this person wait at the door, or were they taken out? Other doors of the lesson are shut then too."""
    waits = db.exec(
        select(PresenceInterval.id).where(
            PresenceInterval.session_id == session_id,
            PresenceInterval.person_id == person_id,
            PresenceInterval.role == ROLE,
            col(PresenceInterval.ended_at).is_(None),
        )
    ).first()
    if waits is not None:
        return True
    latest = db.exec(
        select(AuditEntry.action)
        .where(
            AuditEntry.person_id == person_id,
            AuditEntry.subject_id == session_id,
            col(AuditEntry.action).in_([f"room.{action}" for action in _ACTIONS]),
        )
        .order_by(col(AuditEntry.at).desc())
        .limit(1)
    ).first()
    return latest == "room.remove"


def mode_of(room: Room | None) -> str:
    """Who waits at this room's door: "off" | "until_instructor" | "always"."""
    return str(room.settings.get(MODE, "off")) if room is not None else "off"


def save_mode(session_id: str, mode: str) -> None:
    """The instructor chose who waits from now on."""
    with services.current().store.write() as db:
        room = db.get(Room, session_id, with_for_update=True)
        if room is not None:
            room.settings = {**room.settings, MODE: mode}
            db.add(room)


def _end(db: Session, row: PresenceInterval, reason: str) -> None:
    row.ended_at, row.end_reason = max(row.started_at, services.current().clock.now()), reason
    db.add(row)
    emit(
        db,
        ParticipantWaited(
            session_id=row.session_id,
            person_id=row.person_id,
            waited_s=round((row.ended_at - row.started_at).total_seconds()),
            reason=reason,
        ),
    )


def _interval(db: Session, participant_id: str) -> PresenceInterval | None:
    query = select(PresenceInterval).where(PresenceInterval.participant_id == _key(participant_id))
    return db.exec(query.with_for_update()).first()


def _key(participant_id: str) -> str:
    """The seat they get has the participant's own id, and an interval of its own."""
    return f"{participant_id}.waiting"
