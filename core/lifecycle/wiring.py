"""Tells the engine below what the lifecycle does: stages, failed deliveries, and the worker's regular ticks."""

import asyncio

from core.clock import is_behind, on_tick
from core.delivery import register
from core.domain import Delivery
from core.domain.session import ClassSession
from core.lifecycle import (
    calendars,
    courses,
    planning,
    readiness,
    recordings,
    reminders,
    requests,
    retention,
    series,
    staging,
    substitutes,
    timers,
)
from core.lifecycle.cases import open_case
from core.lifecycle.chain import run_stage
from core.lifecycle.notify import BATCH, send_due
from core.services import Services, current

REGISTERED = (
    calendars,
    courses,
    planning,
    readiness,
    reminders,
    requests,
    series,
    staging,
    substitutes,
    timers,
)
"""Their timers and ticks exist by being imported."""
_MOST_BATCHES = 20
"""A tick sends this many batches at most, so that it ends and others get their turn."""


def open_failure(delivery: Delivery) -> None:
    """What failed for good becomes a case in the operators' queue. A failure about a case does not open another."""
    if delivery.hook == "on_exception":
        return
    kind = {"chain": "chain_failed", "timer": "timer_failed"}.get(
        delivery.hook.split(".")[0], "delivery_failed"
    )
    with current().store.write() as db:
        session_id = delivery.subject_id if db.get(ClassSession, delivery.subject_id) else None
        open_case(
            db,
            kind,
            dedupe=f"{kind}:{delivery.id}",
            session_id=session_id,
            facts={"delivery_id": delivery.id, "plugin": delivery.plugin, "hook": delivery.hook},
        )


def wire() -> None:
    """Idempotent; bootstrap calls it in every process that has the database."""
    register(chain=run_stage, dead=open_failure)


@on_tick("messages")
def send_messages(services: Services) -> int:
    """Send what is due. One batch at a time while timers are late: a mail that leaves a little later is none the worse."""

    async def batches() -> int:
        sent = 0
        for _ in range(_MOST_BATCHES):
            tried = await send_due()
            sent += tried
            if tried < BATCH or is_behind(services):
                break
        return sent

    return asyncio.run(batches())


@on_tick("chains", every_s=120)
def repair_chains(services: Services) -> int:
    """Chains that stood still."""
    with services.store.write() as db:
        return timers.reconcile(db)


on_tick("retention", every_s=3_600)(retention.retain)


@on_tick("recordings", every_s=60)
def erase_recordings(services: Services) -> int:
    """Files past their date or asked to be erased: the bytes first, then the row."""
    return asyncio.run(recordings.erase_due(services))
