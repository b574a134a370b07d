"""The doors for other programs: WHIP (RFC 9725) to publish, WHEP (draft-ietf-wish-whep) to watch. See PROTOCOL.md."""

import asyncio
from collections.abc import Awaitable
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Request
from starlette.responses import JSONResponse, Response

from core import services
from core.access import PUBLIC, SEAT, SIGNED_IN, TICKET, Viewer, rule
from core.errors import NotSignedIn, TicketRefused, UserError
from core.i18n import N_, gettext, negotiate
from core.turn import ice_servers
from plugins.classroom import door, tokens
from plugins.classroom.api import link_of
from plugins.classroom.server.endpoints import Unanswered
from plugins.classroom.server.people import SeatHolder

SDP, FRAGMENT = "application/sdp", "application/trickle-ice-sdpfrag"
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Location, ETag, Link, Accept-Patch, Retry-After, WWW-Authenticate",
}
_PREFLIGHT = {
    **_CORS,
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
    "Access-Control-Max-Age": "86400",
}
_RETRY_AFTER_S = 5
_NO_TOKEN = N_("This address needs a token: Authorization: Bearer.")
_TYPE = N_("The Content-Type of this request is not the one that is expected here.")
_LARGE = N_("This is more text than a request may have.")
_TEXT = N_("This request is not UTF-8 text.")

router = APIRouter()


def _token_route(kind: str) -> None:
    @router.post(f"/api/v1/rooms/{{session_id}}/{kind}-token", name=f"{kind}_token")
    async def token(
        session_id: str,
        request: Request,
        viewer: Annotated[Viewer, Depends(rule(SIGNED_IN, SEAT))],
        person_id: Annotated[str, Body(embed=True, max_length=80)] = "",
    ) -> JSONResponse:
        """An address and a token for another program: see PROTOCOL.md."""
        link = link_of(request) if viewer.seat_id is not None else ""
        answer = await asyncio.to_thread(tokens.issue, viewer, session_id, kind, person_id, link)
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})


def _endpoint_routes(kind: str) -> None:
    path = tokens.path("{session_id}", kind)

    @router.options(path, name=f"{kind}_endpoint", dependencies=[Depends(rule(PUBLIC))])
    async def options(session_id: str) -> Response:
        """What may be asked here; also the preflight of a page of another site."""
        headers = {"Accept-Post": SDP, "Access-Control-Allow-Methods": "POST, OPTIONS"}
        return Response(status_code=204, headers={**_PREFLIGHT, **headers})

    @router.post(path, name=f"{kind}_connect", status_code=201, dependencies=[Depends(rule(TICKET))])
    async def connect(
        session_id: str,
        request: Request,
        source: Annotated[str, Query(pattern="^(screen|camera)$")] = "screen",
    ) -> Response:
        """An SDP offer makes a connection."""
        return await _answer(request, _connect(request, session_id, kind, source if kind == "whip" else ""))


def _session_routes(kind: str) -> None:
    path = tokens.path("{session_id}", kind) + "/{program_id}"

    @router.options(path, name=f"{kind}_session", dependencies=[Depends(rule(PUBLIC))])
    async def options(session_id: str, program_id: str) -> Response:
        """What may be asked here; also the preflight of a page of another site."""
        headers = {"Accept-Patch": FRAGMENT, "Access-Control-Allow-Methods": "PATCH, DELETE, OPTIONS"}
        return Response(status_code=204, headers={**_PREFLIGHT, **headers})

    @router.patch(path, name=f"{kind}_ice", dependencies=[Depends(rule(TICKET))])
    async def patch(session_id: str, program_id: str, request: Request) -> Response:
        """Candidates, or an ICE restart."""
        return await _answer(request, _patch(request, session_id, kind, program_id))

    @router.delete(path, name=f"{kind}_end", dependencies=[Depends(rule(TICKET))])
    async def end(session_id: str, program_id: str, request: Request) -> Response:
        """The connection ends."""
        return await _answer(request, _end(request, session_id, kind, program_id))


for one in tokens.KINDS:
    _token_route(one)
    _endpoint_routes(one)
    _session_routes(one)


async def _connect(request: Request, session_id: str, kind: str, source: str) -> Response:
    holder = _holder(request, session_id, kind)
    offer = await _text(request, SDP)
    answered = await door.hub().programs.offer(session_id, holder, source, offer)
    response = Response(answered.body, 201, media_type=SDP)
    response.headers["Location"] = f"{tokens.path(session_id, kind)}/{answered.program_id}"
    response.headers["ETag"] = f'"{answered.tag}"'
    response.headers["Accept-Patch"] = FRAGMENT
    here = services.current()
    for server in ice_servers(here.settings, here.clock.now()):
        for url in server["urls"]:
            response.headers.append("Link", _link(url, server))
    return response


async def _patch(request: Request, session_id: str, kind: str, program_id: str) -> Response:
    holder = _holder(request, session_id, kind)
    fragment = await _text(request, FRAGMENT)
    given = request.headers.get("if-match")
    tag = given.strip().removeprefix("W/").strip('"') if given is not None else None
    answered = await door.hub().programs.patch(session_id, holder.person_id, program_id, tag, fragment)
    if answered is None:
        return Response(status_code=204)
    return Response(answered.body, 200, {"ETag": f'"{answered.tag}"'}, FRAGMENT)


async def _end(request: Request, session_id: str, kind: str, program_id: str) -> Response:
    holder = _holder(request, session_id, kind)
    door.hub().programs.end(session_id, holder.person_id, program_id)
    return Response(status_code=200)


async def _answer(request: Request, work: Awaitable[Response]) -> Response:
    """With the headers that pages of other sites need; a refusal as the web role writes it."""
    try:
        response = await work
    except UserError as error:
        sentence = gettext(
            error.message, negotiate(request.headers.get("accept-language", "")), **error.facts
        )
        status = 401 if isinstance(error, TicketRefused) else error.status
        response = JSONResponse({"error": error.code, "message": sentence}, status)
        if status == 401:
            invalid = ' error="invalid_token"' if isinstance(error, TicketRefused) else ""
            response.headers["WWW-Authenticate"] = f"Bearer{invalid}"
        elif status in (429, 503):
            response.headers["Retry-After"] = str(_RETRY_AFTER_S)
    response.headers.update({**_CORS, "Cache-Control": "no-store"})
    return response


def _holder(request: Request, session_id: str, kind: str) -> SeatHolder:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotSignedIn(_NO_TOKEN)
    return tokens.verify(token.strip(), session_id, kind)


async def _text(request: Request, expected: str) -> str:
    """The body, of this type and of bounded size."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != expected:
        raise Unanswered(415, _TYPE)
    most = door.hub().settings.max_frame_bytes
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise Unanswered(413, _LARGE)
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Unanswered(400, _TEXT) from error


def _link(url: str, server: dict[str, Any]) -> str:
    parts = [f"<{url}>", 'rel="ice-server"']
    if "username" in server:
        parts += [f'username="{server["username"]}"', f'credential="{server["credential"]}"']
        parts.append('credential-type="password"')
    return "; ".join(parts)
