"""How much work there is, in numbers: for the worker's /metrics."""

from datetime import datetime

from sqlmodel import col, func, select

from core.domain import ClassSession, Delivery, ExceptionCase, Message, Timer
from core.metrics import Values
from core.services import Services

_DELIVERIES = ("waiting", "held", "done", "skipped", "failed")
_MESSAGES = ("queued", "sent", "failed", "cancelled")


def of_work(service: Services) -> Values:
    """By metric name (`hilink_app.metrics.WORKER`), in one snapshot. No person is in it."""
    now = service.clock.now()
    with service.store.read() as db:
        due = (Timer.status == "waiting", col(Timer.due_at) <= now)
        late, oldest = db.exec(select(func.count(), func.min(Timer.due_at)).where(*due)).one()
        deliveries = dict(db.exec(select(Delivery.status, func.count()).group_by(Delivery.status)).all())
        messages = dict(db.exec(select(Message.status, func.count()).group_by(Message.status)).all())
        overdue = db.exec(
            select(func.min(Message.due_at)).where(Message.status == "queued", col(Message.due_at) <= now)
        ).one()
        cases = db.exec(
            select(ExceptionCase.kind, func.count())
            .where(ExceptionCase.status != "resolved")
            .group_by(ExceptionCase.kind)
        ).all()
        live = db.exec(select(func.count()).where(ClassSession.status == "live")).one()
    return {
        "hilink_timers_due": late,
        "hilink_timer_lag_seconds": _since(oldest, now),
        "hilink_message_lag_seconds": _since(overdue, now),
        "hilink_deliveries": {status: deliveries.get(status, 0) for status in _DELIVERIES},
        "hilink_messages": {status: messages.get(status, 0) for status in _MESSAGES},
        "hilink_cases_open": dict(cases),
        "hilink_sessions_live": live,
    }


def _since(at: datetime | None, now: datetime) -> float:
    return (now - at).total_seconds() if at is not None else 0.0
