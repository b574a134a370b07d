"""Beside the story: a private calendar address for each person, made, renewed and withdrawn by themselves."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from core import services
from core.access import Viewer, hash_token
from core.delivery import audit
from core.domain import CalendarFeed, Person
from core.errors import NotFound

_NOTE_USE = timedelta(hours=1)
"""When it was fetched is written down at most this often: calendars ask every few minutes."""


@dataclass(frozen=True, slots=True)
class FeedState:
    """Whether the viewer has an address, since when, and when a calendar last asked for it."""

    active: bool
    created_at: datetime | None = None
    used_at: datetime | None = None


def state(viewer: Viewer) -> FeedState:
    with services.current().store.read() as db:
        row = _live(db, viewer.person_id)
        return FeedState(True, row.created_at, row.used_at) if row is not None else FeedState(False)


def renew(viewer: Viewer) -> str:
    """A new address; the one before stops working. It is shown this once: the database keeps a hash alone."""
    service = services.current()
    token = secrets.token_urlsafe(32)
    with service.store.write() as db:
        _withdraw(db, viewer.person_id)
        db.add(
            CalendarFeed(
                token_hash=hash_token(token), person_id=viewer.person_id, created_at=service.clock.now()
            )
        )
        audit(db, viewer.person_id, "feed.renew", viewer.person_id, viewer.person_id)
    return f"{service.settings.public_url.rstrip('/')}/calendar/{token}.ics"


def withdraw(viewer: Viewer) -> None:
    """The address stops working. Idempotent."""
    with services.current().store.write() as db:
        if _withdraw(db, viewer.person_id):
            audit(db, viewer.person_id, "feed.withdraw", viewer.person_id, viewer.person_id)


def reader_of(token: str) -> Person:
    """Whose calendar it is. NotFound for an address that is unknown, withdrawn, or of somebody who left."""
    service = services.current()
    now = service.clock.now()
    with service.store.read() as db:
        row = db.get(CalendarFeed, hash_token(token))
        person = db.get(Person, row.person_id) if row is not None and row.revoked_at is None else None
    if row is None or person is None or not person.active:
        raise NotFound(
            "This calendar address does not work any more. There is a new one on your profile page."
        )
    if row.used_at is None or now - row.used_at > _NOTE_USE:
        with service.store.write() as db:
            if (used := db.get(CalendarFeed, row.token_hash, with_for_update=True)) is not None:
                used.used_at = now
                db.add(used)
    return person


def _live(db: Session, person_id: str) -> CalendarFeed | None:
    query = select(CalendarFeed).where(
        CalendarFeed.person_id == person_id, col(CalendarFeed.revoked_at).is_(None)
    )
    return db.exec(query.order_by(col(CalendarFeed.created_at).desc())).first()


def _withdraw(db: Session, person_id: str) -> bool:
    rows = db.exec(
        select(CalendarFeed)
        .where(CalendarFeed.person_id == person_id, col(CalendarFeed.revoked_at).is_(None))
        .with_for_update()
    ).all()
    for row in rows:
        row.revoked_at = services.current().clock.now()
        db.add(row)
    return bool(rows)
