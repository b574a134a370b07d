"""Step 7: a person decides. The instructor edits and approves, or rejects with a reason and gets a new draft."""

from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session, col, select

from core import services
from core.access import Actor
from core.clock import cancel_timers
from core.delivery import audit, emit, start_chain
from core.domain import Coverage, Seat, StudentReport, Summary
from core.domain.load import get_session
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from core.events import SummaryChanged

SECTIONS = ("covered", "went_well", "watch", "next", "homework")
COVERAGE = ("covered", "started", "not_reached")
VOUCHED = "vouched"
"""The basis of a sentence that the instructor stands for without a source."""
MAX_SENTENCES = 60
MAX_CHARS = 600


@dataclass(frozen=True, slots=True)
class EditedSentence:
    """spans: evidence the sentence keeps. basis: the record it was counted from, VOUCHED, or ""."""

    text: str
    spans: tuple[str, ...] = ()
    section: str = "covered"
    basis: str = ""


@dataclass(frozen=True, slots=True)
class EditedReport:
    headline: str
    sentences: tuple[EditedSentence, ...]
    homework: str = ""


@dataclass(frozen=True, slots=True)
class Edits:
    """What the instructor made of the draft. None = leave that part as drafted. Keys: student id, topic id."""

    sentences: tuple[EditedSentence, ...] | None = None
    reports: dict[str, EditedReport] = field(default_factory=dict[str, EditedReport])
    coverage: dict[str, str] = field(default_factory=dict[str, str])


def approve_summary(actor: Actor, summary_id: str, version: int, edits: Edits | None = None) -> None:
    """Approve with edits: families may be told now. The session's instructor or a coordinator. A second click does nothing."""
    with services.current().store.write() as db:
        row = _undecided(db, actor, summary_id, version, "approved")
        if row is None:
            return
        _apply(db, row, edits or Edits())
        _decide(db, actor, row, "approved")
        session = get_session(db, row.session_id, lock=True)
        session.chain = "approved"
        db.add(session)
        start_chain(db, row.session_id, "tell")


def reject_summary(actor: Actor, summary_id: str, version: int, reason: str) -> None:
    """Not good enough, because of `reason`: a new draft is made from the same transcript."""
    reason = reason.strip()
    if not 3 <= len(reason) <= 500:
        raise InvalidInput(
            "reason", "Please say in a few words what is wrong, so that the next draft is better."
        )
    with services.current().store.write() as db:
        row = _undecided(db, actor, summary_id, version, "rejected")
        if row is None:
            return
        row.reason = reason
        _decide(db, actor, row, "rejected")
        session = get_session(db, row.session_id, lock=True)
        session.chain = "transcribed"
        db.add(session)
        start_chain(db, row.session_id, "draft", again=str(row.draft_no + 1))


def save_edits(actor: Actor, summary_id: str, version: int, edits: Edits) -> int:
    """Keep the instructor's work on a draft without deciding. Returns the new version."""
    with services.current().store.write() as db:
        row = _undecided(db, actor, summary_id, version, "saved")
        if row is None:
            raise Conflict()
        _apply(db, row, edits)
        row.version += 1
        db.add(row)
        return row.version


def _undecided(db: Session, actor: Actor, summary_id: str, version: int, wish: str) -> Summary | None:
    row = db.get(Summary, summary_id, with_for_update=True)
    if row is None:
        raise NotFound("This summary does not exist.")
    seat = db.exec(
        select(Seat.id).where(
            Seat.session_id == row.session_id,
            Seat.person_id == (actor.person_id or ""),
            Seat.role == "instructor",
            col(Seat.active).is_(True),
        )
    ).first()
    if seat is None and not actor.has("coordinator"):
        raise NotAllowed()
    if row.status == wish:
        return None
    if row.status != "draft":
        raise Conflict("This summary was decided already.")
    if row.version != version:
        raise Conflict()
    return row


def _decide(db: Session, actor: Actor, row: Summary, change: str) -> None:
    now = services.current().clock.now()
    row.status, row.decided_by, row.decided_at = change, actor.person_id, now
    row.version += 1
    db.add(row)
    for report in db.exec(select(StudentReport).where(StudentReport.summary_id == row.id)):
        report.status = change
        report.approved_at = now if change == "approved" else None
        db.add(report)
    if change == "approved":
        for item in db.exec(select(Coverage).where(Coverage.session_id == row.session_id)):
            item.confirmed = True
            db.add(item)
    cancel_timers(db, row.id)
    emit(db, SummaryChanged(session_id=row.session_id, summary_id=row.id, change=change, version=row.version))
    audit(db, actor.person_id, f"summary.{change}", row.id)


def _apply(db: Session, row: Summary, edits: Edits) -> None:
    if edits.sentences is not None:
        row.body = {**row.body, "sentences": _sentences(edits.sentences, row.body.get("sentences", []))}
    for report in db.exec(select(StudentReport).where(StudentReport.summary_id == row.id)):
        if (edited := edits.reports.get(report.student_id)) is not None:
            report.body = {
                **report.body,
                "headline": _text(edited.headline, "headline"),
                "sentences": _sentences(edited.sentences, report.body.get("sentences", [])),
                "homework": edited.homework.strip()[:2_000],
            }
            db.add(report)
    for topic_id, state in edits.coverage.items():
        if state not in COVERAGE:
            raise InvalidInput("coverage", "Please choose covered, started or not reached.")
        item = db.get(Coverage, (row.session_id, topic_id))
        if item is None:
            raise InvalidInput("coverage", "This topic is not part of the course.")
        item.state = state
        db.add(item)
    db.add(row)


def _sentences(edited: tuple[EditedSentence, ...], drafted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """edited: True marks a sentence that differs from the draft: the instructor's own words.

    Nobody can claim a record for other words than those that were counted from it.
    """
    if len(edited) > MAX_SENTENCES:
        raise InvalidInput("sentences", "A summary has {most} sentences at most.", most=MAX_SENTENCES)
    before = {item["text"]: item for item in drafted}
    known = {span for item in drafted for span in item.get("spans", ())}
    return [
        {
            "text": _text(item.text, "sentences"),
            "spans": [span for span in item.spans if span in known],
            "section": item.section if item.section in SECTIONS else "covered",
            "basis": VOUCHED if item.basis == VOUCHED else before.get(item.text.strip(), {}).get("basis", ""),
            "edited": before.get(item.text.strip(), {"edited": True}).get("edited", False),
        }
        for item in edited
        if item.text.strip()
    ]


def _text(text: str, name: str) -> str:
    text = " ".join(text.split())
    if len(text) > MAX_CHARS:
        raise InvalidInput(name, "A sentence has {most} characters at most.", most=MAX_CHARS)
    return text
