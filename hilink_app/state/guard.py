"""The one door for events from browsers: deny by default.

Any method of a state class can be called by anyone who opens the socket, including the setters Reflex makes
itself. So each handler of ours states a rule with :func:`allow`; :class:`EventGuard` refuses every event
without one, and the decorated function checks again when it runs. Who is asking comes from the HttpOnly
sign-in cookie of the connection, read on the server at every event: a revoked sign-in ends at once.
"""

import functools
import inspect
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import reflex as rx
from reflex.app import App
from reflex.event import Event
from reflex.middleware.middleware import Middleware
from reflex.state import BaseState as ReflexState
from reflex.state import StateUpdate
from reflex_base.registry import RegistrationContext

from core.access import PUBLIC, SIGNED_IN, Viewer, allowed, viewer_from_cookie
from core.errors import NotAllowed, NotSignedIn, UserError
from core.i18n import gettext
from core.metrics import tally

__all__ = [
    "PUBLIC",
    "SIGNED_IN",
    "EventGuard",
    "acting_as",
    "allow",
    "current_viewer",
    "install",
    "require_viewer",
]

logger = logging.getLogger(__name__)

Rule = tuple[str, ...]
_F = TypeVar("_F", bound=Callable[..., Any])
_RULE = "__hilink_rule__"
_viewer: ContextVar[Viewer | None] = ContextVar("hilink_viewer", default=None)

_REFLEX_OWN = frozenset(
    {
        "reflex___state____state.hydrate",
        "reflex___state____state.hydrate_and_load",
        "reflex___state____state.set_is_hydrated",
        "reflex___state____state.reflex___state____on_load_internal_state.on_load_internal",
        "reflex___state____state.reflex___state____on_load_internal_state.set_is_hydrated",
        "reflex___state____state.reflex___state____update_vars_internal_state.update_vars_internal",
        "reflex___state____state.reflex___state____frontend_event_exception_state.handle_frontend_exception",
    }
)
"""What Reflex's own browser code sends. They load a page, mark it ready, and bring back values of
``rx.Cookie`` and ``rx.LocalStorage`` (only those, and no state of ours trusts one). Everything else of
Reflex, above all ``setvar``, stays shut."""


def allow(*roles: str) -> Callable[[_F], _F]:
    """Say who may send this event: roles, :data:`SIGNED_IN` or :data:`PUBLIC`. Put it under ``@rx.event``.

    A ``UserError`` raised by the handler becomes a sentence on the screen. Nothing else is caught.
    """
    if not roles:
        raise ValueError("allow() needs a role, SIGNED_IN or PUBLIC")

    def decorate(handler: _F) -> _F:
        guarded = _guarded(handler, roles)
        setattr(guarded, _RULE, roles)
        return guarded

    return decorate


def _guarded(handler: Callable[..., Any], rule: Rule) -> Any:
    """The handler with the check in front, of the same kind (plain, async, generator, async generator)."""
    if inspect.isasyncgenfunction(handler):

        @functools.wraps(handler)
        async def stream(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            try:
                check(rule)
                async for item in handler(self, *args, **kwargs):
                    yield item
            except UserError as error:
                yield toast_error(error)

        return stream
    if inspect.iscoroutinefunction(handler):

        @functools.wraps(handler)
        async def later(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                check(rule)
                return await handler(self, *args, **kwargs)
            except UserError as error:
                return toast_error(error)

        return later
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def steps(self: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
            try:
                check(rule)
                yield from handler(self, *args, **kwargs)
            except UserError as error:
                yield toast_error(error)

        return steps

    @functools.wraps(handler)
    def plain(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            check(rule)
            return handler(self, *args, **kwargs)
        except UserError as error:
            return toast_error(error)

    return plain


def check(rule: Rule) -> None:
    """Raise NotSignedIn or NotAllowed unless the person behind the running event satisfies ``rule``."""
    viewer = _viewer.get()
    if not allowed(viewer, rule):
        raise NotSignedIn() if viewer is None else NotAllowed()


def current_viewer() -> Viewer | None:
    """Who sent the event that is running; None when nobody is signed in."""
    return _viewer.get()


def require_viewer() -> Viewer:
    """Who sent the event that is running; raises NotSignedIn."""
    viewer = _viewer.get()
    if viewer is None:
        raise NotSignedIn()
    return viewer


@contextmanager
def acting_as(viewer: Viewer | None) -> Iterator[None]:
    """Run handlers as ``viewer``, for tests and for pushes the server starts itself."""
    token = _viewer.set(viewer)
    try:
        yield
    finally:
        _viewer.reset(token)


def _bad_toast(text: str) -> rx.event.EventSpec:
    return rx.toast(
        text, duration=8000, close_button=True, class_name="hl-toast hl-toast-bad", position="bottom-center"
    )


def toast_error(error: UserError) -> rx.event.EventSpec:
    """The error as a sentence on the screen, in the reader's language. Spoken by screen readers."""
    viewer = _viewer.get()
    text = gettext(error.message, viewer.lang if viewer else "en", **error.facts)
    return _bad_toast(text)


def rule_of(event_name: str) -> Rule | None:
    """The rule of a registered event, None when it has none (or does not exist)."""
    registered = RegistrationContext.get().event_handlers.get(event_name)
    if registered is None:
        return None
    if event_name in _REFLEX_OWN:
        return (PUBLIC,)
    return getattr(registered.handler.fn, _RULE, None)


def unruled() -> list[str]:
    """Our event handlers that forgot ``@allow``: they would be refused. The test suite keeps this empty."""
    return sorted(
        name
        for name, registered in RegistrationContext.get().event_handlers.items()
        if rule_of(name) is None
        and not name.endswith(".setvar")
        and registered.states[0].__module__.split(".")[0] in {"hilink_app", "plugins"}
    )


class EventGuard(Middleware):
    """Refuses each event whose rule the sender does not satisfy; sets the viewer for those that pass."""

    async def preprocess(self, app: App, state: ReflexState, event: Event) -> StateUpdate | None:
        """None lets the event run; an update ends it. Runs for background events too."""
        cookie = str(getattr(state.router.headers, "cookie", "") or "")
        viewer = viewer_from_cookie(cookie)
        _viewer.set(viewer)
        rule = rule_of(event.name)
        passes = rule is not None and allowed(viewer, rule)
        tally.count("hilink_web_page_events_total", label="taken" if passes else "refused")
        if rule is None:
            logger.warning("event refused: no rule", extra={"event_name": event.name})
            return StateUpdate()
        if passes:
            return None
        logger.info(
            "event refused: not allowed", extra={"event_name": event.name, "signed_in": viewer is not None}
        )
        error = NotSignedIn() if viewer is None else NotAllowed()
        return StateUpdate(events=Event.from_event_type(toast_error(error)))


def _known_vars(kept: object) -> bool:
    """Whether browser-kept values name states that exist; an older page may still hold others."""
    states = RegistrationContext.get().base_states
    return isinstance(kept, Mapping) and all(str(name).rpartition(".")[0] in states for name in kept)


def wrong_shape(data: object) -> str | None:
    """Why a raw message from a browser cannot be an event of ours, None when it can."""
    if not isinstance(data, Mapping):
        return "not an object"
    name, payload = data.get("name"), data.get("payload", {})
    registered = RegistrationContext.get().event_handlers.get(name) if isinstance(name, str) else None
    if registered is None:
        return "unknown event"
    if not isinstance(payload, Mapping) or not isinstance(data.get("router_data", {}), Mapping):
        return "wrong payload"
    try:
        inspect.signature(registered.handler.fn).bind(None, **payload)
    except TypeError:
        return "wrong payload"
    kept = payload.get("vars") if name in _REFLEX_OWN else None
    if kept is not None and not _known_vars(kept):
        return "unknown var"
    return None


def backend_exception(exception: Exception) -> rx.event.EventSpec:
    """What a person sees when a handler broke: what is so, what is safe, what to do. The log has the rest."""
    logger.error("event handler failed", exc_info=exception)
    viewer = _viewer.get()
    text = gettext(
        "Something went wrong on our side. Nothing you did before is lost. Please try again.",
        viewer.lang if viewer else "en",
    )
    return _bad_toast(text)


def frontend_exception(error: Exception) -> None:
    """A page broke in somebody's browser. Its text may hold what was shown: only the kind is logged."""
    logger.warning("a page reported an error", extra={"kind": str(error).split(":", 1)[0][:60]})


def install(app: App) -> None:
    """Put the guard in front of ``app``: the rule check, quiet answers to what is no event, error texts."""
    app.frontend_exception_handler = frontend_exception
    app.backend_exception_handler = backend_exception
    app.add_middleware(EventGuard(), index=0)
    namespace = app.event_namespace
    if namespace is None:
        return
    receive = namespace.on_event

    async def on_event(sid: str, data: Any) -> Any:
        if reason := wrong_shape(data):
            logger.warning("message from a browser ignored", extra={"reason": reason})
            return None
        return await receive(sid, data)

    namespace.on_event = on_event  # type: ignore[method-assign]
