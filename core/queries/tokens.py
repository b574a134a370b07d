"""Which programs may come in, and when they last did."""

from dataclasses import dataclass

from sqlmodel import col, select

from core import services
from core.access import Viewer
from core.access.tokens import usable
from core.domain import ApiToken, Person
from core.errors import NotAllowed
from core.queries.common import iso


@dataclass(frozen=True)
class TokenLine:
    """usable: neither revoked nor expired. used_at: "" = never."""

    id: str
    name: str
    scopes: list[str]
    maker: str
    created_at: str
    expires_at: str
    used_at: str
    usable: bool


def tokens(viewer: Viewer) -> list[TokenLine]:
    """All tokens, newest first: coordinators make them, operators watch over them."""
    if not viewer.has("coordinator", "operator"):
        raise NotAllowed()
    with services.current().store.read() as db:
        rows = db.exec(
            select(ApiToken, Person.name)
            .join(Person, col(Person.id) == ApiToken.created_by)
            .order_by(col(ApiToken.id).desc())
        ).all()
    now = services.current().clock.now()
    return [
        TokenLine(
            row.id,
            row.name,
            list(row.scopes),
            maker,
            iso(row.created_at),
            iso(row.expires_at),
            iso(row.used_at),
            usable(row, now),
        )
        for row, maker in rows
    ]
