"""Timers fire once, when they are due, for what they were written for; the ticks of the worker."""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from sqlmodel import Session, select

from core import clock
from core.clock import cancel_timers, on_timer, set_timer, tick_timers
from core.domain import ClassSession, Course, Delivery, Signal, Timer, WorkerHeartbeat
from core.services import Services
from core.testing import FakeClock, plugin, seed, services

pytestmark = pytest.mark.unit


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    monkeypatch.setattr(clock, "_handlers", {})
    monkeypatch.setattr(clock, "_ticks", {})
    with services(tmp_path) as made:
        yield made


@pytest.fixture
def fired(made: Services) -> list[str]:
    """Subjects of the "bell" timers that fired."""
    seen: list[str] = []

    @on_timer("bell")
    def ring(db: Session, timer: Timer, now: datetime) -> None:
        seen.append(timer.subject_id)

    return seen


def fake(made: Services) -> FakeClock:
    assert isinstance(made.clock, FakeClock)
    return made.clock


def wind(made: Services, subject_id: str = "s1", in_s: float = 60, **more: Any) -> None:
    with made.store.write() as db:
        set_timer(db, "bell", subject_id, made.clock.now() + timedelta(seconds=in_s), **more)


def statuses(made: Services) -> list[str]:
    with made.store.read() as db:
        return [timer.status for timer in db.exec(select(Timer).order_by(Timer.id))]


def test_it_fires_when_it_is_due_and_once(made: Services, fired: list[str]) -> None:
    wind(made)
    assert tick_timers(made) == 0
    fake(made).advance(59)
    assert tick_timers(made) == 0
    fake(made).advance(1)
    assert tick_timers(made) == 1
    assert tick_timers(made) == 0
    assert fired == ["s1"]
    with made.store.read() as db:
        assert db.exec(select(Timer)).one().fired_at == made.clock.now()


def test_a_rollback_leaves_no_timer(made: Services, fired: list[str]) -> None:
    with pytest.raises(RuntimeError), made.store.write() as db:
        set_timer(db, "bell", "s1", made.clock.now())
        raise RuntimeError
    assert tick_timers(made) == 0


def test_overdue_ones_fire_in_one_order_everywhere_so_that_no_two_workers_wait_in_a_circle(
    made: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int]] = []

    @on_timer("bell")
    def ring(db: Session, timer: Timer, now: datetime) -> None:
        seen.append((timer.subject_id, timer.params["n"]))

    for number, (subject, in_s) in enumerate((("c", 30), ("a", 20), ("b", 10), ("a", 15))):
        wind(made, subject, in_s, n=number)
    fake(made).advance(hours=2)
    tick_timers(made)
    assert seen == [("a", 3), ("a", 1), ("b", 2), ("c", 0)], "the oldest of each first"
    monkeypatch.setattr(clock, "BATCH", 1)
    seen.clear()
    for subject, in_s in (("c", 10), ("a", 20)):
        wind(made, subject, in_s, n=9)
    fake(made).advance(60)
    tick_timers(made)
    assert seen == [("c", 9), ("a", 9)], "the oldest batch first"


def test_cancelled_ones_do_not_fire(made: Services, fired: list[str]) -> None:
    wind(made, "s1")
    wind(made, "s2")
    with made.store.write() as db:
        set_timer(db, "other", "s1", made.clock.now())
        cancel_timers(db, "s1", ("bell",))
        cancel_timers(db, "s2")
    fake(made).advance(61)
    tick_timers(made)
    assert fired == []
    assert sorted(statuses(made)) == ["stale", "stale", "waiting"]


def test_a_timer_set_and_cancelled_in_one_transaction(made: Services, fired: list[str]) -> None:
    with made.store.write() as db:
        set_timer(db, "bell", "s1", made.clock.now())
        cancel_timers(db, "s1")
    assert tick_timers(made) == 0
    assert statuses(made) == ["stale"]


def test_a_stale_version_fires_into_nothing(made: Services) -> None:
    seen: list[str] = []

    @on_timer("bell", subject=ClassSession)
    def ring(db: Session, timer: Timer, now: datetime) -> None:
        seen.append(timer.subject_id)

    with made.store.write() as db:
        session = seed.lesson(db).session
        set_timer(db, "bell", session.id, made.clock.now(), version=1)
        set_timer(db, "bell", session.id, made.clock.now(), version=2)
        set_timer(db, "bell", "gone", made.clock.now(), version=1)
        session.version = 2
    assert tick_timers(made) == 1
    assert seen == [session.id]
    assert sorted(statuses(made)) == ["fired", "stale", "stale"]


def test_a_handler_may_call_it_stale_itself(made: Services) -> None:
    @on_timer("bell")
    def ring(db: Session, timer: Timer, now: datetime) -> None:
        timer.status = "stale"

    wind(made, in_s=0)
    assert tick_timers(made) == 0
    assert statuses(made) == ["stale"]


def test_a_failing_handler_leaves_nothing_waits_longer_each_time_and_is_reported(
    made: Services, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Delivery] = []

    @on_timer("bell")
    def ring(db: Session, timer: Timer, now: datetime) -> None:
        db.add(Course(name="Never"))
        db.flush()
        raise ValueError("a name that must not be logged")

    wind(made, in_s=0)
    tries = 0
    while statuses(made) == ["waiting"]:
        tick_timers(made, heard.append)
        assert tick_timers(made, heard.append) == 0
        tries += 1
        fake(made).advance(made.settings.timer_backoff_s[min(tries, 4) - 1])
    assert tries == len(made.settings.timer_backoff_s) + 1 == 5
    assert statuses(made) == ["failed"]
    assert [(one.plugin, one.hook, one.subject_id) for one in heard] == [("core", "timer.bell", "s1")]
    with made.store.read() as db:
        assert not db.exec(select(Course)).all()
    assert "must not be logged" not in caplog.text + heard[0].error


def test_one_failure_does_not_stop_the_others(made: Services) -> None:
    seen: list[str] = []

    @on_timer("bell")
    def ring(db: Session, timer: Timer, now: datetime) -> None:
        if timer.subject_id == "bad":
            raise RuntimeError
        seen.append(timer.subject_id)

    for subject in ("bad", "good"):
        wind(made, subject, in_s=0)
    assert tick_timers(made) == 1
    assert seen == ["good"]


def test_a_kind_nobody_handles_waits_and_blocks_nobody(made: Services, fired: list[str]) -> None:
    with made.store.write() as db:
        for number in range(clock.BATCH + 1):
            set_timer(db, "removed", f"r{number}", made.clock.now())
    wind(made, in_s=0)
    assert tick_timers(made) == 1
    assert fired == ["s1"]


def test_more_than_a_batch_fires_in_one_tick(made: Services, fired: list[str]) -> None:
    with made.store.write() as db:
        for number in range(clock.BATCH * 3 + 5):
            set_timer(db, "bell", f"s{number}", made.clock.now())
    assert tick_timers(made) == clock.BATCH * 3 + 5
    assert len(set(fired)) == clock.BATCH * 3 + 5


def test_twenty_thousand_waiting_timers_cost_a_tick_nothing(made: Services, fired: list[str]) -> None:
    """The tick asks an index for what is due; it never looks at the rest."""
    later = made.clock.now() + timedelta(days=1)
    with made.store.write() as db:
        rows = [
            Timer(kind="bell", subject_id=f"s{number}", due_at=later).model_dump() for number in range(20_000)
        ]
        db.connection().execute(insert(Timer), rows)
    with made.store.read() as db:
        from core.clock import _due  # pyright: ignore[reportPrivateUsage]

        assert _due(made, made.clock.now()) == []
        query = (
            "SELECT id FROM timer WHERE status = 'waiting' AND due_at <= '2026' ORDER BY due_at, id LIMIT 20"
        )
        plan = db.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {query}").all()
    assert any("ix_timer_status_due" in str(row) for row in plan)
    wind(made, "due", in_s=0)
    assert tick_timers(made) == 1
    assert fired == ["due"]


def test_two_handlers_for_one_kind_are_a_mistake(made: Services, fired: list[str]) -> None:
    with pytest.raises(ValueError, match="two handlers"):

        @on_timer("bell")
        def other(db: Session, timer: Timer, now: datetime) -> None: ...


def test_next_due(made: Services, fired: list[str]) -> None:
    assert clock.next_due(made) is None
    wind(made, in_s=60)
    assert clock.next_due(made) == made.clock.now() + timedelta(seconds=60)


def test_it_is_behind_while_something_due_has_waited(made: Services, fired: list[str]) -> None:
    wind(made, in_s=1)
    fake(made).advance(1.4)
    assert not clock.is_behind(made), "it fires at the next tick"
    fake(made).advance(0.2)
    assert clock.is_behind(made)
    tick_timers(made)
    assert not clock.is_behind(made)


def test_registered_ticks_run_by_name(made: Services) -> None:
    @clock.on_tick("digest", every_s=3_600)
    def digest(services: Services) -> str:
        return services.role

    assert clock.ticks() == ("digest",)
    assert clock.run_tick(made, "digest") == "test"


def test_heartbeat_names_the_silent(made: Services) -> None:
    with made.store.write() as db:
        db.add(WorkerHeartbeat(executor_id="worker-7", at=made.clock.now()))
    assert clock.beat(made) == []
    fake(made).advance(clock.SILENT_S + 1)
    assert clock.beat(made) == ["worker-7"]


def test_the_clockwork_ticks_and_stops(made: Services, wait_until: Callable[..., None]) -> None:
    ticked: list[str] = []
    taken: list[list[str]] = []

    @clock.on_tick("fails")
    def fails(services: Services) -> None:
        raise RuntimeError

    @clock.on_tick("works")
    def works(services: Services) -> None:
        ticked.append("works")

    with made.store.write() as db:
        db.add(WorkerHeartbeat(executor_id="worker-7", at=made.clock.now() - timedelta(hours=1)))
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    clockwork = clock.Clockwork(made, take_over=lambda services, ids: taken.append(ids) or 0)
    clockwork.start()
    try:
        wait_until(lambda: bool(ticked) and bool(taken))
    finally:
        clockwork.stop()
    assert taken == [["worker-7"]]
    with made.store.read() as db:
        assert [row.executor_id for row in db.exec(select(WorkerHeartbeat))] == ["worker-0"]


@pytest.fixture
def wait_until() -> Callable[..., None]:
    import time

    def wait(what: Callable[[], bool], timeout_s: float = 20) -> None:
        deadline = time.monotonic() + timeout_s
        while not what():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    return wait


def test_detectors_keep_what_is_new(tmp_path: Path) -> None:
    def detect(db: Session, now: datetime) -> list[Signal]:
        return [Signal(kind="late", dedupe="late:1", purpose="punctuality", raised_at=now)]

    def fail(db: Session, now: datetime) -> list[Signal]:
        raise RuntimeError

    def detectors() -> list[Any]:
        return [("bad", fail), ("late", detect)]

    with services(tmp_path, plugins={"quiz": plugin("quiz", detectors=detectors)}) as made:
        assert clock.run_detectors(made) == 1
        assert clock.run_detectors(made) == 0
