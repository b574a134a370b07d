"""Plans that place many requests at once: how far one is, what it would change, line by line and week by week."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import defer
from sqlmodel import Session, col, func, select

from core import services
from core.access import Viewer
from core.domain import BatchPlan, Course, LessonRequest, Person, PlanItem
from core.errors import NotAllowed, NotFound
from core.i18n import N_, format_day_short, format_weekday, gettext, same_clock, zone_name
from core.queries.common import NOBODY, Face, face, iso
from core.queries.requests import say
from core.scheduling.availability import Reason
from core.scheduling.times import zone

MOST_PLANS = 20
MOST_LINES = 50
MOST_WEEKS = 12
"""Instructors whose week is shown: those it changes most."""
WORKING = ("waiting", "solving", "booking", "undoing")
STATUSES = {
    "waiting": N_("Begins soon"),
    "solving": N_("Is being made"),
    "ready": N_("Waits for you"),
    "booking": N_("Is being booked"),
    "accepted": N_("Booked"),
    "undoing": N_("Is being taken back"),
    "undone": N_("Taken back"),
    "rejected": N_("Rejected"),
    "cancelled": N_("Stopped"),
    "failed": N_("Could not be made"),
}
PHASES = {
    "waiting": N_("The worker starts it in a moment."),
    "reading": N_("Reading requests, hours and lessons."),
    "bound": N_("Working out what is possible at best."),
    "first": N_("Making a first timetable."),
    "filling": N_("Finding places for those left over."),
    "improving": N_("Making it better for everybody."),
    "explaining": N_("Looking what stands in the way of the others."),
    "booking": N_("Booking one request after the other."),
    "undoing": N_("Cancelling what is still to come."),
}
_PLACED, _DONE = N_("{done} of {total} lessons have a place."), N_("{done} of {total} done.")
COUNTED = {"filling": _PLACED, "improving": _PLACED, "booking": _DONE, "undoing": _DONE}
DAYS = N_("{first} to {last}")
LINES = ("placed", "unplaced", "booked", "clashed", "rejected", "undone")


@dataclass(frozen=True)
class PlanLine:
    """One plan in a list. days: from the first to the last, in words. share: hundredths of the work.

    placed of asked: lessons a week; of_bound: hundredths of the best there could be, 0 = not known. version: see
    `core.lifecycle.plans`.
    """

    id: str
    days: str
    status: str
    status_words: str
    phase_words: str
    share: int
    busy: bool
    placed: int
    asked: int
    of_bound: int
    made_at: str
    made_by: str
    reason: str
    version: int


@dataclass(frozen=True)
class ItemLine:
    """One request in a plan. times: weekly, in words, where the student is (`place`); yours: the same for the viewer,
    "" where the clock is the same. first: when the first lesson is. why: reasons in words."""

    id: str
    request_id: str
    student: Face
    course: str
    instructor: Face
    times: str
    place: str
    yours: str
    first: str
    why: list[str]
    status: str


@dataclass(frozen=True)
class WeekLine:
    """One instructor's week before and after: lessons, minutes between them, widths of the bars in hundredths."""

    instructor: Face
    before: int
    after: int
    gap_before: int
    gap_after: int
    before_width: int
    after_width: int


@dataclass(frozen=True)
class PlanView:
    """counts: lines by status. more: instructors whose week changes, beside those in `weeks`."""

    plan: PlanLine
    lines: list[ItemLine] = field(default_factory=list[ItemLine])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    weeks: list[WeekLine] = field(default_factory=list[WeekLine])
    more_weeks: int = 0


@dataclass(frozen=True)
class PlanRecord:
    """A plan for programs."""

    id: str
    from_day: str
    until_day: str
    status: str
    share: int
    lessons_asked: int
    lessons_placed: int
    lines: dict[str, int]
    reason: str
    made_at: datetime
    version: int


@dataclass(frozen=True)
class LineRecord:
    """One line for programs. starts: the first lesson at each weekly time."""

    id: str
    request_id: str
    instructor_id: str | None
    starts: list[datetime]
    status: str
    reasons: list[str]
    why: list[str]
    series_id: str | None


NO_PLAN = PlanLine("", "", "", "", "", 0, False, 0, 0, 0, "", "", "", 0)


def recent(viewer: Viewer) -> list[PlanLine]:
    """The newest plans first. Coordinators."""
    _coordinator(viewer)
    with services.current().store.read() as db:
        newest = select(BatchPlan).options(defer(BatchPlan.weeks))  # pyright: ignore[reportArgumentType]
        rows = db.exec(newest.order_by(col(BatchPlan.made_at).desc()).limit(MOST_PLANS)).all()
        names = _faces(db, {row.made_by for row in rows})
        return [_plan(row, names, viewer) for row in rows]


def open_requests(viewer: Viewer) -> tuple[int, str, str]:
    """How many a plan could be about, and their first and last first day ("" without any). Coordinators."""
    _coordinator(viewer)
    with services.current().store.read() as db:
        number, first, last = db.exec(
            select(func.count(), func.min(LessonRequest.from_day), func.max(LessonRequest.from_day)).where(
                LessonRequest.status == "open"
            )
        ).one()
        return number, first.isoformat() if first else "", last.isoformat() if last else ""


def one(viewer: Viewer, plan_id: str, status: str = "placed", offset: int = 0) -> PlanView:
    """A plan with one page of its lines of one status. Coordinators. NotFound."""
    _coordinator(viewer)
    with services.current().store.read() as db:
        row = _found(db, plan_id)
        query = (
            select(PlanItem, LessonRequest, Course.name)
            .join(LessonRequest, col(LessonRequest.id) == PlanItem.request_id)
            .join(Course, col(Course.id) == LessonRequest.course_id)
            .join(Person, col(Person.id) == LessonRequest.student_id)
            .where(PlanItem.plan_id == plan_id, PlanItem.status == status)
            .order_by(col(Person.name), col(PlanItem.id))
        )
        items = db.exec(query.offset(offset).limit(MOST_LINES)).all()
        weeks = row.weeks[:MOST_WEEKS]
        ids = {row.made_by, *(week["id"] for week in weeks)}
        ids |= {who for item, request, _ in items for who in (request.student_id, item.instructor_id) if who}
        faces = _faces(db, ids)
        return PlanView(
            _plan(row, faces, viewer),
            [_item(item, request, course, faces, viewer) for item, request, course in items],
            _counts(db, plan_id),
            _weeks(weeks, faces),
            len(row.weeks) - len(weeks),
        )


def placed_ids(viewer: Viewer, plan_id: str) -> list[str]:
    """Every line that can be accepted. Coordinators."""
    _coordinator(viewer)
    with services.current().store.read() as db:
        query = select(PlanItem.id).where(PlanItem.plan_id == plan_id, PlanItem.status == "placed")
        return list(db.exec(query.order_by(col(PlanItem.id))))


def record(viewer: Viewer, plan_id: str) -> PlanRecord:
    """Coordinators. NotFound."""
    _coordinator(viewer)
    with services.current().store.read() as db:
        return _record(db, _found(db, plan_id), viewer)


def records(viewer: Viewer, *, status: str = "", after_id: str = "", limit: int = 200) -> list[PlanRecord]:
    """By id, those after `after_id`. Coordinators."""
    _coordinator(viewer)
    query = select(BatchPlan).options(defer(BatchPlan.weeks))  # pyright: ignore[reportArgumentType]
    if status:
        query = query.where(BatchPlan.status == status)
    query = query.where(BatchPlan.id > after_id).order_by(col(BatchPlan.id)).limit(limit)
    with services.current().store.read() as db:
        return [_record(db, row, viewer) for row in db.exec(query)]


def lines(viewer: Viewer, plan_id: str, after_id: str = "", limit: int = 200) -> list[LineRecord]:
    """Lines of a plan by id, those after `after_id`. Coordinators. NotFound."""
    _coordinator(viewer)
    with services.current().store.read() as db:
        _found(db, plan_id)
        query = select(PlanItem).where(PlanItem.plan_id == plan_id, PlanItem.id > after_id)
        return [
            LineRecord(
                id=item.id,
                request_id=item.request_id,
                instructor_id=item.instructor_id,
                starts=[datetime.fromisoformat(at) for at in item.times],
                status=item.status,
                reasons=[str(one["code"]) for one in item.reasons],
                why=[say(_reason(one), viewer) for one in item.reasons],
                series_id=item.series_id,
            )
            for item in db.exec(query.order_by(col(PlanItem.id)).limit(limit))
        ]


def _found(db: Session, plan_id: str) -> BatchPlan:
    row = db.get(BatchPlan, plan_id)
    if row is None:
        raise NotFound("This plan does not exist.")
    return row


def _counts(db: Session, plan_id: str) -> dict[str, int]:
    counted = db.exec(
        select(PlanItem.status, func.count()).where(PlanItem.plan_id == plan_id).group_by(PlanItem.status)
    ).all()
    return dict.fromkeys((*LINES, "chosen"), 0) | dict(counted)


def _record(db: Session, row: BatchPlan, viewer: Viewer) -> PlanRecord:
    return PlanRecord(
        id=row.id,
        from_day=row.from_day.isoformat(),
        until_day=row.until_day.isoformat(),
        status=row.status,
        share=int(row.progress.get("share", 0)),
        lessons_asked=int(row.figures.get("asked", 0)),
        lessons_placed=int(row.figures.get("placed", 0)),
        lines=_counts(db, row.id),
        reason=gettext(row.reason, viewer.lang) if row.reason else "",
        made_at=row.made_at,
        version=row.version,
    )


def _plan(row: BatchPlan, faces: dict[str, Face], viewer: Viewer) -> PlanLine:
    figures, progress = row.figures, row.progress
    bound = float(figures.get("bound", 0))
    return PlanLine(
        id=row.id,
        days=gettext(
            DAYS,
            viewer.lang,
            first=format_day_short(row.from_day, lang=viewer.lang),
            last=format_day_short(row.until_day, lang=viewer.lang),
        ),
        status=row.status,
        status_words=gettext(STATUSES[row.status], viewer.lang),
        phase_words=_phase(progress, viewer.lang),
        share=int(progress.get("share", 0)),
        busy=row.status in WORKING,
        placed=int(figures.get("placed", 0)),
        asked=int(figures.get("asked", 0)),
        of_bound=min(100, round(100 * float(figures.get("objective", 0)) / bound)) if bound else 0,
        made_at=iso(row.made_at),
        made_by=faces.get(row.made_by, NOBODY).name,
        reason=gettext(row.reason, viewer.lang) if row.reason else "",
        version=row.version,
    )


def _phase(progress: dict[str, Any], lang: str) -> str:
    """What is being done, and how far it is, where that is known."""
    phase = str(progress.get("phase", ""))
    if phase not in PHASES:
        return ""
    done, total = int(progress.get("done", 0)), int(progress.get("total", 0))
    counted = COUNTED.get(phase, "") if total else ""
    return " ".join(
        gettext(words, lang, done=done, total=total) for words in (PHASES[phase], counted) if words
    )


def _item(
    item: PlanItem, request: LessonRequest, course: str, faces: dict[str, Face], viewer: Viewer
) -> ItemLine:
    starts = sorted(datetime.fromisoformat(at) for at in item.times)
    same = not starts or same_clock(viewer.tz, request.tz, starts[0])
    return ItemLine(
        id=item.id,
        request_id=request.id,
        student=faces[request.student_id],
        course=course,
        instructor=faces.get(item.instructor_id or "", NOBODY),
        times=_weekly(starts, request.tz, viewer.lang),
        place=zone_name(request.tz, viewer.lang),
        yours="" if same else _weekly(starts, viewer.tz, viewer.lang),
        first=iso(starts[0]) if starts else "",
        why=[say(_reason(one), viewer) for one in item.reasons],
        status=item.status,
    )


def _weekly(starts: Sequence[datetime], tz: str, lang: str) -> str:
    local = sorted((at.astimezone(zone(tz)) for at in starts), key=lambda at: (at.weekday(), at.time()))
    return ", ".join(f"{format_weekday(at.weekday(), lang)} {at:%H:%M}" for at in local)


def _reason(plain: dict[str, Any]) -> Reason:
    return Reason(str(plain["code"]), str(plain["words"]), dict(plain["params"]))


def _weeks(weeks: Sequence[dict[str, Any]], faces: dict[str, Face]) -> list[WeekLine]:
    fullest = max((max(week["lessons"]) for week in weeks), default=1)
    return [
        WeekLine(
            faces.get(week["id"], NOBODY),
            *week["lessons"],
            *week["gap_min"],
            *(round(100 * lessons / fullest) for lessons in week["lessons"]),
        )
        for week in weeks
    ]


def _faces(db: Session, ids: set[str]) -> dict[str, Face]:
    return {person.id: face(person) for person in db.exec(select(Person).where(col(Person.id).in_(ids)))}


def _coordinator(viewer: Viewer) -> None:
    if not viewer.has("coordinator"):
        raise NotAllowed()
