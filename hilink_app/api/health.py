"""Is this process well? For load balancers (`/api/v1/health`) and Prometheus (`/metrics`)."""

import asyncio
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import text

from core import services
from core.access import INTERNAL, PUBLIC, rule
from core.access.rules import signed_body
from core.metrics import CONTENT_TYPE, may_read, tally
from hilink_app.metrics import WEB, reading

router = APIRouter()


def _database_answers() -> bool:
    with services.current().store.read() as db:
        return db.execute(text("SELECT 1")).scalar_one() == 1


@router.get("/api/v1/health", dependencies=[Depends(rule(PUBLIC))])
async def get_health() -> dict[str, Any]:
    """`ok` when the database answers. Says nothing else to strangers."""
    return {"ok": await asyncio.to_thread(_database_answers)}


@router.get("/metrics", dependencies=[Depends(rule(INTERNAL))], include_in_schema=False)
async def get_metrics(request: Request) -> Response:
    """Numbers of this process for Prometheus: with the token of the settings, or signed."""
    here = services.current()
    if not may_read(here.settings.metrics_token, request.headers.get("authorization")):
        await signed_body(request)
    return Response(reading("web", WEB, tally.values(), here.plugins), media_type=CONTENT_TYPE)
