"""The ports: what HiLink needs from the outside, each a small Protocol.

Bootstrap fills them (hilink_app/bootstrap.py is the only place that names concrete classes);
tests fill them with fakes from core.testing. `rtc` and agents import this file, so it must not
reach SQLModel.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine
    from sqlmodel import Session

    from core.domain.event import DomainEvent

T = TypeVar("T")


class Clock(Protocol):
    """Where policy gets the time, so that tests can move it."""

    def now(self) -> datetime:
        """Aware UTC."""
        ...


class Store(Protocol):
    """The database. Both contexts are synchronous: call from a thread, never across an await."""

    dialect: str
    """"sqlite" or "postgresql"."""
    engine: "Engine"
    """The write engine, for what needs it by itself (DBOS datasource)."""

    def write(self) -> "AbstractContextManager[Session]":
        """One transaction (SQLite: BEGIN IMMEDIATE); commits on leaving, rolls back on an exception."""
        ...

    def read(self) -> "AbstractContextManager[Session]":
        """One consistent, read-only snapshot. Keep it short: an open one grows the WAL."""
        ...

    def tail(self, after: "EventPosition | None" = None) -> "AsyncGenerator[list[DomainEvent]]":
        """Committed events after a position (None = from now on), in commit order, none missed, none twice."""
        ...

    def verify(self) -> None:
        """StoreError when the database is not migrated or lost a guard. Asked once at start."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, order=True)
class EventPosition:
    """Where a reader of the event log stands: (transaction id, event id). SQLite has xid 0."""

    xid: int
    id: int


class Bus(Protocol):
    """Best-effort messages between web processes (live room data). Nothing durable goes here."""

    async def publish(self, topic: str, message: Mapping[str, Any]) -> None: ...

    def subscribe(self, prefix: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Messages of all topics that start with `prefix`, from now on."""
        ...

    async def close(self) -> None: ...


class BlobStore(Protocol):
    """Files by key (`materials/ab12/sheet.pdf`). Keys never hold names of people."""

    async def put(self, key: str, chunks: AsyncIterator[bytes], limit: int) -> int:
        """Store, atomically; returns the size in bytes. TooLarge past `limit`, and nothing is left behind."""
        ...

    def get(self, key: str) -> AsyncIterator[bytes]:
        """The bytes in chunks; NotFound."""
        ...

    async def path(self, key: str) -> Path | None:
        """A local file for readers that need one, or None when the store has no files."""
        ...

    async def delete(self, key: str) -> None:
        """Idempotent."""
        ...


class Mailer(Protocol):
    async def send(self, message: EmailMessage) -> None:
        """Hand one message to the server; raises on anything but acceptance. Message-ID is the caller's."""
        ...


@dataclass(frozen=True, slots=True)
class MediaRights:
    """What a participant may do in the media plane. sources: camera, microphone, screen, screen_audio."""

    publish: tuple[str, ...] = ("camera", "microphone", "screen", "screen_audio")
    subscribe: bool = True
    audio_only: bool = False
    agent: bool = False
    agents_allowed: bool = False
    """The person consented: agents may hear this participant's tracks."""
    recording_allowed: bool = False
    """The person consented: this participant's tracks may be written into files."""
    uplink_bps: int = 0
    """What this participant may send at most, bit/s; 0 = as the node's limits say."""


@dataclass(frozen=True, slots=True)
class MediaEvent:
    """Something a node reports. kind: connected, disconnected, published, unpublished, muted, speakers,
    quality, message (a protocol message for the participant's browser), recording (a recording's state),
    node_lost, node_back."""

    kind: str
    room_id: str
    participant_id: str = ""
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class MediaNodeView:
    """A media node as it last described itself. load: share of one core. silent_s: since it was heard of.

    usable: it may hold rooms (heard of lately, our protocol version, not stopping). draining: no new ones.
    """

    name: str
    region: str
    control_url: str
    load: float = 0.0
    rooms: int = 0
    participants: int = 0
    silent_s: float = 0.0
    usable: bool = True
    draining: bool = False


class MediaRegistry(Protocol):
    """Which node has which room. Synchronous (a database behind it): call from a thread."""

    def place(self, room_id: str, away: frozenset[str] = frozenset()) -> MediaNodeView | None:
        """The room's node; chosen now when it has none, or only one of `away` (control URLs that do not
        answer), or when nobody is in the room and its node is draining. None: no node can take it."""
        ...


class MediaServer(Protocol):
    """The media plane as the room server sees it. room_id is the class session's id. Idempotent calls."""

    async def join(self, room_id: str, participant_id: str, rights: MediaRights) -> None: ...

    async def signal(
        self, room_id: str, participant_id: str, message: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Pass a browser's media message (rtc/PROTOCOL.md); returns the answers for that browser."""
        ...

    async def mute(self, room_id: str, participant_id: str, source: str, muted: bool) -> None: ...

    async def leave(self, room_id: str, participant_id: str) -> None: ...

    async def record(self, room_id: str, recording_id: str | None) -> None:
        """Record the room as that recording from now on; None stops. Remembered until `close_room`."""
        ...

    async def close_room(self, room_id: str) -> None: ...

    def events(self) -> AsyncIterator[MediaEvent]: ...

    async def close(self) -> None: ...


class HookContext(Protocol):
    """What a lifecycle hook gets beside its subject.

    idempotency_key: `{event_id}:{plugin}`; hand it to outside providers. attempt counts from 1.
    """

    event_id: int
    plugin: str
    idempotency_key: str
    attempt: int
    settings: Any
    """The plugin's own settings object, or None."""

    def transaction(self, name: str, step: "Callable[[Session], T]") -> "T | None":
        """Run `step` in one short transaction whose effect happens once, even if the hook runs again.

        The first run's result is returned (JSON values only survive a restart); a later run gets it back.
        """
        ...

    def now(self) -> datetime: ...
