"""The HTTP side of the web role: REST under /api/v1, sign-in forms, personal links, internal ingest, plugins' routes.

Every route carries a rule (`Depends(rule(...))`); `check_rules` refuses to start with one that does not.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute

from core.access import PUBLIC, Rule, rule
from core.plugins import Plugins
from hilink_app.api import auth, errors, exports, feeds, files, health, internal, recordings, v1

OWN = (
    auth.router,
    exports.router,
    feeds.router,
    files.router,
    health.router,
    internal.router,
    recordings.router,
    *v1.ROUTERS,
)


def build(plugins: Plugins) -> FastAPI:
    """The FastAPI app that Reflex mounts the pages into. RuntimeError for a route without a rule."""
    api = FastAPI(title="HiLink", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    errors.install(api)
    for router in OWN:
        api.include_router(router)
    for _, router in plugins.call("routes"):
        if isinstance(router, APIRouter):
            api.include_router(router)

    @api.get("/api/v1/openapi.json", include_in_schema=False, dependencies=[Depends(rule(PUBLIC))])
    def openapi() -> dict[str, Any]:
        """This list, for programs."""
        return api.openapi()

    check_rules(api)
    return api


def rules(routes: Iterable[Any]) -> Iterator[tuple[str, str, Rule | None]]:
    """(path, methods or WEBSOCKET, rule) of every route, for the authorisation matrix."""
    for route in routes:
        if (router := getattr(route, "original_router", None)) is not None:
            yield from rules(router.routes)
        elif isinstance(route, APIRoute):
            yield route.path, ",".join(sorted(route.methods or ())), _rule(route.dependant)
        elif isinstance(route, APIWebSocketRoute):
            yield route.path, "WEBSOCKET", _rule(route.dependant)
        else:
            yield getattr(route, "path", repr(route)), type(route).__name__, None


def check_rules(api: FastAPI) -> None:
    """Deny by default: a route nobody wrote a rule for must not exist."""
    bare = [path for path, _, found in rules(api.routes) if found is None]
    if bare:
        raise RuntimeError(f"routes without a rule: {', '.join(bare)}")


def _rule(dependant: Dependant) -> Rule | None:
    for inner in dependant.dependencies:
        if isinstance(inner.call, Rule):
            return inner.call
        if (found := _rule(inner)) is not None:
            return found
    return None
