"""The durable chain after a lesson, in core's order. Each stage is one DBOS workflow (core.delivery), started in the
transaction that finished the stage before; `ClassSession.chain` guards against running one twice.

| chain       | stage that leads on | what happens                                                            |
|-------------|---------------------|-------------------------------------------------------------------------|
| ended       | attendance          | presence becomes attendance; fires on_session_end                       |
| attended    | transcript          | waits for the agents' last words, or for its timer; nothing in memory   |
| transcribed | draft               | summary, reports and coverage drafted with evidence; fires on_summary   |
| drafted     | (a row waits)       | the instructor approves or rejects; a rejection goes back to `draft`    |
| approved    | tell                | families told, progress, the next briefing                              |
| told        |                     | the end                                                                 |
| closed      |                     | the end of a lesson no student came to                                  |
"""

from datetime import timedelta

from sqlmodel import Session, func, select

from core import services
from core.clock import set_timer
from core.delivery import emit, give_way, start_chain
from core.domain import ClassSession, Room, TranscriptSegment
from core.domain.load import attendance_views, get_session, seats, summary_input
from core.events import TranscriptFinalized
from core.lifecycle.end import finalize_attendance
from core.lifecycle.join import consents_of
from core.lifecycle.measure import settle_progress
from core.lifecycle.notify import tell_families
from core.lifecycle.summarise import draft, rejections, store_draft

STAGES = ("attendance", "transcript", "draft", "tell")
GIVE_WAY = timedelta(minutes=2)
"""Counted from the lesson's end, so that a queue that is never empty cannot hold drafts back for good."""
_BEFORE = {"attendance": "ended", "transcript": "attended", "draft": "transcribed", "tell": "approved"}


def run_stage(session_id: str, stage: str) -> None:
    """Run one stage. Safe to run again: a stage whose `chain` has moved on does nothing."""
    if stage == "draft":
        _draft(session_id)
        return
    with services.current().store.write() as db:
        row = _waiting(db, session_id, stage)
        if row is None:
            return
        if stage == "attendance":
            finalize_attendance(db, session_id)
            if not _somebody_learned(db, session_id):
                _reach(db, row, "closed")
                return
            _reach(db, row, "attended")
            if not _transcript_expected(db, session_id):
                start_chain(db, session_id, "transcript")
            else:
                wait_s = services.current().settings.transcript_timeout_s
                due = services.current().clock.now() + timedelta(seconds=wait_s)
                set_timer(db, "transcript_timeout", session_id, due, row.version)
        elif stage == "transcript":
            finish_transcript(db, row)
        elif stage == "tell":
            tell_families(db, session_id)
            settle_progress(db, session_id)
            _reach(db, row, "told")


def _somebody_learned(db: Session, session_id: str) -> bool:
    """A lesson without a student has nothing to sum up: its exception case is its story."""
    return any(row.role == "student" and row.present_s > 0 for row in attendance_views(db, session_id))


def _transcript_expected(db: Session, session_id: str) -> bool:
    """Words may still come: captions are on, somebody consented, and the agents have not said they are done."""
    room = db.get(Room, session_id)
    if room is None or room.transcript_done_at is not None or not room.settings.get("captions", True):
        return False
    return any("transcription" in consents_of(db, seat.person_id) for seat in seats(db, session_id))


def finish_transcript(db: Session, row: ClassSession) -> None:
    """The transcript is as complete as it will be: on to the draft."""
    room = db.get(Room, row.id)
    complete = room is not None and room.transcript_done_at is not None
    count = select(func.count()).select_from(TranscriptSegment).where(TranscriptSegment.session_id == row.id)
    emit(db, TranscriptFinalized(session_id=row.id, segments=db.exec(count).one(), complete=complete))
    _reach(db, row, "transcribed")
    start_chain(db, row.id, "draft")


def _draft(session_id: str) -> None:
    """Thinking happens outside any transaction and may happen twice; storing happens once.

    When many lessons end together, what is quick goes first: attendance, hooks and mail of all of them.
    """
    service, store = services.current(), services.current().store
    if service.role == "worker":
        with store.read() as db:
            ended_at = get_session(db, session_id).ended_at or service.clock.now()
        give_way(store, (ended_at + GIVE_WAY - service.clock.now()).total_seconds())
    with store.read() as db:
        if _waiting(db, session_id, "draft", lock=False) is None:
            return
        material = summary_input(db, session_id, rejections(db, session_id))
    drafted = draft(material)
    with store.write() as db:
        row = _waiting(db, session_id, "draft")
        if row is not None:
            store_draft(db, row, drafted)
            _reach(db, row, "drafted")


def _waiting(db: Session, session_id: str, stage: str, *, lock: bool = True) -> ClassSession | None:
    row = get_session(db, session_id, lock=lock)
    return row if row.chain == _BEFORE[stage] else None


def _reach(db: Session, row: ClassSession, chain: str) -> None:
    row.chain = chain
    db.add(row)
