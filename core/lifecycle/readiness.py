"""Beside the story: is this lesson ready to be joined? Looked at a day and half an hour before it, and on demand.

What is missing is made good where that can be done, and is a case where it cannot; the case settles itself when a
later look finds everything there.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, or_, select

from core import services
from core.access import Actor
from core.clock import cancel_timers, on_timer, set_timer
from core.delivery import emit, retry
from core.domain import (
    Briefing,
    ClassSession,
    Delivery,
    DomainEvent,
    ExceptionCase,
    JoinLink,
    Message,
    Person,
    Readiness,
    Room,
    Seat,
    Timer,
)
from core.domain.load import get_session
from core.errors import Conflict, NotAllowed
from core.events import LessonReady, SessionScheduled
from core.i18n import N_
from core.lifecycle.cases import open_case, settle_cases
from core.lifecycle.measure import brief, materials_of
from core.lifecycle.media import nodes
from core.lifecycle.notify import channels_of, readers_of
from core.lifecycle.provision import refresh_room, room_for
from core.lifecycle.reminders import remind_now

MISSING: dict[str, str] = {
    "room": N_("The room is not prepared."),
    "node": N_("No media server is running: nobody would hear or see anything."),
    "links": N_("Somebody in this lesson has no way in: no valid link and no sign-in."),
    "told": N_("Not everybody has been told when the lesson is."),
    "materials": N_("The list of materials is not up to date."),
    "briefing": N_("The instructor's briefing is missing."),
}
"""What a failed check means for people. The keys of `Readiness.checks`."""
TOLD_BY = ("invitation", "moved", "reminder")
"""Messages that say when the lesson is."""
_LATE = ("node", "links")
_NEAR = timedelta(hours=1)
_AGAIN_NEAR, _AGAIN_FAR = timedelta(minutes=5), timedelta(hours=1)


def check_readiness(db: Session, session_id: str) -> Readiness:
    """The lesson as it is now; writes nothing. The row it returns is not stored."""
    row = get_session(db, session_id)
    now = services.current().clock.now()
    checks = _checks(db, row, now)
    return Readiness(
        session_id=row.id,
        session_version=row.version,
        status="ready" if all(checks.values()) else "unready",
        checks=checks,
        checked_at=now,
    )


def words_for(missing: Iterable[str]) -> list[str]:
    """Message ids of failed checks, in the order of MISSING."""
    wanted = set(missing)
    return [words for name, words in MISSING.items() if name in wanted]


def last_look(db: Session, row: ClassSession) -> tuple[list[str], datetime | None]:
    """What the last look at this version of a lesson to come did not find (keys of MISSING), and when that was."""
    found = db.get(Readiness, row.id)
    if found is None or found.session_version != row.version or row.status != "scheduled":
        return [], None
    return [name for name in MISSING if not found.checks.get(name, True)], found.checked_at


def check_now(actor: Actor, session_id: str) -> str:
    """Somebody wants to know, and to have made good what can be: "ready" or "unready". Coordinators and operators.

    Conflict for a lesson that has begun, is over or was cancelled.
    """
    if not actor.has("coordinator", "operator"):
        raise NotAllowed()
    service = services.current()
    with service.store.write() as db:
        row = get_session(db, session_id, lock=True)
        if row.status != "scheduled":
            raise Conflict("This lesson has started or is over; it cannot be changed any more.")
        return look(db, row, service.clock.now()).status


def look(db: Session, row: ClassSession, now: datetime) -> Readiness:
    """Check, repair, check again and remember; a case for what stays missing. For lessons that have not begun, locked."""
    found = check_readiness(db, row.id)
    if found.status == "unready":
        _repair(db, row, found.checks)
        db.flush()
        found = check_readiness(db, row.id)
    before = db.get(Readiness, row.id)
    changed = before is None or (before.status, before.checks) != (found.status, found.checks)
    stored = db.merge(found)
    if changed:
        emit(db, LessonReady(session_id=row.id, ready=found.status == "ready"))
    _case(db, row, found, now)
    return stored


@on_timer("recheck", subject=ClassSession)
@on_timer("readiness", subject=ClassSession)
def watch(db: Session, timer: Timer, now: datetime) -> None:
    """From the start on other watches look at it: who does not come is missed, whatever the reason."""
    row = db.get(ClassSession, timer.subject_id, with_for_update=True)
    if row is None:
        return
    if row.status == "scheduled" and now < row.starts_at:
        look(db, row, now)
    else:
        settle_cases(db, "not_ready", row.id, "The time of the lesson has come.")


def _case(db: Session, row: ClassSession, found: Readiness, now: datetime) -> None:
    """A case while something is missing; another look soon.

    Media servers come up and links go out with reminders until shortly before the lesson: no case a day ahead.
    One that a person has settled is not opened again for the same reason.
    """
    near = row.starts_at - now <= _NEAR
    missing = [name for name, there in found.checks.items() if not there and (near or name not in _LATE)]
    cancel_timers(db, row.id, ("recheck",))
    if not missing:
        settle_cases(db, "not_ready", row.id, "Everything was there at the next look.")
        return
    facts = {"missing": missing, "version": row.version}
    last = _last_case(db, row.id)
    if last is not None and last.status != "resolved":
        last.facts = facts
        db.add(last)
    elif last is None or last.resolved_by is None or last.facts != facts:
        dedupe = f"not_ready:{row.id}:{now:%Y%m%d%H%M%S}"
        open_case(db, "not_ready", dedupe=dedupe, session_id=row.id, facts=facts)
    again = min(now + (_AGAIN_NEAR if near else _AGAIN_FAR), row.starts_at)
    set_timer(db, "recheck", row.id, again, row.version)


def _last_case(db: Session, session_id: str) -> ExceptionCase | None:
    return db.exec(
        select(ExceptionCase)
        .where(ExceptionCase.session_id == session_id, ExceptionCase.kind == "not_ready")
        .order_by(col(ExceptionCase.opened_at).desc(), col(ExceptionCase.id).desc())
    ).first()


def _checks(db: Session, row: ClassSession, now: datetime) -> dict[str, bool]:
    room, briefing = db.get(Room, row.id), db.get(Briefing, row.id)
    seats = _seats(db, row)
    return {
        "room": room is not None and room.closed_at is None,
        "node": any(node.usable and not node.draining for node in nodes(db, now)),
        "links": bool(seats) and not _locked_out(db, row, seats),
        "told": bool(seats) and _told(db, row, seats),
        "materials": briefing is not None and briefing.body.get("materials") == materials_of(db, row),
        "briefing": briefing is not None,
    }


def _seats(db: Session, row: ClassSession) -> Sequence[Seat]:
    query = select(Seat).where(Seat.session_id == row.id, col(Seat.active).is_(True))
    return db.exec(query.order_by(col(Seat.id))).all()


def _locked_out(db: Session, row: ClassSession, seats: Sequence[Seat]) -> list[Seat]:
    """Seats without a valid personal link whose people have no sign-in of their own either."""
    linked = db.exec(
        select(JoinLink.seat_id).where(
            col(JoinLink.seat_id).in_([seat.id for seat in seats]),
            col(JoinLink.revoked_at).is_(None),
            JoinLink.expires_at >= row.ends_at,
        )
    )
    sign_in = db.exec(
        select(Person.id).where(
            col(Person.id).in_([seat.person_id for seat in seats]),
            col(Person.active).is_(True),
            or_(col(Person.email).is_not(None), col(Person.password_hash).is_not(None)),
        )
    )
    able, with_link = set(sign_in), set(linked)
    return [seat for seat in seats if seat.id not in with_link and seat.person_id not in able]


def _told(db: Session, row: ClassSession, seats: Sequence[Seat]) -> bool:
    """Every reader of every seat was sent a message about this version of the lesson, or about its series.

    Without a mail server nobody can be: what waits in the outbox counts then, and people see it on their pages.
    """
    fine = ("sent",) if services.current().settings.smtp_url else ("sent", "queued")
    own, of_series = _messages(db, row)
    told = {(message.params["seat_id"], message.to_person_id) for message in own if message.status in fine}
    told |= {
        (seat.id, message.to_person_id)
        for message in of_series
        for seat in seats
        if message.status in fine and message.params["person_id"] == seat.person_id
    }
    readers = readers_of(db, {seat.person_id for seat in seats})
    return all(
        readers[seat.person_id] and all((seat.id, one.id) in told for one in readers[seat.person_id])
        for seat in seats
    )


def _messages(db: Session, row: ClassSession) -> tuple[list[Message], list[Message]]:
    """Those that say when this version of the lesson is: its own, and those of the change of its series."""
    found = db.exec(select(Message).where(Message.session_id == row.id, col(Message.kind).in_(TOLD_BY)))
    own = [message for message in found if message.params.get("sequence") == row.version]
    changes = select(DomainEvent).where(
        DomainEvent.session_id == row.id, DomainEvent.kind == SessionScheduled.kind
    )
    change = db.exec(changes.order_by(col(DomainEvent.id).desc()).limit(1)).first()
    bulk = change.payload.get("bulk") if change is not None else ""
    if not bulk:
        return own, []
    return own, list(db.exec(select(Message).where(col(Message.dedupe).startswith(f"series:{bulk}:"))))


def _repair(db: Session, row: ClassSession, checks: Mapping[str, bool]) -> None:
    """What this side can do. A room made here lets children in only when their instructor is there."""
    for delivery_id in db.exec(
        select(Delivery.id).where(
            Delivery.subject_id == row.id,
            Delivery.hook == "on_schedule",
            Delivery.subject_version == row.version,
            Delivery.status == "failed",
        )
    ):
        retry(db, delivery_id)
    if not checks["room"]:
        room_for(db, row, {"lobby": "until_instructor"})
        refresh_room(db, row)
    if not (checks["briefing"] and checks["materials"]):
        brief(db, row)
    if not checks["told"]:
        for message in (message for found in _messages(db, row) for message in found):
            if message.status == "failed":
                message.status, message.attempts, message.due_at = "queued", 0, services.current().clock.now()
                db.add(message)
    if not checks["links"]:
        _send_links(db, row)


def _send_links(db: Session, row: ClassSession) -> None:
    """A way in for those who have none, by mail, once a version: a family may have wished for no reminders."""
    seats = _locked_out(db, row, _seats(db, row))
    readers = readers_of(db, {seat.person_id for seat in seats})
    for seat in seats:
        for reader in readers[seat.person_id]:
            dedupe = f"link:{row.id}:{row.version}:{seat.id}:{reader.id}"
            remind_now(db, row, seat, reader, dedupe, channels_of(db, reader.id)[0])
