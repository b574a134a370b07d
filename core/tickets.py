"""Short-lived signed tickets: what a browser or an agent shows at a socket's door.

A ticket names its kind, the seat it was made for and its rights; it is never stored. It lasts a minute;
the socket it opened is re-checked against the seat by its owner. URL-safe, signed, issuer inside, so
that a media fleet can be shared by several organisations.
"""

from collections.abc import Mapping
from typing import Any

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from core.errors import NotAllowed

TICKET_TTL_S = 60


class Tickets:
    """key: 32 bytes (`settings.derived_key("ticket")`); issuer: the organisation's public address."""

    def __init__(self, key: bytes, issuer: str) -> None:
        self._key, self._issuer = key, issuer

    def issue(self, kind: str, claims: Mapping[str, Any]) -> str:
        """Sign a ticket of `kind` ("room", "board", ...). claims: JSON values, ids and rights only, no names."""
        return self._serializer(kind).dumps({**claims, "iss": self._issuer})

    def verify(self, kind: str, ticket: str, max_age_s: int = TICKET_TTL_S) -> dict[str, Any]:
        """The claims, or NotAllowed: forged, foreign, of another kind, or too old."""
        try:
            claims: dict[str, Any] = self._serializer(kind).loads(ticket, max_age=max_age_s)
        except SignatureExpired as error:
            raise NotAllowed("This link into the room has expired. Please join again.") from error
        except BadSignature as error:
            raise NotAllowed("This link into the room is not valid.") from error
        if claims.pop("iss", None) != self._issuer:
            raise NotAllowed("This link into the room is not valid.")
        return claims

    def _serializer(self, kind: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self._key, salt=f"hilink.{kind}")
