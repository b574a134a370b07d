"""Tokens for programs that schedule from their own systems: made, shown once, revoked."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from core import services
from core.access import SCOPES, Actor, hash_token
from core.access.tokens import PREFIX
from core.delivery import audit
from core.domain import ApiToken
from core.errors import InvalidInput, NotAllowed, NotFound

MOST_DAYS = 730


@dataclass(frozen=True, slots=True)
class NewToken:
    """token: shown once; the database keeps its hash alone."""

    id: str
    token: str


def create_token(actor: Actor, name: str, scopes: Sequence[str], days: int) -> NewToken:
    """A token that may do what its maker may, within the scopes, for so many days. Coordinators. InvalidInput."""
    if not actor.has("coordinator") or actor.person_id is None:
        raise NotAllowed()
    if not (name := name.strip()[:80]):
        raise InvalidInput("name", "Please say which program this token is for.")
    wanted = list(dict.fromkeys(scopes))
    if not wanted or any(one not in SCOPES for one in wanted):
        raise InvalidInput("scopes", "Please choose what the program may do.")
    if not 1 <= days <= MOST_DAYS:
        raise InvalidInput("days", "A token lasts {most} days at most.", most=MOST_DAYS)
    token, now = PREFIX + secrets.token_urlsafe(32), services.current().clock.now()
    with services.current().store.write() as db:
        row = ApiToken(
            name=name,
            token_hash=hash_token(token),
            scopes=wanted,
            created_by=actor.person_id,
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
        db.add(row)
        audit(db, actor.person_id, "token.created", row.id, days=days)
    return NewToken(row.id, token)


def revoke_token(actor: Actor, token_id: str) -> None:
    """It opens nothing from now on. Coordinators and operators. Idempotent; NotFound."""
    if not actor.has("coordinator", "operator"):
        raise NotAllowed()
    with services.current().store.write() as db:
        row = db.get(ApiToken, token_id, with_for_update=True)
        if row is None:
            raise NotFound()
        if row.revoked_at is None:
            row.revoked_at = services.current().clock.now()
            db.add(row)
            audit(db, actor.person_id, "token.revoked", row.id)
