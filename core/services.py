"""The ports of this process in one frozen object, installed once in each process's lifespan.

Reflex creates State objects itself, so they cannot be given ports: they read `current()`. That is the
one global, and the reason it is small and frozen. Tests override it with `using(...)`.
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.config import Settings
from core.ports import BlobStore, Bus, Clock, Mailer, MediaServer, Store
from core.tickets import Tickets

if TYPE_CHECKING:
    from core.plugins import Plugins


@dataclass(frozen=True, slots=True)
class Services:
    """What domain code may use of the outside. role: web | worker | agents | test | cli."""

    role: str
    settings: Settings
    store: Store
    bus: Bus
    clock: Clock
    blobs: BlobStore
    mailer: Mailer
    tickets: Tickets
    plugins: "Plugins"
    media: MediaServer | None = None


_installed: Services | None = None
_override: ContextVar[Services | None] = ContextVar("hilink_services", default=None)


def install(services: Services | None) -> None:
    """Make these the process's services (None takes them away at shutdown)."""
    global _installed
    _installed = services


def current() -> Services:
    """The services of this process or of the surrounding `using`; RuntimeError before bootstrap."""
    services = _override.get() or _installed
    if services is None:
        raise RuntimeError("HiLink is not started: core.services.install was not called in this process")
    return services


@contextmanager
def using(services: Services) -> Generator[Services]:
    """Use other services in this context (tests)."""
    token = _override.set(services)
    try:
        yield services
    finally:
        _override.reset(token)
