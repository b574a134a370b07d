"""Who may come to the board: tickets at the door, and the seat behind them as long as the socket lives."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from sqlmodel import Session, select

from core import services
from core.domain import ClassSession, Person, PersonRole, Room, Seat
from core.errors import NotAllowed
from core.lifecycle import live, waiting
from core.lifecycle.provision import tools_off
from plugins.whiteboard.connection import BoardSeat
from plugins.whiteboard.page import Counts
from plugins.whiteboard.service import BoardHub
from plugins.whiteboard.settings import WhiteboardSettings
from plugins.whiteboard.store import SqlBoardStore

TICKET_KIND = "board"
REVOKED_TOPIC = "seat.revoked"
"""Bus messages {session_id, person_id}: the seat was taken away; its board ends at once."""
OBSERVERS = ("coordinator", "operator")

_hub: BoardHub | None = None


def hub() -> BoardHub:
    """The process's hub; NotAllowed while the role is starting or stopping, or the plugin is switched off."""
    if _hub is None or not services.current().plugins.enabled("whiteboard"):
        raise NotAllowed("The whiteboard is switched off.")
    return _hub


def close_participant(session_id: str, person_id: str) -> int:
    """End this person's board sockets in this process at once; how many there were."""
    return _hub.close_participant(session_id, person_id) if _hub is not None else 0


def open_hub() -> AbstractAsyncContextManager[BoardHub]:
    """The web role's hub over the installed services."""
    installed = services.current()
    settings = installed.plugins.get("whiteboard").settings or WhiteboardSettings()
    return _installed(BoardHub(settings, SqlBoardStore(installed.store), still_seated, report_activity))


@asynccontextmanager
async def _installed(new: BoardHub) -> AsyncIterator[BoardHub]:
    global _hub
    async with new.running():
        listening = asyncio.create_task(_close_revoked(new))
        _hub = new
        try:
            yield new
        finally:
            _hub = None
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def admit(ticket: str, session_id: str) -> BoardSeat:
    """The seat a ticket was made for. NotAllowed: forged, foreign, too old, used, the seat is gone, or they wait.

    Claims: session_id, person_id, role, draw (bool). The name comes from the database, never from outside.
    """
    claims = services.current().tickets.redeem(TICKET_KIND, ticket)
    if claims.get("session_id") != session_id:
        raise NotAllowed("This link into the room is not valid.")
    seat = await asyncio.to_thread(_seat, claims)
    if seat is None:
        raise NotAllowed("Your seat in this lesson was given up.")
    return seat


async def still_seated(seat: BoardSeat) -> bool:
    """Whether a live socket's seat is still valid: active, and the lesson neither over nor cancelled."""
    return await asyncio.to_thread(_may_stay, seat.session_id, seat.person_id, seat.role)


async def report_activity(session_id: str, people: Mapping[str, Counts]) -> None:
    """Board activity becomes an engagement signal."""
    measured = [(person_id, "board_updates", float(counts.updates)) for person_id, counts in people.items()]
    await asyncio.to_thread(live.add_engagement, session_id, measured)


def _seat(claims: Mapping[str, object]) -> BoardSeat | None:
    session_id, person_id = str(claims["session_id"]), str(claims.get("person_id", ""))
    role = str(claims.get("role", ""))
    if not _may_stay(session_id, person_id, role):
        return None
    with services.current().store.read() as db:
        person = db.get_one(Person, person_id)
        return BoardSeat(session_id, person_id, person.name, role, can_draw=claims.get("draw") is True)


def _may_stay(session_id: str, person_id: str, role: str) -> bool:
    with services.current().store.read() as db:
        lesson = db.get(ClassSession, session_id)
        person = db.get(Person, person_id)
        if lesson is None or lesson.status in ("ended", "cancelled") or person is None or not person.active:
            return False
        if role == "observer":
            return _observes(db, person_id)
        seat = db.exec(select(Seat).where(Seat.session_id == session_id, Seat.person_id == person_id)).first()
        if "whiteboard" in tools_off(db.get(Room, session_id)):
            return False
        seated = seat is not None and seat.active and seat.role == role
        return seated and not waiting.outside(db, session_id, person_id)


def _observes(db: Session, person_id: str) -> bool:
    roles = db.exec(select(PersonRole.role).where(PersonRole.person_id == person_id)).all()
    return any(role in OBSERVERS for role in roles)


async def _close_revoked(open_hub: BoardHub) -> None:
    async for _topic, message in services.current().bus.subscribe(REVOKED_TOPIC):
        open_hub.close_participant(str(message.get("session_id")), str(message.get("person_id")))
