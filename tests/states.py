"""A page's state without a browser: made as Reflex makes it, its handlers called by name."""

from typing import Any, TypeVar

import reflex as rx

State = TypeVar("State", bound=rx.State)


def page(kind: type[State]) -> State:
    """A fresh state of this kind, with the whole tree above it."""
    root: Any = rx.State(_reflex_internal_init=True)  # type: ignore[call-arg]
    return root.get_substate(kind.get_full_name().split("."))


async def sent(state: rx.State, handler: str, *values: Any) -> Any:
    """What the browser's event does to it; returns what the handler answers."""
    return await type(state).event_handlers[handler].fn(state, *values)
