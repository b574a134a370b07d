"""The classroom's doors: the ticket, the room's WebSocket, and where agents find their lessons."""

import asyncio
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Query, Request, WebSocket
from starlette.responses import JSONResponse

from core import services
from core.access import INTERNAL, SEAT, SEAT_COOKIE, SIGNED_IN, TICKET, Viewer, hash_token, rule
from core.access.rules import signed_body
from core.access.viewer import cookie_value
from core.errors import UserError
from plugins.classroom import door, quality
from plugins.classroom.server.hub import REVOKED
from plugins.classroom.server.listen import refuse

router = APIRouter()


@router.post("/api/v1/rooms/{session_id}/ticket")
async def room_ticket(
    session_id: str, request: Request, viewer: Annotated[Viewer, Depends(rule(SIGNED_IN, SEAT))]
) -> JSONResponse:
    """A way in for a minute: see PROTOCOL.md."""
    link = link_of(request) if viewer.seat_id is not None else ""
    try:
        answer = await asyncio.to_thread(door.ticket, viewer, session_id, link)
    except UserError as error:
        refused = await asyncio.to_thread(door.refusal, error, viewer, session_id)
        return JSONResponse(refused, error.status)
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})


@router.get("/api/v1/sessions/{session_id}/line")
async def line_numbers(
    session_id: str, viewer: Annotated[Viewer, Depends(rule("coordinator"))]
) -> list[dict[str, Any]]:
    """How everybody's line was, by the minute: the rows of `classroom_quality`. Who looked is written down."""
    return await asyncio.to_thread(quality.numbers, viewer, session_id)


@router.websocket("/ws/room")
async def room_socket(socket: WebSocket, _: Annotated[None, Depends(rule(TICKET))], ticket: str = "") -> None:
    """The one socket a participant has. Accepted first, so that the browser sees why it is closed."""
    if not _same_site(socket):
        await socket.close(REVOKED)
        return
    await socket.accept()
    try:
        rooms = door.hub()
        claims = door.verify(ticket)
    except UserError as refused:
        await refuse(socket, refused)
        return
    await rooms.serve(socket, claims)


@router.post("/api/v1/check/ticket")
async def check_ticket(
    request: Request, viewer: Annotated[Viewer, Depends(rule(SIGNED_IN, SEAT))]
) -> JSONResponse:
    """A way into the connection check, rate-limited by person and address."""
    address = request.client.host if request.client else ""
    return JSONResponse(door.check_ticket(viewer, address), headers={"Cache-Control": "no-store"})


@router.websocket("/ws/check")
async def check_socket(
    socket: WebSocket, _: Annotated[None, Depends(rule(TICKET))], ticket: str = ""
) -> None:
    """The socket of one connection check: signalling for a room that is its own, and nothing else."""
    if not _same_site(socket):
        await socket.close(REVOKED)
        return
    await socket.accept()
    try:
        rooms = door.hub()
        services.current().tickets.redeem(door.CHECK_KIND, ticket)
    except UserError as refused:
        await refuse(socket, refused)
        return
    await rooms.checks.serve(socket)


@router.get("/internal/v1/agent-jobs")
async def agent_jobs(
    request: Request,
    _: Annotated[None, Depends(rule(INTERNAL))],
    agent: Annotated[str, Query(pattern=r"^[a-z][a-z0-9_-]{0,40}$")] = "transcription",
) -> JSONResponse:
    """Live lessons for a server-side participant, with tickets. Signed with the internal key."""
    try:
        await signed_body(request)
        jobs = await door.agent_jobs(agent)
    except UserError as error:
        return JSONResponse({"error": {"code": error.code, "message": str(error)}}, error.status)
    return JSONResponse({"jobs": jobs})


def link_of(request: Request) -> str:
    """Which join link this browser came by, as its hash."""
    return hash_token(cookie_value(request.headers.get("cookie"), SEAT_COOKIE))


def _same_site(socket: WebSocket) -> bool:
    """Browsers send Origin with every WebSocket; a page of another site must not use our visitor's ticket."""
    origin = socket.headers.get("origin")
    if origin is None:
        return True  # not a browser; the ticket decides
    own = {urlsplit(services.current().settings.public_url).netloc, socket.headers.get("host", "")}
    return urlsplit(origin).netloc in own
