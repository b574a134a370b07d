"""Recording a room: the database says what is wanted, the media node is told, and says what became of it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

from core.ports import MediaEvent
from plugins.classroom import service
from plugins.classroom.server.media import MediaBridge
from plugins.classroom.server.outgoing import Outgoing
from plugins.classroom.server.rooms import OpenRoom

WATCHED = frozenset(("recording.started", "recording.stopped", "recording.failed"))
"""Events after which a room looks at its rows again."""


class RoomRecording:
    """For all rooms of a hub; the functions are the hub's."""

    def __init__(
        self,
        media: MediaBridge,
        start: Callable[[Coroutine[Any, Any, None]], None],
        carry_out: Callable[[OpenRoom, Iterable[Outgoing]], None],
        refresh: Callable[[str], Awaitable[None]],
    ) -> None:
        self._media, self._start, self._carry_out, self._refresh = media, start, carry_out, refresh

    def follow(self, opened: OpenRoom) -> None:
        """Tell the node when something else is wanted than it was told last."""
        wanted = opened.room.lesson.recording_id
        if wanted != opened.recording_id:
            opened.recording_id = wanted
            self._start(self._tell(opened, wanted))

    def heard(self, opened: OpenRoom, event: MediaEvent) -> None:
        """A set began, or it failed."""
        data = event.data
        failure = str(data["reason"]) if data["state"] == "failed" else ""
        self._start(self._became(opened, str(data["recording_id"]), str(data["set_id"]), failure))

    async def _tell(self, opened: OpenRoom, recording_id: str) -> None:
        refused = await self._media.record(opened.id, recording_id or None)
        if refused and recording_id:
            await self._became(opened, recording_id, "", refused)

    async def _became(self, opened: OpenRoom, recording_id: str, set_id: str, failure: str) -> None:
        await asyncio.to_thread(service.recording_changed, recording_id, set_id, failure)
        if failure:
            self._carry_out(opened, opened.room.recording_failed())
            await self._refresh(opened.id)
