"""Who is written to about what. Queues rows; the worker sends them."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from core.domain import ExceptionCase, Person, PersonRole, Seat, Series
from core.lifecycle.notify import queue_message, recipients
from core.services import current
from core.views import CaseView, ClassSessionView, SummaryView

INVITATION = {"scheduled": "invitation", "moved": "moved", "reassigned": "moved", "cancelled": "cancelled"}
"""For those whose seat stands. When somebody left a group, nothing changed for the others."""


def invite(db: Session, session: ClassSessionView, change: str, bulk: str = "") -> None:
    """One invitation (or update, or cancellation) a reader and version of the session.

    Closed seats hear of it too: an instructor who was replaced gets the cancellation, once; who comes instead is
    invited, the others read who teaches instead of whom.
    bulk: the change of a series it is part of; then one message a reader tells all of its lessons.
    """
    series_id = bulk.partition(":")[0]
    if series_id:
        db.get_one(Series, series_id, with_for_update=True)  # its lessons are delivered at the same time
    now = current().clock.now()
    seats = db.exec(select(Seat).where(Seat.session_id == session.id)).all()
    out = [seat.person_id for seat in seats if _just_replaced(seat)] if change == "reassigned" else []
    if not series_id and change not in ("scheduled", "cancelled"):
        _tell_instructor(db, session, seats)
    for seat in seats:
        kind = INVITATION.get(change, "") if seat.active else "cancelled"
        if seat.active and seat.invited_at is None:
            kind = "invitation"  # they are new in it, whatever changed for the others
        if not kind or (not seat.active and seat.invited_at is None):
            continue
        for reader in recipients(db, seat.person_id):
            if series_id:
                queue_message(
                    db,
                    "series_changed",
                    reader.id,
                    dedupe=f"series:{bulk}:{seat.person_id}:{reader.id}",
                    params={"series_id": series_id, "person_id": seat.person_id, "at": now.isoformat()},
                )
                continue
            queue_message(
                db,
                kind,
                reader.id,
                dedupe=f"invite:{session.id}:{session.version}:{seat.id}:{reader.id}",
                session_id=session.id,
                params={
                    "seat_id": seat.id,
                    "sequence": session.version,
                    "at": now.isoformat(),
                    **({"instead_of": out[0]} if out and seat.active else {}),
                },
            )
        seat.invited_at = now if seat.active else None
        db.add(seat)


def _tell_instructor(db: Session, session: ClassSessionView, seats: Sequence[Seat]) -> None:
    """Who left a group and who joined it since its instructor was told of it the last time.

    Read from the seats, not from the change: when two things happen at once, only the newest is delivered.
    """
    left = [seat.person_id for seat in seats if _student(seat) and not seat.active and seat.invited_at]
    joined = [seat.person_id for seat in seats if _student(seat) and seat.active and not seat.invited_at]
    for seat in seats:
        knows_it = seat.role == "instructor" and seat.active and seat.invited_at is not None
        if knows_it and (left or joined):
            queue_message(
                db,
                "group_changed",
                seat.person_id,
                dedupe=f"group:{session.id}:{session.version}:{seat.id}",
                session_id=session.id,
                params={"seat_id": seat.id, "left": sorted(left), "joined": sorted(joined)},
            )


def _student(seat: Seat) -> bool:
    return seat.role == "student"


def _just_replaced(seat: Seat) -> bool:
    """An instructor who was invited and has not been told yet that the lesson is somebody else's."""
    return seat.role == "instructor" and not seat.active and seat.invited_at is not None


def ask_for_approval(db: Session, summary: SummaryView) -> None:
    """The instructor hears that a draft waits."""
    for person_id in db.exec(
        select(Seat.person_id).where(
            Seat.session_id == summary.session_id, Seat.role == "instructor", col(Seat.active).is_(True)
        )
    ):
        queue_message(
            db,
            "summary_ready",
            person_id,
            dedupe=f"summary_ready:{summary.id}",
            session_id=summary.session_id,
            params={"summary_id": summary.id},
        )


def alert(db: Session, case: CaseView, change: str, *, absence_mails: bool) -> None:
    """A case reaches a person: its owner, else everybody of its queue. A missed lesson reaches the family too."""
    if change == "resolved":
        return
    readers = [case.owner_id] if case.owner_id else people_of(db, case.queue)
    for reader in readers:
        queue_message(
            db,
            "case",
            reader,
            dedupe=f"case:{case.id}:{change}:{reader}",
            session_id=case.session_id,
            params={"case_id": case.id, "change": change},
        )
    if (
        change == "opened"
        and absence_mails
        and case.kind in ("no_show_student", "no_show_both")
        and case.session_id
    ):
        _tell_absent(db, case)


def people_of(db: Session, role: str) -> list[str]:
    """Active people with this role."""
    return list(
        db.exec(
            select(PersonRole.person_id)
            .join(Person, col(Person.id) == PersonRole.person_id)
            .where(PersonRole.role == role, col(Person.active).is_(True))
        )
    )


def _tell_absent(db: Session, case: CaseView) -> None:
    missing = set(case.facts.get("missing", ()))
    row = db.get_one(ExceptionCase, case.id)
    for seat in db.exec(select(Seat).where(Seat.session_id == case.session_id, Seat.role == "student")):
        if seat.person_id not in missing:
            continue
        for reader in recipients(db, seat.person_id):
            queue_message(
                db,
                "missed",
                reader.id,
                dedupe=f"missed:{row.dedupe}:{seat.person_id}:{reader.id}",
                session_id=case.session_id,
                params={"seat_id": seat.id},
            )
