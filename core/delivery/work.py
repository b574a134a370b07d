"""Work off one delivery or one stage of the chain: the body of every durable workflow."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlmodel import Session

from core.delivery import engine
from core.delivery.context import DeliveryContext
from core.delivery.outbox import emit, queue_delivery, queue_stage
from core.domain import load
from core.domain.event import Delivery, DomainEvent
from core.errors import NotFound, fault
from core.events import DeliveryChanged
from core.services import Services, using

logger = logging.getLogger(__name__)

ChainStage = Callable[[str, str], None]
Dead = Callable[[Delivery], None]

_chain: ChainStage | None = None
_dead: Dead | None = None


def register(*, chain: ChainStage | None = None, dead: Dead | None = None) -> None:
    """What the lifecycle does: `chain(session_id, stage)` works one stage; `dead(delivery)` opens a case.

    Both run outside any transaction and may run again after a crash: they must be idempotent. For a stage of
    the chain or a timer that failed for good, `dead` gets a Delivery that is not stored, plugin "core",
    hook `chain.{stage}` or `timer.{kind}`.
    """
    global _chain, _dead
    _chain, _dead = chain or _chain, dead or _dead


def report_dead(delivery: Delivery) -> None:
    """Hand a delivery, stage or timer that failed for good to whoever opens cases."""
    if _dead is None:
        logger.error("Nobody registered to hear of failed deliveries", extra={"delivery": delivery.id})
    else:
        _dead(delivery)


def run(services: Services, name: str, arguments: tuple[Any, ...]) -> None:
    """Work off one queued piece. A failing hook or stage is recorded and tried again, never raised."""
    with using(services):
        match name, arguments:
            case engine.DELIVER, (str(delivery_id), int(run_no), int(attempt)):
                deliver(services, delivery_id, run_no, attempt)
            case engine.CHAIN, (str(session_id), str(stage), int(attempt), str(again)):
                work_stage(services, session_id, stage, attempt, again)
            case _:
                logger.error("Queued work of an unknown shape", extra={"work": name})


def deliver(services: Services, delivery_id: str, run_no: int, attempt: int) -> None:
    """One attempt: the subject loaded fresh, the hook called outside any transaction, the outcome written."""
    plugins = services.plugins
    with services.store.read() as db:
        delivery = db.get(Delivery, delivery_id)
        if delivery is None or delivery.status != "waiting" or delivery.run != run_no:
            return
        if delivery.attempts >= attempt:  # an older execution of this attempt already wrote its failure
            return
        subject = arguments_of(db, delivery)
    if not plugins.implements(delivery.plugin, delivery.hook) or not plugins.enabled(delivery.plugin):
        _finish(services, delivery, "held")
        return
    if subject is None:
        _finish(services, delivery, "skipped")
        return
    context = DeliveryContext(services, delivery.id, delivery.event_id, delivery.plugin, attempt)
    try:
        plugins.call_and_wait(delivery.plugin, delivery.hook, ctx=context, **subject)
    except Exception as error:  # border: one plugin's failure is recorded, never raised into the queue
        _failed(services, delivery, attempt, error)
    else:
        _finish(services, delivery, "done", attempt)


def work_stage(services: Services, session_id: str, stage: str, attempt: int, again: str = "") -> None:
    """One attempt at a stage of the chain."""
    if _chain is None:
        raise RuntimeError("nobody registered to work the chain: core.delivery.register(chain=...)")
    try:
        _chain(session_id, stage)
    except Exception as error:  # border: tried again with a pause, then a case
        what = fault(error)
        logger.error(
            "Stage of the chain failed",
            extra={"session_id": session_id, "stage": stage, "attempt": attempt, "fault": what},
        )
        pauses = services.settings.delivery_backoff_s
        if attempt <= len(pauses):
            with services.store.write() as db:
                work_id = f"chain:{session_id}:{stage}:{again}:{attempt + 1}"
                queue_stage(db, work_id, (session_id, stage, attempt + 1, again), pauses[attempt - 1])
        else:
            report_dead(
                _not_stored(services, f"chain:{session_id}:{stage}", f"chain.{stage}", session_id, what)
            )


def _not_stored(services: Services, id_: str, hook: str, subject_id: str, error: str) -> Delivery:
    return Delivery(
        id=id_,
        event_id=0,
        plugin="core",
        hook=hook,
        subject_id=subject_id,
        status="failed",
        error=error,
        created_at=services.clock.now(),
    )


def arguments_of(db: Session, delivery: Delivery) -> dict[str, Any] | None:
    """The hook's arguments as they are now; None when a newer change has its own delivery, or it is gone."""
    id_ = delivery.subject_id
    with suppress(NotFound):
        match delivery.hook:
            case "on_schedule":
                session = load.session_view(db, id_)
                event = db.get(DomainEvent, delivery.event_id)
                bulk = event.payload.get("bulk", "") if event else ""
                return _fresh(delivery, session.version, session=session, change=delivery.change, bulk=bulk)
            case "on_session_end":
                session = load.session_view(db, id_)
                attendance = load.attendance_views(db, id_)
                return _fresh(delivery, session.version, session=session, attendance=attendance)
            case "on_summary":
                summary = load.summary_view(db, id_)
                return _fresh(delivery, summary.version, summary=summary, change=delivery.change)
            case "on_exception":
                case = load.case_view(db, id_)
                return _fresh(delivery, case.version, case=case, change=delivery.change)
            case _:
                pass
    return None


def _fresh(delivery: Delivery, version: int, **arguments: Any) -> dict[str, Any] | None:
    return arguments if version <= delivery.subject_version else None


def _failed(services: Services, delivery: Delivery, attempt: int, error: Exception) -> None:
    what = fault(error)
    logger.error(
        "Delivery failed",
        extra={"delivery": delivery.id, "plugin": delivery.plugin, "attempt": attempt, "fault": what},
    )
    pauses = services.settings.delivery_backoff_s
    final = attempt > len(pauses)
    with services.store.write() as db:
        row = _waiting(db, delivery)
        if row is None:
            return
        row.error = what
        if final:
            # attempts stays behind until the case exists: a crash in between runs this attempt again.
            delivery = row
        else:
            row.attempts = attempt
            queue_delivery(db, row, attempt + 1, pauses[attempt - 1])
    if final:
        report_dead(delivery)
        _finish(services, delivery, "failed", attempt)


def _finish(services: Services, delivery: Delivery, status: str, attempt: int | None = None) -> None:
    with services.store.write() as db:
        row = _waiting(db, delivery)
        if row is None:
            return
        row.status = status
        row.attempts = attempt or row.attempts
        row.done_at = services.clock.now() if status in ("done", "skipped") else None
        if status == "done":
            row.error = ""
        if status != "skipped":
            emit(db, DeliveryChanged(delivery_id=row.id, status=status))


def _waiting(db: Session, delivery: Delivery) -> Delivery | None:
    """The row, locked, if this run is still the one that counts."""
    row = db.get(Delivery, delivery.id, with_for_update=True)
    return row if row and row.status == "waiting" and row.run == delivery.run else None
