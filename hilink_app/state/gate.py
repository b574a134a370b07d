"""The door of every page, asked on the server at each load. What a page loads runs only after it opened."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import reflex as rx

from core import services
from core.access import SEAT, allowed, seat_viewer_from_cookie
from hilink_app.state.base import BaseState
from hilink_app.state.guard import PUBLIC, allow, current_viewer

OPEN, DENIED, OFF = "open", "denied", "off"


@dataclass(frozen=True, slots=True)
class _Door:
    roles: tuple[str, ...]
    plugin: str
    on_load: tuple[Any, ...]


_doors: dict[str, _Door] = {}


def add_door(route: str, roles: tuple[str, ...], plugin: str, on_load: Sequence[Any]) -> None:
    """Who may pass, and what loads then. RuntimeError for a page without a rule."""
    if not roles:
        raise RuntimeError(f"page without a rule: {route}")
    _doors[route] = _Door(roles, plugin, tuple(on_load))


def doors() -> dict[str, tuple[str, ...]]:
    """Roles by route, for the authorisation matrix."""
    return {route: door.roles for route, door in _doors.items()}


class PageGate(BaseState):
    """route: the page last asked for; verdict: "" (not asked yet), open, denied or off (its plugin)."""

    route: str = ""
    verdict: str = ""

    @rx.event
    @allow(PUBLIC)
    def enter(self, route: str) -> Any:
        """Opens the page and starts its loading; sends strangers to sign in and back."""
        door, viewer = _doors.get(route), current_viewer()
        self.route, self.verdict = route, DENIED
        if door is None:
            return None
        if door.plugin and not services.current().plugins.enabled(door.plugin):
            self.verdict = OFF
            return None
        by_link = (
            SEAT in door.roles and seat_viewer_from_cookie(str(self.router.headers.cookie or "")) is not None
        )
        if by_link or allowed(viewer, door.roles):
            self.verdict = OPEN
            return list(door.on_load)
        if viewer is None:
            self.verdict = ""
            return rx.redirect(f"/sign-in?then={quote(self.router.url.path or '/')}")
        return None
