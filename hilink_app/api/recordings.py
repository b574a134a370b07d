"""Recordings: what nodes hand in (signed), and what people watch (by range, behind the lesson's rule)."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from core import services
from core.access import INTERNAL, SIGNED_IN, Viewer, rule
from core.access.rules import signed_body
from core.delivery import audit
from core.domain import RecordingFile
from core.errors import Conflict, InvalidInput, NotFound, StoreError, TooLarge
from core.lifecycle import recordings
from core.queries import recordings as queries

router = APIRouter()

MAX_PART = 4 << 20
MAX_HEAD = 64 << 10
_TYPES = {"opus": "audio/webm", "h264": "video/x-matroska"}


@router.post("/internal/v1/recordings/part", dependencies=[Depends(rule(INTERNAL))], include_in_schema=False)
async def post_part(request: Request) -> dict[str, Any]:
    """A part of a finished file (rtc/PROTOCOL.md, 4)."""
    body = await _body(request)
    line, _, part = body.partition(b"\n")
    try:
        head = json.loads(line[:MAX_HEAD])
        at = int(head["at"])
        row = await run_in_threadpool(recordings.take_part, head)
    except NotFound:
        raise
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InvalidInput("head", "This part is malformed.") from error
    if row.status == "ready":
        return {"received": row.size, "done": True}
    if at != row.received or not part or at + len(part) > row.size:
        return {"received": row.received, "done": False}
    blobs = services.current().blobs
    try:
        await blobs.put(recordings.part_key(row.blob_key, at), _once(part), MAX_PART)
        received = await run_in_threadpool(recordings.part_stored, row.id, at, len(part))
        done = received == row.size and await _complete(row, at)
    except StoreError as error:
        await run_in_threadpool(recordings.failed, row.recording_id, "store_full")
        raise Conflict(
            "There is no room for more files at the moment. Please tell your coordinator."
        ) from error
    return {"received": received if done or received < row.size else 0, "done": done}


@router.post(
    "/internal/v1/recordings/manifest", dependencies=[Depends(rule(INTERNAL))], include_in_schema=False
)
async def post_manifest(request: Request) -> dict[str, Any]:
    """A set is handed in wholly."""
    try:
        manifest = json.loads(await _body(request))
        set_id, recording_id = str(manifest["set_id"]), str(manifest["recording_id"])
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput("manifest", "This manifest is malformed.") from error
    await run_in_threadpool(recordings.set_handed_in, set_id, recording_id)
    return {}


@router.get("/api/v1/sessions/{session_id}/recording")
async def get_recording(
    session_id: str, viewer: Annotated[Viewer, Depends(rule(SIGNED_IN))]
) -> dict[str, Any]:
    """What a player needs. Coordinators and the lesson's instructors; families where the organisation allows it.
    Who looked is written down."""

    def load() -> dict[str, Any]:
        with services.current().store.write() as db:
            found = queries.manifest(db, viewer, session_id)
            audit(db, viewer.person_id, "recording.watch", session_id)
            return found

    return await run_in_threadpool(load)


@router.get("/api/v1/recordings/files/{file_id}")
async def get_file(file_id: str, viewer: Annotated[Viewer, Depends(rule(SIGNED_IN))]) -> Response:
    """One recorded file, also in parts (Range). The same rule as for the recording."""

    def load() -> RecordingFile:
        with services.current().store.read() as db:
            return queries.file_for(db, viewer, file_id)

    row = await run_in_threadpool(load)
    media_type = _TYPES.get(row.codec, "video/webm")
    headers = {"cache-control": "private, no-store", "content-disposition": "inline"}
    blobs = services.current().blobs
    path = await blobs.path(row.blob_key)
    if path is not None:
        return FileResponse(path, media_type=media_type, headers=headers)
    return StreamingResponse(blobs.get(row.blob_key), media_type=media_type, headers=headers)


async def _body(request: Request) -> bytes:
    """Bounded before it is read: a signature is checked on the whole."""
    declared = request.headers.get("content-length", "")
    if not declared.isdecimal() or int(declared) > MAX_PART + MAX_HEAD:
        raise TooLarge(MAX_PART)
    return await signed_body(request)


async def _complete(row: RecordingFile, last: int) -> bool:
    """Put the parts together; False when the hash is wrong, and everything is to be sent again."""
    blobs = services.current().blobs
    keys = [recordings.part_key(row.blob_key, at) for at in sorted({*row.parts, last})]
    digest = hashlib.sha256()

    async def chunks() -> AsyncIterator[bytes]:
        for key in keys:
            async for chunk in blobs.get(key):
                await asyncio.to_thread(digest.update, chunk)
                yield chunk

    await blobs.put(row.blob_key, chunks(), row.size)
    sound = digest.hexdigest() == row.sha256
    if not sound:
        await blobs.delete(row.blob_key)
    await run_in_threadpool(recordings.file_ready, row.id, sound)
    for key in keys:
        await blobs.delete(key)
    return sound


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
