"""The clock: timers in the database, and the ticks of the worker.

A timer is a row written in the transaction of the change that wants it, so it exists exactly when the change
does. APScheduler only ticks; what is due, and what it means, is in rows and registered functions. Each tick
may run twice, late, or in two workers at the same time.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import update
from sqlmodel import Session, SQLModel, col, select

from core.domain.case import Signal
from core.domain.event import Delivery, WorkerHeartbeat
from core.domain.message import Timer
from core.errors import fault
from core.metrics import tally
from core.services import Services, using

logger = logging.getLogger(__name__)

TimerHandler = Callable[[Session, Timer, datetime], None]
Tick = Callable[[Services], Any]
Dead = Callable[[Delivery], None]

BATCH = 20
"""Timers looked up at a time."""
SHARE_S = {"sqlite": 0.015, "postgresql": 0.15}
"""Timers fire together in one transaction until it has lasted this long. SQLite has one writer: others wait for it."""
BEHIND = timedelta(seconds=0.5)
"""A timer that has waited for so long says that there is more to do than time to do it."""
HEARTBEAT_S = 5.0
SILENT_S = 30.0
"""A worker that has not written for this long is dead; its work goes to the others."""

F = TypeVar("F", bound=TimerHandler)
G = TypeVar("G", bound=Tick)


class SystemClock:
    """`core.ports.Clock`, the real one."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Handler:
    fire: TimerHandler
    subject: type[SQLModel] | None


@dataclass(frozen=True, slots=True)
class _Tick:
    name: str
    every_s: float | None
    """None = `settings.tick_s`."""
    run: Tick


_handlers: dict[str, _Handler] = {}
_ticks: dict[str, _Tick] = {}


def set_timer(
    db: Session, kind: str, subject_id: str, due_at: datetime, version: int = 1, **params: Any
) -> Timer:
    """Write a timer in the caller's transaction. version: the subject's now; params: ids and numbers."""
    timer = Timer(kind=kind, subject_id=subject_id, due_at=due_at, version=version, params=params)
    db.add(timer)
    return timer


def cancel_timers(db: Session, subject_id: str, kinds: Iterable[str] | None = None) -> None:
    """Timers of this subject that still wait become stale. kinds: None = all of them."""
    db.flush()
    query = update(Timer).where(col(Timer.subject_id) == subject_id, col(Timer.status) == "waiting")
    if kinds is not None:
        query = query.where(col(Timer.kind).in_(list(kinds)))
    db.exec(query.values(status="stale"))


def on_timer(kind: str, subject: type[SQLModel] | None = None) -> Callable[[F], F]:
    """Register `handler(db, timer, now)` for a kind. It runs in one short transaction with the claim.

    subject: a table with a `version`; a timer whose subject is gone or has another version becomes stale
    without the handler. A handler may also set `timer.status = "stale"` itself. When it raises, nothing of
    it is kept and the timer waits, longer each time; after the last try it is reported as failed.
    """

    def decorate(handler: F) -> F:
        known = _handlers.get(kind)
        if known and known.fire.__qualname__ != handler.__qualname__:
            raise ValueError(f"timer kind {kind!r} has two handlers")
        _handlers[kind] = _Handler(handler, subject)
        return handler

    return decorate


def on_tick(name: str, every_s: float | None = None) -> Callable[[G], G]:
    """Register `work(services)` to run in the worker every so often. It must be idempotent and return soon.

    every_s: seconds, None = `settings.tick_s`. Names: messages, reconciliation, retention, planner, ...
    """

    def decorate(work: G) -> G:
        _ticks[name] = _Tick(name, every_s, work)
        return work

    return decorate


def ticks() -> tuple[str, ...]:
    """Names of registered ticks."""
    return tuple(_ticks)


def run_tick(services: Services, name: str) -> Any:
    """Run one registered tick now (tests, `hilink` commands)."""
    with using(services):
        return _ticks[name].run(services)


def tick_timers(services: Services, dead: Dead | None = None) -> int:
    """Fire everything that is due, the oldest BATCH first; returns how many fired.

    dead: told of a timer that failed for good (`core.delivery.report_dead`).
    """
    fired = 0
    with using(services):
        while True:
            now = services.clock.now()
            due = _due(services, now)
            waiting = due
            while waiting:
                waiting, more = _fire_some(services, waiting, now, dead)
                fired += more
            if len(due) < BATCH:
                tally.count("hilink_timers_fired_total", fired)
                return fired


def is_behind(services: Services) -> bool:
    """Whether timers wait that were due a moment ago: what may as well be done later gives way to them."""
    now = services.clock.now()
    with services.store.read() as db:
        query = select(Timer.id).where(
            Timer.status == "waiting",
            Timer.due_at <= now - BEHIND,
            col(Timer.kind).in_(list(_handlers)),
        )
        return db.exec(query.limit(1)).first() is not None


def next_due(services: Services) -> datetime | None:
    """When the next timer of a known kind is due (tests, the operators' page)."""
    with services.store.read() as db:
        query = select(Timer.due_at).where(Timer.status == "waiting", col(Timer.kind).in_(list(_handlers)))
        return db.exec(query.order_by(col(Timer.due_at)).limit(1)).first()


def run_detectors(services: Services) -> int:
    """Run every plugin's detectors and keep what is new; returns how many signals were raised.

    A detector looks (read-only) and returns `core.domain.Signal`s; `dedupe` makes one finding one signal.
    """
    raised = 0
    for plugin, detectors in services.plugins.call("detectors", enabled_only=True):
        for name, detect in detectors:
            now = services.clock.now()
            try:
                with services.store.read() as db:
                    found: Sequence[Signal] = list(detect(db, now))
                raised += _keep(services, found)
            except Exception as error:  # border: one detector's failure must not stop the others
                logger.error(
                    "Detector failed", extra={"plugin": plugin, "detector": name, "fault": fault(error)}
                )
    return raised


def beat(services: Services) -> list[str]:
    """Say that this worker lives; returns the executor ids of workers that have fallen silent."""
    now = services.clock.now()
    mine = f"worker-{services.settings.worker_slot}"
    with services.store.write() as db:
        db.merge(WorkerHeartbeat(executor_id=mine, at=now))
        silent = select(WorkerHeartbeat.executor_id).where(
            WorkerHeartbeat.at < now - timedelta(seconds=SILENT_S), WorkerHeartbeat.executor_id != mine
        )
        return list(db.exec(silent))


class Clockwork:
    """The worker's ticks. Every job runs in a thread of its own, never twice at the same time."""

    def __init__(
        self,
        services: Services,
        *,
        dead: Dead | None = None,
        take_over: Callable[[Services, list[str]], int] | None = None,
    ) -> None:
        from apscheduler.executors.pool import ThreadPoolExecutor  # pyright: ignore[reportMissingTypeStubs]
        from apscheduler.schedulers.background import (  # pyright: ignore[reportMissingTypeStubs]
            BackgroundScheduler,
        )

        self._services, self._dead, self._take_over = services, dead, take_over
        self._stopping = threading.Event()
        self._scheduler: Any = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(8)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def start(self) -> None:
        """Start ticking, each job at once and then in its interval."""
        settings = self._services.settings
        self._every("timers", settings.tick_s, lambda services: tick_timers(services, self._dead))
        self._every("heartbeat", HEARTBEAT_S, self._heartbeat)
        self._every("detectors", 300.0, run_detectors)
        for tick in _ticks.values():
            self._every(tick.name, tick.every_s or settings.tick_s, tick.run)
        self._scheduler.start()

    def stop(self) -> None:
        """Let running ticks finish, start no more."""
        self._stopping.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def _every(self, name: str, seconds: float, work: Tick) -> None:
        self._scheduler.add_job(
            self._guarded,
            "interval",
            seconds=seconds,
            id=name,
            args=(name, work),
            next_run_time=datetime.now(UTC),
        )

    def _guarded(self, name: str, work: Tick) -> None:
        if self._stopping.is_set():
            return
        try:
            with using(self._services):
                work(self._services)
        except Exception as error:  # border: a tick that fails is tried at its next turn
            tally.count("hilink_ticks_failed_total", label=name)
            logger.error("Tick failed", extra={"tick": name, "fault": fault(error)})

    def _heartbeat(self, services: Services) -> None:
        silent = beat(services)
        if silent and self._take_over:
            self._take_over(services, silent)
            with services.store.write() as db:
                for executor_id in silent:
                    if (row := db.get(WorkerHeartbeat, executor_id)) and row.at < _silent_since(services):
                        db.delete(row)


def _silent_since(services: Services) -> datetime:
    return services.clock.now() - timedelta(seconds=SILENT_S)


def _due(services: Services, now: datetime) -> list[str]:
    """Known kinds only: one that no code handles any more must not fill the batch for ever.

    The oldest, in the order of what they are about: so two workers, whose transactions lock several lessons each,
    lock them in the same order.
    """
    with services.store.read() as db:
        query = select(Timer.id, Timer.subject_id).where(
            Timer.status == "waiting", Timer.due_at <= now, col(Timer.kind).in_(list(_handlers))
        )
        rows = db.exec(query.order_by(col(Timer.due_at), col(Timer.id)).limit(BATCH)).all()
    return [timer_id for timer_id, _ in sorted(rows, key=lambda row: row[1])]


def _fire_some(
    services: Services, timer_ids: list[str], now: datetime, dead: Dead | None
) -> tuple[list[str], int]:
    """Fire the first ones in one short transaction; (those that were not reached, how many fired).

    When one fails, all of it is undone and done again with a savepoint for each, so that it fails alone. When the
    transaction fails even so, only its first timer counts as failed; the others are tried again without it.
    """
    try:
        return _fire_together(services, timer_ids, now)
    except Exception as error:  # border: the second time tells which of them it is
        logger.info(
            "Timers fire again, each by itself", extra={"timers": len(timer_ids), "fault": fault(error)}
        )
        failed: dict[str, Exception] = {}
        try:
            waiting, fired = _fire_together(services, timer_ids, now, failed)
        except Exception as error:  # border: what the database says at the end
            failed, waiting, fired = {timer_ids[0]: error}, timer_ids[1:], 0
    for timer_id, error in failed.items():
        _postpone(services, timer_id, now, error, dead)
    return waiting, fired


def _fire_together(
    services: Services, timer_ids: list[str], now: datetime, failed: dict[str, Exception] | None = None
) -> tuple[list[str], int]:
    """failed: takes what fails, undone alone; None: the first failure is raised, and everything is undone."""
    fired, reached, share_s = 0, 0, SHARE_S[services.store.dialect]
    began = time.monotonic()
    with services.store.write() as db:
        claimed = {timer.id: timer for timer in _claim(db, timer_ids, now)}
        for timer_id in timer_ids:
            reached += 1
            if (timer := claimed.get(timer_id)) is None:
                continue
            if failed is None:
                fired += _fire(db, timer, services.clock.now())
            else:
                try:
                    with db.begin_nested():
                        fired += _fire(db, timer, services.clock.now())
                except Exception as error:  # border: one timer's failure must not stop the clock
                    failed[timer_id] = error
            if time.monotonic() - began > share_s:
                break
    return timer_ids[reached:], fired


def _fire(db: Session, timer: Timer, now: datetime) -> int:
    """1 when it fired, 0 when it was stale."""
    handler = _handlers[timer.kind]
    # Kept until the handler is done, which then finds it in the session instead of asking for it again.
    subject: Any = db.get(handler.subject, timer.subject_id) if handler.subject else None
    if handler.subject and (subject is None or subject.version != timer.version):
        timer.status = "stale"
        return 0
    timer.status, timer.fired_at = "fired", now
    handler.fire(db, timer, now)
    return 1 if timer.status == "fired" else 0


def _claim(db: Session, timer_ids: Sequence[str], now: datetime) -> Sequence[Timer]:
    """Those that still wait, locked: another worker skips them."""
    query = select(Timer).where(col(Timer.id).in_(timer_ids), Timer.status == "waiting", Timer.due_at <= now)
    return db.exec(query.with_for_update(skip_locked=True)).all()


def _postpone(services: Services, timer_id: str, now: datetime, error: Exception, dead: Dead | None) -> None:
    what = fault(error)
    pauses = services.settings.timer_backoff_s
    with services.store.write() as db:
        timer = db.get(Timer, timer_id, with_for_update=True)
        if timer is None or timer.status != "waiting":
            return
        logger.error(
            "Timer failed", extra={"timer": timer.kind, "attempt": timer.attempts + 1, "fault": what}
        )
        if timer.attempts < len(pauses):
            timer.due_at = now + timedelta(seconds=pauses[timer.attempts])
            timer.attempts += 1
            return
    if dead:
        dead(_as_delivery(timer, what, now))
    with services.store.write() as db:
        if timer := db.get(Timer, timer_id):
            timer.status, timer.attempts = "failed", timer.attempts + 1


def _as_delivery(timer: Timer, error: str, now: datetime) -> Delivery:
    return Delivery(
        id=f"timer:{timer.id}",
        event_id=0,
        plugin="core",
        hook=f"timer.{timer.kind}",
        subject_id=timer.subject_id,
        status="failed",
        error=error,
        created_at=now,
    )


def _keep(services: Services, found: Sequence[Signal]) -> int:
    if not found:
        return 0
    with services.store.write() as db:
        known = set(
            db.exec(select(Signal.dedupe).where(col(Signal.dedupe).in_([one.dedupe for one in found])))
        )
        new = {signal.dedupe: signal for signal in found if signal.dedupe not in known}
        db.add_all(new.values())
        return len(new)
