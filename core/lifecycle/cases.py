"""Exceptions find the right person: opened by the system, classified, in a queue with a deadline, settled by people."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlmodel import Session, col, select

from core import services
from core.access import SYSTEM, Actor
from core.clock import cancel_timers, set_timer
from core.delivery import audit, emit
from core.domain import CaseNote, ExceptionCase
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from core.events import CaseChanged
from core.i18n import N_


@dataclass(frozen=True, slots=True)
class CaseClass:
    """How a kind of exception is handled: whose queue, how urgent, by when (share of `case_due_s`)."""

    title: str
    """What people read; a message id."""
    queue: str
    severity: str
    due_factor: float = 1.0


CLASSES: dict[str, CaseClass] = {
    "no_show_instructor": CaseClass(N_("The instructor has not come"), "coordinator", "urgent", 0.5),
    "no_show_student": CaseClass(N_("A student has not come"), "coordinator", "high"),
    "no_show_both": CaseClass(N_("Nobody has come"), "coordinator", "high"),
    "ended_early": CaseClass(N_("A lesson ended far too early"), "coordinator", "normal", 8),
    "overdue_end": CaseClass(N_("A lesson was not ended"), "coordinator", "normal", 8),
    "summary_overdue": CaseClass(N_("A summary waits for approval"), "coordinator", "normal", 8),
    "transcript_missing": CaseClass(N_("A transcript is missing"), "coordinator", "normal", 16),
    "recording_failed": CaseClass(N_("A recording failed"), "coordinator", "normal", 8),
    "message_failed": CaseClass(N_("A message could not be sent"), "coordinator", "high", 4),
    "delivery_failed": CaseClass(N_("A plugin keeps failing"), "operator", "high", 4),
    "timer_failed": CaseClass(N_("A timer keeps failing"), "operator", "high", 4),
    "chain_failed": CaseClass(N_("The work after a lesson is stuck"), "operator", "urgent", 2),
    "provisioning_failed": CaseClass(N_("A room could not be prepared"), "operator", "urgent"),
    "substitute_needed": CaseClass(N_("A lesson needs a substitute"), "coordinator", "urgent", 2),
    "busy_calendar_failed": CaseClass(N_("A calendar cannot be read"), "coordinator", "normal", 96),
    "change_requested": CaseClass(N_("A family asks to change a lesson"), "coordinator", "normal", 4),
    "not_ready": CaseClass(N_("A lesson is not ready"), "operator", "urgent"),
    "request_unplaced": CaseClass(N_("Lessons that nobody can give"), "coordinator", "high", 16),
    "plan_clashed": CaseClass(N_("Times of a plan were taken meanwhile"), "coordinator", "normal", 8),
    "at_risk": CaseClass(N_("A student may need help"), "coordinator", "normal", 96),
}
OTHER = CaseClass(N_("Something needs a person"), "coordinator", "normal", 8)
"""Kinds not listed (plugins' own)."""


def open_case(
    db: Session,
    kind: str,
    *,
    dedupe: str,
    session_id: str | None = None,
    person_id: str | None = None,
    facts: dict[str, Any] | None = None,
) -> ExceptionCase:
    """Open a case in the caller's transaction, or return the one with this dedupe key. Fires on_exception."""
    existing = db.exec(select(ExceptionCase).where(ExceptionCase.dedupe == dedupe)).first()
    if existing is not None:
        return existing
    service = services.current()
    now, how = service.clock.now(), CLASSES.get(kind, OTHER)
    row = ExceptionCase(
        kind=kind,
        severity=how.severity,
        queue=how.queue,
        dedupe=dedupe,
        session_id=session_id,
        person_id=person_id,
        facts=facts or {},
        opened_at=now,
        due_at=now + timedelta(seconds=service.settings.case_due_s * how.due_factor),
    )
    db.add(row)
    db.flush()
    set_timer(db, "case_due", row.id, row.due_at, 1)
    audit(db, None, "case.open", row.id, person_id)
    _tell(db, row, "opened")
    return row


def take_case(actor: Actor, case_id: str, version: int) -> None:
    """The actor owns it from now on. Conflict when somebody was faster."""
    with services.current().store.write() as db:
        row = _case(db, actor, case_id)
        if row.status == "taken" and row.owner_id == actor.person_id:
            return
        if row.version != version or row.status != "open":
            raise Conflict("Somebody else took this case already.")
        row.status, row.owner_id = "taken", actor.person_id
        _change(db, actor, row, "taken")


def note_case(actor: Actor, case_id: str, text: str) -> None:
    """A note for colleagues."""
    text = text.strip()
    if not 0 < len(text) <= 2_000:
        raise InvalidInput("text", "A note has between 1 and 2000 characters.")
    with services.current().store.write() as db:
        row = _case(db, actor, case_id)
        db.add(
            CaseNote(
                case_id=row.id, person_id=actor.person_id or "", at=services.current().clock.now(), text=text
            )
        )
        _change(db, actor, row, "noted")


def resolve_case(actor: Actor, case_id: str, resolution: str) -> None:
    """Settled, with one sentence about how. Resolving twice changes nothing."""
    resolution = resolution.strip()
    if not 0 < len(resolution) <= 500:
        raise InvalidInput("resolution", "Please say in a few words how this was settled.")
    with services.current().store.write() as db:
        row = _case(db, actor, case_id)
        if row.status == "resolved":
            return
        row.status, row.resolution = "resolved", resolution
        row.resolved_at, row.resolved_by = services.current().clock.now(), actor.person_id
        row.owner_id = row.owner_id or actor.person_id
        cancel_timers(db, row.id)
        _change(db, actor, row, "resolved")


def settle_no_show(db: Session, session_id: str, came: set[str]) -> None:
    """Everybody who was missing has come after all: the case settles itself; being late is on the attendance."""
    rows = db.exec(
        select(ExceptionCase).where(
            ExceptionCase.session_id == session_id,
            col(ExceptionCase.kind).startswith("no_show"),
            ExceptionCase.status != "resolved",
        )
    )
    for row in rows:
        if set(row.facts.get("missing", ())) <= came:
            _settle(db, row, "They came late.")


def settle_cases(db: Session, kind: str, session_id: str, resolution: str) -> None:
    """What the cases of this kind asked for has happened: they settle themselves."""
    rows = db.exec(
        select(ExceptionCase).where(
            ExceptionCase.session_id == session_id,
            ExceptionCase.kind == kind,
            ExceptionCase.status != "resolved",
        )
    )
    for row in rows:
        _settle(db, row, resolution)


def settle_case(db: Session, actor: Actor, dedupe: str, resolution: str) -> None:
    """What the case was about is settled elsewhere, in the caller's transaction. No case, or resolved: nothing."""
    row = db.exec(select(ExceptionCase).where(ExceptionCase.dedupe == dedupe).with_for_update()).first()
    if row is None or row.status == "resolved":
        return
    _settle(db, row, resolution, actor)


def escalate_case(db: Session, case_id: str) -> None:
    """The deadline passed and nobody settled it: urgent from now on, everybody of the queue is told. Once."""
    row = db.get(ExceptionCase, case_id, with_for_update=True)
    if row is None or row.status == "resolved" or row.escalated_at is not None:
        return
    row.escalated_at, row.severity = services.current().clock.now(), "urgent"
    row.version += 1
    db.add(row)
    _tell(db, row, "escalated")


def _case(db: Session, actor: Actor, case_id: str) -> ExceptionCase:
    row = db.get(ExceptionCase, case_id, with_for_update=True)
    if row is None:
        raise NotFound("This case does not exist.")
    if not actor.has(row.queue, "coordinator"):
        raise NotAllowed()
    return row


def _settle(db: Session, row: ExceptionCase, resolution: str, actor: Actor = SYSTEM) -> None:
    row.status, row.resolution = "resolved", resolution
    row.resolved_at, row.resolved_by = services.current().clock.now(), actor.person_id
    cancel_timers(db, row.id)
    _change(db, actor, row, "resolved")


def _change(db: Session, actor: Actor, row: ExceptionCase, change: str) -> None:
    row.version += 1
    db.add(row)
    audit(db, actor.person_id, f"case.{change}", row.id, row.person_id)
    _tell(db, row, change)


def _tell(db: Session, row: ExceptionCase, change: str) -> None:
    db.flush()
    emit(
        db,
        CaseChanged(
            session_id=row.session_id,
            person_id=row.person_id,
            case_id=row.id,
            change=change,
            version=row.version,
            case_kind=row.kind,
        ),
    )
