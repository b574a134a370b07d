"""The worker's part of plans: makes those that wait, books what was accepted, takes back what was undone.

The solver runs in a process of its own, outside any transaction. Whoever works on a plan says so in its row about once
a second; a plan nobody has said anything about for a while lost its worker and is taken up again, by whom it may be. A
plan that loses its worker again and again ends with a sentence.
"""

import contextlib
import logging
import threading
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta

from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, delete, select, update

from core import services
from core.access import SYSTEM, Actor, viewer_for
from core.clock import on_tick
from core.domain import BatchPlan, LessonRequest, PlanItem, Series
from core.domain.base import new_id
from core.errors import Conflict, DoubleBooked, UserError, fault
from core.i18n import N_
from core.lifecycle.cases import open_case
from core.lifecycle.clash import clash
from core.lifecycle.plans import WORKING, count, first_day, requests_of, slots_of, stored, tell
from core.lifecycle.requests import CASE, Chosen, accept_in, proposals_of, undo_in, wish_of
from core.queries.bookable import as_teacher, bookable, teachers_of
from core.scheduling.availability import Reason
from core.scheduling.batch_model import Ask
from core.scheduling.batch_process import (
    Answer,
    Placed,
    SolverEnded,
    SolverSlow,
    Task,
    Unwanted,
    solve_apart,
)
from core.scheduling.batch_weeks import first_starts, lessons_of_a_week, week_changes
from core.scheduling.matching import QUALIFIED, Teacher, language_reason, taught_reason
from core.scheduling.proposals import ASKED_FOR
from core.scheduling.times import zone
from core.scheduling.windows import Window
from core.scheduling.wish import Wish
from core.scheduling.zones import instant
from core.services import Services, using
from core.store.constraints import lost_race

logger = logging.getLogger(__name__)

SILENT = timedelta(seconds=30)
"""Nobody has said how far a plan is for so long: its worker is gone."""
TRIES = 3
ROWS = 200
"""Lines written in one transaction."""
SAY_EVERY = 5
"""Lines booked or taken back between two words about how far it is."""
EXPLAINED = 200
"""Requests without a place that are looked at one by one for what stands in the way."""
AROUND = timedelta(days=8)
"""Lessons are read this far beyond the plan's days: weeks count whole, and zones differ."""
LEAST_S, A_LESSON_S = 3.0, 0.01
"""How long the solver looks for something better: so long, and so much more for each lesson asked for."""
OTHERS = Reason("others", N_("Other requests of this plan need the same times."))
NO_PLACE = Reason("no_place", N_("No time was found that suits everybody."))
TAKEN = Reason("taken", N_("Somebody has another lesson at these times by now."))
HALF_DONE = N_(
    "It was interrupted several times. What is done stays done; please decide about the rest again."
)
SETTLED = N_("Somebody settled this request already.")
TOO_SLOW = N_(
    "Making it took too long and was stopped. Nothing is booked. Please try with fewer requests or days."
)
ENDED = N_("Making it was interrupted several times. Nothing is booked. Please start it again.")


@on_tick("plans")
def work_on_plans(made: Services) -> int:
    """Take up what waits, each in a thread of its own: a tick must return soon. Returns how many."""
    plan_id = claim(made)
    if plan_id is None:
        return 0
    threading.Thread(target=_work, args=(made, plan_id), daemon=True, name="planner").start()
    return 1


def claim(made: Services) -> str | None:
    """The next plan something is to be done for, from now on this worker's; None while there is none, or one is
    being worked on."""
    now = made.clock.now()
    waiting = (
        select(BatchPlan)
        .where(col(BatchPlan.status).in_(WORKING))
        .order_by(col(BatchPlan.made_at), col(BatchPlan.id))
    )
    with made.store.read() as db:
        if db.exec(waiting).first() is None:
            return None
    with made.store.write() as db:
        rows = db.exec(waiting.with_for_update()).all()
        if any("run" in row.progress and not _silent(row, now) for row in rows):
            return None
        for row in rows:
            tries = int(row.progress.get("tries", 0)) + 1
            if tries > TRIES:
                _give_up(db, row)
                continue
            row.status = "solving" if row.status == "waiting" else row.status
            row.progress = {**row.progress, "run": new_id(), "tries": tries, "at": now.isoformat()}
            tell(db, SYSTEM, row, "progress")
            return row.id
    return None


def work(plan_id: str) -> None:
    """Do what is left to do for a claimed plan, to its end. Whoever cancels it meanwhile ends the work."""
    with services.current().store.read() as db:
        plan = db.get_one(BatchPlan, plan_id)
    if plan.status == "solving":
        _make(plan, str(plan.progress["run"]))
    elif plan.status in ("booking", "undoing"):
        _book_or_undo(plan, str(plan.progress["run"]))


def _work(made: Services, plan_id: str) -> None:
    with using(made):
        try:
            work(plan_id)
        except Exception as error:  # border: the plan is taken up again when it has been silent for a while
            logger.error("Plan interrupted", extra={"plan_id": plan_id, "fault": fault(error)})


def _silent(row: BatchPlan, now: datetime) -> bool:
    return now - datetime.fromisoformat(str(row.progress["at"])) > SILENT


def _make(plan: BatchPlan, run: str) -> None:
    service = services.current()
    if not _say(plan.id, run, "reading", 0, 0, 0):
        return
    with service.store.read() as db:
        task = task_of(db, plan, service.settings.plan_s)

    def wanted(phase: str, placed: int, asked: int, passed_s: float) -> bool:
        return _say(plan.id, run, phase, placed, asked, round(100 * min(0.99, passed_s / task.seconds)))

    try:
        answer = solve_apart(task, service.settings.plan_s, wanted)
        _write(plan.id, run, task, answer)
    except Unwanted:
        return
    except SolverSlow:
        _ended(plan.id, run, TOO_SLOW)
    except SolverEnded as error:
        logger.error("Solver ended", extra={"plan_id": plan.id, "fault": fault(error)})
        _ended(plan.id, run)


def task_of(db: Session, plan: BatchPlan, limit_s: float) -> Task:
    """Its requests, and everybody who could give them, as things are now."""
    rows = requests_of(db, plan)
    within = Window(
        instant(datetime.combine(plan.from_day, time(0)), zone("UTC")) - AROUND,
        instant(datetime.combine(plan.until_day, time(0)), zone("UTC")) + AROUND,
    )
    able = {one for course_id in {row.course_id for row in rows} for one in teachers_of(db, course_id)}
    teachers = bookable(db, sorted(able), within)
    students = bookable(db, sorted({row.student_id for row in rows}), within)
    asked = sum(row.per_week for row in rows)
    return Task(
        tuple(Ask(row.id, row.student_id, wish_of(db, row)) for row in rows),
        tuple(as_teacher(teachers[one]) for one in sorted(teachers)),
        {who: as_teacher(one) for who, one in students.items()},
        plan.from_day,
        plan.until_day,
        services.current().clock.now(),
        min(limit_s / 2, LEAST_S + asked * A_LESSON_S),
    )


def _say(
    plan_id: str, run: str, phase: str, done: int, total: int, share: int, tries: int | None = None
) -> bool:
    """How far it is; False when it is not this worker's any more. tries: from here on, None = as before."""
    service = services.current()
    try:
        with service.store.write() as db:
            row = _mine(db, plan_id, run)
            how = {"phase": phase, "done": done, "total": total, "share": share}
            how |= {} if tries is None else {"tries": tries}
            row.progress = {**row.progress, **how, "at": service.clock.now().isoformat()}
            tell(db, SYSTEM, row, "progress")
    except Unwanted:
        return False
    return True


def _mine(db: Session, plan_id: str, run: str) -> BatchPlan:
    """The plan, locked. Unwanted when it was cancelled, or somebody else works on it by now."""
    row = db.get_one(BatchPlan, plan_id, with_for_update=True)
    if row.status not in WORKING or row.progress.get("run") != run:
        raise Unwanted
    return row


def _write(plan_id: str, run: str, task: Task, answer: Answer) -> None:
    """Lines in several transactions, then the plan itself: it is ready when all of them are there. Unwanted."""
    store = services.current().store
    placed = {one.request_id: one for one in answer.placed}
    teachers = {one.person_id: one for one in task.teachers}
    with store.read() as db:
        first = {row.id: first_day(row) for row in requests_of(db, db.get_one(BatchPlan, plan_id))}
    items = [
        _line(plan_id, ask, placed.get(ask.request_id), teachers, first[ask.request_id])
        for ask in task.asks
        if ask.request_id in first  # not settled while the solver worked
    ]
    _explain(plan_id, run, items)
    with store.write() as db:
        _mine(db, plan_id, run)
        db.exec(delete(PlanItem).where(col(PlanItem.plan_id) == plan_id))
    for start in range(0, len(items), ROWS):
        with store.write() as db:
            _mine(db, plan_id, run)
            db.add_all(items[start : start + ROWS])
            _open_cases(db, items[start : start + ROWS])
    with store.write() as db:
        row = _mine(db, plan_id, run)
        row.figures, row.weeks = answer.figures, _weeks(task, answer)
        row.status, row.version = "ready", row.version + 1
        row.progress = {"phase": "ready", "share": 100}
        tell(db, SYSTEM, row, "ready")


def _line(
    plan_id: str, ask: Ask, one: Placed | None, teachers: Mapping[str, Teacher], first: date
) -> PlanItem:
    item = PlanItem(plan_id=plan_id, request_id=ask.request_id)
    if one is not None:
        item.instructor_id, item.status = one.teacher_id, "placed"
        item.times = [at.isoformat() for at in first_starts(ask.wish, one.slots, first)]
        item.reasons = [stored(reason) for reason in _reasons(ask.wish, teachers[one.teacher_id])]
    return item


def _reasons(wish: Wish, teacher: Teacher) -> list[Reason]:
    """What speaks for this instructor."""
    found = [QUALIFIED]
    if wish.language:
        found.append(language_reason(wish.language, met=teacher.speaks(wish.language)))
    if times := wish.taught.get(teacher.person_id, 0):
        found.append(taught_reason(times))
    if wish.instructor_id == teacher.person_id:
        found.append(ASKED_FOR)
    return found


def _explain(plan_id: str, run: str, items: Sequence[PlanItem]) -> None:
    """What stands in the way of those without a place: something about themselves, or the others of the plan."""
    left = [item for item in items if item.status == "unplaced"]
    for number, item in enumerate(left):
        reason: Reason | None = NO_PLACE
        if number < EXPLAINED:
            with services.current().store.read() as db:
                found = proposals_of(db, db.get_one(LessonRequest, item.request_id), most=1)
            reason = OTHERS if found.ranked else found.constraint
        item.reasons = [stored(reason or NO_PLACE)]
        if number % SAY_EVERY == 0:
            _say(plan_id, run, "explaining", number, len(left), 99)


def _open_cases(db: Session, items: Sequence[PlanItem]) -> None:
    """Who found no place is a coordinator's case, with the tightest constraint; one a request, however many plans."""
    for item in items:
        if item.status != "unplaced":
            continue
        request = db.get_one(LessonRequest, item.request_id, with_for_update=True)
        if request.status == "open":
            request.constraint = str(item.reasons[0]["code"])
            db.add(request)
            facts = {"request_id": request.id, "constraint": request.constraint}
            open_case(db, CASE, dedupe=f"{CASE}:{request.id}", person_id=request.student_id, facts=facts)


def _weeks(task: Task, answer: Answer) -> list[dict[str, object]]:
    """`BatchPlan.weeks`: the plan's first seven days."""
    wishes = {ask.request_id: ask.wish for ask in task.asks}
    placed: dict[str, list[Window]] = {}
    for one in answer.placed:
        lessons = lessons_of_a_week(wishes[one.request_id], one.slots, task.from_day)
        placed.setdefault(one.teacher_id, []).extend(lessons)
    return [
        {"id": one.person_id, "lessons": list(one.lessons), "gap_min": list(one.gap_min)}
        for one in week_changes(task.teachers, placed, task.from_day)
    ]


def _book_or_undo(plan: BatchPlan, run: str) -> None:
    """One line after the other, each in its own short transaction that looks again."""
    store, booking = services.current().store, plan.status == "booking"
    before, act = ("chosen", _book) if booking else ("booked", _take_back)
    with store.read() as db:
        query = select(PlanItem.id).where(PlanItem.plan_id == plan.id, PlanItem.status == before)
        left = list(db.exec(query.order_by(col(PlanItem.id))))
        actor = (viewer_for(db, plan.decided_by) if plan.decided_by else None) or SYSTEM
    total = max(len(left), int(plan.progress.get("total", 0)))
    for number, item_id in enumerate(left):
        act(actor, item_id)
        done = total - len(left) + number + 1
        share = round(100 * done / total)
        if number % SAY_EVERY == 0 and not _say(plan.id, run, plan.status, done, total, share, tries=0):
            return
    with contextlib.suppress(Unwanted), store.write() as db:
        _finish(db, _mine(db, plan.id, run))


def _finish(db: Session, row: BatchPlan) -> None:
    """Everything is booked, or taken back. What clashed becomes one case; lines that still wait can be decided."""
    if row.status == "undoing":
        row.status = "undone"
    else:
        row.status = "ready" if count(db, row.id, "placed") else "accepted"
        if clashed := count(db, row.id, "clashed"):
            facts = {"plan_id": row.id, "clashed": clashed}
            open_case(db, "plan_clashed", dedupe=f"plan_clashed:{row.id}", facts=facts)
    row.version += 1
    row.progress = {"phase": row.status, "share": 100}
    tell(db, SYSTEM, row, row.status)


def _book(actor: Actor, item_id: str) -> None:
    for _ in range(TRIES):
        try:
            with services.current().store.write() as db:
                _book_in(db, actor, item_id)
            return
        except DBAPIError as error:
            reason = clash(error)
            if not isinstance(reason, UserError):
                raise
            if not lost_race(error):
                break
        except UserError as error:
            reason = error
            break
    else:
        reason = Conflict()
    _clashed(item_id, reason)


def _book_in(db: Session, actor: Actor, item_id: str) -> None:
    item = db.get_one(PlanItem, item_id, with_for_update=True)
    if item.status != "chosen" or item.instructor_id is None:
        return
    request = db.get_one(LessonRequest, item.request_id, with_for_update=True)
    if request.status != "open":
        raise Conflict(SETTLED)
    booked = accept_in(db, actor, request, Chosen(item.instructor_id, slots_of(item, request.tz)))
    item.status, item.series_id = "booked", booked[0].series_id
    if refused := sum(len(one.refused) for one in booked):
        item.reasons = [*item.reasons, stored(Reason("left_out", N_("{n} dates fall out"), {"n": refused}))]
    db.add(item)


def _clashed(item_id: str, error: UserError) -> None:
    """Said without names: a line stays when people are erased."""
    reason = TAKEN if isinstance(error, DoubleBooked) else Reason("clashed", error.message, error.facts)
    with services.current().store.write() as db:
        item = db.get_one(PlanItem, item_id, with_for_update=True)
        item.status, item.reasons = "clashed", [stored(reason)]
        db.add(item)


def _take_back(actor: Actor, item_id: str) -> None:
    """Unless somebody took it back, or booked something else for this request, in the meantime."""
    with services.current().store.write() as db:
        item = db.get_one(PlanItem, item_id, with_for_update=True)
        if item.status != "booked":
            return
        request = db.get_one(LessonRequest, item.request_id, with_for_update=True)
        series = db.get_one(Series, item.series_id)
        if request.status == "placed" and series.status != "cancelled":
            undo_in(db, actor, request)
        item.status = "undone"
        db.add(item)


def _give_up(db: Session, row: BatchPlan) -> None:
    """It was begun too often: the end, with a sentence. What is booked stays booked; the rest can be decided again."""
    chosen = update(PlanItem).where(col(PlanItem.plan_id) == row.id, col(PlanItem.status) == "chosen")
    db.exec(chosen.values(status="placed"))
    row.status = {"booking": "ready", "undoing": "accepted"}.get(row.status, "failed")
    row.reason = ENDED if row.status == "failed" else HALF_DONE
    row.version += 1
    row.progress = {"phase": row.status, "share": 0}
    tell(db, SYSTEM, row, row.status)


def _ended(plan_id: str, run: str, why: str = "") -> None:
    """The solver gave no answer. why "": it may be tried again, at the next tick, as often as there are tries."""
    with contextlib.suppress(Unwanted), services.current().store.write() as db:
        row = _mine(db, plan_id, run)
        row.progress = {name: value for name, value in row.progress.items() if name != "run"}
        if why:
            row.status, row.reason, row.version = "failed", why, row.version + 1
        tell(db, SYSTEM, row, "failed" if why else "progress")
