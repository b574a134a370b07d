"""Step 2: the room exists before anybody needs it, and every seat has its personal way in.

Called by the classroom plugin's `on_schedule` delivery, inside one exactly-once step.
"""

import secrets
from datetime import timedelta
from typing import Any

from sqlmodel import Session

from core import services
from core.access import hash_token
from core.delivery import emit
from core.domain import ClassSession, Course, JoinLink, Room, Seat
from core.domain.load import get_session
from core.events import RoomProvisioned


def provision_room(db: Session, session_id: str, room_settings: dict[str, Any] | None = None) -> None:
    """Create the room's row if it is not there. Idempotent; does nothing for a cancelled lesson."""
    row = get_session(db, session_id, lock=True)
    if row.status == "cancelled" or db.get(Room, session_id) is not None:
        return
    db.add(
        Room(
            session_id=session_id,
            provisioned_at=services.current().clock.now(),
            settings={
                "captions": True,
                "whiteboard": True,
                "recording": db.get_one(Course, row.course_id).recorded,
                **(room_settings or {}),
            },
        )
    )
    emit(db, RoomProvisioned(session_id=session_id))


def new_join_link(db: Session, seat_id: str) -> str:
    """A fresh personal address for a seat; the database keeps its hash alone, so each mail gets its own.

    It stops working when the seat closes, or after the room does.
    """
    service = services.current()
    seat = db.get_one(Seat, seat_id)
    session = db.get_one(ClassSession, seat.session_id)
    token = secrets.token_urlsafe(24)
    db.add(
        JoinLink(
            token_hash=hash_token(token),
            seat_id=seat_id,
            created_at=service.clock.now(),
            expires_at=session.ends_at + timedelta(seconds=service.settings.open_after_s),
        )
    )
    return f"{service.settings.public_url.rstrip('/')}/j/{token}"
