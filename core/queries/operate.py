"""The operator's question: is the system healthy? Plugins, deliveries, messages, workers, the audit log."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import col, func, or_, select

from core import services
from core.access import Viewer
from core.domain import (
    AuditEntry,
    ClassSession,
    Delivery,
    DomainEvent,
    ExceptionCase,
    MediaNode,
    Message,
    Person,
    Timer,
    WorkerHeartbeat,
)
from core.errors import NotAllowed
from core.lifecycle.media import SILENT_S, VERSION
from core.queries.common import iso

WORKER_SILENT_S = 30
"""A worker that has not been heard of for longer is taken for dead."""


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
    nodes: list["NodeLine"]


@dataclass(frozen=True)
class NodeLine:
    """A media node. state: ready | draining | silent | stopped | foreign (speaks another version). load in percent."""

    name: str
    region: str
    state: str
    load: int
    rooms: int
    participants: int
    silent_s: int


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
            (row.executor_id, round((now - row.at).total_seconds()))
            for row in db.exec(select(WorkerHeartbeat))
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
        nodes = [_node(row, now) for row in db.exec(select(MediaNode).order_by(col(MediaNode.name)))]
    alive = any(age < WORKER_SILENT_S for _, age in workers)
    oldest = late[1]
    return Health(
        ok=alive
        and media_alive(nodes)
        and late[0] == 0
        and not messages["failed"]
        and not deliveries.get("failed"),
        workers=workers,
        timers_late=late[0],
        oldest_timer_s=round((now - oldest).total_seconds()) if late[0] and oldest else 0,
        messages_waiting=messages["queued"],
        messages_failed=messages["failed"],
        deliveries=deliveries,
        live=live,
        events_hour=events,
        cases=cases,
        nodes=nodes,
    )


def node_lines(service: services.Services) -> list[NodeLine]:
    """Every media node, by name; for the command line, where the operator is whoever may run it."""
    now = service.clock.now()
    with service.store.read() as db:
        return [_node(row, now) for row in db.exec(select(MediaNode).order_by(col(MediaNode.name)))]


def media_alive(nodes: list[NodeLine]) -> bool:
    """Can a lesson that begins now have sound?"""
    return any(node.state in ("ready", "draining") for node in nodes)


def _node(row: MediaNode, now: datetime) -> NodeLine:
    silent_s = (now - row.seen_at).total_seconds()
    if row.stopped_at is not None:
        state = "stopped"
    elif silent_s >= SILENT_S:
        state = "silent"
    elif row.version != VERSION:
        state = "foreign"
    else:
        state = "draining" if row.draining else "ready"
    load, silent = round(row.load * 100), round(silent_s)
    return NodeLine(row.name, row.region, state, load, row.rooms, row.participants, silent)


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
                r.id,
                r.plugin,
                r.hook,
                r.change,
                r.status,
                r.attempts,
                r.error,
                iso(r.created_at),
                iso(r.done_at),
            )
            for r in rows
        ]
        return lines, total


def delivery_counts(viewer: Viewer) -> dict[str, int]:
    """How many deliveries are in each status; every status is there."""
    _operator(viewer)
    counts: dict[str, int] = dict.fromkeys(("waiting", "held", "failed", "done", "skipped"), 0)
    with services.current().store.read() as db:
        counts.update(dict(db.exec(select(Delivery.status, func.count()).group_by(Delivery.status)).all()))
    return counts


def audit_log(
    viewer: Viewer, *, find: str = "", page: int = 0, size: int = 50
) -> tuple[list[AuditLine], int]:
    """Who saw and changed what, newest first. find: part of an action or of a person's name."""
    _operator(viewer)
    with services.current().store.read() as db:
        query = select(AuditEntry)
        if wanted := find.strip():
            named = select(Person.id).where(col(Person.name).icontains(wanted, autoescape=True))
            query = query.where(
                or_(
                    col(AuditEntry.action).icontains(wanted, autoescape=True),
                    col(AuditEntry.actor_id).in_(named),
                    col(AuditEntry.person_id).in_(named),
                )
            )
        total = db.exec(select(func.count()).select_from(query.subquery())).one()
        rows = db.exec(
            query.order_by(col(AuditEntry.at).desc(), col(AuditEntry.id)).offset(page * size).limit(size)
        ).all()
        ids = {person_id for row in rows for person_id in (row.actor_id, row.person_id) if person_id}
        names = {person.id: person.name for person in db.exec(select(Person).where(col(Person.id).in_(ids)))}
        lines = [
            AuditLine(
                iso(row.at),
                names.get(row.actor_id or "", ""),
                row.action,
                names.get(row.person_id or "", ""),
                row.subject_id,
            )
            for row in rows
        ]
        return lines, total
