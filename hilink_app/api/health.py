"""Is this process well? For load balancers (`/api/v1/health`) and Prometheus (`/metrics`, signed)."""

import asyncio
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text

from core import services
from core.access import INTERNAL, PUBLIC, rule
from core.access.rules import signed_body

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
    """Numbers of this process for Prometheus."""
    await signed_body(request)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
