"""Short-lived signed tickets: what a browser or an agent shows at a socket's door.

A ticket names its kind, the one room it is for, the seat it was made for and its role; it is never stored. It
lasts a minute and opens one socket (`redeem`); that socket is re-checked against the seat by its owner.
URL-safe, signed, issuer inside, so that a media fleet can be shared by several organisations.
"""

import secrets
import time
from collections.abc import Mapping
from typing import Any

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from core.errors import TicketRefused
from core.i18n import N_

TICKET_TTL_S = 60
_EXPIRED = N_("This link into the room has expired. Please join again.")
_INVALID = N_("This link into the room is not valid.")
_USED = N_("This link into the room was used already. Please join again.")


class Tickets:
    """key: 32 bytes (`settings.derived_key("ticket")`); issuer: the organisation's public address."""

    def __init__(self, key: bytes, issuer: str) -> None:
        self._key, self._issuer = key, issuer
        self._began_at = int(time.time())
        self._spent: dict[str, float] = {}
        """Ids of used tickets, oldest first, with the time from which they need not be remembered."""

    def issue(self, kind: str, claims: Mapping[str, Any]) -> str:
        """Sign a ticket of `kind` ("room", "board", ...). claims: JSON values, ids and rights only, no names."""
        own = {"iss": self._issuer, "jti": secrets.token_urlsafe(12)}
        return self._serializer(kind).dumps({**claims, **own})

    def verify(self, kind: str, ticket: str, max_age_s: int = TICKET_TTL_S) -> dict[str, Any]:
        """The claims. TicketRefused: forged, foreign, of another kind, or too old."""
        return self._open(kind, ticket, max_age_s)[0]

    def redeem(self, kind: str, ticket: str) -> dict[str, Any]:
        """As `verify`, once: a copy of a used ticket opens nothing.

        What was made before this process began may have been used in the one before it, so it is refused too;
        browsers ask for a new one.
        """
        claims, ticket_id, issued_at = self._open(kind, ticket, TICKET_TTL_S)
        now = time.time()
        while self._spent and next(iter(self._spent.values())) < now:
            del self._spent[next(iter(self._spent))]
        if not ticket_id or ticket_id in self._spent or issued_at < self._began_at:
            raise TicketRefused("ticket_used", _USED)
        self._spent[ticket_id] = now + TICKET_TTL_S + 1
        return claims

    def _open(self, kind: str, ticket: str, max_age_s: int) -> tuple[dict[str, Any], str, float]:
        try:
            claims, issued_at = self._serializer(kind).loads(ticket, max_age=max_age_s, return_timestamp=True)
        except SignatureExpired as error:
            raise TicketRefused("ticket_expired", _EXPIRED) from error
        except BadSignature as error:
            raise TicketRefused("ticket_invalid", _INVALID) from error
        if claims.pop("iss", None) != self._issuer:
            raise TicketRefused("ticket_invalid", _INVALID)
        return claims, str(claims.pop("jti", "")), issued_at.timestamp()

    def _serializer(self, kind: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self._key, salt=f"hilink.{kind}")
