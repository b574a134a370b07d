"""The Reflex app: every page, ours and the plugins', in the frame and behind its rule.

Importing this compiles no page and touches no database: services are installed in the lifespan.
"""

import asyncio
import contextlib
import importlib
import logging
import pkgutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace

import reflex as rx
from starlette.types import ASGIApp

from core import services
from core.config import Settings
from core.plugins import Plugins
from hilink_app import api, bootstrap, pages
from hilink_app.api.security import Security
from hilink_app.components.gate import gate
from hilink_app.components.nav import NavEntry, register_nav
from hilink_app.components.page import PageSpec
from hilink_app.components.slots import fill_slots
from hilink_app.components.theme import app_style
from hilink_app.metrics import Counted
from hilink_app.state import guard
from hilink_app.state.gate import PageGate, add_door
from hilink_app.state.live import live
from hilink_app.state.reader import Reader
from hilink_app.toolchain.preparing import wait_until_prepared
from hilink_app.toolchain.roles import own_origins

logger = logging.getLogger(__name__)


def own_pages() -> Iterator[PageSpec]:
    """`PAGES` of every module in hilink_app.pages."""
    for module in sorted(pkgutil.iter_modules(pages.__path__), key=lambda found: found.name):
        yield from getattr(importlib.import_module(f"{pages.__name__}.{module.name}"), "PAGES", ())


def all_pages(plugins: Plugins) -> list[PageSpec]:
    """Ours, then the plugins'."""
    specs = list(own_pages())
    for name, offered in plugins.call("pages"):
        specs += [replace(spec, plugin=name) for spec in offered]
    return specs


def _page(spec: PageSpec) -> Callable[[], rx.Component]:
    def page() -> rx.Component:
        return gate(spec)

    page.__name__ = "page_" + ("".join(c if c.isalnum() else "_" for c in spec.route).strip("_") or "home")
    return page


def _navigation(specs: list[PageSpec]) -> None:
    for spec in specs:
        if spec.nav:
            register_nav(NavEntry(spec.route, spec.nav, spec.icon, spec.nav_roles or spec.roles, spec.order))


@contextlib.asynccontextmanager
async def _lifespan(app: rx.App) -> AsyncIterator[None]:
    """Services, the plugins' own lifespans, then live pages; taken down in the reverse order."""
    await asyncio.to_thread(wait_until_prepared, settings.data_dir)
    current = bootstrap.build(settings, "web", plugins)
    await asyncio.to_thread(current.store.verify)
    services.install(current)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(services.install, None)
        stack.callback(current.store.close)
        stack.push_async_callback(current.bus.close)
        if current.media is not None:
            stack.push_async_callback(current.media.close)
        for _, manager in plugins.call("lifespan", role="web"):
            if manager is not None:
                await stack.enter_async_context(manager)
        await stack.enter_async_context(live(app))
        yield


settings = Settings()
plugins = Plugins.load()
http = api.build(plugins)
specs = all_pages(plugins)
fill_slots(plugins.call("slots"))
_navigation(specs)


def guarded(asgi: ASGIApp) -> ASGIApp:
    """Everything, pages and API, behind the same-origin check, and counted."""
    return Counted(Security(asgi, own_origins(settings)), time.monotonic)


app = rx.App(
    api_transformer=[http, guarded],
    backend_exception_handler=guard.backend_exception,
    **app_style(),
)
guard.install(app)
for spec in specs:
    add_door(spec.route, spec.roles, spec.plugin, spec.on_load)
    app.add_page(
        _page(spec),
        route=spec.route,
        title=f"{spec.title} - HiLink",
        on_load=[Reader.load, PageGate.enter(spec.route)],
    )
app.register_lifespan_task(_lifespan)
