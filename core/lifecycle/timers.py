"""What happens when a timer fires. Each handler runs in one short transaction and checks that it still applies."""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from core import services
from core.clock import on_timer
from core.delivery import start_chain
from core.domain import ClassSession, PresenceInterval, Room, Seat, Summary, Timer
from core.lifecycle import recordings
from core.lifecycle.cases import escalate_case, open_case
from core.lifecycle.end import end_in
from core.lifecycle.live import close_open_intervals


def _scheduled(db: Session, timer: Timer) -> ClassSession | None:
    """The timer's session when the timer is not stale."""
    row = db.get(ClassSession, timer.subject_id, with_for_update=True)
    return row if row is not None and row.version == timer.version and row.status != "cancelled" else None


@on_timer("no_show")
def watch_no_show(db: Session, timer: Timer, now: datetime) -> None:
    """Somebody expected has not been there at all: one case, named after who is missing."""
    row = _scheduled(db, timer)
    if row is None or row.status == "ended":
        return
    seats = db.exec(select(Seat).where(Seat.session_id == row.id, col(Seat.active).is_(True))).all()
    came = set(db.exec(select(PresenceInterval.person_id).where(PresenceInterval.session_id == row.id)))
    missing = [seat for seat in seats if seat.person_id not in came]
    roles = {seat.role for seat in missing}
    if not missing:
        return
    kind = "no_show_both" if len(roles) == 2 else f"no_show_{roles.pop()}"
    open_case(
        db,
        kind,
        dedupe=f"no_show:{row.id}:{row.version}",
        session_id=row.id,
        person_id=missing[0].person_id,
        facts={
            "missing": [seat.person_id for seat in missing],
            "waited_s": services.current().settings.no_show_s,
        },
    )


@on_timer("empty_room")
def end_empty(db: Session, timer: Timer, now: datetime) -> None:
    row = db.get(ClassSession, timer.subject_id, with_for_update=True)
    room = db.get(Room, timer.subject_id)
    if row is not None and row.status == "live" and room is not None and room.empty_since is not None:
        end_in(db, row, "empty")


@on_timer("overdue_end")
def end_overdue(db: Session, timer: Timer, now: datetime) -> None:
    """Long over and still live: ended for them. Nobody came at all: closed as ended, everybody absent."""
    row = _scheduled(db, timer)
    if row is None or row.status == "ended":
        return
    if row.status == "live":
        open_case(db, "overdue_end", dedupe=f"overdue_end:{row.id}", session_id=row.id)
    else:
        close_open_intervals(db, row.id, "session_ended")
    end_in(db, row, "overdue")


@on_timer("transcript_timeout")
def stop_waiting(db: Session, timer: Timer, now: datetime) -> None:
    row = db.get(ClassSession, timer.subject_id)
    if row is not None and row.chain == "attended":
        start_chain(db, row.id, "transcript")


@on_timer("summary_due")
def summary_overdue(db: Session, timer: Timer, now: datetime) -> None:
    row = db.get(Summary, timer.subject_id)
    if row is not None and row.status == "draft":
        open_case(
            db,
            "summary_overdue",
            dedupe=f"summary_overdue:{row.id}",
            session_id=row.session_id,
            facts={"summary_id": row.id},
        )


@on_timer("recording_due")
def recording_overdue(db: Session, timer: Timer, now: datetime) -> None:
    recordings.give_up(db, timer.subject_id)


@on_timer("case_due")
def case_overdue(db: Session, timer: Timer, now: datetime) -> None:
    escalate_case(db, timer.subject_id)


REPAIR_AFTER = timedelta(minutes=30)


def reconcile(db: Session) -> int:
    """Sessions whose chain stood still for long are started again. Returns how many. Idempotent within the hour."""
    stage = {"ended": "attendance", "attended": "transcript", "transcribed": "draft", "approved": "tell"}
    now = services.current().clock.now()
    rows = db.exec(
        select(ClassSession).where(
            ClassSession.status == "ended",
            col(ClassSession.chain).in_(stage),
            col(ClassSession.ended_at) < now - REPAIR_AFTER,
        )
    ).all()
    for row in rows:
        start_chain(db, row.id, stage[row.chain], again=f"{now:%Y%m%d%H}")
    return len(rows)
