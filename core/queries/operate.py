"""The operator's question: is the system healthy? Plugins, deliveries, messages, workers, the audit log."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import col, func, select

from core import services
from core.access import Viewer
from core.domain import (
    AuditEntry,
    ClassSession,
    Delivery,
    DomainEvent,
    ExceptionCase,
    Message,
    Person,
    Timer,
    WorkerHeartbeat,
)
from core.errors import NotAllowed
from core.queries.common import iso


@dataclass(frozen=True)
class Health:
    """ok: everything that must run does. Ages in seconds; -1 = never seen."""

    ok: bool
    workers: list[tuple[str, int]]
    timers_late: int
    oldest_timer_s: int
    messages_waiting: int
    messages_failed: int
    deliveries: dict[str, int]
    live: int
    events_hour: int
    cases: int


@dataclass(frozen=True)
class PluginLine:
    """state: on | off | broken. held: deliveries that wait for it to be switched on."""

    name: str
    title: str
    description: str
    version: str
    builtin: bool
    state: str
    problem: str
    hooks: str
    held: int
    failed: int


@dataclass(frozen=True)
class DeliveryLine:
    id: str
    plugin: str
    hook: str
    change: str
    status: str
    attempts: int
    error: str
    created_at: str
    done_at: str


@dataclass(frozen=True)
class AuditLine:
    at: str
    actor: str
    action: str
    about: str
    subject_id: str


def _operator(viewer: Viewer) -> None:
    if not viewer.has("operator"):
        raise NotAllowed()


def health(viewer: Viewer) -> Health:
    _operator(viewer)
    service = services.current()
    now = service.clock.now()
    with service.store.read() as db:
        workers = [
            (row.executor_id, round((now - row.at).total_seconds())) for row in db.exec(select(WorkerHeartbeat))
        ]
        late = db.exec(
            select(func.count(), func.min(Timer.due_at)).where(
                Timer.status == "waiting", Timer.due_at < now - timedelta(seconds=30)
            )
        ).one()
        messages = Counter(dict(db.exec(select(Message.status, func.count()).group_by(Message.status)).all()))
        deliveries = dict(db.exec(select(Delivery.status, func.count()).group_by(Delivery.status)).all())
        live = db.exec(select(func.count()).where(ClassSession.status == "live")).one()
        events = db.exec(select(func.count()).where(DomainEvent.at > now - timedelta(hours=1))).one()
        cases = db.exec(
            select(func.count()).where(ExceptionCase.queue == "operator", ExceptionCase.status != "resolved")
        ).one()
    alive = any(age < 30 for _, age in workers)
    oldest = late[1]
    return Health(
        ok=alive and late[0] == 0 and not messages["failed"] and not deliveries.get("failed"),
        workers=workers,
        timers_late=late[0],
        oldest_timer_s=round((now - oldest).total_seconds()) if late[0] and oldest else 0,
        messages_waiting=messages["queued"],
        messages_failed=messages["failed"],
        deliveries=deliveries,
        live=live,
        events_hour=events,
        cases=cases,
    )


def plugins(viewer: Viewer) -> list[PluginLine]:
    _operator(viewer)
    service = services.current()
    with service.store.read() as db:
        counts: Counter[tuple[str, str]] = Counter()
        for name, status, number in db.exec(
            select(Delivery.plugin, Delivery.status, func.count()).group_by(Delivery.plugin, Delivery.status)
        ):
            counts[(name, status)] = number
    return [
        PluginLine(
            name=plugin.name,
            title=plugin.title,
            description=plugin.description,
            version=plugin.version,
            builtin=plugin.builtin,
            state="broken" if plugin.broken else "on" if service.plugins.enabled(plugin.name) else "off",
            problem=plugin.broken,
            hooks=", ".join(plugin.hooks),
            held=counts[(plugin.name, "held")],
            failed=counts[(plugin.name, "failed")],
        )
        for plugin in service.plugins.all()
    ]


def deliveries(
    viewer: Viewer, *, status: str = "", plugin: str = "", page: int = 0, size: int = 50
) -> tuple[list[DeliveryLine], int]:
    """Deliveries, newest first; the number of all that fit."""
    _operator(viewer)
    with services.current().store.read() as db:
        query = select(Delivery)
        if status:
            query = query.where(Delivery.status == status)
        if plugin:
            query = query.where(Delivery.plugin == plugin)
        total = db.exec(select(func.count()).select_from(query.subquery())).one()
        rows = db.exec(query.order_by(col(Delivery.created_at).desc()).offset(page * size).limit(size))
        lines = [
            DeliveryLine(
                r.id, r.plugin, r.hook, r.change, r.status, r.attempts, r.error, iso(r.created_at), iso(r.done_at)
            )
            for r in rows
        ]
        return lines, total


def audit_log(viewer: Viewer, *, find: str = "", page: int = 0, size: int = 50) -> tuple[list[AuditLine], int]:
    """Who saw and changed what, newest first. find: part of an action."""
    _operator(viewer)
    with services.current().store.read() as db:
        query = select(AuditEntry)
        if find.strip():
            query = query.where(col(AuditEntry.action).icontains(find.strip(), autoescape=True))
        total = db.exec(select(func.count()).select_from(query.subquery())).one()
        rows = db.exec(query.order_by(col(AuditEntry.at).desc()).offset(page * size).limit(size)).all()
        people = {
            p.id: p.name
            for p in db.exec(
                select(Person).where(
                    col(Person.id).in_({i for r in rows for i in (r.actor_id, r.person_id) if i})
                )
            )
        }
        lines = [
            AuditLine(
                iso(r.at), people.get(r.actor_id or "", ""), r.action, people.get(r.person_id or "", ""), r.subject_id
            )
            for r in rows
        ]
        return lines, total
