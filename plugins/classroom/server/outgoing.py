"""What a room wants done: frames for participants, and facts and rows for the outside.

The room itself does nothing: it returns these, in order, and the hub carries them out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Send:
    """One frame for one participant's socket."""

    participant_id: str
    frame: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Close:
    """End one participant's socket with a code of PROTOCOL.md."""

    participant_id: str
    code: int


@dataclass(frozen=True, slots=True)
class Removed:
    """The instructor sent this person out: what else they have open for the lesson ends too."""

    person_id: str


@dataclass(frozen=True, slots=True)
class PresenceStarted:
    participant_id: str
    person_id: str
    role: str


@dataclass(frozen=True, slots=True)
class PresenceEnded:
    """reason: left | lost | removed | session_ended. at: when the line broke, None = now."""

    participant_id: str
    reason: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WaitStarted:
    """Somebody is at the door and waits to be let in."""

    participant_id: str
    person_id: str


@dataclass(frozen=True, slots=True)
class WaitEnded:
    """admitted: False when they went away, or the lesson ended."""

    participant_id: str
    admitted: bool


@dataclass(frozen=True, slots=True)
class Audited:
    """Something was done to somebody. action: mute | remove | allow | admit | decline | lobby | publish | watch."""

    actor_id: str
    action: str
    person_id: str | None = None
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SaveLobby:
    mode: str


@dataclass(frozen=True, slots=True)
class PresenceGap:
    """They were cut off and came back to the same seat: evidence, the interval goes on. why: line | server | media."""

    participant_id: str
    at: datetime
    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class RoomEmptied:
    """The last seated person is gone."""


@dataclass(frozen=True, slots=True)
class SaveChat:
    """to: "" for everybody, else the reader's person id."""

    id: str
    person_id: str
    to: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SavePoll:
    """status: open | closed | shown."""

    id: str
    kind: str
    question: str
    options: tuple[str, ...]
    right: int | None
    status: str
    opened_by: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class SaveAnswer:
    """right: None for an opinion poll."""

    poll_id: str
    person_id: str
    option: int
    right: bool | None
    at: datetime


@dataclass(frozen=True, slots=True)
class SavePage:
    page: int


@dataclass(frozen=True, slots=True)
class SaveQuality:
    """How somebody's line was in one minute; the fields are `models.LineQuality`'s."""

    person_id: str
    participant_id: str
    at: datetime
    seconds: int
    up_bps: int | None
    up_loss: float | None
    up_jitter_ms: float | None
    rtt_ms: float | None
    down_bps: int | None
    down_loss: float | None
    estimate_bps: int | None
    concealed: float | None
    freezes: int
    frozen_s: float
    weak_s: int
    reduced_s: int
    paused_s: int
    sender_s: int
    layer: str


@dataclass(frozen=True, slots=True)
class Measured:
    """Engagement since the last time: (person_id, signal, value), to be added up."""

    values: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True, slots=True)
class MediaJoin:
    """Tell the media node about this participant and what they may do (again, when it changed)."""

    participant_id: str


@dataclass(frozen=True, slots=True)
class MediaSignal:
    participant_id: str
    message: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MediaMute:
    participant_id: str
    source: str


@dataclass(frozen=True, slots=True)
class MediaLeave:
    participant_id: str


@dataclass(frozen=True, slots=True)
class EndLesson:
    """The instructor ends it. participant_id is told when that fails."""

    participant_id: str
    person_id: str


@dataclass(frozen=True, slots=True)
class RecordLesson:
    """The instructor starts or stops recording. participant_id is told when that fails."""

    participant_id: str
    person_id: str
    on: bool


@dataclass(frozen=True, slots=True)
class ExtendLesson:
    participant_id: str
    person_id: str
    minutes: int


Outgoing = (
    Send | Close | Removed | PresenceStarted | PresenceEnded | PresenceGap | WaitStarted | WaitEnded | Audited | SaveLobby
    | RoomEmptied | SaveChat | SavePoll | SaveAnswer | SavePage | SaveQuality | Measured | MediaJoin | MediaSignal
    | MediaMute | MediaLeave | EndLesson | ExtendLesson | RecordLesson
)  # fmt: skip
