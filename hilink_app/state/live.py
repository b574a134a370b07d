"""Pages that change by themselves: web tails the event log and asks the pages concerned to look again.

A page's on_load handler calls `watch(self, PageState.refresh, ("board",))`. When an event touches one of its
topics, `PageState.refresh` is queued for that browser, at most one every `QUIET_S`, never beside one that still
runs, and never before the browser has drawn the last one.

Topics: "board" (every session event), "cases", "availability", "requests" (before a lesson),
"deliveries", "session:<id>", "person:<id>".
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import reflex as rx
from reflex_base.event import Event

from core import services
from core.domain import DomainEvent
from core.metrics import tally
from hilink_app.state.base import BaseState
from hilink_app.state.guard import SIGNED_IN, allow

logger = logging.getLogger(__name__)

QUIET_S = 0.4
"""Several events in a burst cause one refresh; the first of them causes it at once."""
PULSE_S = 0.05
STUCK_S = 10.0
"""A refresh that has not ended, or was not drawn, by then does not hold up the next one."""


@dataclass(slots=True)
class _Watch:
    handler: str
    topics: frozenset[str]


@dataclass(slots=True)
class _Refresh:
    """The newest refresh of a browser: when it was queued (monotonic), its end here, and whether it is on the screen."""

    at: float
    done: asyncio.Future[Any] | None = None
    drawn: bool = False

    def holds(self, now: float) -> bool:
        """Too early for the next one? A slow browser or server gets fewer refreshes, not a queue of old ones."""
        running = self.done is not None and not (self.done.done() and self.drawn)
        return now - self.at < (STUCK_S if running else QUIET_S)


@dataclass(slots=True)
class _Watches:
    """By client token: what each open page wants to hear of. A page replaces the former page's watch."""

    by_token: dict[str, _Watch] = field(default_factory=dict[str, _Watch])
    due: set[str] = field(default_factory=set[str])
    newest: dict[str, _Refresh] = field(default_factory=dict[str, _Refresh])
    later: dict[str, asyncio.TimerHandle] = field(default_factory=dict[str, asyncio.TimerHandle])


_watches = _Watches()


class Live(BaseState):
    """sent: refreshes this browser was sent. It answers with the number when it has drawn that one."""

    sent: int = 0

    @rx.event
    @allow(SIGNED_IN)
    def ask(self) -> None:
        """Queued behind a refresh."""
        self.sent += 1

    @rx.event
    @allow(SIGNED_IN)
    def drawn(self, number: int) -> None:
        """From the browser: what was sent up to there is on the screen."""
        newest = _watches.newest.get(self.router.session.client_token)
        if newest is not None and number >= self.sent:
            newest.drawn = True


def watch(state: rx.State, handler: Any, topics: Sequence[str]) -> None:
    """Queue `handler` (an event handler of ours, no arguments) for this browser when a topic moves."""
    _watches.by_token[state.router.session.client_token] = _Watch(_full_name(handler), frozenset(topics))


def look_again(state: rx.State, after_s: float) -> None:
    """Queue the page's watching handler once more after `after_s` seconds: time alone changes what is true.

    A later call replaces an earlier one.
    """
    token = state.router.session.client_token
    if (earlier := _watches.later.pop(token, None)) is not None:
        earlier.cancel()
    _watches.later[token] = asyncio.get_running_loop().call_later(after_s, _fall_due, token)


def _fall_due(token: str) -> None:
    _watches.later.pop(token, None)
    _watches.due.add(token)


def _full_name(handler: Any) -> str:
    from reflex.utils.format import format_event_handler

    return format_event_handler(handler)


def topics_of(event: DomainEvent) -> set[str]:
    """What an event touches."""
    topics: set[str] = set()
    if event.session_id:
        topics |= {f"session:{event.session_id}", "board"}
    if event.person_id:
        topics.add(f"person:{event.person_id}")
    match event.kind.split(".")[0]:
        case "case":
            topics |= {"cases", "board"}
        case "request" | "change" | "substitution" | "offer" | "plan":
            topics.add("requests")
        case "availability":
            topics.add("availability")
        case "delivery" | "plugin":
            topics.add("deliveries")
        case _:
            pass
    return topics


@contextlib.asynccontextmanager
async def live(app: rx.App) -> AsyncIterator[None]:
    """Keep open pages fresh while the web role runs."""
    tasks = [asyncio.create_task(_listen()), asyncio.create_task(_push(app))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _listen() -> None:
    while True:
        try:
            here = services.current()
            async for batch in here.store.tail():
                lag_s = (here.clock.now() - batch[-1].at).total_seconds()
                tally.put("hilink_web_event_tail_lag_seconds", round(max(0.0, lag_s), 3))
                touched: set[str] = set()
                for event in batch:
                    touched |= topics_of(event)
                for token, wanted in _watches.by_token.items():
                    if not wanted.topics.isdisjoint(touched):
                        _watches.due.add(token)
        except asyncio.CancelledError:
            raise
        except Exception:  # the border to the database: pages stay, and are fresh again when it is back
            logger.warning("event tail interrupted", exc_info=True)
            await asyncio.sleep(1)


async def _push(app: rx.App) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(PULSE_S)
        namespace = app.event_namespace
        if not _watches.due or namespace is None:
            continue
        connected = set(namespace.token_to_sid)
        for token in _watches.by_token.keys() - connected:
            if token in _watches.due:
                del _watches.by_token[token]
        _watches.due &= _watches.by_token.keys()
        for token in _watches.newest.keys() - connected:
            del _watches.newest[token]
        for token in list(_watches.due):
            newest = _watches.newest.get(token)
            if newest is None or not newest.holds(loop.time()):
                _watches.due.discard(token)
                _watches.newest[token] = _Refresh(loop.time())
                _watches.newest[token].done = await _enqueue(app, token, _watches.by_token[token].handler)


async def _enqueue(app: rx.App, token: str, handler: str) -> asyncio.Future[Any] | None:
    """Its future ends when the refresh and the question whether it was drawn are on their way."""
    try:
        with app.set_contexts():
            await app.event_processor.enqueue(token, Event(name=handler))
            return await app.event_processor.enqueue(token, Event(name=_full_name(Live.ask)))
    except Exception:  # a browser that has just gone must not stop the others
        logger.info("a page could not be refreshed", exc_info=True)
        return None
