"""The plugin's HTTP routes."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import PlainTextResponse
from starlette.concurrency import run_in_threadpool

from core import services
from core.access import Viewer, rule
from core.delivery import audit
from plugins.transcription.service import transcript_vtt

router = APIRouter()


def _read(viewer: Viewer, session_id: str) -> str:
    store = services.current().store
    with store.read() as db:
        text = transcript_vtt(db, viewer, session_id)
    with store.write() as db:
        audit(db, viewer.person_id, "transcript.read", session_id)
    return text


@router.get("/api/v1/sessions/{session_id}/transcript.vtt")
async def get_transcript(
    session_id: str, viewer: Annotated[Viewer, Depends(rule("instructor", "coordinator"))]
) -> PlainTextResponse:
    """The transcript as WebVTT, for the lesson's instructor and for coordinators."""
    text = await run_in_threadpool(_read, viewer, session_id)
    return PlainTextResponse(
        text,
        media_type="text/vtt; charset=utf-8",
        headers={
            "cache-control": "no-store",
            "content-disposition": 'attachment; filename="transcript.vtt"',
        },
    )
