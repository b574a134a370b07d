"""Sign-in and sign-out. Plain form posts: they set an HttpOnly cookie and load the next page afresh, because
a page's socket keeps the cookies it was opened with."""

from typing import Annotated
from urllib.parse import parse_qs, quote, urlsplit

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse

from core import services
from core.access import (
    LOGIN_COOKIE,
    PUBLIC,
    SEAT_COOKIE,
    Viewer,
    redeem_magic_link,
    request_magic_link,
    rule,
    sign_in,
    sign_out,
    viewer_from_cookie,
)
from core.errors import UserError
from core.lifecycle.join import open_join_link

router = APIRouter()
_SEAT_TTL_S = 12 * 3600


def _client(request: Request) -> str:
    return request.client.host if request.client else ""


def _local(path: str) -> str:
    """Only a path of this site may follow a sign-in."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"


def _signed_in(token: str, target: str) -> RedirectResponse:
    settings = services.current().settings
    response = RedirectResponse(target, 303)
    response.set_cookie(
        LOGIN_COOKIE,
        token,
        max_age=settings.login_ttl_s,
        httponly=True,
        secure=settings.https,
        samesite="lax",
    )
    return response


def _back(page: str, error: UserError, **kept: str) -> RedirectResponse:
    """Back to the form with the reason's code; the page has the sentence."""
    query = "&".join(f"{name}={quote(value)}" for name, value in {"problem": error.code, **kept}.items())
    return RedirectResponse(f"{page}?{query}", 303)


def _asked_for(request: Request) -> str:
    """Who is faster than the page has not filled the form's `then`: the address of the form has it, too."""
    try:
        address = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return "/"
    return parse_qs(address.query).get("then", ["/"])[0]


@router.post("/auth/sign-in", dependencies=[Depends(rule(PUBLIC))])
def post_sign_in(
    request: Request,
    email: Annotated[str, Form(max_length=254)],
    password: Annotated[str, Form(max_length=1_000)],
    then: Annotated[str, Form(max_length=500)] = "",
) -> RedirectResponse:
    """Password sign-in. Wrong ones go back to the form with the reason."""
    wanted = _local(then or _asked_for(request))
    try:
        token, _ = sign_in(email, password, _client(request))
    except UserError as error:
        return _back("/sign-in", error, then=wanted)
    return _signed_in(token, wanted)


@router.post("/auth/link", dependencies=[Depends(rule(PUBLIC))])
def post_link(
    request: Request, email: Annotated[str, Form(alias="link_email", max_length=254)]
) -> RedirectResponse:
    """Ask for a sign-in link by email. The answer is the same whether or not there is such an account."""
    try:
        request_magic_link(email, _client(request))
    except UserError as error:
        return _back("/sign-in", error)
    return RedirectResponse("/sign-in?sent=1", 303)


@router.post("/auth/link/use", dependencies=[Depends(rule(PUBLIC))])
def use_link(token: Annotated[str, Form(max_length=200)]) -> RedirectResponse:
    """Use a sign-in link. A post, so that mail scanners that open every address do not use it up."""
    try:
        login, _ = redeem_magic_link(token)
    except UserError as error:
        return _back("/sign-in", error, link="used")
    return _signed_in(login, "/")


@router.post("/auth/sign-out", dependencies=[Depends(rule(PUBLIC))])
def post_sign_out(request: Request) -> RedirectResponse:
    """Ends this sign-in and the seat a join link gave."""
    sign_out(request.cookies.get(LOGIN_COOKIE, ""))
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(LOGIN_COOKIE)
    response.delete_cookie(SEAT_COOKIE)
    return response


@router.get("/j/{token}", dependencies=[Depends(rule(PUBLIC))])
def join(request: Request, token: str) -> RedirectResponse:
    """A personal join link: to the room, or to a page with the sentence that fits."""
    viewer: Viewer | None = viewer_from_cookie(request.headers.get("cookie"))
    try:
        seat = open_join_link(token[:200], viewer)
    except UserError as error:
        return RedirectResponse(f"/link?problem={quote(error.message)}", 303)
    settings = services.current().settings
    response = RedirectResponse(f"/room/{seat.session_id}", 303)
    if viewer is None:
        response.set_cookie(
            SEAT_COOKIE, token, max_age=_SEAT_TTL_S, httponly=True, secure=settings.https, samesite="lax"
        )
    return response
