"""Who may come to a room: what a browser is given to come in with, and the process's one hub."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

from core import services
from core.access import Viewer
from core.domain import Room
from core.errors import NotAllowed, UserError
from core.i18n import gettext
from core.lifecycle.join import Entry, enter
from core.lifecycle.provision import tools_off
from core.metrics import Metric
from core.turn import ice_servers
from plugins.classroom import service
from plugins.classroom.server.hub import Claims, RoomHub
from plugins.classroom.server.people import rights_of, stamp

ROOM_KIND, BOARD_KIND, CHECK_KIND = "room", "board", "check"
WS_PATH, CHECK_PATH = "/ws/room", "/ws/check"
CHECK_RELAY_S = 300
"""How long a relay takes the credentials of a check: not for a lesson's length."""
_CAPTIONS: dict[str, Any] = {"engine": "", "low_accuracy": False, "notice": ""}

_hub: RoomHub | None = None


def _numbers(read: Callable[[RoomHub], Any]) -> Callable[[], Any]:
    return lambda: read(_hub) if _hub is not None else 0


METRICS = (
    (
        Metric(
            "hilink_rooms", "gauge", "Rooms in memory: lessons with somebody in them, and just emptied ones."
        ),
        _numbers(lambda hub: len(hub.rooms.all())),
    ),
    (
        Metric("hilink_room_sockets", "gauge", "Open room sockets, agents' included."),
        _numbers(lambda hub: hub.stats()["connections"]),
    ),
    (
        Metric("hilink_room_participants", "gauge", "Seats that are taken, by role.", "role"),
        _numbers(lambda hub: hub.people()),
    ),
    (
        Metric("hilink_room_journal_entries", "gauge", "Facts of rooms that wait for the database."),
        _numbers(lambda hub: hub.unwritten),
    ),
)
"""What the web role's /metrics says of rooms."""


def hub() -> RoomHub:
    """The process's hub; NotAllowed while the role is starting or stopping, or the plugin is switched off."""
    if _hub is None or not services.current().plugins.enabled("classroom"):
        raise NotAllowed("The classroom is switched off at the moment.")
    return _hub


def open_hub() -> AbstractAsyncContextManager[RoomHub]:
    """The web role's hub over the installed services."""
    here = services.current()
    settings = here.plugins.get("classroom").settings
    return installed(
        RoomHub(settings, here.settings, here.store, here.clock, here.tickets, here.media, here.bus)
    )


@asynccontextmanager
async def installed(new: RoomHub) -> AsyncIterator[RoomHub]:
    """Run a hub as the process's own."""
    global _hub
    async with new.running():
        _hub = new
        try:
            yield new
        finally:
            _hub = None


def ticket(viewer: Viewer, session_id: str, link: str) -> dict[str, Any]:
    """PROTOCOL.md's answer to somebody who may come in now; the UserError that says why not otherwise.

    link: SHA-256 of the join link they came by, "" when they signed in.
    """
    house, here = hub(), services.current()
    entry = enter(viewer, session_id)
    if house.blocked(session_id, entry.person_id):
        raise NotAllowed(
            "The instructor asked you to leave this lesson for a moment. Please try again in two minutes."
        )
    with here.store.read() as db:
        off = tools_off(db.get(Room, session_id))
    rights = rights_of(entry.role, off)
    waits = house.holds(session_id, entry.person_id, entry.role)
    claims = {"session_id": session_id, "person_id": entry.person_id, "role": entry.role}
    return {
        "ticket": here.tickets.issue(ROOM_KIND, {**claims, "link": link}),
        "ws_path": WS_PATH,
        "resume": house.rooms.resume_token(session_id, entry.person_id),
        "me": {
            "person_id": entry.person_id,
            "name": entry.name,
            "role": entry.role,
            "lang": entry.lang,
            "tz": entry.tz,
        },
        "rights": rights.view(),
        "session": _session_of(entry),
        "board": {
            "path": f"/ws/board/{session_id}",
            "ticket": ""
            if waits or "whiteboard" in off
            else here.tickets.issue(BOARD_KIND, {**claims, "draw": rights.draw}),
        },
        "waiting": waits,
        "ice_servers": [] if waits else ice_servers(here.settings, here.clock.now()),
        "captions": _captions(session_id),
        "consent": {purpose: purpose in entry.consents for purpose in ("transcription", "recording")},
        "tools": _tools(entry.role),
        "tools_off": sorted(off),
    }


def refusal(error: UserError, viewer: Viewer, session_id: str) -> dict[str, Any]:
    """Why somebody may not come in; with the lesson, for those who belong to it."""
    here = services.current()
    answer: dict[str, Any] = {
        "error": {"code": error.code, "message": gettext(error.message, viewer.lang, **error.facts)},
        "session": None,
        "opens_at": None,
    }
    coordinates = viewer.seat_id is None and viewer.has("coordinator")
    if coordinates or service.seated(here.store, session_id, viewer.person_id):
        try:
            lesson = service.load_lesson(here.store, session_id)
        except UserError:
            return answer
        opens_at = lesson.starts_at - timedelta(seconds=here.settings.open_before_s)
        answer.update(session=lesson.view(), opens_at=stamp(opens_at))
    return answer


def check_ticket(viewer: Viewer, address: str) -> dict[str, Any]:
    """What a page is given to check its connection with, once. TooMany, NotAllowed."""
    house, here = hub(), services.current()
    house.checks.admit(viewer.person_id, address)
    return {
        "ticket": here.tickets.issue(CHECK_KIND, {"person_id": viewer.person_id}),
        "ws_path": CHECK_PATH,
        "ice_servers": ice_servers(here.settings, here.clock.now(), CHECK_RELAY_S),
    }


def verify(token: str) -> Claims:
    """The claims of a room ticket, once. TicketRefused: forged, foreign, of another kind, too old, or used."""
    claims = services.current().tickets.redeem(ROOM_KIND, token)
    return Claims(
        str(claims.get("session_id", "")),
        str(claims.get("person_id", "")),
        str(claims.get("role", "")),
        str(claims.get("link", "")),
    )


async def agent_jobs(agent: str) -> list[dict[str, Any]]:
    """Live lessons where this agent is wanted, each with a ticket. joined: one of that name is there."""
    house, here = hub(), services.current()
    if await asyncio.to_thread(_switched_off, agent):
        return []
    found = await asyncio.to_thread(service.live_sessions, here.store)
    return [
        {
            "session_id": session_id,
            "agent": agent,
            "joined": house.agent_here(session_id, agent),
            "started_at": stamp(started_at),
            "ws_path": WS_PATH,
            "ticket": here.tickets.issue(
                ROOM_KIND, {"session_id": session_id, "person_id": f"agent:{agent}", "role": "agent"}
            ),
        }
        for session_id, started_at in found
    ]


def _switched_off(agent: str) -> bool:
    """The agents role has no database and cannot see switches, so it is told here."""
    plugins = services.current().plugins
    offered = {name: {one.name for one in agents} for name, agents in plugins.call("agents")}  # type: ignore[attr-defined]
    return any(agent in names and not plugins.enabled(name) for name, names in offered.items())


def _session_of(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.session_id,
        "title": entry.title,
        "course": entry.course,
        "topic": entry.topic,
        "starts_at": stamp(entry.starts_at),
        "ends_at": stamp(entry.ends_at),
        "status": entry.status,
        "instructor": entry.instructor,
    }


def _captions(session_id: str) -> dict[str, Any]:
    """What the transcription plugin wrote into the room's settings about its engine."""
    with services.current().store.read() as db:
        room = db.get(Room, session_id)
        found = room.settings.get("captions") if room is not None else None
    return {**_CAPTIONS, **found} if isinstance(found, dict) else dict(_CAPTIONS)


def _tools(role: str) -> list[dict[str, Any]]:
    """What plugins add to the dock for this role."""
    answers = services.current().plugins.call("room_tools", enabled_only=True)
    return [tool for _, tools in answers for tool in tools if role in tool.get("roles", ())]
