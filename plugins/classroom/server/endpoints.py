"""What a WHIP or WHEP request does to a room: offers and fragments become media messages, and answers come back."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from core.errors import MediaError, NotFound, UserError
from core.i18n import N_
from core.ports import Store
from plugins.classroom import service
from plugins.classroom.server import fragments
from plugins.classroom.server.connection import Rate, Verdict
from plugins.classroom.server.media import MediaBridge
from plugins.classroom.server.outgoing import Outgoing
from plugins.classroom.server.people import Program, SeatHolder
from plugins.classroom.server.refusal import Refusal
from plugins.classroom.server.rooms import OpenRoom, Rooms

RATE_PER_S, BURST, REMEMBERED = 0.5, 10, 2_000
"""Requests of one person in one lesson, and of how many such pairs is kept count."""
CONNECTION = "program"
"""Each program is a participant of its own at the node, with this one connection."""
_KINDS = {"screen": "video", "camera": "video", "screen_audio": "audio", "microphone": "audio"}
_UNREAD = N_(
    "The media server could not read this. It needs a WebRTC offer with ICE, DTLS and bundled media."
)
_NOTHING = N_("Nothing in this offer can be used here: it must send for WHIP, and receive for WHEP.")
_CODEC = N_("No codec in common. Please use Opus for sound and H264, VP8, VP9 or AV1 for pictures.")
_LARGE = N_("This is more text than a request may have.")
_OFTEN = N_("Too many requests. Please wait a moment.")
_AWAY = N_("The media server cannot be reached at the moment. Please try again.")
_STALE = N_("The connection has changed since. Please connect again.")
_NO_TAG = N_("This request needs an If-Match header.")
_GONE = N_("The lesson was left in the meantime.")


class Unanswered(UserError):
    """A request that HTTP has a status of its own for; `status` is that of this one."""

    code: ClassVar[str] = "program_refused"

    def __init__(self, status: int, message: str) -> None:
        self.status = status  # type: ignore[misc]
        super().__init__(message)


_OF_MEDIA = {
    "codec": (406, _CODEC),
    "too_large": (413, _LARGE),
    "too_many": (429, _OFTEN),
    "stale": (412, _STALE),
    "unavailable": (503, _AWAY),
    "internal": (503, _AWAY),
    "unknown_participant": (503, _AWAY),
}
_OF_ROOM = {"not_here": 409, "full": 503}


@dataclass(frozen=True, slots=True)
class Answered:
    """The resource's id and entity tag (without quotes), and the SDP or fragment."""

    program_id: str
    tag: str
    body: str


class RoomPrograms:
    """For all rooms of a hub; `carry_out` is the hub's."""

    def __init__(
        self,
        media: MediaBridge,
        rooms: Rooms,
        store: Store,
        now: Callable[[], datetime],
        carry_out: Callable[[OpenRoom, Iterable[Outgoing]], None],
    ) -> None:
        self._media, self._rooms, self._store, self._now = media, rooms, store, now
        self._carry_out = carry_out
        self._rates: OrderedDict[tuple[str, str], Rate] = OrderedDict()

    async def offer(self, session_id: str, asked: SeatHolder, source: str, sdp: str) -> Answered:
        """Publish as this source, or watch when it is "". asked: whose key it is. UserError."""
        self._check_rate(session_id, asked.person_id)
        snapshot = await asyncio.to_thread(
            service.admit, self._store, session_id, asked.person_id, asked.role, asked.link, self._now()
        )
        opened = await self._rooms.open(session_id)
        try:
            program, out = opened.room.programs.open(snapshot.holders[asked.person_id], source)
        except Refusal as refused:
            raise Unanswered(_OF_ROOM.get(refused.kind, 403), refused.message) from refused
        self._carry_out(opened, out)
        seated: list[Outgoing] | None = None
        try:
            answer = await self._negotiate(opened, program, sdp)
            seated = opened.room.programs.seat(program)
        finally:
            self._carry_out(opened, opened.room.programs.end(program.id) if seated is None else seated)
        if seated is None:
            raise Unanswered(409, _GONE)
        return Answered(program.id, program.tag, answer)

    async def patch(
        self, session_id: str, person_id: str, program_id: str, tag: str | None, text: str
    ) -> Answered | None:
        """An ICE restart is answered with a fragment; candidates are not needed (None): the node is ICE-lite.

        tag: of If-Match, without quotes; "*" for a restart.
        """
        self._check_rate(session_id, person_id)
        opened, program = self._find(session_id, person_id, program_id)
        if tag is None:
            raise Unanswered(428, _NO_TAG)
        if tag not in ("*", program.tag):
            raise Unanswered(412, _STALE)
        try:
            fragment = fragments.read_fragment(text)
        except ValueError as error:
            raise Unanswered(400, _UNREAD) from error
        if fragment.ufrag in ("", fragments.ufrag(program.offer)):
            return None
        answer = await self._negotiate(opened, program, fragments.restarted(program.offer, fragment))
        return Answered(program.id, program.tag, fragments.fragment_of(answer))

    def end(self, session_id: str, person_id: str, program_id: str) -> None:
        """NotFound when it ended before."""
        opened, program = self._find(session_id, person_id, program_id)
        self._carry_out(opened, opened.room.programs.end(program.id))

    def _find(self, session_id: str, person_id: str, program_id: str) -> tuple[OpenRoom, Program]:
        opened = self._rooms.get(session_id)
        program = opened.room.programs.get(program_id) if opened is not None else None
        if opened is None or program is None or program.seat.person_id != person_id:
            raise NotFound()
        return opened, program

    async def _negotiate(self, opened: OpenRoom, program: Program, sdp: str) -> str:
        """The node's answer to this offer, which is remembered. Unanswered; then nothing was changed."""
        program.sequence += 1
        message: dict[str, Any] = {
            "type": "offer",
            "kind": "publisher" if program.publish else "subscriber",
            "connection": CONNECTION,
            "seq": program.sequence,
            "sdp": sdp,
            **({"tracks": _tracks(program, sdp)} if program.publish else {"follow": True}),
        }
        try:
            answer = await self._media.ask(opened.id, program.id, message)
        except MediaError as error:
            raise Unanswered(*_OF_MEDIA.get(error.kind, (400, _UNREAD))) from error
        text = str(answer["sdp"])
        if "a=recvonly" not in text and "a=sendonly" not in text:
            raise Unanswered(400, _NOTHING)
        program.offer, program.tag = sdp, fragments.ufrag(text)
        return text

    def _check_rate(self, session_id: str, person_id: str) -> None:
        key = (session_id, person_id)
        rate = self._rates.pop(key, None) or Rate(RATE_PER_S, BURST, 0, time.monotonic)
        self._rates[key] = rate
        if len(self._rates) > REMEMBERED:
            self._rates.popitem(last=False)
        if rate.take(1.0) is not Verdict.TAKE:
            raise Unanswered(429, _OFTEN)


def _tracks(program: Program, sdp: str) -> list[dict[str, Any]]:
    """The first section of each kind is what the program may send of that kind; what was muted stays so."""
    left = {_KINDS[source]: source for source in program.publish}
    return [
        {"mid": mid, "source": source, "muted": program.sources.get(source, False)}
        for kind, mid in fragments.sections(sdp)
        if (source := left.pop(kind, None)) is not None
    ]
