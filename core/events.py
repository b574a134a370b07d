"""What can happen: one frozen class a fact, past tense, ids and numbers only (never text, so erasure is possible).

`core.delivery.emit(db, event)` appends one to the log inside the caller's transaction. Readers (live
pages, roll-ups, hooks) find them as `DomainEvent` rows with the same `kind` and payload.
Adding a field is compatible; removing or renaming one needs a new `schema_version`.
"""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """session_id and person_id say whom it concerns; the rest of the fields is the payload."""

    kind: ClassVar[str] = ""
    schema_version: ClassVar[int] = 1
    session_id: str | None = None
    person_id: str | None = None

    def payload(self) -> dict[str, Any]:
        """Everything but the two common ids, as JSON values."""
        return {
            name: value for name, value in asdict(self).items() if name not in ("session_id", "person_id")
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionScheduled(Event):
    """change: scheduled | moved | reassigned | left, joined (a group, one person) | cancelled. Fires on_schedule.

    bulk: "" for a lesson changed by itself; "{series id}:{series version}", the same for all lessons that
    changed with one change of their series.
    """

    kind: ClassVar[str] = "session.scheduled"
    change: str
    version: int
    bulk: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomProvisioned(Event):
    kind: ClassVar[str] = "room.provisioned"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomPlaced(Event):
    """The room's sound and pictures go through this media node from now on. moved: it was on another before."""

    kind: ClassVar[str] = "room.placed"
    node: str
    moved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderSent(Event):
    kind: ClassVar[str] = "reminder.sent"
    before_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted(Event):
    """The first student and an instructor were both there."""

    kind: ClassVar[str] = "session.started"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantJoined(Event):
    kind: ClassVar[str] = "participant.joined"
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantLeft(Event):
    """reason: left | lost | removed | session_ended | server_restart."""

    kind: ClassVar[str] = "participant.left"
    role: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantWaited(Event):
    """At the room's door. reason: admitted | left | server_restart | session_ended."""

    kind: ClassVar[str] = "participant.waited"
    waited_s: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStarted(Event):
    kind: ClassVar[str] = "recording.started"
    recording_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStopped(Event):
    """Nothing more is taken; the files are on their way."""

    kind: ClassVar[str] = "recording.stopped"
    recording_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFinished(Event):
    """Every file is there. files: how many."""

    kind: ClassVar[str] = "recording.finished"
    recording_id: str
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFailed(Event):
    """reason: disk_full | disk_error | disk_slow | recorder_lost | store_full | not_handed_in | an error kind."""

    kind: ClassVar[str] = "recording.failed"
    recording_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PollAnswered(Event):
    """right: None for an opinion poll."""

    kind: ClassVar[str] = "poll.answered"
    poll_id: str
    option: int
    right: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngagementMeasured(Event):
    """A structured engagement signal. signal: talk_s, hands, chats, reactions, answers, answers_right, board_updates."""

    kind: ClassVar[str] = "engagement.measured"
    signal: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded(Event):
    """reason: ended_by_instructor | empty | overdue."""

    kind: ClassVar[str] = "session.ended"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendanceFinalized(Event):
    """Fires on_session_end."""

    kind: ClassVar[str] = "attendance.finalized"
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendanceCorrected(Event):
    kind: ClassVar[str] = "attendance.corrected"
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptFinalized(Event):
    """complete: False when the chain stopped waiting for it."""

    kind: ClassVar[str] = "transcript.finalized"
    segments: int
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryChanged(Event):
    """change: drafted | approved | rejected. Fires on_summary."""

    kind: ClassVar[str] = "summary.changed"
    summary_id: str
    change: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyTold(Event):
    """person_id is the student the report is about."""

    kind: ClassVar[str] = "family.told"
    report_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressUpdated(Event):
    kind: ClassVar[str] = "progress.updated"


@dataclass(frozen=True, slots=True, kw_only=True)
class BriefingPrepared(Event):
    """session_id is the session the briefing is for."""

    kind: ClassVar[str] = "briefing.prepared"
    from_session_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseChanged(Event):
    """change: opened | taken | noted | escalated | resolved. opened, escalated and resolved fire on_exception."""

    kind: ClassVar[str] = "case.changed"
    case_id: str
    change: str
    version: int
    case_kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentChanged(Event):
    kind: ClassVar[str] = "consent.changed"
    purpose: str
    given: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSent(Event):
    kind: ClassVar[str] = "message.sent"
    message_kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryChanged(Event):
    """status: done | failed | held | waiting."""

    kind: ClassVar[str] = "delivery.changed"
    delivery_id: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSwitched(Event):
    kind: ClassVar[str] = "plugin.switched"
    plugin: str
    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesChanged(Event):
    """change: scheduled | moved | reassigned | changed | cancelled. Each lesson has its session.scheduled too."""

    kind: ClassVar[str] = "series.changed"
    series_id: str
    change: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailabilityChanged(Event):
    """When person_id may be booked."""

    kind: ClassVar[str] = "availability.changed"
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubstitutionChanged(Event):
    """change: opened | offered | unanswered | escalated | filled | withdrawn."""

    kind: ClassVar[str] = "substitution.changed"
    substitution_id: str
    change: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferChanged(Event):
    """person_id is asked to teach a lesson. change: offered | accepted | declined | expired | withdrawn."""

    kind: ClassVar[str] = "offer.changed"
    offer_id: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRequested(Event):
    """A family asks to move or cancel a lesson. person_id: the student. change: move | cancel."""

    kind: ClassVar[str] = "change.requested"
    change_id: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeDecided(Event):
    """person_id: the student. change: granted | refused | withdrawn."""

    kind: ClassVar[str] = "change.decided"
    change_id: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditChanged(Event):
    """A lesson that may be had again. person_id: the student. change: granted | used."""

    kind: ClassVar[str] = "credit.changed"
    credit_id: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonReady(Event):
    """A look before the lesson found everything there, or not; said when that changes."""

    kind: ClassVar[str] = "lesson.ready"
    ready: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestChanged(Event):
    """person_id: the student lessons are asked for. change: asked | placed | rejected | withdrawn | reopened."""

    kind: ClassVar[str] = "request.changed"
    request_id: str
    change: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChanged(Event):
    """change: asked | solving | progress | ready | changed | booking | accepted | undoing | undone | rejected |
    cancelled | failed."""

    kind: ClassVar[str] = "plan.changed"
    plan_id: str
    change: str
    version: int


HOOK_OF_EVENT: dict[str, str] = {
    SessionScheduled.kind: "on_schedule",
    AttendanceFinalized.kind: "on_session_end",
    SummaryChanged.kind: "on_summary",
    CaseChanged.kind: "on_exception",
}
"""Which lifecycle hook an event is delivered to. CaseChanged fires for opened, escalated, resolved only."""
