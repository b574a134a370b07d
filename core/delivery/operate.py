"""What operators do with deliveries: try again, switch plugins off and on; and what the clock tidies up."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlmodel import Session, col, select

from core.delivery import engine
from core.delivery.outbox import audit, emit, queue_delivery
from core.delivery.work import report_dead
from core.domain.event import Delivery, PluginSwitch
from core.errors import Conflict, InvalidInput, NotFound
from core.events import DeliveryChanged, PluginSwitched
from core.services import Services, current

logger = logging.getLogger(__name__)

Backlog = Literal["replay", "skip"]
_KEEP_FINISHED = timedelta(days=14)
_MOST_BATCHES = 50
_GIVEN_UP = ("ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")


def retry(db: Session, delivery_id: str) -> Delivery:
    """Try a failed or held delivery again, with all its attempts. NotFound; Conflict when it is under way."""
    delivery = db.get(Delivery, delivery_id, with_for_update=True)
    if delivery is None:
        raise NotFound
    if delivery.status not in ("failed", "held"):
        raise Conflict("This is already done or under way.")
    _again(db, delivery)
    return delivery


def switch_plugin(
    db: Session, plugin: str, enabled: bool, by: str | None, backlog: Backlog = "replay"
) -> PluginSwitch:
    """Switch a plugin off (its deliveries are held) or on (they are replayed, or skipped). Idempotent.

    NotFound for a plugin that is not installed. Other processes notice within a second.
    """
    plugins = current().plugins
    if plugin not in plugins.names:
        raise NotFound
    if backlog not in ("replay", "skip"):
        raise InvalidInput("backlog", "Choose whether to catch up or to skip what was held.")
    switch = db.get(PluginSwitch, plugin, with_for_update=True)
    was_enabled = switch.enabled if switch else True
    now = current().clock.now()
    switch = switch or PluginSwitch(plugin=plugin, enabled=True, changed_at=now)
    switch.enabled, switch.changed_by, switch.changed_at = enabled, by, now
    db.add(switch)
    db.flush()
    if enabled:
        _release(db, plugin, backlog)
    if enabled != was_enabled:
        emit(db, PluginSwitched(plugin=plugin, enabled=enabled))
        audit(db, by, "switch.plugin", plugin, enabled=enabled, backlog=backlog)
    plugins.forget_switches()
    return switch


def take_over(services: Services, executor_ids: list[str]) -> int:
    """Give the unfinished work of dead workers to the living; returns how many pieces."""
    taken = engine.take_over(services.store, executor_ids)
    if taken:
        logger.warning("Took over work of a dead worker", extra={"executors": executor_ids, "count": taken})
    return taken


def reconcile(services: Services) -> int:
    """Deliveries whose work was given up (a hook that ended the process each time) fail, with a case."""
    given_up = engine.queued(services.store, _GIVEN_UP)
    closed = 0
    for work in given_up:
        if work.name == engine.DELIVER and work.arguments:
            closed += _close(services, str(work.arguments[0]), int(work.arguments[1]))
    return closed


def tidy(services: Services) -> int:
    """Forget finished work after two weeks: the deliveries tell what was done. Returns how many."""
    before = (
        datetime.now(UTC) - _KEEP_FINISHED
    )  # the queue goes by the system's clock, not by an injected one
    forgotten = 0
    for _ in range(_MOST_BATCHES):
        batch = engine.forget_finished(services.store, before)
        forgotten += batch
        if not batch:
            break
    return forgotten


def _close(services: Services, delivery_id: str, run_no: int) -> int:
    with services.store.read() as db:
        delivery = db.get(Delivery, delivery_id)
    if delivery is None or delivery.status != "waiting" or delivery.run != run_no:
        return 0
    report_dead(delivery)
    with services.store.write() as db:
        row = db.get(Delivery, delivery_id, with_for_update=True)
        if row and row.status == "waiting" and row.run == run_no:
            row.status, row.error = "failed", row.error or "the worker ended each time"
            emit(db, DeliveryChanged(delivery_id=row.id, status="failed"))
    return 1


def _release(db: Session, plugin: str, backlog: Backlog) -> None:
    held = db.exec(
        select(Delivery)
        .where(Delivery.plugin == plugin, Delivery.status == "held")
        .order_by(col(Delivery.event_id))
        .with_for_update()
    ).all()
    for delivery in held:
        if backlog == "replay":
            _again(db, delivery)
        else:
            delivery.status, delivery.done_at = "skipped", current().clock.now()


def _again(db: Session, delivery: Delivery) -> None:
    delivery.status, delivery.attempts, delivery.run = "waiting", 0, delivery.run + 1
    queue_delivery(db, delivery)
    emit(db, DeliveryChanged(delivery_id=delivery.id, status="waiting"))
