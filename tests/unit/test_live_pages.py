"""Pages that follow the event log: at once, not too often, and never with a queue of old refreshes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from core.domain import DomainEvent
from core.domain.base import utc_now
from hilink_app.state import live

pytestmark = pytest.mark.unit


class Processor:
    """Stands where Reflex's event processor is; a refresh ends when the test says so. queued: refreshes alone."""

    def __init__(self) -> None:
        self.queued: list[tuple[str, str]] = []
        self.asked: list[asyncio.Future[None]] = []

    async def enqueue(self, token: str, event: Any) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if event.name.endswith("live.ask"):
            self.asked.append(done)
        else:
            self.queued.append((token, event.name))
        return done

    def end(self, *, drawn: bool = True) -> None:
        """The newest refresh has ended here; and in the browser, too."""
        self.asked[-1].set_result(None)
        live._watches.newest["here"].drawn = drawn


@pytest.fixture
async def processor(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Processor]:
    monkeypatch.setattr(live, "_watches", live._Watches())
    monkeypatch.setattr(live, "QUIET_S", 0.05)
    monkeypatch.setattr(live, "PULSE_S", 0.002)
    made = Processor()

    @contextlib.contextmanager
    def contexts() -> Iterator[None]:
        yield

    app: Any = SimpleNamespace(
        event_processor=made,
        event_namespace=SimpleNamespace(token_to_sid={"here": "1"}),
        set_contexts=contexts,
    )
    live._watches.by_token = {
        token: live._Watch(f"{token}.refresh", frozenset({"board"})) for token in ("here", "gone")
    }
    task = asyncio.create_task(live._push(app))
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _until(what: Any) -> None:
    async with asyncio.timeout(2):
        while not what():  # noqa: ASYNC110 - there is nothing to be told by
            await asyncio.sleep(0.002)


async def test_a_page_that_is_slow_gets_one_refresh_at_a_time(processor: Processor) -> None:
    live._watches.due.add("here")
    await _until(lambda: processor.queued)
    for _ in range(20):
        live._watches.due.add("here")
        await asyncio.sleep(0.005)
    assert len(processor.queued) == 1
    processor.end()
    await _until(lambda: len(processor.queued) == 2)
    assert set(processor.queued) == {("here", "here.refresh")}


async def test_a_browser_that_draws_slowly_is_not_sent_more(processor: Processor) -> None:
    live._watches.due.add("here")
    await _until(lambda: processor.asked)
    processor.end(drawn=False)
    live._watches.due.add("here")
    await asyncio.sleep(0.1)
    assert len(processor.queued) == 1
    live._watches.newest["here"].drawn = True
    await _until(lambda: len(processor.queued) == 2)


async def test_a_browser_that_never_answers_is_not_given_up(
    processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "STUCK_S", 0.1)
    live._watches.due.add("here")
    await _until(lambda: processor.queued)
    live._watches.due.add("here")
    await _until(lambda: len(processor.queued) == 2)


async def test_a_burst_is_one_refresh_now_and_one_after_it(processor: Processor) -> None:
    live._watches.due.add("here")
    await _until(lambda: processor.asked)
    processor.end()
    live._watches.due.add("here")
    await asyncio.sleep(0.02)
    assert len(processor.queued) == 1
    await _until(lambda: len(processor.queued) == 2)


async def test_a_browser_that_has_gone_is_forgotten(processor: Processor) -> None:
    live._watches.due.add("gone")
    await _until(lambda: "gone" not in live._watches.by_token)
    assert not processor.queued
    assert not live._watches.due


def test_what_an_event_touches() -> None:
    event = DomainEvent(kind="case.changed", session_id="s", person_id="p", at=utc_now())
    assert live.topics_of(event) == {"session:s", "person:p", "board", "cases"}
    hours = DomainEvent(kind="availability.changed", person_id="p", at=event.at)
    assert live.topics_of(hours) == {"person:p", "availability"}
