"""Step 2: the room exists before anybody needs it, and every seat has its personal way in.

Called by the classroom plugin's `on_schedule` delivery, inside one exactly-once step; made good by the `stage`
timer when that failed. What a room offers comes from its course's template.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from core import services
from core.access import hash_token
from core.delivery import emit
from core.domain import ClassSession, Course, JoinLink, Room, Seat
from core.domain.load import get_session
from core.events import RoomProvisioned

TOOLS = ("whiteboard", "chat", "polls", "captions")
"""What a template may switch off; a room has what it does not name."""
LOBBIES = ("off", "until_instructor", "always")
"""Who waits at the door, as in the classroom."""


def provision_room(db: Session, session_id: str, house: Mapping[str, Any] | None = None) -> None:
    """Create the room's row if it is not there. Idempotent; does nothing for a cancelled lesson.

    house: what holds where the course's template says nothing.
    """
    room_for(db, get_session(db, session_id, lock=True), house)


def room_for(db: Session, row: ClassSession, house: Mapping[str, Any] | None = None) -> None:
    """`provision_room` for a lesson that the caller has locked."""
    if row.status == "cancelled" or db.get(Room, row.id) is not None:
        return
    course = db.get_one(Course, row.course_id)
    db.add(
        Room(
            session_id=row.id,
            provisioned_at=services.current().clock.now(),
            settings={**(house or {}), **room_settings(course)},
        )
    )
    emit(db, RoomProvisioned(session_id=row.id))


def refresh_room(db: Session, row: ClassSession) -> bool:
    """Bring the room of a lesson that has not begun to its course's template; returns whether that changed it.

    A lobby the template no longer names stays as the room has it.
    """
    room = db.get(Room, row.id, with_for_update=True)
    if room is None or row.status != "scheduled":
        return False
    wanted = {**room.settings, **room_settings(db.get_one(Course, row.course_id))}
    if wanted["captions"]:
        wanted["captions"] = room.settings.get("captions_by", True)
    if wanted == room.settings:
        return False
    room.settings = wanted
    db.add(room)
    return True


def room_settings(course: Course) -> dict[str, Any]:
    """The settings of a room of this course: every tool, and of the rest what its template names."""
    template = course.template
    found: dict[str, Any] = {tool: template.get(tool, True) is not False for tool in TOOLS}
    found["recording"] = course.recorded
    found["captions_lang"] = str(template.get("captions_lang", ""))
    found["region"] = str(template.get("region", ""))
    if template.get("lobby") in LOBBIES:
        found["lobby"] = template["lobby"]
    return found


def tools_off(room: Room | None) -> frozenset[str]:
    """Tools this room does not offer."""
    return frozenset(tool for tool in TOOLS if room is not None and room.settings.get(tool) is False)


def new_join_link(db: Session, seat_id: str) -> str:
    """A fresh personal address for a seat; the database keeps its hash alone, so each mail gets its own.

    It stops working when the seat closes, or after the room does; it moves with its lesson.
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
            expires_at=_links_end(session),
        )
    )
    return f"{service.settings.public_url.rstrip('/')}/j/{token}"


def move_links(db: Session, row: ClassSession) -> None:
    """The links people already have lead into the lesson at its new time; none lives longer than it."""
    links = select(JoinLink).join(Seat, col(Seat.id) == JoinLink.seat_id).where(Seat.session_id == row.id)
    for link in db.exec(links.where(col(JoinLink.revoked_at).is_(None))):
        link.expires_at = _links_end(row)
        db.add(link)


def _links_end(session: ClassSession) -> datetime:
    return session.ends_at + timedelta(seconds=services.current().settings.open_after_s)
