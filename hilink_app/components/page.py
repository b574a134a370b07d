"""What a page is, for the app's own pages and for plugins': a route, who may see it, and how to draw it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import reflex as rx


@dataclass(frozen=True, slots=True)
class PageSpec:
    """roles: role names, or SIGNED_IN, PUBLIC, SEAT (core.access); at least one. An empty tuple is refused.

    nav: word on the rail ("" = not on it), icon: a Lucide name, order: place on the rail.
    nav_roles: on whose rail (default: the roles). full_bleed: no frame around it. stays: what is on the screen is
    not taken away while a server that was started again does not know the page yet; for what runs by itself.
    on_load: event handlers, each with its own `@allow`. plugin: filled in by the app.
    """

    route: str
    component: Callable[[], rx.Component]
    title: str
    roles: tuple[str, ...]
    nav: str = ""
    icon: str = "circle"
    order: int = 50
    nav_roles: tuple[str, ...] = ()
    full_bleed: bool = False
    stays: bool = False
    on_load: Sequence[Any] = ()
    plugin: str = ""
