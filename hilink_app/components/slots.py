"""Named places in our pages that plugins fill (`hookspecs.slots`)."""

from collections.abc import Callable, Sequence
from typing import Any

import reflex as rx

_filled: dict[str, list[tuple[str, Callable[..., Any]]]] = {}


def fill_slots(offers: Sequence[tuple[str, Sequence[tuple[str, Callable[..., Any]]]]]) -> None:
    """What the plugins offer: (plugin, [(slot name, function that draws it)]). Replaces what was there."""
    _filled.clear()
    for plugin, offered in offers:
        for name, draw in offered:
            _filled.setdefault(name, []).append((plugin, draw))


def slot(name: str, *about: rx.Var) -> list[rx.Component]:
    """The components of a place, in plugin order. Empty when nobody fills it. about: what the place is about."""
    return [draw(*about) for _, draw in _filled.get(name, ())]
