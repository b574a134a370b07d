"""The tables and their rules, one file a noun family. Changes go through core.lifecycle and core.scheduling."""

from core.domain.api import ApiToken, CalendarFeed, IdempotencyKey
from core.domain.availability import (
    AvailabilityException,
    AvailabilityHours,
    BookingProfile,
    BusyCalendar,
    BusyTime,
    HolidayCalendar,
)
from core.domain.case import CaseNote, ExceptionCase, Signal
from core.domain.change import (
    ChangeRequest,
    LessonChange,
    MakeUpCredit,
    Readiness,
    SubstituteOffer,
    Substitution,
)
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
from core.domain.message import Message, MessagePreference, Timer
from core.domain.person import Consent, Guardianship, Login, MagicLink, Person, PersonRole, SignInAttempt
from core.domain.record import Briefing, Coverage, ProgressRecord, StudentReport, Summary, TranscriptSegment
from core.domain.recording import Recording, RecordingFile
from core.domain.request import BatchPlan, LessonRequest, PlanItem
from core.domain.series import LessonPackage, Series
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
    "ApiToken", "Attendance", "AuditEntry", "AvailabilityException", "AvailabilityHours", "BatchPlan",
    "BookingProfile", "Briefing", "BusyCalendar", "BusyTime", "CalendarFeed", "CaseNote", "ChangeRequest",
    "ClassSession", "Consent", "Course", "Coverage", "CurriculumTopic", "Cursor", "Delivery", "DomainEvent",
    "EngagementSignal", "Enrollment", "ExceptionCase", "Guardianship", "HolidayCalendar", "IdempotencyKey",
    "IngestCursor", "JoinLink", "LessonChange", "LessonPackage", "LessonRequest", "Login", "MagicLink",
    "MakeUpCredit", "Material", "MediaNode", "Message", "MessagePreference", "Person", "PersonRole",
    "PlanItem", "PluginSwitch", "PresenceInterval", "ProgressRecord", "Qualification", "Readiness",
    "Recording", "RecordingFile", "Room", "Seat", "Series", "SignInAttempt", "Signal", "StepDone",
    "StudentReport", "SubstituteOffer", "Substitution", "Summary", "Timer", "TranscriptSegment",
    "WorkerHeartbeat",
]  # fmt: skip
