"""Step 6: a draft with evidence: summary for staff, one report per family, coverage of the topics.

The thinking is a summariser's (plugin hook `summarisers`); this file checks it and stores it. A draft
leaves the house only after a person approved it.
"""

import logging
from dataclasses import asdict
from datetime import timedelta

from sqlmodel import Session, col, select

from core import services
from core.clock import set_timer
from core.delivery import emit
from core.domain import ClassSession, Coverage, StudentReport, Summary
from core.events import SummaryChanged
from core.views import BASES, CoverageDraft, ReportDraft, Sentence, SummaryDraft, SummaryInput

logger = logging.getLogger(__name__)


def draft(material: SummaryInput) -> SummaryDraft:
    """Ask the chosen summariser; without one, facts alone. Evidence that does not exist is dropped."""
    service = services.current()
    offers = service.plugins.call("summarisers", enabled_only=True)
    engines = dict(engine for _, offered in offers for engine in offered)
    chosen = engines.get(service.settings.summariser) or next(iter(engines.values()), None)
    drafted: SummaryDraft = chosen(material) if chosen is not None else facts_only(material)
    return checked(drafted, material)


def facts_only(material: SummaryInput) -> SummaryDraft:
    """Attendance and planned topics; what remains when no summariser is there. The instructor writes the rest."""
    present = [row for row in material.attendance if row.role == "student" and row.status != "absent"]
    return SummaryDraft(
        engine="facts",
        sentences=(),
        reports=tuple(ReportDraft(row.person_id, material.course, ()) for row in present),
        coverage=tuple(CoverageDraft(topic.id, "not_reached") for topic in material.topics),
        low_accuracy=True,
    )


def checked(drafted: SummaryDraft, material: SummaryInput) -> SummaryDraft:
    """Keep only evidence that exists, and in a family's report only spans of the instructor and their own child.

    A report sentence that rests on another child's words is dropped whole.
    """
    speakers = {segment.id: segment.person_id for segment in material.segments}
    instructors = set(material.session.people("instructor"))

    def known(sentence: Sentence) -> Sentence:
        return Sentence(
            sentence.text,
            tuple(span for span in sentence.spans if span in speakers),
            sentence.section,
            sentence.basis if sentence.basis in BASES else "",
        )

    reports: list[ReportDraft] = []
    for report in drafted.reports:
        may = instructors | {report.student_id}
        kept = [known(s) for s in report.sentences if all(speakers.get(span) in may for span in s.spans)]
        reports.append(ReportDraft(report.student_id, report.headline, tuple(kept)))
    topics = {topic.id for topic in material.topics}
    return SummaryDraft(
        engine=drafted.engine,
        sentences=tuple(known(s) for s in drafted.sentences),
        reports=tuple(reports),
        coverage=tuple(item for item in drafted.coverage if item.topic_id in topics),
        low_accuracy=drafted.low_accuracy,
    )


def store_draft(db: Session, session: ClassSession, drafted: SummaryDraft) -> Summary:
    """Write the draft, its reports and coverage; the instructor's queue has a row with a deadline now."""
    service = services.current()
    now = service.clock.now()
    last = db.exec(
        select(Summary.draft_no)
        .where(Summary.session_id == session.id)
        .order_by(col(Summary.draft_no).desc())
    ).first()
    row = Summary(
        session_id=session.id,
        draft_no=(last or 0) + 1,
        engine=drafted.engine,
        low_accuracy=drafted.low_accuracy,
        body={"sentences": [asdict(sentence) for sentence in drafted.sentences]},
        drafted_at=now,
        due_at=now + timedelta(seconds=service.settings.summary_due_s),
    )
    db.add(row)
    db.flush()
    for report in drafted.reports:
        db.add(
            StudentReport(
                session_id=session.id,
                student_id=report.student_id,
                summary_id=row.id,
                body={
                    "headline": report.headline,
                    "sentences": [asdict(sentence) for sentence in report.sentences],
                    "homework": "",
                },
            )
        )
    for item in drafted.coverage:
        db.merge(
            Coverage(
                session_id=session.id,
                topic_id=item.topic_id,
                state=item.state,
                score=item.score,
                evidence=list(item.spans),
            )
        )
    set_timer(db, "summary_due", row.id, row.due_at, row.version)
    emit(db, SummaryChanged(session_id=session.id, summary_id=row.id, change="drafted", version=row.version))
    return row


def rejections(db: Session, session_id: str) -> str:
    """Why former drafts were not good enough, oldest first, one a line; "" before the first draft."""
    rows = db.exec(
        select(Summary.reason)
        .where(Summary.session_id == session_id, Summary.status == "rejected")
        .order_by(col(Summary.draft_no))
    )
    return "\n".join(reason.replace("\n", " ") for reason in rows)
