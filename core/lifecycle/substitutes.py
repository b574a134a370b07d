"""Before step 1 again: a lesson lost its instructor, and another one is found.

Several instructors are asked at a time, the best first; who accepts first has the lesson, in the transaction that
reassigns it, so two can never both have it. Offers end; when nobody is left, or time runs out, a coordinator gets a
case. The family hears nothing of the search: the reassigned lesson tells them, once.

A search belongs to one version of the lesson. When the lesson is moved, cancelled or given to somebody by hand, the
search is stale: it does nothing more, and a new one may begin.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Session, col, func, select

from core import services
from core.access import SYSTEM, Actor
from core.clock import on_timer, set_timer
from core.delivery import audit, emit
from core.domain import ClassSession, Seat, SubstituteOffer, Substitution, Timer
from core.domain.change import LOOKING
from core.domain.load import get_session, seats
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from core.events import OfferChanged
from core.i18n import N_
from core.lifecycle import substitute_search as search
from core.lifecycle.clash import Booking, clash
from core.lifecycle.notify import queue_message
from core.lifecycle.schedule import reassign_in
from core.queries.bookable import as_teacher, bookable, teachers_of
from core.scheduling.availability import Reason
from core.scheduling.matching import Fit, Ranking, rank_teachers, reasons_against_teacher
from core.scheduling.windows import Window

BY_TIME = ("away", "shrunk")
"""Reasons that are about an instructor's time, not about one lesson."""
MOST_ASKED = 10
"""Instructors a coordinator asks at once."""
MOST_WORDS = 500
"""Letters of the reason somebody gives."""
_TOO_LATE = N_("This offer has ended. Thank you all the same.")
_TAKEN = N_("Somebody has taken this lesson already. Please talk to a coordinator.")
_FASTER = N_("Somebody else was faster. Thank you all the same.")
_SHORTEST = timedelta(minutes=5)
"""An offer is open at least this long, however near the lesson is."""


def open_in(db: Session, actor: Actor, session_id: str, reason: str, note: str = "") -> str:
    """Begin to look for a substitute, in the caller's transaction; returns the search's id.

    The same lesson twice is one search. reason: away | shrunk | left | asked. note: their words, for coordinators.
    The first round of offers follows at once, by a timer: ranking is no work for the transaction that made it
    necessary. Conflict for a lesson that has begun.
    """
    service = services.current()
    now, settings = service.clock.now(), service.settings
    session = get_session(db, session_id, lock=True)
    if session.status != "scheduled" or session.starts_at <= now:
        raise Conflict("This lesson has started or is over; it cannot be changed any more.")
    known = search.live_of(db, session_id)
    if known is not None:
        if known.session_version == session.version:
            return known.id
        search.end_search(db, actor, known)
    margin = min(timedelta(seconds=settings.substitute_margin_s), (session.starts_at - now) / 2)
    row = Substitution(
        session_id=session_id,
        session_version=session.version,
        out_id=_instructor(db, session_id),
        reason=reason,
        note=note,
        opened_by=actor.person_id,
        opened_at=now,
        due_at=session.starts_at - margin,
    )
    db.add(row)
    db.flush()
    set_timer(db, "substitute_round", row.id, now)
    set_timer(db, "substitute_due", row.id, row.due_at)
    search.tell(db, actor, row, "opened")
    return row.id


def ask(actor: Actor, session_id: str, note: str = "") -> str:
    """The instructor of a lesson cannot come, or a coordinator knows that they cannot.

    note: why, if they like; only coordinators read it. InvalidInput, NotAllowed, Conflict.
    """
    note = note.strip()
    if len(note) > MOST_WORDS:
        raise InvalidInput("note", "Please write at most {most} letters.", most=MOST_WORDS)
    try:
        with services.current().store.write() as db:
            mine = db.exec(
                select(Seat.id).where(
                    Seat.session_id == session_id,
                    Seat.person_id == actor.person_id,
                    Seat.role == "instructor",
                    col(Seat.active).is_(True),
                )
            ).first()
            if mine is None and not actor.has("coordinator"):
                raise NotAllowed()
            return open_in(db, actor, session_id, "asked", note)
    except IntegrityError as error:  # two asked at the same moment: the other's search is the one
        raise Conflict() from error


def withdraw(actor: Actor, substitution_id: str, version: int | None = None) -> None:
    """The instructor comes after all: whoever was asked is told that it is no longer needed.

    version: what the caller last saw of it, None = whatever became of it, as long as nobody has taken the lesson.
    Conflict when somebody has.
    """
    with services.current().store.write() as db:
        row = search.locked(db, substitution_id)
        if actor.person_id != row.out_id and not actor.has("coordinator"):
            raise NotAllowed()
        if row.status == "filled":
            raise Conflict(_TAKEN)
        if row.status not in LOOKING or version not in (None, row.version):
            raise Conflict()
        search.end_search(db, actor, row)


def withdraw_in(
    db: Session, actor: Actor, person_ids: Collection[str], fits: Callable[[str, Window], bool]
) -> list[str]:
    """End the searches that these instructors' time made necessary and no longer does, in the caller's transaction.

    fits: whether a lesson is in the person's time now. Returns the lessons that stay theirs. Who said "I cannot come"
    has said so of that lesson: it is no matter of their time.
    """
    known = db.exec(
        select(Substitution, ClassSession)
        .join(ClassSession, col(ClassSession.id) == Substitution.session_id)
        .where(
            col(Substitution.out_id).in_(person_ids),
            col(Substitution.reason).in_(BY_TIME),
            col(Substitution.status).in_(LOOKING),
            ClassSession.starts_at > services.current().clock.now(),
        )
        .order_by(col(Substitution.session_id))
    ).all()
    kept: list[str] = []
    for found, session in known:
        if not fits(found.out_id, Window(session.starts_at, session.ends_at)):
            continue
        row = search.locked(db, found.id)
        if row.status in LOOKING:
            search.end_search(db, actor, row)
            kept.append(row.session_id)
    return kept


def offer(
    actor: Actor, substitution_id: str, instructor_ids: Sequence[str], version: int | None = None
) -> None:
    """A coordinator asks these instructors, ranked or not. InvalidInput for somebody who cannot, Conflict.

    version: as in `withdraw`; who has been asked in the meantime is not asked twice.
    """
    if not actor.has("coordinator"):
        raise NotAllowed()
    with services.current().store.write() as db:
        row = search.locked(db, substitution_id)
        session = search.lesson_of(db, row)
        if version not in (None, row.version) or session is None or row.status not in LOOKING:
            raise Conflict()
        ranking = ranking_of(db, session, row.out_id)
        fits = {fit.person_id: fit for fit in ranking.fit}
        if not 0 < len(instructor_ids) <= MOST_ASKED or not set(instructor_ids) <= fits.keys():
            raise InvalidInput("instructor_ids", "Please choose instructors who are free and qualified.")
        _offer_to(db, actor, row, session, [fits[one] for one in dict.fromkeys(instructor_ids)])


def accept_offer(actor: Actor, offer_id: str) -> str:
    """The lesson is who was asked's; returns its id. Conflict with a sentence: too late, others were faster, not free.

    Accepting again what one has accepted changes nothing.
    """
    service = services.current()
    session: ClassSession | None = None
    instructor_id = ""
    try:
        with service.store.write() as db:
            found, row = _offer(db, actor, offer_id)
            if found.status == "accepted":
                return row.session_id
            session = search.lesson_of(db, row)
            _check_open(found, row, session, service.clock.now())
            assert session is not None
            instructor_id = found.instructor_id
            _check_free(db, session, instructor_id)
            found.status, found.answered_at = "accepted", service.clock.now()
            found.version += 1
            db.add(found)
            db.flush()
            reassign_in(db, actor, session, instructor_id)
            search.fill(db, actor, row, found)
            return row.session_id
    except DBAPIError as error:
        if session is None:
            raise
        lesson = Window(session.starts_at, session.ends_at)
        # No instructor: whoever takes over is not offered other times.
        raise clash(error, Booking(lesson, "", (instructor_id,), session.id)) from error


def decline_offer(actor: Actor, offer_id: str) -> str:
    """They cannot; returns the lesson's id. Declining twice, or what has ended anyway, changes nothing."""
    with services.current().store.write() as db:
        found, row = _offer(db, actor, offer_id)
        if found.status == "accepted":
            raise Conflict("You have accepted this lesson. Please say that you cannot come instead.")
        if found.status == "offered":
            search.end_offer(db, found, "declined")
            audit(db, actor.person_id, "offer.declined", found.id, found.instructor_id)
            search.go_on(db, row)
        return row.session_id


@on_timer("substitute_round")
def next_round(db: Session, timer: Timer, now: datetime) -> None:
    """Ask the next best ones; when nobody is left, a coordinator takes over. A lesson that changed needs nobody."""
    row = search.locked(db, timer.subject_id)
    session = search.lesson_of(db, row)
    if row.status not in LOOKING:
        return
    if session is None:
        search.end_search(db, SYSTEM, row)
        return
    if search.open_offers(db, row.id):
        return
    asked = set(
        db.exec(select(SubstituteOffer.instructor_id).where(SubstituteOffer.substitution_id == row.id))
    )
    fits = [fit for fit in ranking_of(db, session, row.out_id).fit if fit.person_id not in asked]
    most = services.current().settings.substitutes_at_a_time
    if not fits:
        search.escalate(db, row)
    else:
        _offer_to(db, SYSTEM, row, session, fits[:most])


@on_timer("substitute_offers_end")
def end_offers(db: Session, timer: Timer, now: datetime) -> None:
    """Offers nobody answered."""
    row = search.locked(db, timer.subject_id)
    for one in search.open_offers(db, row.id):
        if one.expires_at <= now:
            search.end_offer(db, one, "expired")
    search.go_on(db, row)


@on_timer("substitute_due")
def out_of_time(db: Session, timer: Timer, now: datetime) -> None:
    """Offers that are open stay so: somebody may still accept."""
    row = search.locked(db, timer.subject_id)
    if row.status in ("open", "offered"):
        if search.lesson_of(db, row) is None:
            search.end_search(db, SYSTEM, row)
        else:
            search.escalate(db, row)


def ranking_of(db: Session, session: ClassSession, out_id: str) -> Ranking:
    """Everybody who may teach the course, for this lesson: who fits, best first, and who is left out and why."""
    students = [seat.person_id for seat in seats(db, session.id) if seat.role == "student"]
    lesson = Window(session.starts_at, session.ends_at)
    people = [one for one in teachers_of(db, session.course_id) if one != out_id]
    found = bookable(db, people, lesson)
    teachers = [as_teacher(found[one]) for one in people if one in found]
    return rank_teachers(
        session.course_id,
        session.language,
        lesson,
        None,  # the students' time is settled: it is their lesson
        teachers,
        services.current().clock.now(),
        _taught(db, people, students),
    )


def _taught(db: Session, instructors: Sequence[str], students: Sequence[str]) -> dict[str, int]:
    """Lessons each of them has given to any of these students."""
    theirs = select(Seat.session_id).where(col(Seat.person_id).in_(students), Seat.role == "student")
    rows = db.exec(
        select(Seat.person_id, func.count())
        .join(ClassSession, col(ClassSession.id) == Seat.session_id)
        .where(
            col(Seat.person_id).in_(instructors),
            Seat.role == "instructor",
            ClassSession.status == "ended",
            col(Seat.session_id).in_(theirs),
        )
        .group_by(col(Seat.person_id))
    )
    return dict(rows.all())


def _offer_to(
    db: Session, actor: Actor, row: Substitution, session: ClassSession, fits: Sequence[Fit]
) -> None:
    """Offers and their mails. They end after a while, sooner when the lesson is near, never after its start."""
    service = services.current()
    now, settings = service.clock.now(), service.settings
    open_for = min(timedelta(seconds=settings.substitute_offer_s), (session.starts_at - now) / 2)
    expires_at = min(now + max(open_for, _SHORTEST), session.starts_at)
    known = {
        one.instructor_id: one
        for one in db.exec(select(SubstituteOffer).where(SubstituteOffer.substitution_id == row.id))
    }
    rank = len(known)
    for fit in fits:
        earlier = known.get(fit.person_id)
        if earlier is not None and earlier.status == "offered":
            continue
        rank += 1
        made = SubstituteOffer(
            substitution_id=row.id,
            instructor_id=fit.person_id,
            rank=rank,
            reasons=[*(_plain(one, True) for one in fit.reasons), *(_plain(one, False) for one in fit.unmet)],
            offered_at=now,
            expires_at=expires_at,
        )
        db.add(made)
        db.flush()
        emit(
            db,
            OfferChanged(
                session_id=row.session_id, person_id=fit.person_id, offer_id=made.id, change="offered"
            ),
        )
        queue_message(
            db,
            "substitute_offer",
            fit.person_id,
            dedupe=f"substitute_offer:{made.id}",
            session_id=row.session_id,
            params={"offer_id": made.id},
        )
    if row.status == "open":
        row.status = "offered"
    set_timer(db, "substitute_offers_end", row.id, expires_at)
    search.tell(db, actor, row, "offered")


def _plain(reason: Reason, met: bool) -> dict[str, Any]:
    return {**asdict(reason), "met": met}


def _offer(db: Session, actor: Actor, offer_id: str) -> tuple[SubstituteOffer, Substitution]:
    """The actor's own offer with its search, which is locked. Coordinators answer for whom they asked. NotFound."""
    known = db.get(SubstituteOffer, offer_id)
    if known is None or (known.instructor_id != actor.person_id and not actor.has("coordinator")):
        raise NotFound("We could not find this offer.")
    row = search.locked(db, known.substitution_id)
    db.refresh(known)
    return known, row


def _check_open(
    found: SubstituteOffer, row: Substitution, session: ClassSession | None, now: datetime
) -> None:
    if row.status == "filled":
        raise Conflict(_FASTER)
    if found.status != "offered" or row.status not in LOOKING or session is None or found.expires_at <= now:
        raise Conflict(_TOO_LATE)


def _check_free(db: Session, session: ClassSession, instructor_id: str) -> None:
    """Things may have changed since they were asked."""
    lesson = Window(session.starts_at, session.ends_at)
    one = bookable(db, [instructor_id], lesson)[instructor_id]
    against = reasons_against_teacher(as_teacher(one), lesson, services.current().clock.now())
    if any(reason.code in ("booked", "away", "busy") for reason in against):
        raise Conflict("You are not free at that time any more.")


def _instructor(db: Session, session_id: str) -> str:
    found = next((seat.person_id for seat in seats(db, session_id) if seat.role == "instructor"), None)
    if found is None:
        raise Conflict("This lesson has no instructor.")
    return found
