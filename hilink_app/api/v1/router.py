"""What every route for programs has in common: the token in the description, the errors, keys for repeating."""

import hashlib
import json
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from core.access import viewer_from_token
from core.errors import InvalidInput
from core.lifecycle import idempotency
from core.lifecycle.idempotency import Answer

KEY = "idempotency-key"
REPLAYED = "idempotency-replayed"
CHANGES = {"POST", "PUT", "PATCH", "DELETE"}

Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        max_length=200,
        description="Whatever names this request: repeated with it, it is done once and answered the same.",
    ),
]
IfMatch = Annotated[
    str,
    Header(alias="If-Match", max_length=40, description='The version that was seen, as in the ETag: `"3"`.'),
]

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Problem(BaseModel):
    """Why nothing was done. The sentence is in the language of `Accept-Language`."""

    error: str = Field(description="A code that stays: not_found, conflict, invalid_input, ...")
    message: str = Field(description="A sentence for people.")
    field: str | None = Field(default=None, description="Which value is off.")
    fields: list[str] | None = Field(default=None, description="Where the request is malformed.")


_SAYS = {
    401: "No token, or one that is unknown, expired or revoked.",
    403: "The token has not the scope.",
    404: "Not there, or not yours: never which.",
    409: "Changed by somebody else since, or a double-booking: the sentence says with what.",
    422: "A value is off.",
    429: "Too many calls; `Retry-After` says when to go on.",
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": says} for status, says in _SAYS.items()
}


class ProgramRoute(APIRoute):
    """A change with an `Idempotency-Key` is made once: whoever repeats it gets the first answer again."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def once(request: Request) -> Response:
            key = request.headers.get(KEY)
            if key is None or request.method not in CHANGES:
                return await handle(request)
            viewer = await run_in_threadpool(viewer_from_token, request.headers.get("authorization"))
            if viewer is None:
                return await handle(request)
            return await _once(handle, request, viewer.token_id, key)

        return once


async def _once(handle: Handler, request: Request, token_id: str, key: str) -> Response:
    said = (request.method, request.url.path, request.headers.get("if-match", ""))
    fingerprint = hashlib.sha256("\n".join(said).encode() + b"\n" + await request.body()).hexdigest()
    before = await run_in_threadpool(idempotency.claim, token_id, key, fingerprint)
    if before is not None:
        return answered(before.body, before.status, {REPLAYED: "true"})
    done = False
    try:
        response = await handle(request)
        answer = Answer(response.status_code, json.loads(bytes(response.body)))
        done = True
    finally:
        if not done:  # refused: nothing was changed, the key is free again
            await run_in_threadpool(idempotency.release, token_id, key)
    await run_in_threadpool(idempotency.keep, token_id, key, answer)
    return response


def answered(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> JSONResponse:
    """JSON, with its version as the ETag where it has one."""
    tag = {"etag": f'"{body["version"]}"'} if isinstance(body, dict) and "version" in body else {}
    return JSONResponse(body, status, {**tag, **(headers or {})})


def version_seen(if_match: str) -> int:
    """InvalidInput without one: a program must not overwrite what it has not seen."""
    text = if_match.removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdecimal() and len(text) < 9):
        raise InvalidInput("If-Match", "Please say which version you saw.")
    return int(text)


def program_router(tag: str, *, keeps_answers: bool = True) -> APIRouter:
    """A router whose routes each name their scope. keeps_answers: False where an answer is a secret; then nothing
    is kept by an `Idempotency-Key`, and what is repeated is done again.
    """
    return APIRouter(
        prefix="/api/v1",
        tags=[tag],
        route_class=ProgramRoute if keeps_answers else APIRoute,
        responses=PROBLEMS,
        dependencies=[Depends(HTTPBearer(auto_error=False, description="A token, made by a coordinator."))],
    )
