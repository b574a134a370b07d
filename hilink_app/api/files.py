"""Materials: upload and download behind our own rules, with a limit and a quota. Never a public folder."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from core import services
from core.access import SEAT, SIGNED_IN, Viewer, rule
from core.errors import Conflict, InvalidInput, StoreError, TooLarge
from core.lifecycle import materials

router = APIRouter()


@router.post("/api/v1/sessions/{session_id}/materials")
async def upload(
    request: Request,
    session_id: str,
    name: str,
    viewer: Annotated[Viewer, Depends(rule("instructor", "coordinator"))],
) -> dict[str, Any]:
    """The body is the file itself. `name` is its file name. Over the limit: 413, and nothing is kept."""
    limit = services.current().settings.upload_limit
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise TooLarge(limit)
    media_type = request.headers.get("content-type", "application/octet-stream")
    if not name.strip() or len(name) > 200 or not name.isprintable():
        raise InvalidInput("name", "A file needs a name.")
    await run_in_threadpool(materials.may_add, viewer, session_id)
    key = materials.new_key(session_id)
    try:
        size = await services.current().blobs.put(key, request.stream(), limit)
    except StoreError as error:
        raise Conflict(
            "There is no room for more files at the moment. Please tell your coordinator."
        ) from error
    row_id = await run_in_threadpool(materials.add, viewer, session_id, name, media_type, size, key)
    return {"id": row_id, "size": size}


@router.get("/api/v1/materials/{material_id}")
async def download(
    material_id: str, viewer: Annotated[Viewer, Depends(rule(SIGNED_IN, SEAT))]
) -> StreamingResponse:
    """For people of the lesson (or course) alone. Always an attachment: a file never runs in our origin."""
    row = await run_in_threadpool(materials.access, viewer, material_id)
    chunks: AsyncIterator[bytes] = services.current().blobs.get(row.blob_key)
    first = await anext(chunks, b"")  # a file that is gone is a 404, not half an answer
    return StreamingResponse(
        _all(first, chunks),
        media_type="application/octet-stream",
        headers={"content-disposition": f"attachment; filename*=UTF-8''{quote(row.name, safe='')}"},
    )


async def _all(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
