"""Deliveries: queued with their event, once each, apart from one another, and never lost."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from core import delivery
from core.delivery import engine
from core.delivery.work import deliver
from core.domain import AuditEntry, ClassSession, Delivery, DomainEvent, StepDone
from core.errors import Conflict, InvalidInput, NotFound
from core.events import CaseChanged, Event, RoomProvisioned, SessionScheduled
from core.services import Services
from core.testing import plugin, seed, services, work_off

pytestmark = pytest.mark.unit


class Quiz:
    """A plugin that remembers its calls; `fails` makes that many fail first."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, int]] = []
        self.fails = 0

    def on_schedule(self, ctx: Any, session: Any, change: str) -> None:
        self.calls.append((session.id, change, ctx.attempt))
        if len(self.calls) <= self.fails:
            raise ValueError("a name that must not be logged")

    async def on_exception(self, ctx: Any, case: Any, change: str) -> None:
        self.calls.append((case.id, change, ctx.attempt))


def explode() -> None:
    raise RuntimeError


class Dead:
    """Hears of deliveries that failed for good."""

    def __init__(self) -> None:
        self.heard: list[Delivery] = []

    def __call__(self, delivery: Delivery) -> None:
        self.heard.append(delivery)


@pytest.fixture
def quiz() -> Quiz:
    return Quiz()


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> Dead:
    dead = Dead()
    monkeypatch.setattr("core.delivery.work._dead", dead)
    return dead


@pytest.fixture
def made(tmp_path: Path, quiz: Quiz, dead: Dead) -> Iterator[Services]:
    listening = plugin("quiz", on_schedule=unbound(quiz.on_schedule), on_exception=unbound(quiz.on_exception))
    broken = plugin("bad", on_schedule=explode)
    with services(tmp_path, plugins={"bad": broken, "quiz": listening}) as made:
        yield made


def unbound(method: Any) -> Any:
    """pluggy marks functions, and a bound method cannot be marked."""
    if method.__name__ == "on_exception":

        async def on_exception(ctx: Any, case: Any, change: str) -> None:
            await method(ctx, case, change)

        return on_exception

    def on_schedule(ctx: Any, session: Any, change: str) -> None:
        method(ctx, session, change)

    return on_schedule


def scheduled(made: Services, version: int = 1) -> str:
    with made.store.write() as db:
        session = seed.lesson(db).session
        delivery.emit(db, SessionScheduled(session_id=session.id, change="scheduled", version=version))
        return session.id


def deliveries(made: Services, plugin: str = "quiz") -> list[Delivery]:
    with made.store.read() as db:
        return list(db.exec(select(Delivery).where(Delivery.plugin == plugin).order_by(Delivery.id)))


def test_a_rollback_leaves_neither_event_nor_delivery_nor_work(made: Services) -> None:
    with pytest.raises(RuntimeError), made.store.write() as db:
        session = seed.lesson(db).session
        delivery.emit(db, SessionScheduled(session_id=session.id, change="scheduled", version=1))
        delivery.start_chain(db, session.id, "attendance")
        raise RuntimeError
    assert not deliveries(made)
    assert not engine.queued(made.store)
    with made.store.read() as db:
        assert not db.exec(select(DomainEvent)).all()


def test_each_plugin_hears_of_it_once(made: Services, quiz: Quiz) -> None:
    session_id = scheduled(made)
    work_off(made)
    assert quiz.calls == [(session_id, "scheduled", 1)]
    (one,) = deliveries(made)
    assert (one.status, one.attempts, one.error) == ("done", 1, "")
    assert one.id == f"{one.event_id}:quiz"


def test_a_failing_plugin_is_tried_again_and_then_reported_and_stops_nobody(
    made: Services, dead: Dead, quiz: Quiz
) -> None:
    scheduled(made)
    work_off(made)
    assert len(quiz.calls) == 1
    (one,) = deliveries(made, "bad")
    assert (one.status, one.attempts) == ("failed", len(made.settings.delivery_backoff_s) + 1)
    assert "RuntimeError" in one.error
    assert [heard.id for heard in dead.heard] == [one.id]


def test_a_flaky_plugin_gets_there(made: Services, quiz: Quiz, dead: Dead) -> None:
    quiz.fails = 2
    scheduled(made)
    work_off(made)
    assert [attempt for _, _, attempt in quiz.calls] == [1, 2, 3]
    assert deliveries(made)[0].status == "done"
    assert [heard.plugin for heard in dead.heard] == ["bad"]


def test_later_tries_wait_without_holding_a_thread(made: Services, quiz: Quiz) -> None:
    quiz.fails = 1
    scheduled(made)
    work_off(made, delayed=False)
    waiting = [work for work in engine.queued(made.store) if work.arguments[0] == deliveries(made)[0].id]
    assert [work.status for work in waiting] == ["DELAYED"]


def test_an_error_is_recorded_without_its_words(
    made: Services, quiz: Quiz, caplog: pytest.LogCaptureFixture
) -> None:
    quiz.fails = 9
    scheduled(made)
    work_off(made)
    (one,) = deliveries(made)
    assert one.error.startswith("ValueError at test_delivery.py:")
    assert "must not be logged" not in one.error + caplog.text


def test_the_same_work_again_changes_nothing(made: Services, quiz: Quiz) -> None:
    scheduled(made)
    (one,) = deliveries(made)
    for _ in range(3):
        deliver(made, one.id, 0, 1)
    assert len(quiz.calls) == 1


def test_a_stale_delivery_is_skipped(made: Services, quiz: Quiz) -> None:
    session_id = scheduled(made)
    with made.store.write() as db:
        db.get_one(ClassSession, session_id).version = 2
        delivery.emit(db, SessionScheduled(session_id=session_id, change="moved", version=2))
    work_off(made)
    assert quiz.calls == [(session_id, "moved", 1)]
    assert [one.status for one in deliveries(made)] == ["skipped", "done"]


def test_a_subject_that_is_gone_is_skipped(made: Services, quiz: Quiz) -> None:
    with made.store.write() as db:
        delivery.emit(db, SessionScheduled(session_id="erased", change="scheduled", version=1))
    work_off(made)
    assert not quiz.calls
    assert [one.status for one in deliveries(made)] == ["skipped"]


def test_only_some_changes_of_a_case_are_delivered(made: Services, quiz: Quiz) -> None:
    with made.store.write() as db:
        case = seed.case(db, seed.lesson(db))
        for change in ("opened", "taken", "noted"):
            delivery.emit(db, CaseChanged(case_id=case.id, change=change, version=1))
    work_off(made)
    assert quiz.calls == [(case.id, "opened", 1)]


def switch(made: Services, enabled: bool, backlog: Any = "replay") -> None:
    with made.store.write() as db:
        delivery.switch_plugin(db, "quiz", enabled, None, backlog)


@pytest.mark.parametrize(("backlog", "status", "calls"), [("replay", "done", 1), ("skip", "skipped", 0)])
def test_switched_off_holds_and_switching_on_replays_or_skips(
    made: Services, quiz: Quiz, backlog: str, status: str, calls: int
) -> None:
    switch(made, False)
    scheduled(made)
    work_off(made)
    assert [one.status for one in deliveries(made)] == ["held"]
    assert not made.plugins.enabled("quiz")
    switch(made, True, backlog)
    assert made.plugins.enabled("quiz")
    work_off(made)
    assert [one.status for one in deliveries(made)] == [status]
    assert len(quiz.calls) == calls


def test_switched_off_in_between_holds_what_is_queued(made: Services, quiz: Quiz) -> None:
    scheduled(made)
    switch(made, False)
    work_off(made)
    assert not quiz.calls
    switch(made, True)
    work_off(made)
    assert len(quiz.calls) == 1


def test_switching_twice_says_so_once(made: Services) -> None:
    switch(made, False)
    switch(made, False)
    with made.store.read() as db:
        assert len(db.exec(select(DomainEvent).where(DomainEvent.kind == "plugin.switched")).all()) == 1
        assert len(db.exec(select(AuditEntry).where(AuditEntry.action == "switch.plugin")).all()) == 1


def test_switching_what_is_not_there(made: Services) -> None:
    with pytest.raises(NotFound), made.store.write() as db:
        delivery.switch_plugin(db, "nobody", False, None)
    with pytest.raises(InvalidInput), made.store.write() as db:
        delivery.switch_plugin(db, "quiz", True, None, "drop")  # pyright: ignore[reportArgumentType]


def test_an_operator_tries_again(made: Services, quiz: Quiz) -> None:
    quiz.fails = 4
    scheduled(made)
    work_off(made)
    (one,) = deliveries(made)
    assert one.status == "failed"
    with made.store.write() as db:
        delivery.retry(db, one.id)
    work_off(made)
    (one,) = deliveries(made)
    assert (one.status, one.run, one.error) == ("done", 1, "")
    with pytest.raises(Conflict), made.store.write() as db:
        delivery.retry(db, one.id)
    with pytest.raises(NotFound), made.store.write() as db:
        delivery.retry(db, "nothing")


def test_an_uninstalled_plugin_keeps_its_deliveries(made: Services, quiz: Quiz, tmp_path: Path) -> None:
    scheduled(made)
    without = type(made.plugins).load(built_ins=(), third_party=())
    without.read_switches_from(made.store)
    removed = Services(
        **{name: getattr(made, name) for name in Services.__slots__ if name != "plugins"}, plugins=without
    )
    work_off(removed)
    assert [one.status for one in deliveries(made)] == ["held"]
    with made.store.write() as db:
        delivery.retry(db, deliveries(made)[0].id)
    work_off(made)
    assert [one.status for one in deliveries(made)] == ["done"]


def step_twice(made: Services, fail_first: bool) -> list[int]:
    """Run a delivery whose step writes, and which then fails once or not; what the step gave each time."""
    given: list[int] = []
    written: list[int] = []

    def step(db: Session) -> int:
        delivery.audit(db, None, "test.step")
        written.append(1)
        return len(written)

    def on_schedule(ctx: Any) -> None:
        given.append(ctx.transaction("note", step))
        if fail_first and len(given) == 1:
            raise RuntimeError

    made.plugins.add("stepper", plugin("stepper", on_schedule=on_schedule))
    scheduled(made)
    work_off(made)
    return given


def test_a_step_happens_once_although_the_hook_runs_twice(made: Services) -> None:
    assert step_twice(made, fail_first=True) == [1, 1]
    with made.store.read() as db:
        assert len(db.exec(select(AuditEntry).where(AuditEntry.action == "test.step")).all()) == 1
        assert [row.result for row in db.exec(select(StepDone))] == [1]


def test_a_step_that_fails_leaves_nothing_and_may_run_again(made: Services) -> None:
    tries: list[int] = []

    def step(db: Session) -> None:
        delivery.audit(db, None, "test.step")
        db.flush()
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError

    def on_schedule(ctx: Any) -> None:
        ctx.transaction("note", step)

    made.plugins.add("stepper", plugin("stepper", on_schedule=on_schedule))
    scheduled(made)
    work_off(made)
    with made.store.read() as db:
        assert len(db.exec(select(AuditEntry).where(AuditEntry.action == "test.step")).all()) == 1
    assert [one.status for one in deliveries(made, "stepper")] == ["done"]


class Chain:
    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.fails = 0

    def __call__(self, session_id: str, stage: str) -> None:
        self.calls.append((session_id, stage))
        if len(self.calls) <= self.fails:
            raise RuntimeError


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch) -> Chain:
    chain = Chain()
    monkeypatch.setattr("core.delivery.work._chain", chain)
    return chain


def test_a_stage_is_worked_once_however_often_it_is_started(made: Services, chain: Chain) -> None:
    with made.store.write() as db:
        delivery.start_chain(db, "s1", "attendance")
        delivery.start_chain(db, "s1", "attendance")
    with made.store.write() as db:
        delivery.start_chain(db, "s1", "attendance")
        delivery.start_chain(db, "s1", "attendance", again="repair")
    work_off(made)
    assert chain.calls == [("s1", "attendance")] * 2


def test_a_failing_stage_is_tried_again_and_then_reported(made: Services, chain: Chain, dead: Dead) -> None:
    chain.fails = 99
    with made.store.write() as db:
        delivery.start_chain(db, "s1", "draft")
    work_off(made)
    assert len(chain.calls) == len(made.settings.delivery_backoff_s) + 1
    (heard,) = dead.heard
    assert (heard.plugin, heard.hook, heard.subject_id) == ("core", "chain.draft", "s1")


@pytest.mark.parametrize(
    "event",
    [
        CaseChanged(case_id="c", change="opened", version=1, case_kind="Anna was not there"),
        CaseChanged(case_id="c" * 90, change="opened", version=1),
    ],
)
def test_an_event_holds_no_text(made: Services, event: Event) -> None:
    with pytest.raises(ValueError, match="looks like text"), made.store.write() as db:
        delivery.emit(db, event)


def test_an_event_carries_its_facts(made: Services) -> None:
    with made.store.write() as db:
        row = delivery.emit(db, RoomProvisioned(session_id="s1"))
    assert (row.kind, row.session_id, row.at, row.payload) == ("room.provisioned", "s1", made.clock.now(), {})


def test_work_that_was_given_up_becomes_a_failure(
    made: Services, dead: Dead, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduled(made)
    (one,) = deliveries(made)
    given_up = engine.Work(one.id, engine.DELIVER, (one.id, 0, 1), "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
    monkeypatch.setattr(engine, "queued", lambda store, statuses: [given_up])
    assert delivery.reconcile(made) == 1
    assert delivery.reconcile(made) == 0
    assert deliveries(made)[0].status == "failed"
    assert [heard.id for heard in dead.heard] == [one.id]
