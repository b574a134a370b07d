"""The tables and their rules, one file a noun family. Changes go through core.lifecycle and core.scheduling."""

from core.domain.case import CaseNote, ExceptionCase, Signal
from core.domain.course import Course, CurriculumTopic, Enrollment, Material, Qualification
from core.domain.event import (
    AuditEntry,
    Cursor,
    Delivery,
    DomainEvent,
    IngestCursor,
    MediaNode,
    PluginSwitch,
    StepDone,
    WorkerHeartbeat,
)
from core.domain.message import Message, Timer
from core.domain.person import Consent, Guardianship, Login, MagicLink, Person, PersonRole, SignInAttempt
from core.domain.record import Briefing, Coverage, ProgressRecord, StudentReport, Summary, TranscriptSegment
from core.domain.recording import Recording, RecordingFile
from core.domain.session import (
    Attendance,
    ClassSession,
    EngagementSignal,
    JoinLink,
    PresenceInterval,
    Room,
    Seat,
)

__all__ = [
    "Attendance", "AuditEntry", "Briefing", "CaseNote", "ClassSession", "Consent", "Course", "Coverage",
    "CurriculumTopic", "Cursor", "Delivery", "DomainEvent", "EngagementSignal", "Enrollment", "ExceptionCase",
    "Guardianship", "IngestCursor", "JoinLink", "Login", "MagicLink", "Material", "MediaNode", "Message",
    "Person", "PersonRole", "PluginSwitch", "PresenceInterval", "ProgressRecord", "Qualification", "Recording",
    "RecordingFile", "Room", "Seat",
    "SignInAttempt", "Signal", "StepDone", "StudentReport", "Summary", "Timer", "TranscriptSegment",
    "WorkerHeartbeat",
]  # fmt: skip
