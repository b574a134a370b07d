"""Frozen, read-only pictures of domain rows: what hooks, ports and pages get instead of live rows.

Times are aware UTC. `version` rises with every change of the row and tells a stale delivery.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class SeatView:
    """Who is expected in a class session. role: instructor | student."""

    id: str
    person_id: str
    role: str


@dataclass(frozen=True, slots=True)
class ClassSessionView:
    """One scheduled lesson. status: scheduled | live | ended | cancelled. chain: see lifecycle.chain."""

    id: str
    course_id: str
    title: str
    starts_at: datetime
    ends_at: datetime
    status: str
    version: int
    seats: tuple[SeatView, ...]
    started_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: str = ""
    chain: str = ""

    def people(self, role: str) -> tuple[str, ...]:
        """Person ids seated in this role."""
        return tuple(seat.person_id for seat in self.seats if seat.role == role)


@dataclass(frozen=True, slots=True)
class AttendanceView:
    """status: present | late | left_early | absent | excused; present_s in seconds, 0 = absent."""

    session_id: str
    person_id: str
    role: str
    status: str
    present_s: int
    joined_at: datetime | None = None
    left_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SegmentView:
    """One spoken piece. started_ms/ended_ms count from the session's start (`started_at`).

    confidence 0..1; low_accuracy: the engine's words must not be quoted to a family.
    """

    id: str
    session_id: str
    person_id: str
    started_ms: int
    ended_ms: int
    text: str
    confidence: float = 1.0
    low_accuracy: bool = False


@dataclass(frozen=True, slots=True)
class TopicView:
    """A curriculum topic of the session's course. keywords: words that point to it."""

    id: str
    name: str
    position: int
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a draft with its evidence: ids of transcript segments, or the record it was counted from.

    section: see SummaryDraft. basis: one of BASES, or "" for a sentence that rests on what was said.
    """

    text: str
    spans: tuple[str, ...] = ()
    section: str = "covered"
    basis: str = ""


BASES = ("attendance", "answers", "talk_time", "course_plan", "transcript")
"""Records a sentence can be counted from. Everything else needs words of the transcript or a person's word."""


@dataclass(frozen=True, slots=True)
class CoverageDraft:
    """state: covered | started | not_reached. spans: evidence segments; score 0..1."""

    topic_id: str
    state: str
    score: float = 0.0
    spans: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SummaryInput:
    """Everything a summariser may look at. names: person id -> first name, for wording only.

    previous_reason: why former drafts were rejected, one a line; "" for the first draft.
    """

    session: ClassSessionView
    course: str
    topics: tuple[TopicView, ...]
    segments: tuple[SegmentView, ...]
    attendance: tuple[AttendanceView, ...]
    signals: tuple[tuple[str, str, float], ...] = ()
    names: dict[str, str] = field(default_factory=dict[str, str])
    previous_reason: str = ""
    lang: str = "en"


@dataclass(frozen=True, slots=True)
class ReportDraft:
    """What one family would read. Facts and sentences about their own child and the instructor only."""

    student_id: str
    headline: str
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class SummaryDraft:
    """A summariser's answer: staff sentences by section (covered | went_well | watch | next | homework),
    one report per student, coverage of the topics. engine: name shown beside the draft mark."""

    engine: str
    sentences: tuple[Sentence, ...]
    reports: tuple[ReportDraft, ...]
    coverage: tuple[CoverageDraft, ...]
    low_accuracy: bool = False


@dataclass(frozen=True, slots=True)
class SummaryView:
    """status: draft | approved | rejected. draft_no counts drafts of this session from 1."""

    id: str
    session_id: str
    status: str
    version: int
    draft_no: int
    engine: str
    low_accuracy: bool
    sentences: tuple[Sentence, ...]
    reason: str = ""
    approved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CaseView:
    """An exception case. status: open | taken | resolved. facts: ids and numbers."""

    id: str
    kind: str
    severity: str
    queue: str
    status: str
    opened_at: datetime
    due_at: datetime
    version: int
    session_id: str | None = None
    person_id: str | None = None
    owner_id: str | None = None
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
