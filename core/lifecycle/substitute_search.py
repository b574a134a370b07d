"""The search for a substitute and its offers: how each goes from one state to the next, and who is told.

What people and timers do with them is in `core.lifecycle.substitutes`. All of it is part of the caller's transaction.
"""

from sqlmodel import Session, col, select

from core import services
from core.access import SYSTEM, Actor
from core.clock import cancel_timers, set_timer
from core.delivery import audit, emit
from core.domain import ClassSession, SubstituteOffer, Substitution
from core.domain.change import LOOKING
from core.domain.load import get_session
from core.errors import NotFound
from core.events import OfferChanged, SubstitutionChanged
from core.lifecycle.cases import open_case, settle_cases
from core.lifecycle.notify import queue_message

CASE = "substitute_needed"


def go_on(db: Session, row: Substitution) -> None:
    """Nobody is being asked any more: the next round comes at once."""
    if row.status == "offered" and not open_offers(db, row.id):
        row.status = "open"
        set_timer(db, "substitute_round", row.id, services.current().clock.now())
        tell(db, SYSTEM, row, "unanswered")


def fill(db: Session, actor: Actor, row: Substitution, accepted: SubstituteOffer) -> None:
    """Whoever accepted has the lesson; the others are thanked, the case is settled."""
    row.status, row.filled_by = "filled", accepted.instructor_id
    row.filled_at = services.current().clock.now()
    _thank_others(db, row)
    settle_cases(db, CASE, row.session_id, "A substitute was found.")
    cancel_timers(db, row.id)
    emit(
        db,
        OfferChanged(
            session_id=row.session_id,
            person_id=accepted.instructor_id,
            offer_id=accepted.id,
            change="accepted",
        ),
    )
    tell(db, actor, row, "filled")


def escalate(db: Session, row: Substitution) -> None:
    """A coordinator has to see to it; open offers stay open."""
    row.status = "escalated"
    open_case(
        db,
        CASE,
        dedupe=f"{CASE}:{row.id}",
        session_id=row.session_id,
        person_id=row.out_id,
        facts={"substitution_id": row.id},
    )
    tell(db, SYSTEM, row, "escalated")


def end_search(db: Session, actor: Actor, row: Substitution) -> None:
    """Nobody is needed any more."""
    row.status = "withdrawn"
    _thank_others(db, row)
    settle_cases(db, CASE, row.session_id, "A substitute is not needed any more.")
    cancel_timers(db, row.id)
    tell(db, actor, row, "withdrawn")


def end_offer(db: Session, one: SubstituteOffer, status: str) -> None:
    """Answered, or over: declined | expired | withdrawn."""
    one.status, one.version = status, one.version + 1
    one.answered_at = services.current().clock.now()
    db.add(one)
    db.flush()
    emit(db, OfferChanged(person_id=one.instructor_id, offer_id=one.id, change=status))


def tell(db: Session, actor: Actor, row: Substitution, change: str) -> None:
    """The log says what became of the search; what is saved of it is a newer version."""
    row.version += 1 if change != "opened" else 0
    db.add(row)
    db.flush()
    emit(
        db,
        SubstitutionChanged(
            session_id=row.session_id, substitution_id=row.id, change=change, version=row.version
        ),
    )
    audit(db, actor.person_id, f"substitution.{change}", row.id, row.out_id)


def lesson_of(db: Session, row: Substitution) -> ClassSession | None:
    """The lesson while the search still concerns it."""
    session = db.get(ClassSession, row.session_id)
    fits = session is not None and session.status == "scheduled" and session.version == row.session_version
    return session if fits else None


def open_offers(db: Session, substitution_id: str) -> list[SubstituteOffer]:
    """Those that wait for an answer, the best first."""
    return list(
        db.exec(
            select(SubstituteOffer)
            .where(SubstituteOffer.substitution_id == substitution_id, SubstituteOffer.status == "offered")
            .order_by(col(SubstituteOffer.rank))
        )
    )


def live_of(db: Session, session_id: str) -> Substitution | None:
    """The search for this lesson that is under way, locked."""
    query = select(Substitution).where(
        Substitution.session_id == session_id, col(Substitution.status).in_(LOOKING)
    )
    return db.exec(query.with_for_update()).first()


def locked(db: Session, substitution_id: str) -> Substitution:
    """The lesson is locked first, as everywhere, so that nobody waits for each other."""
    row = db.get(Substitution, substitution_id)
    if row is None:
        raise NotFound("We could not find this search.")
    get_session(db, row.session_id, lock=True)
    db.refresh(row, with_for_update=True)
    return row


def _thank_others(db: Session, row: Substitution) -> None:
    """Who was asked and has not answered need not think about it any more."""
    for one in open_offers(db, row.id):
        end_offer(db, one, "withdrawn")
        queue_message(
            db,
            "substitute_over",
            one.instructor_id,
            dedupe=f"substitute_over:{one.id}",
            session_id=row.session_id,
        )
