"""The rule a door carries: which roles may pass. No rule, no door: start-up fails, and a test lists them all.

HTTP routes and sockets: `viewer: Viewer = Depends(rule("coordinator"))`; for programs with a token
`Depends(scope("sessions:write"))`, which no cookie opens. Pages: `PageSpec.roles`.
Event handlers: `@allow("coordinator")` (hilink_app.state.guard), which uses `allowed` too.
"""

import hmac
import time
from typing import Any

from starlette.exceptions import WebSocketException
from starlette.requests import HTTPConnection

from core import services
from core.access.tokens import SCOPES, TOKEN, Rate, TokenViewer, mark_used, viewer_from_token
from core.access.viewer import Viewer, seat_viewer_from_cookie, viewer_from_cookie
from core.errors import NotAllowed, NotSignedIn
from core.internal import sign_internal

PUBLIC = "public"
SIGNED_IN = "signed_in"
SEAT = "seat"
"""A join link's cookie opens this door too."""
TICKET = "ticket"
"""The handler checks a signed ticket itself, before it accepts the socket or answers."""
INTERNAL = "internal"
"""Media nodes and agents: the body is signed with the internal key."""
EVERY_ROLE = ("student", "instructor", "coordinator", "guardian", "operator")
_SIGNATURE_WINDOW_S = 60


def allowed(viewer: Viewer | None, roles: tuple[str, ...]) -> bool:
    """May this viewer pass a door with these roles? Deny by default."""
    if PUBLIC in roles:
        return True
    if viewer is None:
        return False
    if viewer.seat_id is not None:
        return SEAT in roles
    return SIGNED_IN in roles or viewer.has(*roles)


class Rule:
    """A FastAPI dependency: lets the viewer in or raises. Same for HTTP and WebSocket."""

    def __init__(self, *roles: str) -> None:
        if not roles:
            raise ValueError("a rule names at least one role")
        self.roles = roles

    def __call__(self, connection: HTTPConnection) -> Viewer | None:
        header = connection.headers.get("cookie")
        if TICKET in self.roles or INTERNAL in self.roles:
            return None
        viewer = viewer_from_cookie(header)
        if allowed(viewer, self.roles):
            return viewer
        if SEAT in self.roles and (seat := seat_viewer_from_cookie(header)) is not None:
            return seat
        if connection.scope["type"] == "websocket":
            raise WebSocketException(4401 if viewer is None else 4403)
        raise NotSignedIn() if viewer is None else NotAllowed()

    @property
    def words(self) -> str:
        """Who may pass, as the docs say it."""
        return ", ".join(self.roles).replace("_", " ")

    def __repr__(self) -> str:
        return f"Rule({', '.join(self.roles)})"


class Scope(Rule):
    """Lets a program in whose token has this scope. Counts its calls, and notes that the token is used."""

    def __init__(self, name: str) -> None:
        if name not in SCOPES:
            raise ValueError(f"no such scope: {name}")
        super().__init__(TOKEN)
        self.name = name

    def __call__(self, connection: HTTPConnection) -> TokenViewer:
        viewer = viewer_from_token(connection.headers.get("authorization"))
        if viewer is None:
            raise NotSignedIn("This needs a token: Authorization: Bearer hl_...")
        service = services.current()
        _rate.count(viewer.token_id, service.clock.now(), service.settings.api_calls_per_min)
        if self.name not in viewer.scopes:
            raise NotAllowed("This token has not the scope {scope}.", scope=self.name)
        with service.store.write() as db:
            mark_used(db, viewer.token_id)
        return viewer

    @property
    def words(self) -> str:
        return f"token `{self.name}`"


_rate = Rate()


def rule(*roles: str) -> Any:
    """Roles that may pass: role names, or PUBLIC, SIGNED_IN, SEAT, TICKET, INTERNAL."""
    return Rule(*roles)


def scope(name: str) -> Any:
    """One of `core.access.tokens.SCOPES`: what the token must have."""
    return Scope(name)


async def signed_body(connection: Any) -> bytes:
    """The body of an INTERNAL request after checking its signature and time; NotAllowed otherwise.

    Headers: X-HiLink-Time (unix seconds, within a minute) and X-HiLink-Signature (see `sign_internal`).
    """
    body: bytes = await connection.body()
    key = services.current().settings.derived_key("internal")
    try:
        at = int(connection.headers.get("x-hilink-time", ""))
        fresh = abs(time.time() - at) <= _SIGNATURE_WINDOW_S
    except (ValueError, OverflowError) as error:
        raise NotAllowed("This request is not signed.") from error
    given = connection.headers.get("x-hilink-signature", "").encode("latin-1")
    if not fresh or not hmac.compare_digest(given, sign_internal(key, at, body).encode()):
        raise NotAllowed("This request is not signed.")
    return body
