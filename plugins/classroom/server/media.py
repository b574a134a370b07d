"""The bridge to the media plane: an ordered line of calls a participant; nobody waits for another."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from core.errors import MediaError, fault
from core.ports import MediaEvent, MediaRights, MediaServer
from plugins.classroom.server.people import Program, SeatHolder

logger = logging.getLogger(__name__)

_WAITING_MOST = 200
_AGAIN_S = 1.0
_ANSWER_S = 10.0

Reply = Callable[[str, Mapping[str, Any]], None]
"""(participant id, message for that browser)."""


def rights_of(seat: SeatHolder) -> MediaRights:
    """The seat's rights as the node enforces them. Without consent nothing of a person reaches an agent."""
    return MediaRights(
        publish=seat.rights.publish,
        agent=seat.role == "agent",
        agents_allowed=seat.transcription,
        recording_allowed=seat.recording,
    )


def rights_of_program(program: Program) -> MediaRights:
    """It sends or it receives, under the consents of its person."""
    return MediaRights(
        publish=program.publish,
        subscribe=not program.publish,
        agents_allowed=program.seat.transcription,
        recording_allowed=program.seat.recording,
    )


class MediaBridge:
    """media: None when this process has no media plane; browsers are told, the rest of the room works."""

    def __init__(self, media: MediaServer | None, reply: Reply) -> None:
        self._media, self._reply = media, reply
        self._lines: dict[str, _Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def join(self, room_id: str, participant_id: str, rights: MediaRights) -> None:
        """Tell the node about a seat, or about its changed rights."""
        if self._media is None:
            return
        media = self._media
        line = self._lines.get(participant_id)
        if line is None or line.ending:
            line = self._lines[participant_id] = _Line()
            self._tasks.add(line.task)
            line.task.add_done_callback(self._tasks.discard)
        line.put(lambda: media.join(room_id, participant_id, rights))

    def signal(self, room_id: str, participant_id: str, message: Mapping[str, Any]) -> None:
        """Pass a browser's message; the answers go to its socket."""
        line = self._lines.get(participant_id)
        media = self._media
        if media is None or line is None:
            self._refuse(participant_id, message, "unavailable")
            return

        async def call() -> None:
            try:
                answers = await media.signal(room_id, participant_id, message)
            except MediaError as error:
                self._refuse(participant_id, message, error.kind)
                return
            for answer in answers:
                self._reply(participant_id, answer)

        if not line.put(call):
            self._refuse(participant_id, message, "too_many")

    async def ask(self, room_id: str, participant_id: str, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """Pass a message and wait for its answer. MediaError, also for an `error` message."""
        line, media = self._lines.get(participant_id), self._media
        if media is None or line is None:
            raise MediaError("unavailable")
        answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()

        async def call() -> None:
            answers = await media.signal(room_id, participant_id, message)
            if answers and not answer.done():
                answer.set_result(answers[0])

        if not line.put(call):
            raise MediaError("too_many")
        try:
            found = await asyncio.wait_for(answer, _ANSWER_S)
        except TimeoutError:
            raise MediaError("unavailable") from None
        if found.get("type") == "error":
            raise MediaError(str(found.get("kind")))
        return found

    def mute(self, room_id: str, participant_id: str, source: str) -> None:
        line, media = self._lines.get(participant_id), self._media
        if line is not None and media is not None:
            line.put(lambda: media.mute(room_id, participant_id, source, True))

    def leave(self, room_id: str, participant_id: str) -> None:
        line, media = self._lines.pop(participant_id, None), self._media
        if line is not None and media is not None:
            line.put(lambda: media.leave(room_id, participant_id))
            line.end()

    async def record(self, room_id: str, recording_id: str | None) -> str:
        """Start or stop; why it cannot be, or ""."""
        if self._media is None:
            return "" if recording_id is None else "unavailable"
        try:
            await self._media.record(room_id, recording_id)
        except MediaError as error:
            return error.kind
        return ""

    async def close_room(self, room_id: str) -> None:
        if self._media is None:
            return
        try:
            await self._media.close_room(room_id)
        except MediaError as error:
            logger.warning("Media room not closed", extra={"session_id": room_id, "kind": error.kind})

    async def follow(self, deliver: Callable[[MediaEvent], None]) -> None:
        """Hand the node's reports on, for ever. A border: a report we choke on must not end the others."""
        while self._media is not None:
            try:
                async for event in self._media.events():
                    deliver(event)
            except Exception as error:
                logger.error("Media events interrupted", extra={"fault": fault(error)})
            await asyncio.sleep(_AGAIN_S)

    async def close(self) -> None:
        """Stop calling. The node keeps the seats for a while: a web restart is no lost lesson."""
        self._lines.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _refuse(self, participant_id: str, message: Mapping[str, Any], kind: str) -> None:
        """In the words of rtc/PROTOCOL.md, so that the browser's media code can act on it."""
        self._reply(
            participant_id,
            {
                "type": "error",
                "kind": kind,
                "detail": "",
                "re": str(message.get("type", ""))[:40],
                "seq": message.get("seq") if isinstance(message.get("seq"), int) else None,
            },
        )


class _Line:
    """One participant's calls to the node, in order."""

    def __init__(self) -> None:
        self.ending = False
        self._waiting: asyncio.Queue[Callable[[], Any] | None] = asyncio.Queue(_WAITING_MOST)
        self.task = asyncio.create_task(self._run())

    def put(self, call: Callable[[], Any]) -> bool:
        """False when too much is waiting already."""
        try:
            self._waiting.put_nowait(call)
        except asyncio.QueueFull:
            return False
        return True

    def end(self) -> None:
        """Stop after what waits."""
        self.ending = True
        if not self.put(lambda: None):
            self.task.cancel()

    async def _run(self) -> None:
        while not (self.ending and self._waiting.empty()):
            call = await self._waiting.get()
            if call is None:
                return
            try:
                answer = call()
                if answer is not None:
                    await answer
            except MediaError as error:
                logger.warning("Media node refused", extra={"kind": error.kind})
            except Exception as error:  # border: one participant's call must not end their line
                logger.error("Media call failed", extra={"fault": fault(error)})
