"""Step 5: the lesson ends, by the instructor, by an empty room, or because its time is long over.

A crashed media node or web process is not an ended lesson: only these three reasons are.
"""

from datetime import datetime

from sqlmodel import Session, col, select

from core import services
from core.access import Actor
from core.clock import cancel_timers
from core.delivery import audit, emit, start_chain
from core.domain import Attendance, ClassSession, Person, PresenceInterval, Room, Seat
from core.domain.attendance import settle
from core.domain.load import get_session, seats
from core.errors import InvalidInput, NotAllowed, NotFound, SessionNotOpen
from core.events import AttendanceCorrected, AttendanceFinalized, SessionEnded
from core.lifecycle import recordings, waiting
from core.lifecycle.cases import open_case
from core.lifecycle.live import close_open_intervals

STATUSES = ("present", "late", "left_early", "absent", "excused")


def end_session(actor: Actor, session_id: str, reason: str = "ended_by_instructor") -> None:
    """End a live lesson. Its instructor or a coordinator. Ending an ended one changes nothing."""
    with services.current().store.write() as db:
        row = get_session(db, session_id, lock=True)
        _may_end(db, actor, session_id)
        if row.status == "ended":
            return
        if row.status != "live":
            raise SessionNotOpen("This lesson has not started.")
        audit(db, actor.person_id, "session.end", session_id)
        end_in(db, row, reason)


def end_in(db: Session, row: ClassSession, reason: str) -> None:
    """End it in the caller's transaction and start the chain. reason: ended_by_instructor | empty | overdue."""
    now = services.current().clock.now()
    room = db.get(Room, row.id)
    row.status, row.end_reason = "ended", reason
    row.ended_at = room.empty_since if room and room.empty_since and reason == "empty" else now
    row.chain = "ended"
    row.version += 1
    db.add(row)
    close_open_intervals(db, row.id, "session_ended")
    for seat in seats(db, row.id):  # what is left of the planned time is free again
        seat.ends_at = max(seat.starts_at, min(seat.ends_at, now))
        db.add(seat)
    if room is not None:
        room.closed_at = now
        db.add(room)
    cancel_timers(db, row.id)
    recordings.stop_in(db, row.id)
    emit(db, SessionEnded(session_id=row.id, reason=reason))
    start_chain(db, row.id, "attendance")


def finalize_attendance(db: Session, session_id: str) -> None:
    """Presence becomes attendance, once. A lesson much shorter than its plan opens a case."""
    service = services.current()
    settings, now = service.settings, service.clock.now()
    row = get_session(db, session_id, lock=True)
    ended_at = row.ended_at or now
    for seat in db.exec(select(Seat).where(Seat.session_id == session_id, col(Seat.active).is_(True))):
        inside, waited = _intervals(db, session_id, seat.person_id, ended_at)
        settled = settle(
            inside,
            row.starts_at,
            row.ends_at,
            ended_at,
            grace_s=settings.rejoin_grace_s,
            late_after_s=settings.late_after_s,
            waited=waited,
        )
        db.add(
            Attendance(
                session_id=session_id,
                person_id=seat.person_id,
                role=seat.role,
                status=settled.status,
                present_s=settled.present_s,
                joined_at=settled.joined_at,
                left_at=settled.left_at,
                intervals=settled.intervals,
                final_at=now,
            )
        )
    planned_s = (row.ends_at - row.starts_at).total_seconds()
    lasted_s = (ended_at - (row.started_at or row.starts_at)).total_seconds()
    if row.started_at is not None and lasted_s < planned_s * settings.early_end_share:
        open_case(
            db,
            "ended_early",
            dedupe=f"ended_early:{session_id}",
            session_id=session_id,
            facts={"planned_s": round(planned_s), "lasted_s": round(lasted_s)},
        )
    emit(db, AttendanceFinalized(session_id=session_id, version=row.version))


def correct_attendance(actor: Actor, session_id: str, person_id: str, status: str, note: str) -> None:
    """After final, a person may correct: a new fact with who, when and why. Coordinators alone."""
    if not actor.has("coordinator"):
        raise NotAllowed()
    if status not in STATUSES:
        raise InvalidInput("status", "Please choose what is right.")
    with services.current().store.write() as db:
        row = db.get(Attendance, (session_id, person_id), with_for_update=True)
        if row is None:
            raise NotFound("There is no attendance to correct yet.")
        row.status, row.note = status, note.strip()[:500]
        row.corrected_by, row.corrected_at = actor.person_id, services.current().clock.now()
        db.add(row)
        emit(db, AttendanceCorrected(session_id=session_id, person_id=person_id, status=status))
        audit(db, actor.person_id, "attendance.correct", session_id, person_id)


_Times = list[tuple[datetime, datetime]]


def _intervals(db: Session, session_id: str, person_id: str, ended_at: datetime) -> tuple[_Times, _Times]:
    """When they were in the room, and when they waited at its door."""
    rows = db.exec(
        select(PresenceInterval).where(
            PresenceInterval.session_id == session_id, PresenceInterval.person_id == person_id
        )
    )
    inside: _Times = []
    waited: _Times = []
    for row in rows:
        until = max(row.started_at, min(row.ended_at or ended_at, ended_at))
        (waited if row.role == waiting.ROLE else inside).append((row.started_at, until))
    return inside, waited


def _may_end(db: Session, actor: Actor, session_id: str) -> None:
    if actor.has("coordinator"):
        return
    seat = db.exec(
        select(Seat).where(
            Seat.session_id == session_id,
            Seat.person_id == (actor.person_id or ""),
            Seat.role == "instructor",
            col(Seat.active).is_(True),
        )
    ).first()
    if seat is None or db.get(Person, seat.person_id) is None:
        raise NotAllowed("Only the instructor can end this lesson.")
