"""Changes outside the policy: a family asks, a coordinator grants or refuses, the family hears of it.

Who does not want to look at the policy first calls `ask_or_do`.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select

from core import services
from core.access import Viewer
from core.delivery import audit, emit
from core.domain import ChangeRequest, Person
from core.domain.load import get_session
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from core.events import ChangeDecided, ChangeRequested
from core.i18n import N_
from core.lifecycle.cases import open_case, settle_case
from core.lifecycle.changes import cancel, give_up, reschedule, verdict
from core.lifecycle.clash import Booking, booking_of, clash
from core.lifecycle.families import student_for
from core.lifecycle.make_up import grant_credit, of_package
from core.lifecycle.notify import queue_message, recipients
from core.lifecycle.schedule import changeable, move_in
from core.scheduling.policy import Kind
from core.scheduling.windows import Window

MAX_WORDS = 500


@dataclass(frozen=True, slots=True)
class Wish:
    """What a family asks for. starts_at: the time they would like (move). why: their words."""

    session_id: str
    kind: Kind
    why: str = ""
    starts_at: datetime | None = None
    student_id: str = ""


def ask(viewer: Viewer, wish: Wish, version: int) -> str:
    """A coordinator is asked for a change; returns the request's id. InvalidInput, NotFound, Conflict."""
    why = wish.why.strip()
    if len(why) > MAX_WORDS:
        raise InvalidInput("why", "Please say it in {most} characters.", most=MAX_WORDS)
    service = services.current()
    with service.store.write() as db:
        student = student_for(db, viewer, wish.session_id, wish.student_id)
        row = changeable(db, wish.session_id, version)
        found = verdict(db, row, student, wish.kind)
        if found.answer == "refused":
            raise Conflict(found.reasons[0].words, **found.reasons[0].params)
        if wish.kind == "move":
            _time_of(wish)
        open_already = db.exec(
            select(ChangeRequest.id).where(
                ChangeRequest.session_id == row.id,
                ChangeRequest.student_id == student.id,
                ChangeRequest.status == "open",
            )
        ).first()
        if open_already is not None:
            raise Conflict("You have asked about this lesson already. We answer as soon as we can.")
        ends_at = wish.starts_at + (row.ends_at - row.starts_at) if wish.starts_at else None
        request = ChangeRequest(
            session_id=row.id,
            session_version=row.version,
            kind=wish.kind,
            starts_at=wish.starts_at if wish.kind == "move" else None,
            ends_at=ends_at if wish.kind == "move" else None,
            asked_by=viewer.person_id,
            asked_at=service.clock.now(),
            student_id=student.id,
            why=why,
            rule=found.rule,
        )
        db.add(request)
        db.flush()
        audit(db, viewer.person_id, "change.ask", request.id, student.id)
        _told(db, request, ChangeRequested, wish.kind)
        open_case(
            db,
            "change_requested",
            dedupe=_case_key(request.id),
            session_id=row.id,
            person_id=student.id,
            facts={"change_id": request.id, "kind": wish.kind, "rule": found.rule},
        )
        return request.id


def ask_or_do(viewer: Viewer, wish: Wish, version: int) -> str:
    """What the policy allows is done at once, and "" returned; for the rest it is `ask`. Errors of both."""
    with services.current().store.read() as db:
        student = student_for(db, viewer, wish.session_id, wish.student_id, lock=False)
        allowed = verdict(db, get_session(db, wish.session_id), student, wish.kind).answer == "allowed"
    if not allowed:
        return ask(viewer, wish, version)
    if wish.kind == "cancel":
        cancel(viewer, wish.session_id, version, student.id)
    else:
        reschedule(viewer, wish.session_id, _time_of(wish), version, student.id)
    return ""


def withdraw(viewer: Viewer, change_id: str, version: int) -> None:
    """The family does not want it any more. NotFound, Conflict."""
    with services.current().store.write() as db:
        request = _request(db, change_id, version)
        if viewer.person_id != request.asked_by:
            student_for(db, viewer, request.session_id, request.student_id)
        _settle(db, viewer, request, "withdrawn", "", N_("The family withdrew it."))


def decide(
    viewer: Viewer, change_id: str, version: int, *, grant: bool, answer: str = "", credit: bool = False
) -> None:
    """A coordinator grants (and it is done) or refuses; the family is told with the coordinator's words.

    credit: a cancelled lesson may be had again all the same. Conflict when the lesson changed since, or somebody
    is booked at the time asked for.
    """
    if not viewer.has("coordinator"):
        raise NotAllowed()
    answer = answer.strip()
    if len(answer) > MAX_WORDS:
        raise InvalidInput("answer", "Please say it in {most} characters.", most=MAX_WORDS)
    if not grant and not answer:
        raise InvalidInput("answer", "Please tell the family why.")
    wanted: Booking | None = None
    try:
        with services.current().store.write() as db:
            request = _request(db, change_id, version)
            if grant:
                if request.starts_at and request.ends_at:
                    lesson = Window(request.starts_at, request.ends_at)
                    wanted = booking_of(db, request.session_id, lesson)
                _grant(db, viewer, request, credit)
            words = N_("It was granted.") if grant else N_("It was refused.")
            _settle(db, viewer, request, "granted" if grant else "refused", answer, words)
            if answer:
                _tell_answer(db, request)
    except DBAPIError as error:
        raise clash(error, wanted) from error


def _time_of(wish: Wish) -> datetime:
    """Where a lesson shall go. InvalidInput for none, or one that is over."""
    if wish.starts_at is None or wish.starts_at <= services.current().clock.now():
        raise InvalidInput("starts_at", "Please choose a time that is still to come.")
    return wish.starts_at


def _request(db: Session, change_id: str, version: int) -> ChangeRequest:
    row = db.get(ChangeRequest, change_id, with_for_update=True)
    if row is None:
        raise NotFound("This request does not exist.")
    if row.version != version or row.status != "open":
        raise Conflict("Somebody settled this request already.")
    return row


def _grant(db: Session, viewer: Viewer, request: ChangeRequest, credit: bool) -> None:
    row = get_session(db, request.session_id, lock=True)
    if row.version != request.session_version:
        raise Conflict(
            "The lesson has changed since they asked. Please refuse, and change the lesson yourself."
        )
    row = changeable(db, row.id, row.version)
    student = db.get_one(Person, request.student_id)
    if request.kind == "move":
        assert request.starts_at is not None and request.ends_at is not None
        move_in(db, viewer, row, request.starts_at, request.ends_at)
        return
    give_up(db, viewer, row, student)
    if credit and services.current().settings.make_up_days and not of_package(db, row):
        grant_credit(db, row, student)


def _settle(
    db: Session, viewer: Viewer, request: ChangeRequest, status: str, answer: str, resolution: str
) -> None:
    request.status, request.answer = status, answer
    request.decided_by, request.decided_at = viewer.person_id, services.current().clock.now()
    request.version += 1
    db.add(request)
    audit(db, viewer.person_id, f"change.{status}", request.id, request.student_id)
    _told(db, request, ChangeDecided, status)
    settle_case(db, viewer, _case_key(request.id), resolution)


def _told(
    db: Session, request: ChangeRequest, event: type[ChangeRequested] | type[ChangeDecided], change: str
) -> None:
    emit(
        db,
        event(
            session_id=request.session_id,
            person_id=request.student_id,
            change_id=request.id,
            change=change,
        ),
    )


def _tell_answer(db: Session, request: ChangeRequest) -> None:
    for reader in recipients(db, request.student_id):
        queue_message(
            db,
            "change_answered",
            reader.id,
            dedupe=f"change_answered:{request.id}:{reader.id}",
            session_id=request.session_id,
            params={"change_id": request.id},
        )


def _case_key(change_id: str) -> str:
    return f"change_requested:{change_id}"
