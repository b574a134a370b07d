"""Pages that change by themselves: web tails the event log and asks the pages concerned to look again.

A page's on_load handler calls `watch(self, PageState.refresh, ("board",))`. When an event touches one of its
topics, `PageState.refresh` is queued for that browser, at most one every `QUIET_S`. Topics: "board" (every
session event), "cases", "deliveries", "session:<id>", "person:<id>".
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

logger = logging.getLogger(__name__)

QUIET_S = 0.25
"""Several events in a burst cause one refresh."""


@dataclass(slots=True)
class _Watch:
    handler: str
    topics: frozenset[str]


@dataclass(slots=True)
class _Watches:
    """By client token: what each open page wants to hear of. A page replaces the former page's watch."""

    by_token: dict[str, _Watch] = field(default_factory=dict[str, _Watch])
    due: set[str] = field(default_factory=set[str])
    later: dict[str, asyncio.TimerHandle] = field(default_factory=dict[str, asyncio.TimerHandle])


_watches = _Watches()


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
            async for batch in services.current().store.tail():
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
    while True:
        await asyncio.sleep(QUIET_S)
        due, _watches.due = _watches.due, set()
        namespace = app.event_namespace
        if not due or namespace is None:
            continue
        connected = set(namespace.token_to_sid)
        for token in list(_watches.by_token):
            if token not in connected and token not in due:
                continue
            if token not in connected:
                del _watches.by_token[token]
        for token in due & connected:
            if (wanted := _watches.by_token.get(token)) is not None:
                await _enqueue(app, token, wanted.handler)


async def _enqueue(app: rx.App, token: str, handler: str) -> None:
    try:
        with app.set_contexts():
            await app.event_processor.enqueue(token, Event(name=handler))
    except Exception:  # a browser that has just gone must not stop the others
        logger.info("a page could not be refreshed", exc_info=True)
