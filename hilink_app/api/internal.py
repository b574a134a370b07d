"""What media nodes and agents hand in. Signed, sequenced, idempotent; never reachable with a cookie."""

import asyncio
from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field, ValidationError

from core.access import INTERNAL, rule
from core.access.rules import signed_body
from core.errors import InvalidInput
from core.lifecycle.live import MAX_BATCH, Batch, ingest

router = APIRouter(include_in_schema=False)


class BatchIn(BaseModel):
    source: str = Field(min_length=1, max_length=80)
    seq: int = Field(ge=1, lt=2**63)
    items: list[dict[str, Any]] = Field(max_length=MAX_BATCH)


@router.post("/internal/v1/ingest", dependencies=[Depends(rule(INTERNAL))])
async def post_ingest(request: Request) -> dict[str, Any]:
    """Take a batch once; a repeated one is answered with taken: false."""
    body = await signed_body(request)
    try:
        batch = BatchIn.model_validate_json(body)
    except ValidationError as error:
        raise InvalidInput("items", "This batch is malformed.") from error
    taken = await asyncio.to_thread(ingest, Batch(batch.source, batch.seq, tuple(batch.items)))
    return {"taken": taken, "seq": batch.seq}
