"""Fakes of our own ports: each records what it was asked and lets a test say what happens."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

from core.errors import MediaError
from core.ports import MediaEvent, MediaRights


class FakeClock:
    """`core.ports.Clock` that a test moves. Starts on a Monday morning in term time."""

    def __init__(self, at: datetime | None = None) -> None:
        self.at = at or datetime(2026, 11, 23, 8, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def advance(self, seconds: float = 0, **more: float) -> datetime:
        """Move forward: seconds, or `minutes=`, `hours=`, `days=` as in timedelta."""
        self.at += timedelta(seconds=seconds, **more)
        return self.at

    def set(self, at: datetime) -> datetime:
        if at.tzinfo is None:
            raise ValueError("times are aware UTC")
        self.at = at.astimezone(UTC)
        return self.at


class RecordingMailer:
    """`core.ports.Mailer` that keeps what it was given. `failures`: errors to raise first, in order."""

    def __init__(self) -> None:
        self.sent: list[EmailMessage] = []
        self.failures: list[Exception] = []

    async def send(self, message: EmailMessage) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(message)


class FakeMediaServer:
    """`core.ports.MediaServer` without packets: keeps who is in which room and lets a test report events."""

    def __init__(self) -> None:
        self.rooms: dict[str, dict[str, MediaRights]] = {}
        self.signalled: list[tuple[str, str, dict[str, Any]]] = []
        self.muted: dict[tuple[str, str, str], bool] = {}
        self.answers: list[dict[str, Any]] = []
        """What `signal` gives back."""
        self.recordings: dict[str, str | None] = {}
        """room id -> recording id, None when it was stopped."""
        self._events: asyncio.Queue[MediaEvent | None] = asyncio.Queue()

    async def join(self, room_id: str, participant_id: str, rights: MediaRights) -> None:
        self.rooms.setdefault(room_id, {})[participant_id] = rights

    async def signal(
        self, room_id: str, participant_id: str, message: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        if participant_id not in self.rooms.get(room_id, {}):
            raise MediaError("not_joined")
        self.signalled.append((room_id, participant_id, dict(message)))
        return list(self.answers)

    async def mute(self, room_id: str, participant_id: str, source: str, muted: bool) -> None:
        self.muted[room_id, participant_id, source] = muted

    async def leave(self, room_id: str, participant_id: str) -> None:
        self.rooms.get(room_id, {}).pop(participant_id, None)

    async def record(self, room_id: str, recording_id: str | None) -> None:
        self.recordings[room_id] = recording_id

    async def close_room(self, room_id: str) -> None:
        self.rooms.pop(room_id, None)

    def report(self, event: MediaEvent) -> None:
        """Let the node say something."""
        self._events.put_nowait(event)

    async def events(self) -> AsyncIterator[MediaEvent]:
        while (event := await self._events.get()) is not None:
            yield event

    async def close(self) -> None:
        self._events.put_nowait(None)
