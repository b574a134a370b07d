"""Who is in a room: seats, their rights, and the participant a connection of theirs is."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

SOURCES = ("camera", "microphone", "screen", "screen_audio")


@dataclass(frozen=True, slots=True)
class Rights:
    """What a role may do in a room. publish: media sources.

    oversee: let people in, mute, stop, take out and end. moderate: oversee, and lead the lesson.
    """

    publish: tuple[str, ...] = ()
    draw: bool = False
    chat: bool = False
    poll: bool = False
    moderate: bool = False
    oversee: bool = False

    def view(self) -> dict[str, Any]:
        return {
            "publish": list(self.publish),
            "draw": self.draw,
            "chat": self.chat,
            "poll": self.poll,
            "moderate": self.moderate,
            "oversee": self.oversee,
        }


RIGHTS: Mapping[str, Rights] = {
    "instructor": Rights(SOURCES, draw=True, chat=True, poll=True, moderate=True, oversee=True),
    "student": Rights(SOURCES, draw=True, chat=True),
    "observer": Rights(oversee=True),
    "agent": Rights(),
}
"""Deny by default: a role that is not here has no rights."""


def rights_of(role: str, tools_off: Collection[str] = ()) -> Rights:
    """What a role may do in a room that does not have these tools. Without the chat people still react."""
    rights = RIGHTS.get(role, Rights())
    return replace(
        rights,
        draw=rights.draw and "whiteboard" not in tools_off,
        poll=rights.poll and "polls" not in tools_off,
    )


SEATED = ("instructor", "student")
"""Roles whose presence is attendance."""


@dataclass(frozen=True, slots=True)
class SeatHolder:
    """Somebody who may be in this room. role: instructor | student | observer | agent.

    link: SHA-256 of the join link they came by, "" when they signed in. tools_off: what this room does not have.
    """

    person_id: str
    name: str
    role: str
    lang: str = "en"
    transcription: bool = False
    recording: bool = False
    link: str = ""
    tools_off: frozenset[str] = frozenset()

    @property
    def rights(self) -> Rights:
        return rights_of(self.role, self.tools_off)


@dataclass(frozen=True, slots=True)
class Lesson:
    """The class session as the room shows it. status: scheduled | live | ended | cancelled."""

    id: str
    title: str
    course: str
    topic: str
    starts_at: datetime
    ends_at: datetime
    status: str
    instructor: str
    started_at: datetime | None = None
    lobby: str = "off"
    """Who waits at the door: a mode of `server.lobby`."""
    recording_id: str = ""
    """What is being recorded now, "" when nothing is."""
    captions_lang: str = ""
    """BCP 47; "" = as the house has it. For agents."""

    def view(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "title": self.title,
            "course": self.course,
            "topic": self.topic,
            "starts_at": stamp(self.starts_at),
            "ends_at": stamp(self.ends_at),
            "status": self.status,
            "instructor": self.instructor,
            "started_at": stamp(self.started_at),
            "recording": bool(self.recording_id),
        }


@dataclass(slots=True)
class Program:
    """Another program's connection (WHIP or WHEP) for somebody's seat. id: its participant id at the media node.

    publish: what it may send; nothing: it watches. sources: as in `Participant`. offer, sequence, tag: its newest
    offer, that offer's number, and the entity tag of what was answered.
    """

    id: str
    seat: SeatHolder
    publish: tuple[str, ...] = ()
    sources: dict[str, bool] = field(default_factory=dict[str, bool])
    offer: str = ""
    sequence: int = 0
    tag: str = ""

    def view(self) -> dict[str, Any]:
        """A watching one, as somebody who looks in. It is nobody's seat, so it has an id of its own."""
        return {
            "person_id": f"program:{self.id}",
            "participant_id": self.id,
            "name": self.seat.name,
            "role": "observer",
            "hand_at": None,
            "connection": "good",
            "camera": False,
            "microphone": False,
            "screen": False,
            "program": None,
        }


@dataclass(slots=True)
class Participant:
    """One connection of one seat holder; it outlives a cut line for the rejoin grace.

    sources: source -> muted, as the media node reported. media_lost: no media connection at the moment.
    program: what publishes beside the browser for this person.
    """

    id: str
    seat: SeatHolder
    joined_at: datetime
    connected: bool = True
    lost_at: datetime | None = None
    hand_at: datetime | None = None
    weak: bool = False
    sources: dict[str, bool] = field(default_factory=dict[str, bool])
    program: Program | None = None

    @property
    def person_id(self) -> str:
        return self.seat.person_id

    @property
    def role(self) -> str:
        return self.seat.role

    def sends(self, source: str) -> bool:
        beside = self.program.sources.get(source) if self.program is not None else None
        return self.sources.get(source) is False or beside is False

    def view(self) -> dict[str, Any]:
        return {
            "person_id": self.person_id,
            "participant_id": self.id,
            "name": self.seat.name,
            "role": self.role,
            "hand_at": stamp(self.hand_at),
            "connection": "lost" if not self.connected else "weak" if self.weak else "good",
            "camera": self.sends("camera"),
            "microphone": self.sends("microphone"),
            "screen": self.sends("screen"),
            "program": self.program.id if self.program is not None else None,
        }


def stamp(at: datetime | None) -> str | None:
    """A time as the protocol writes it: ISO 8601, UTC, or null."""
    return None if at is None else at.isoformat().replace("+00:00", "Z")
