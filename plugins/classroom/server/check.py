"""The connection check (`/check`): a room of its own at the media node, for one browser and less than a minute.

One page takes several seats of that room ("legs"): it sends by one and hears itself by another, and tries the relay
by two more. Nobody else can be in it, nothing is written, and a publisher may send little.
"""

import asyncio
import json
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from core.errors import MediaError, TooMany
from core.i18n import N_
from core.ports import MediaEvent, MediaRights, MediaServer
from plugins.classroom.server import messages
from plugins.classroom.server.connection import TOO_LARGE, TOO_MANY, Connection, Verdict
from plugins.classroom.server.listen import ReceivingSocket, receive
from plugins.classroom.settings import ClassroomSettings

logger = logging.getLogger(__name__)

ROOM = "check:"
"""Beginning of the room's id; lessons' ids have no colon."""
UPLINK_BPS = 3_000_000
_SENDS = MediaRights(("camera", "microphone"), subscribe=False, uplink_bps=UPLINK_BPS)
_SAYS = MediaRights(("microphone",), subscribe=False, uplink_bps=100_000)
LEGS: Mapping[str, MediaRights] = {
    "up": _SENDS,
    "down": MediaRights((), subscribe=True),
    "udp": _SAYS,
    "tcp": _SAYS,
}
"""up sends, down hears it; udp and tcp try the relay."""
_OVER, _GOING_AWAY = 1000, 1012
_TOO_MANY = N_("There were several checks just now. Please wait some minutes and try again.")
_BUSY = N_("Many people are checking their connection at the moment. Please try again in a minute.")


class Quota:
    """At most `most` a key in `window_s` seconds. Keys are forgotten with their window."""

    def __init__(self, most: int, window_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._window_s, self._clock = most, window_s, clock
        self._taken: dict[str, deque[float]] = {}

    def take(self, key: str) -> bool:
        """False when there is nothing left for this key."""
        now = self._clock()
        for known in list(self._taken):
            times = self._taken[known]
            while times and now - times[0] >= self._window_s:
                times.popleft()
            if not times:
                del self._taken[known]
        times = self._taken.setdefault(key, deque())
        if len(times) >= self._most:
            return False
        times.append(now)
        return True


class Checks:
    """All checks of this process. media: None when it has no media plane."""

    def __init__(self, media: MediaServer | None, settings: ClassroomSettings) -> None:
        self._media, self._settings = media, settings
        self._running: dict[str, _Check] = {}
        self._of_person = Quota(settings.checks_per_person, settings.checks_window_s)
        self._of_address = Quota(settings.checks_per_address, settings.checks_window_s)

    def admit(self, person_id: str, address: str) -> None:
        """Before a ticket is given. TooMany with a sentence: of this person, this address, or of all."""
        if len(self._running) >= self._settings.max_checks:
            raise TooMany(_BUSY)
        if not (self._of_address.take(address) and self._of_person.take(person_id)):
            raise TooMany(_TOO_MANY)

    def heard(self, event: MediaEvent) -> None:
        """What the node says about one of these rooms."""
        check = self._running.get(event.room_id)
        if check is not None and event.kind == "message":
            check.tell(event.participant_id, event.data)

    async def serve(self, socket: ReceivingSocket) -> None:
        """One check, until it is over, its time is, or the page goes. Accepted, ticket verified."""
        connection = Connection(socket, self._settings)
        writer = asyncio.create_task(connection.write())
        check = _Check(connection, self._media, self._settings)
        self._running[check.room_id] = check
        try:
            if len(self._running) > self._settings.max_checks:
                connection.close(_GOING_AWAY)
                return
            check.say({"type": "ready", "seconds": self._settings.check_s})
            async with asyncio.timeout(self._settings.check_s):
                while (frame := await receive(socket, writer)) is not None:
                    await check.take(frame)
                    if connection.closing:
                        break
        except TimeoutError:
            check.say({"type": "over", "reason": "time"})
        finally:
            del self._running[check.room_id]
            await check.close()
            connection.close(_OVER)
            with suppress(TimeoutError):
                await asyncio.wait_for(writer, 2.0)
            await connection.hang_up()


class _Check:
    """One page and its room."""

    def __init__(
        self, connection: Connection, media: MediaServer | None, settings: ClassroomSettings
    ) -> None:
        self.room_id = f"{ROOM}{secrets.token_hex(12)}"
        self._connection, self._media, self._settings = connection, media, settings
        self._joined: set[str] = set()

    def say(self, frame: Mapping[str, Any]) -> None:
        self._connection.send(json.dumps(frame, separators=(",", ":")))

    def tell(self, leg: str, message: Mapping[str, Any]) -> None:
        self.say({"type": "media", "leg": leg, "message": dict(message)})

    async def take(self, frame: str) -> None:
        """One frame of the page: `media` or `ping`; anything else is dropped. Limits close the socket."""
        if len(frame) > self._settings.max_media_frame_bytes:
            self._connection.close(TOO_LARGE)
            return
        verdict = self._connection.heard(media=True)
        if verdict is Verdict.CLOSE:
            self._connection.close(TOO_MANY)
        if verdict is not Verdict.TAKE:
            return
        try:
            value = messages.decode(frame)
        except messages.Malformed:
            return
        leg, message = value.get("leg"), value.get("message")
        if value.get("type") == "ping" and isinstance(value.get("at"), int | float):
            self.say({"type": "pong", "at": value["at"]})
        elif value.get("type") == "media" and leg in tuple(LEGS) and isinstance(message, dict):
            await self._signal(leg, message)

    async def close(self) -> None:
        """The room goes with its page."""
        if self._media is not None and self._joined:
            with suppress(MediaError):
                await self._media.close_room(self.room_id)

    async def _signal(self, leg: str, message: dict[str, Any]) -> None:
        try:
            if self._media is None:
                raise MediaError("unavailable")
            if leg not in self._joined:
                self._joined.add(leg)
                await self._media.join(self.room_id, leg, LEGS[leg])
            answers = await self._media.signal(self.room_id, leg, message)
        except MediaError as error:
            seq = message.get("seq")
            refused = {"type": "error", "kind": error.kind, "detail": "", "re": str(message.get("type"))[:40]}
            self.tell(leg, {**refused, "seq": seq if isinstance(seq, int) else None})
            return
        for answer in answers:
            self.tell(leg, answer)
