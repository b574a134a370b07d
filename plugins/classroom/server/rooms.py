"""The rooms of this process: opened once from their rows, looked up, and the tokens that give a seat back."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from core.domain.base import new_id
from core.errors import NotAllowed
from core.ports import Store
from core.tickets import Tickets
from plugins.classroom import service
from plugins.classroom.server.connection import Connection
from plugins.classroom.server.room import Room
from plugins.classroom.settings import ClassroomSettings

RESUME_KIND, RESUME_TTL_S = "resume", 24 * 3_600


@dataclass(slots=True)
class OpenRoom:
    """A room and its sockets by participant id."""

    room: Room
    connections: dict[str, Connection] = field(default_factory=dict[str, Connection])
    empty_since: datetime | None = None
    recording_id: str = ""
    """As the media node was told last."""

    @property
    def id(self) -> str:
        return self.room.lesson.id


class Rooms:
    """cut_off: session id -> participant id -> person id of seats that were taken when the server stopped."""

    def __init__(
        self,
        settings: ClassroomSettings,
        store: Store,
        now: Callable[[], datetime],
        tickets: Tickets,
        grace_s: float,
    ) -> None:
        self._settings, self._store, self._now = settings, store, now
        self._tickets, self._grace_s = tickets, grace_s
        self._open: dict[str, asyncio.Future[OpenRoom]] = {}
        self.cut_off: dict[str, dict[str, str]] = {}

    def all(self) -> list[OpenRoom]:
        return [one.result() for one in list(self._open.values()) if one.done() and one.exception() is None]

    def get(self, session_id: str) -> OpenRoom | None:
        opening = self._open.get(session_id)
        return opening.result() if opening is not None and opening.done() else None

    def forget(self, session_id: str) -> None:
        self._open.pop(session_id, None)

    async def open(self, session_id: str) -> OpenRoom:
        """The session's room; opened once however many come at the same time. NotFound."""
        while (opened := await self._opened(session_id)) is not self.get(session_id):
            pass  # it was put away in the same moment
        return opened

    def resume_token(self, session_id: str, person_id: str) -> str:
        """What a browser may show to get its seat back, when it has one to get back; else ""."""
        opened = self.get(session_id)
        if opened is not None:
            participant_id = opened.room.returning(person_id)
        else:
            cut_off = self.cut_off.get(session_id, {})
            participant_id = next((one for one, who in cut_off.items() if who == person_id), "")
        return self._issue(session_id, participant_id, person_id) if participant_id else ""

    def resumed(self, token: str, session_id: str, person_id: str) -> str:
        """The participant id of a resume token, or "" when it is not this person's for this room."""
        if not token:
            return ""
        try:
            found = self._tickets.verify(RESUME_KIND, token, RESUME_TTL_S)
        except NotAllowed:
            return ""
        if (found.get("session_id"), found.get("person_id")) != (session_id, person_id):
            return ""
        return str(found.get("participant_id", ""))

    async def _opened(self, session_id: str) -> OpenRoom:
        opening = self._open.get(session_id)
        if opening is not None:
            return await asyncio.shield(opening)
        opening = self._open[session_id] = asyncio.get_running_loop().create_future()
        try:
            lesson = await asyncio.to_thread(service.load_lesson, self._store, session_id)
            remembered = await asyncio.to_thread(service.remembered, self._store, session_id)
        except BaseException as error:
            del self._open[session_id]
            opening.set_exception(error)
            opening.exception()  # somebody looked at it: no "never retrieved" at collection
            raise
        room = Room(
            lesson,
            self._settings,
            now=self._now,
            new_id=new_id,
            grace_s=self._grace_s,
            resume_token=partial(self._issue, session_id),
            remembered=remembered,
            returning=self.cut_off.get(session_id),
        )
        opening.set_result(OpenRoom(room))
        return opening.result()

    def _issue(self, session_id: str, participant_id: str, person_id: str) -> str:
        claims = {"session_id": session_id, "participant_id": participant_id, "person_id": person_id}
        return self._tickets.issue(RESUME_KIND, claims)
