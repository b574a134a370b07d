"""Bearer tokens for other programs (WHIP, WHEP): for one lesson, one person's seat, and one of the two.

Signed like tickets and stored nowhere. Every request looks the seat up again, so that a token ends with the seat, the
join link or the lesson.
"""

from datetime import timedelta
from typing import Any

from core import services
from core.access import Viewer
from core.errors import InvalidInput, NotAllowed, TicketRefused
from core.i18n import N_
from core.lifecycle import waiting
from core.lifecycle.join import enter
from plugins.classroom import service
from plugins.classroom.door import hub
from plugins.classroom.server.people import RIGHTS, SeatHolder, stamp
from plugins.classroom.server.programs import WATCHERS

KINDS = ("whip", "whep")
_INVALID = N_("This token is not valid any more. Please copy a new one from the lesson.")
_NOT_PUBLISH = N_("Only those who take part in the lesson may send from another program.")
_NOT_WATCH = N_("Only those who teach or oversee the lesson may watch it with another program.")
_NOT_OTHERS = N_("Only coordinators may do this for somebody else, and only for sending.")
_OTHER_LESSON = N_("This token is for another lesson.")


def path(session_id: str, kind: str) -> str:
    """Where a program of this kind connects."""
    return f"/api/v1/rooms/{session_id}/{kind}"


def issue(viewer: Viewer, session_id: str, kind: str, person_id: str, link: str) -> dict[str, Any]:
    """PROTOCOL.md's answer to somebody who wants to use another program; UserError when they may not.

    kind: one of KINDS. person_id: whose seat, "" for their own; another's only for coordinators. link: as for a ticket.
    """
    settings, here = hub().settings, services.current()
    entry = enter(viewer, session_id)
    role = entry.role
    if person_id and person_id != viewer.person_id:
        if not viewer.has("coordinator") or kind != "whip":
            raise NotAllowed(_NOT_OTHERS)
        role = service.role_in(here.store, session_id, person_id)
        if not role:
            raise InvalidInput("person_id", "This person is not in the lesson.")
    person_id = person_id or viewer.person_id
    if kind == "whip" and not RIGHTS[role].publish:
        raise NotAllowed(_NOT_PUBLISH)
    if kind == "whep" and role not in WATCHERS:
        raise NotAllowed(_NOT_WATCH)
    claims = {"session_id": session_id, "person_id": person_id, "role": role, "link": link}
    waiting.record(session_id, viewer.person_id, "program", person_id, {"kind": kind})
    return {
        "url": here.settings.public_url.rstrip("/") + path(session_id, kind),
        "token": here.tickets.issue(kind, claims),
        "expires_at": stamp(here.clock.now() + timedelta(seconds=settings.program_token_s)),
    }


def verify(token: str, session_id: str, kind: str) -> SeatHolder:
    """Whose token it is. TicketRefused when it opens nothing, NotAllowed when it is for another lesson."""
    settings, tickets = hub().settings, services.current().tickets
    try:
        claims = tickets.verify(kind, token, int(settings.program_token_s))
    except TicketRefused as error:
        raise TicketRefused(error.kind, _INVALID) from error
    holder = SeatHolder(
        str(claims.get("person_id", "")),
        "",
        str(claims.get("role", "")),
        link=str(claims.get("link", "")),
    )
    if claims.get("session_id") != session_id:
        raise NotAllowed(_OTHER_LESSON)
    return holder
