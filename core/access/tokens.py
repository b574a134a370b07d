"""Tokens: how programs of a platform come in. A token may do what its maker may, within its scopes, and no more."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from core import services
from core.access.viewer import Viewer, hash_token, viewer_for
from core.domain import ApiToken
from core.errors import TooMany
from core.i18n import N_

TOKEN = "token"
PREFIX = "hl_"
"""Begins every token, so that scanners for leaked secrets find it."""
SCOPES = {
    "people:read": N_("Names, roles and time zones of people"),
    "courses:read": N_("Courses, their topics and who may teach them"),
    "availability:read": N_("When people can be booked"),
    "availability:write": N_("Change when instructors can be booked"),
    "sessions:read": N_("Lessons and who is in them"),
    "sessions:write": N_("Schedule, move, reassign and cancel lessons"),
    "links:write": N_("Make people’s personal links into their lessons"),
    "series:read": N_("Lessons that repeat"),
    "series:write": N_("Schedule, change and cancel lessons that repeat"),
    "requests:read": N_("Requests for lessons with the families’ words, and who could give them"),
    "requests:write": N_("Ask for lessons, and accept or reject requests"),
    "changes:read": N_("Changes that families ask for, with their words"),
    "changes:write": N_("Change lessons as families may, ask for other changes, approve or decline them"),
    "plans:read": N_("Plans that place many requests at once"),
    "plans:write": N_("Start, accept and reject plans"),
    "substitutions:read": N_("Lessons that lost their instructor, and who was asked"),
    "substitutions:write": N_("Say who cannot come, ask instructors to take over, and answer for them"),
}
ROLE = "coordinator"
"""All of it is a coordinator's business: a token whose maker is none any more opens nothing."""
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class TokenViewer(Viewer):
    """A program that acts for whoever made its token."""

    token_id: str = ""
    scopes: tuple[str, ...] = ()


def viewer_from_token(header: str | None) -> TokenViewer | None:
    """Who an `Authorization: Bearer ...` header acts for; None when it is missing, unknown, revoked or expired."""
    kind, _, token = (header or "").partition(" ")
    if kind.lower() != "bearer" or not token.startswith(PREFIX):
        return None
    service = services.current()
    with service.store.read() as db:
        row = db.exec(select(ApiToken).where(ApiToken.token_hash == hash_token(token.strip()))).first()
        if row is None or not usable(row, service.clock.now()):
            return None
        maker = viewer_for(db, row.created_by)
    if maker is None or not maker.has(ROLE):
        return None
    return TokenViewer(
        maker.person_id,
        maker.name,
        (ROLE,),
        maker.tz,
        maker.lang,
        token_id=row.id,
        scopes=tuple(row.scopes),
    )


def usable(row: ApiToken, now: datetime) -> bool:
    return row.revoked_at is None and (row.expires_at is None or row.expires_at > now)


def mark_used(db: Session, token_id: str) -> None:
    """When a token was last used, to the minute: a busy program must not write with every call."""
    now = services.current().clock.now()
    row = db.exec(
        select(ApiToken).where(
            ApiToken.id == token_id, col(ApiToken.used_at).is_(None) | (col(ApiToken.used_at) < now - _MINUTE)
        )
    ).first()
    if row is not None:
        row.used_at = now
        db.add(row)


class Rate:
    """Calls a minute by token, in this process. Pure but for the clock it is handed."""

    def __init__(self) -> None:
        self._calls: dict[str, tuple[datetime, int]] = {}

    def count(self, token_id: str, now: datetime, most: int) -> None:
        """TooMany once there were `most` calls in the minute that the first of them began."""
        since, calls = self._calls.get(token_id, (now, 0))
        if now - since >= _MINUTE:
            since, calls = now, 0
        if calls >= most:
            raise TooMany("This program asks too often. Please wait a minute.")
        self._calls[token_id] = (since, calls + 1)
