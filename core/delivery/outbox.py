"""Write facts: an event, the deliveries it causes and the next stage of the chain, all in one transaction."""

from typing import Any

from sqlmodel import Session, col, select

from core.delivery import engine
from core.domain.event import AuditEntry, Delivery, DomainEvent, PluginSwitch
from core.events import HOOK_OF_EVENT, CaseChanged, Event, SummaryChanged
from core.services import current

_CASE_CHANGES_DELIVERED = frozenset({"opened", "escalated", "resolved"})
_LONGEST_VALUE = 80


def emit(db: Session, event: Event) -> DomainEvent:
    """Append the event and queue one delivery a plugin, in the caller's transaction: a rollback undoes all.

    A plugin that is switched off gets its delivery held, not dropped. ValueError for text in the payload:
    the log outlives a person's erasure and holds ids and numbers only.
    """
    services = current()
    payload = event.payload()
    _refuse_text(event.kind, payload)
    row = DomainEvent(
        kind=event.kind,
        schema_version=event.schema_version,
        session_id=event.session_id,
        person_id=event.person_id,
        at=services.clock.now(),
        payload=payload,
    )
    db.add(row)
    db.flush()
    if hook := hook_of(event):
        _queue_deliveries(db, event, row, hook)
    return row


def hook_of(event: Event) -> str | None:
    """The lifecycle hook this event is delivered to, if any."""
    if isinstance(event, CaseChanged) and event.change not in _CASE_CHANGES_DELIVERED:
        return None
    return HOOK_OF_EVENT.get(event.kind)


def audit(
    db: Session,
    actor_id: str | None,
    action: str,
    subject_id: str = "",
    person_id: str | None = None,
    **facts: Any,
) -> None:
    """Record who saw or changed what, in the caller's transaction. action: verb.noun; actor None: system."""
    db.add(
        AuditEntry(
            at=current().clock.now(),
            actor_id=actor_id,
            action=action,
            subject_id=subject_id,
            person_id=person_id,
            facts=facts,
        )
    )


def start_chain(db: Session, session_id: str, stage: str, *, again: str = "", delay_s: float = 0) -> None:
    """Queue one stage of the chain after a lesson, in the caller's transaction. The same stage twice is once.

    again: tells a wanted repetition from an accidental one: the number of a new draft, the hour of a repair.
    """
    work_id = f"chain:{session_id}:{stage}" + (f":{again}" if again else "")
    queue_stage(db, work_id, (session_id, stage, 1, again), delay_s)


def queue_stage(db: Session, work_id: str, arguments: tuple[str, str, int, str], delay_s: float = 0) -> None:
    """Queue one attempt at a stage: (session id, stage, attempt, again)."""
    queue = engine.DRAFTS if arguments[1] == "draft" else engine.QUEUE
    engine.enqueue(db, current().store, engine.CHAIN, work_id, arguments, delay_s=delay_s, queue=queue)


def queue_delivery(db: Session, delivery: Delivery, attempt: int = 1, delay_s: float = 0) -> None:
    """Queue one attempt. The first one's work id is the delivery's own id: `{event_id}:{plugin}`."""
    suffix = "" if delivery.run == 0 and attempt == 1 else f":{delivery.run}.{attempt}"
    arguments = (delivery.id, delivery.run, attempt)
    engine.enqueue(db, current().store, engine.DELIVER, f"{delivery.id}{suffix}", arguments, delay_s=delay_s)


def _queue_deliveries(db: Session, event: Event, row: DomainEvent, hook: str) -> None:
    services = current()
    plugins = services.plugins.implementing(hook)
    if not plugins:
        return
    # FOR SHARE on PostgreSQL: whoever switches the plugin on waits, so that no held delivery is overlooked.
    switches = db.exec(
        select(PluginSwitch).where(col(PluginSwitch.plugin).in_(plugins)).with_for_update(read=True)
    )
    off = {switch.plugin for switch in switches if not switch.enabled}
    subject_id = _subject_id(event)
    assert row.id is not None
    for plugin in plugins:
        delivery = Delivery(
            id=f"{row.id}:{plugin}",
            event_id=row.id,
            plugin=plugin,
            hook=hook,
            subject_id=subject_id,
            subject_version=row.payload.get("version", 1),
            change=row.payload.get("change", ""),
            status="held" if plugin in off else "waiting",
            created_at=row.at,
        )
        db.add(delivery)
        if delivery.status == "waiting":
            queue_delivery(db, delivery)


def _subject_id(event: Event) -> str:
    match event:
        case SummaryChanged():
            return event.summary_id
        case CaseChanged():
            return event.case_id
        case _ if event.session_id:
            return event.session_id
        case _:
            raise ValueError(f"{event.kind} needs a session_id: it is delivered to plugins")


def _refuse_text(kind: str, payload: dict[str, Any]) -> None:
    for name, value in payload.items():
        if isinstance(value, str) and (len(value) > _LONGEST_VALUE or " " in value):
            raise ValueError(f"{kind}.{name} looks like text; events hold ids and numbers")
