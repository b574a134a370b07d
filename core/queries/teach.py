"""The instructor's questions: whom do I teach next, what do I need to know, what waits for my approval?"""

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from core import services
from core.access import Viewer
from core.delivery import audit
from core.domain import (
    Briefing,
    ClassSession,
    Course,
    Coverage,
    CurriculumTopic,
    Person,
    Seat,
    StudentReport,
    Summary,
    TranscriptSegment,
)
from core.errors import NotAllowed, NotFound
from core.queries.board import day_of
from core.queries.common import LessonLine, initials, iso, lesson_lines


@dataclass(frozen=True)
class BriefingView:
    """last_time, watch_for, next: sentences; homework, open_topics: words; from_session_id: where they come from."""

    last_time: list[str]
    watch_for: list[str]
    next: list[str]
    homework: list[str]
    open_topics: list[str]
    from_session_id: str
    prepared_at: str


@dataclass(frozen=True)
class ToApprove:
    summary_id: str
    session_id: str
    student: str
    course: str
    starts_at: str
    due_at: str
    draft_no: int


@dataclass(frozen=True)
class TeachHome:
    next: LessonLine | None
    briefing: BriefingView | None
    day: list[LessonLine]
    to_approve: list[ToApprove]
    taught: int
    on_time: int
    summaries_in_time: int


def home(viewer: Viewer) -> TeachHome:
    """The instructor's start page."""
    service = services.current()
    now = service.clock.now()
    start, end = day_of(viewer, now)
    with service.store.read() as db:
        mine = (
            select(ClassSession)
            .join(Seat, col(Seat.session_id) == ClassSession.id)
            .where(Seat.person_id == viewer.person_id, Seat.role == "instructor", col(Seat.active).is_(True))
        )
        today = db.exec(
            mine.where(
                ClassSession.starts_at >= start,
                ClassSession.starts_at < end,
                ClassSession.status != "cancelled",
            ).order_by(col(ClassSession.starts_at))
        ).all()
        following = db.exec(
            mine.where(
                ClassSession.ends_at > now, col(ClassSession.status).in_(("scheduled", "live"))
            ).order_by(col(ClassSession.starts_at))
        ).first()
        lines = lesson_lines(
            db, [*today, *([following] if following else [])], now, service.settings.no_show_s
        )
        taught = db.exec(
            mine.where(ClassSession.status == "ended", ClassSession.ends_at > now - (end - start) * 7)
        ).all()
        decided = db.exec(
            select(Summary).where(
                col(Summary.session_id).in_([row.id for row in taught]), Summary.status == "approved"
            )
        ).all()
        return TeachHome(
            next=lines[-1] if following else None,
            briefing=briefing(db, following.id) if following else None,
            day=lines[: len(today)],
            to_approve=to_approve(db, viewer),
            taught=len(taught),
            on_time=sum(
                1
                for row in taught
                if row.started_at and (row.started_at - row.starts_at).total_seconds() < 300
            ),
            summaries_in_time=sum(1 for row in decided if row.decided_at and row.decided_at <= row.due_at),
        )


def briefing(db: Session, session_id: str) -> BriefingView | None:
    row = db.get(Briefing, session_id)
    if row is None:
        return None
    body = row.body

    def texts(key: str) -> list[str]:
        return [item["text"] if isinstance(item, dict) else str(item) for item in body.get(key, [])]

    return BriefingView(
        texts("last_time"),
        texts("watch_for"),
        texts("next"),
        texts("homework"),
        texts("open_topics"),
        row.from_session_id or "",
        iso(row.prepared_at),
    )


def to_approve(db: Session, viewer: Viewer) -> list[ToApprove]:
    """Drafts that wait for this instructor, by deadline."""
    rows = db.exec(
        select(Summary, ClassSession, Course.name)
        .join(ClassSession, col(ClassSession.id) == Summary.session_id)
        .join(Course, col(Course.id) == ClassSession.course_id)
        .join(Seat, col(Seat.session_id) == ClassSession.id)
        .where(
            Summary.status == "draft",
            Seat.person_id == viewer.person_id,
            Seat.role == "instructor",
            col(Seat.active).is_(True),
        )
        .order_by(col(Summary.due_at))
    ).all()
    names = student_names(db, [session.id for _, session, _ in rows])
    return [
        ToApprove(
            s.id,
            session.id,
            names.get(session.id, ""),
            course,
            iso(session.starts_at),
            iso(s.due_at),
            s.draft_no,
        )
        for s, session, course in rows
    ]


def student_names(db: Session, session_ids: list[str]) -> dict[str, str]:
    """The students of each session, joined with commas."""
    found: dict[str, list[str]] = {}
    for session_id, name in db.exec(
        select(Seat.session_id, Person.name)
        .join(Person, col(Person.id) == Seat.person_id)
        .where(col(Seat.session_id).in_(session_ids), Seat.role == "student")
        .order_by(col(Person.name))
    ):
        found.setdefault(session_id, []).append(name)
    return {session_id: ", ".join(names) for session_id, names in found.items()}


def summaries(viewer: Viewer, *, limit: int = 100) -> list[tuple[ToApprove, str]]:
    """(summary, status) of the instructor's lessons, newest first; a coordinator sees all."""
    with services.current().store.read() as db:
        query = (
            select(Summary, ClassSession, Course.name)
            .join(ClassSession, col(ClassSession.id) == Summary.session_id)
            .join(Course, col(Course.id) == ClassSession.course_id)
            .order_by(col(Summary.drafted_at).desc())
            .limit(limit)
        )
        if not viewer.has("coordinator"):
            query = query.join(Seat, col(Seat.session_id) == ClassSession.id).where(
                Seat.person_id == viewer.person_id, Seat.role == "instructor", col(Seat.active).is_(True)
            )
        rows = db.exec(query).all()
        names = student_names(db, [session.id for _, session, _ in rows])
        return [
            (
                ToApprove(
                    s.id,
                    session.id,
                    names.get(session.id, ""),
                    course,
                    iso(session.starts_at),
                    iso(s.due_at),
                    s.draft_no,
                ),
                s.status,
            )
            for s, session, course in rows
        ]


@dataclass(frozen=True)
class SentenceLine:
    """key: stable in the page; spans: segment ids; moment: of the first one as m:ss, "" without evidence.
    basis: the record it was counted from, "vouched", or ""."""

    key: str
    text: str
    section: str
    spans: list[str]
    moment: str
    edited: bool
    basis: str = ""


@dataclass(frozen=True)
class ReportLine:
    student_id: str
    student: str
    headline: str
    homework: str
    sentences: list[SentenceLine]


@dataclass(frozen=True)
class TranscriptRow:
    id: str
    speaker: str
    initials: str
    instructor: bool
    moment: str
    text: str
    low_accuracy: bool


@dataclass(frozen=True)
class TopicState:
    topic_id: str
    name: str
    state: str
    moment: str


@dataclass(frozen=True)
class Review:
    """A draft beside its transcript. low_accuracy: quotations are not offered to families."""

    summary_id: str
    version: int
    status: str
    draft_no: int
    engine: str
    low_accuracy: bool
    reason: str
    due_at: str
    lesson: LessonLine
    sentences: list[SentenceLine]
    reports: list[ReportLine]
    transcript: list[TranscriptRow]
    topics: list[TopicState]
    previous_reason: str


def review(viewer: Viewer, summary_id: str) -> Review:
    """For the session's instructor or a coordinator; opening it is audited (it shows a child's words)."""
    service = services.current()
    with service.store.write() as db:
        summary = db.get(Summary, summary_id)
        if summary is None:
            raise NotFound("This summary does not exist.")
        session = db.get_one(ClassSession, summary.session_id)
        _may_review(db, viewer, session.id)
        audit(db, viewer.person_id, "summary.open_page", summary_id)
        segments = db.exec(
            select(TranscriptSegment, Person)
            .join(Person, col(Person.id) == TranscriptSegment.person_id)
            .where(TranscriptSegment.session_id == session.id)
            .order_by(col(TranscriptSegment.started_ms))
        ).all()
        teachers = set(
            db.exec(select(Seat.person_id).where(Seat.session_id == session.id, Seat.role == "instructor"))
        )
        moments = {segment.id: segment.started_ms for segment, _ in segments}
        reports = db.exec(
            select(StudentReport, Person.name)
            .join(Person, col(Person.id) == StudentReport.student_id)
            .where(StudentReport.summary_id == summary_id)
        ).all()
        previous = db.exec(
            select(Summary.reason).where(
                Summary.session_id == session.id, Summary.draft_no == summary.draft_no - 1
            )
        ).first()
        return Review(
            summary_id=summary.id,
            version=summary.version,
            status=summary.status,
            draft_no=summary.draft_no,
            engine=summary.engine,
            low_accuracy=summary.low_accuracy,
            reason=summary.reason,
            due_at=iso(summary.due_at),
            lesson=lesson_lines(db, [session], service.clock.now(), service.settings.no_show_s)[0],
            sentences=sentence_lines(summary.body, moments, "s"),
            reports=[
                ReportLine(
                    report.student_id,
                    name,
                    str(report.body.get("headline", "")),
                    str(report.body.get("homework", "")),
                    sentence_lines(report.body, moments, f"r{number}."),
                )
                for number, (report, name) in enumerate(reports)
            ],
            transcript=[
                TranscriptRow(
                    s.id,
                    p.name,
                    initials(p.name),
                    p.id in teachers,
                    moment(s.started_ms),
                    s.text,
                    s.low_accuracy,
                )
                for s, p in segments
            ],
            topics=_topics(db, session, moments),
            previous_reason=previous or "",
        )


def moment(ms: int) -> str:
    """Minutes and seconds into the lesson: 4:12."""
    return f"{ms // 60_000}:{ms // 1_000 % 60:02d}"


def sentence_lines(body: dict[str, Any], moments: dict[str, int], prefix: str) -> list[SentenceLine]:
    lines: list[SentenceLine] = []
    for number, item in enumerate(body.get("sentences", [])):
        spans = list(item.get("spans", []))
        starts = [moments[span] for span in spans if span in moments]
        lines.append(
            SentenceLine(
                f"{prefix}{number}",
                str(item["text"]),
                str(item.get("section", "covered")),
                spans,
                moment(min(starts)) if starts else "",
                bool(item.get("edited", False)),
                str(item.get("basis", "")),
            )
        )
    return lines


def _topics(db: Session, session: ClassSession, moments: dict[str, int]) -> list[TopicState]:
    rows = db.exec(
        select(Coverage, CurriculumTopic)
        .join(CurriculumTopic, col(CurriculumTopic.id) == Coverage.topic_id)
        .where(Coverage.session_id == session.id)
        .order_by(col(CurriculumTopic.position))
    )
    return [
        TopicState(
            topic.id,
            topic.name,
            item.state,
            next((moment(at) for at in sorted(moments[s] for s in item.evidence if s in moments)), ""),
        )
        for item, topic in rows
    ]


def _may_review(db: Session, viewer: Viewer, session_id: str) -> None:
    seat = db.exec(
        select(Seat.id).where(
            Seat.session_id == session_id,
            Seat.person_id == viewer.person_id,
            Seat.role == "instructor",
            col(Seat.active).is_(True),
        )
    ).first()
    if seat is None and not viewer.has("coordinator"):
        raise NotAllowed()
