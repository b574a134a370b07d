"""Who is asking, and may they: sign-in, viewers, and the rule every page, handler, route and socket carries."""

from core.access.rules import (
    EVERY_ROLE,
    INTERNAL,
    PUBLIC,
    SEAT,
    SIGNED_IN,
    TICKET,
    Rule,
    Scope,
    allowed,
    rule,
    scope,
)
from core.access.signin import (
    redeem_magic_link,
    request_magic_link,
    set_password,
    sign_in,
    sign_out,
)
from core.access.tokens import SCOPES, TOKEN, TokenViewer, viewer_from_token
from core.access.viewer import (
    LOGIN_COOKIE,
    SEAT_COOKIE,
    SYSTEM,
    Actor,
    Viewer,
    hash_token,
    seat_viewer_from_cookie,
    viewer_for,
    viewer_from_cookie,
)

__all__ = [
    "EVERY_ROLE", "INTERNAL", "LOGIN_COOKIE", "PUBLIC", "SCOPES", "SEAT", "SEAT_COOKIE", "SIGNED_IN", "SYSTEM",
    "TICKET", "TOKEN", "Actor", "Rule", "Scope", "TokenViewer", "Viewer", "allowed", "hash_token",
    "redeem_magic_link", "request_magic_link", "rule", "scope", "seat_viewer_from_cookie", "set_password",
    "sign_in", "sign_out", "viewer_for", "viewer_from_cookie", "viewer_from_token",
]  # fmt: skip
