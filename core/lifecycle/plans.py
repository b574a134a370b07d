"""Before step 1: many requests placed at once. A plan is asked for, made by the worker, and accepted, rejected or undone.

A plan proposes; nothing is booked before somebody accepts it, all of it or some of its lines. What the worker does
about it is in `planning`. A plan books what each request asks for, so that every request can be changed or taken back
alone, too.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlmodel import Session, col, func, or_, select, update

from core import services
from core.access import Actor
from core.delivery import audit, emit
from core.domain import BatchPlan, LessonRequest, PlanItem
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from core.events import PlanChanged
from core.lifecycle.requests import MAX_REASON, MOST_A_WEEK, Chosen, proposals_of, wish_of
from core.scheduling.availability import Reason
from core.scheduling.batch_weeks import first_starts, lessons_of_a_week, meet
from core.scheduling.times import zone
from core.scheduling.windows import span
from core.scheduling.wish import Slot

MOST_DAYS = 366
MOST_REQUESTS = 2_000
"""Requests a plan names one by one; a plan of all that are open may have more."""
BEING_MADE = ("waiting", "solving")
WORKING = (*BEING_MADE, "booking", "undoing")
"""Something is left to do for the worker."""


def start_plan(
    actor: Actor, from_day: date, until_day: date, request_ids: Sequence[str] | None = None
) -> str:
    """Ask for a plan of requests that want lessons in these days, both included; returns its id. Coordinators.

    request_ids: None = all that are open. InvalidInput; Conflict while another plan is worked on.
    """
    _coordinator(actor)
    service = services.current()
    now = service.clock.now()
    if from_day < now.date():
        raise InvalidInput("from_day", "The first day is in the past.")
    if not from_day <= until_day < from_day + timedelta(days=MOST_DAYS):
        raise InvalidInput("until_day", "A plan is for one day up to a year.")
    chosen = list(dict.fromkeys(request_ids or ()))
    if len(chosen) > MOST_REQUESTS or (request_ids is not None and not chosen):
        raise InvalidInput("request_ids", "Please choose up to {most} requests.", most=MOST_REQUESTS)
    with service.store.write() as db:
        if db.exec(select(BatchPlan.id).where(col(BatchPlan.status).in_(WORKING))).first():
            raise Conflict("Another plan is being worked on. Please wait for it, or stop it.")
        row = BatchPlan(
            from_day=from_day,
            until_day=until_day,
            request_ids=chosen,
            progress={"phase": "waiting", "share": 0, "done": 0, "total": 0},
            made_by=actor.person_id or "",
            made_at=now,
        )
        there = len(requests_of(db, row))
        if not there or there < len(chosen):
            raise InvalidInput("request_ids", "Please choose open requests for lessons in these days.")
        db.add(row)
        db.flush()
        tell(db, actor, row, "asked")
        return row.id


def cancel(actor: Actor, plan_id: str) -> None:
    """Stop a plan that is still being made. Cancelling twice changes nothing. Coordinators. NotFound, Conflict."""
    _coordinator(actor)
    with services.current().store.write() as db:
        row = _locked(db, plan_id)
        if row.status == "cancelled":
            return
        if row.status not in BEING_MADE:
            raise Conflict("This plan is made already.")
        _decide(db, actor, row, "cancelled")


def accept(actor: Actor, plan_id: str, version: int, item_ids: Sequence[str] | None = None) -> None:
    """Book these lines, None = all that have a place; the worker does it right afterwards. Coordinators.

    Lines that are not accepted stay for later. InvalidInput; Conflict when somebody else decided meanwhile.
    """
    _coordinator(actor)
    chosen = list(dict.fromkeys(item_ids or ()))
    if item_ids is not None and not chosen:
        raise InvalidInput("item_ids", "Please choose the lines to book.")
    with services.current().store.write() as db:
        row = _ready(db, plan_id, version)
        change = update(PlanItem).where(col(PlanItem.plan_id) == plan_id, col(PlanItem.status) == "placed")
        if item_ids is not None:
            change = change.where(col(PlanItem.id).in_(chosen))
        total = db.exec(change.values(status="chosen")).rowcount
        if total < max(1, len(chosen)):
            raise InvalidInput("item_ids", "Please choose lines that have a place.")
        row.reason, row.progress = "", {"phase": "booking", "share": 0, "done": 0, "total": total}
        _decide(db, actor, row, "booking")


def reject(actor: Actor, plan_id: str, reason: str, version: int) -> None:
    """What is left of it is not wanted; reason: a sentence for colleagues. Coordinators. InvalidInput, Conflict."""
    reason = reason.strip()
    if not 0 < len(reason) <= MAX_REASON:
        raise InvalidInput("reason", "Please say in a sentence why.")
    _coordinator(actor)
    with services.current().store.write() as db:
        row = _ready(db, plan_id, version)
        _drop_rest(db, plan_id)
        row.reason = reason
        _decide(db, actor, row, "accepted" if count(db, plan_id, "booked") else "rejected")


def undo(actor: Actor, plan_id: str, version: int) -> None:
    """Take back what it booked and is still to come; the requests wait again. The worker does it. Coordinators.

    Lines that are not booked are not wanted any more. Conflict when nothing is booked, or somebody was faster.
    """
    _coordinator(actor)
    with services.current().store.write() as db:
        row = _seen(db, plan_id, version)
        total = count(db, plan_id, "booked")
        if row.status not in ("ready", "accepted") or not total:
            raise Conflict("Nothing of this plan is booked.")
        _drop_rest(db, plan_id)
        row.reason, row.progress = "", {"phase": "undoing", "share": 0, "done": 0, "total": total}
        _decide(db, actor, row, "undoing")


def change_line(actor: Actor, item_id: str, chosen: Chosen, version: int) -> None:
    """Another proposal for one line before it is accepted. version: the plan's, which changes. Coordinators.

    InvalidInput; Conflict when these times do not fit, or another line of the plan has them.
    """
    _coordinator(actor)
    if not 0 < len(chosen.slots) <= MOST_A_WEEK or len(set(chosen.slots)) != len(chosen.slots):
        raise InvalidInput("slots", "Please choose the times of the lessons.")
    with services.current().store.write() as db:
        found = db.get(PlanItem, item_id)
        if found is None:
            raise NotFound("This line does not exist.")
        row = _ready(db, found.plan_id, version)
        item = db.get_one(PlanItem, item_id, with_for_update=True)
        request = db.get_one(LessonRequest, item.request_id)
        if item.status not in ("placed", "unplaced", "clashed") or request.status != "open":
            raise Conflict("This request is settled already.")
        fits = proposals_of(db, request, most=1, only=chosen).ranked
        if not fits:
            raise Conflict("These times do not fit any more. Please look again.")
        _check_others(db, item, request, chosen)
        item.instructor_id, item.status = chosen.instructor_id, "placed"
        item.times = [
            at.isoformat() for at in first_starts(wish_of(db, request), chosen.slots, first_day(request))
        ]
        item.reasons = [stored(reason) for reason in fits[0].met]
        db.add(item)
        row.version += 1
        tell(db, actor, row, "changed")


def requests_of(db: Session, plan: BatchPlan) -> Sequence[LessonRequest]:
    """Open requests it is about that want lessons in its days, in the order they were asked."""
    query = (
        select(LessonRequest)
        .where(
            LessonRequest.status == "open",
            LessonRequest.from_day <= plan.until_day,
            or_(col(LessonRequest.until_day).is_(None), col(LessonRequest.until_day) >= plan.from_day),
        )
        .order_by(col(LessonRequest.asked_at), col(LessonRequest.id))
    )
    if plan.request_ids:
        query = query.where(col(LessonRequest.id).in_(plan.request_ids))
    return db.exec(query).all()


def count(db: Session, plan_id: str, status: str) -> int:
    """Lines of one status."""
    return db.exec(select(func.count()).where(PlanItem.plan_id == plan_id, PlanItem.status == status)).one()


def tell(db: Session, actor: Actor, row: BatchPlan, change: str) -> None:
    """Event; audit for what somebody did. The version is for the caller to move: progress does not."""
    db.add(row)
    db.flush()
    emit(db, PlanChanged(plan_id=row.id, change=change, version=row.version))
    if actor.person_id is not None:
        audit(db, actor.person_id, f"plan.{change}", row.id)


def stored(reason: Reason) -> dict[str, Any]:
    """A reason as `PlanItem.reasons` has it."""
    return {"code": reason.code, "words": reason.words, "params": reason.params}


def slots_of(item: PlanItem, tz: str) -> tuple[Slot, ...]:
    """`PlanItem.times` as weekly times by the clock of this zone."""
    local = [datetime.fromisoformat(at).astimezone(zone(tz)) for at in item.times]
    return tuple(sorted(Slot(one.weekday(), one.time()) for one in local))


def first_day(request: LessonRequest) -> date:
    """From when on it can have lessons, where it was asked."""
    return max(request.from_day, services.current().clock.now().astimezone(zone(request.tz)).date())


def _check_others(db: Session, item: PlanItem, request: LessonRequest, chosen: Chosen) -> None:
    """Conflict when another line that may be booked has the same people at the same time of the week."""
    first = first_day(request)
    mine = lessons_of_a_week(wish_of(db, request), chosen.slots, first)
    others = db.exec(
        select(PlanItem, LessonRequest)
        .join(LessonRequest, col(LessonRequest.id) == PlanItem.request_id)
        .where(
            PlanItem.plan_id == item.plan_id,
            PlanItem.status == "placed",
            PlanItem.id != item.id,
            or_(
                PlanItem.instructor_id == chosen.instructor_id,
                LessonRequest.student_id == request.student_id,
            ),
        )
    )
    for other, asked in others:
        length = timedelta(minutes=asked.length_min)
        theirs = [span(datetime.fromisoformat(at), length) for at in other.times]
        if meet(mine, theirs):
            raise Conflict("Another line of this plan has this time.")


def _drop_rest(db: Session, plan_id: str) -> None:
    rest = update(PlanItem).where(col(PlanItem.plan_id) == plan_id, col(PlanItem.status) == "placed")
    db.exec(rest.values(status="rejected"))


def _decide(db: Session, actor: Actor, row: BatchPlan, status: str) -> None:
    row.status, row.version = status, row.version + 1
    row.decided_by, row.decided_at = actor.person_id, services.current().clock.now()
    tell(db, actor, row, status)


def _ready(db: Session, plan_id: str, version: int) -> BatchPlan:
    row = _seen(db, plan_id, version)
    if row.status != "ready":
        raise Conflict("Somebody decided about this plan already.")
    return row


def _seen(db: Session, plan_id: str, version: int) -> BatchPlan:
    row = _locked(db, plan_id)
    if row.version != version:
        raise Conflict()
    return row


def _locked(db: Session, plan_id: str) -> BatchPlan:
    row = db.get(BatchPlan, plan_id, with_for_update=True)
    if row is None:
        raise NotFound("This plan does not exist.")
    return row


def _coordinator(actor: Actor) -> None:
    if not actor.has("coordinator"):
        raise NotAllowed()
