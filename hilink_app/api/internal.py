"""What media nodes and agents hand in. Signed, sequenced, idempotent; never reachable with a cookie."""

import asyncio
from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field, ValidationError

from core.access import INTERNAL, rule
from core.access.rules import signed_body
from core.errors import InvalidInput
from core.lifecycle import media
from core.lifecycle.live import MAX_BATCH, Batch, ingest

router = APIRouter(include_in_schema=False)


class BatchIn(BaseModel):
    source: str = Field(min_length=1, max_length=80)
    seq: int = Field(ge=1, lt=2**63)
    items: list[dict[str, Any]] = Field(max_length=MAX_BATCH)


class BeatIn(BaseModel):
    """rtc/PROTOCOL.md, "Which node"."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.:\-\[\]]{1,80}$")
    instance: str = Field(pattern=r"^[A-Za-z0-9_\-]{1,40}$")
    region: str = Field(pattern=r"^[A-Za-z0-9_+/\-]{1,60}$")
    control_url: str = Field(pattern=r"^wss?://[A-Za-z0-9_.:\-\[\]]+(/[A-Za-z0-9_./\-]*)?$", max_length=200)
    version: int = Field(ge=0, lt=10_000)
    load: float = Field(ge=0, le=10_000, allow_inf_nan=False)
    rooms: int = Field(ge=0, lt=2**31)
    participants: int = Field(ge=0, lt=2**31)
    uptime_s: float = Field(ge=0, lt=2**31, allow_inf_nan=False)
    stopping: bool = False


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


@router.post("/internal/v1/media-nodes", dependencies=[Depends(rule(INTERNAL))])
async def post_media_node(request: Request) -> dict[str, Any]:
    """A media node says that it is there and how it is. Repeated every `every_s`; `draining`: no new rooms."""
    body = await signed_body(request)
    try:
        beat = BeatIn.model_validate_json(body)
    except ValidationError as error:
        raise InvalidInput("node", "This report is malformed.") from error
    draining = await asyncio.to_thread(media.heard, media.Beat(**beat.model_dump()))
    return {"draining": draining, "every_s": media.EVERY_S}
