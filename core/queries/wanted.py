"""What families ask for as programs read it: lessons they want, changes they wish. Ids and facts, in pages."""

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from sqlmodel import Session, col, select

from core import services
from core.access import Viewer
from core.domain import ChangeRequest, LessonRequest, Series
from core.errors import NotAllowed, NotFound
from core.lifecycle.requests import proposals_of
from core.queries.records import MOST
from core.queries.requests import say
from core.scheduling.wish import Slot, WishWindow


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """windows: wall clock in tz. rule: which placed it, "" = a person did. series_ids: what came of it, while it holds."""

    id: str
    student_id: str
    course_id: str
    windows: list[WishWindow]
    tz: str
    per_week: int
    length_min: int
    from_day: date
    until_day: date | None
    lessons: int | None
    language: str
    instructor_id: str
    same_instructor: bool
    note: str
    asked_by: str
    asked_at: datetime
    due_at: datetime
    status: str
    reason: str
    rule: str
    decided_at: datetime | None
    series_ids: list[str]
    version: int


@dataclass(frozen=True, slots=True)
class ProposalRecord:
    """slots: what accepting hands back. starts: every lesson. met, unmet: words in the viewer's language."""

    rank: int
    instructor_id: str
    slots: list[Slot]
    starts: list[datetime]
    skip: list[date]
    meets: int
    wishes: int
    met: list[str]
    unmet: list[str]


@dataclass(frozen=True, slots=True)
class LeftOutRecord:
    instructor_id: str
    reasons: list[str]


@dataclass(frozen=True, slots=True)
class ProposalsRecord:
    """constraint: the tightest one when nothing fits. version: of the request."""

    proposals: list[ProposalRecord]
    left_out: list[LeftOutRecord]
    constraint: str
    version: int


@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """kind: move | cancel. starts_at: the time they ask for (move). session_version: the lesson's as they saw it."""

    id: str
    session_id: str
    session_version: int
    student_id: str
    kind: str
    starts_at: datetime | None
    ends_at: datetime | None
    why: str
    rule: str
    asked_by: str
    asked_at: datetime
    status: str
    answer: str
    decided_at: datetime | None
    version: int


def requests(
    viewer: Viewer, *, status: str = "", student_id: str = "", after_id: str = "", limit: int = MOST
) -> list[RequestRecord]:
    """By id, those after `after_id`."""
    _coordinator(viewer)
    query = select(LessonRequest).where(LessonRequest.id > after_id).order_by(col(LessonRequest.id))
    if status:
        query = query.where(LessonRequest.status == status)
    if student_id:
        query = query.where(LessonRequest.student_id == student_id)
    with services.current().store.read() as db:
        return _requests(db, db.exec(query.limit(limit)).all())


def request(viewer: Viewer, request_id: str) -> RequestRecord:
    """NotFound."""
    _coordinator(viewer)
    with services.current().store.read() as db:
        return _requests(db, [_row(db, request_id)])[0]


def proposals(viewer: Viewer, request_id: str) -> ProposalsRecord:
    """Ranked, as things are now; everybody who is left out, and why. NotFound."""
    _coordinator(viewer)
    with services.current().store.read() as db:
        row = _row(db, request_id)
        found = proposals_of(db, row)
        return ProposalsRecord(
            [
                ProposalRecord(
                    rank=rank,
                    instructor_id=one.person_id,
                    slots=list(one.slots),
                    starts=list(one.starts),
                    skip=list(one.skip),
                    meets=one.meets,
                    wishes=one.wishes,
                    met=[say(reason, viewer) for reason in one.met],
                    unmet=[say(reason, viewer) for reason in one.unmet],
                )
                for rank, one in enumerate(found.ranked, 1)
            ],
            [
                LeftOutRecord(one.person_id, [say(reason, viewer) for reason in one.reasons])
                for one in found.left_out
            ],
            say(found.constraint, viewer) if found.constraint else "",
            row.version,
        )


def changes(
    viewer: Viewer, *, status: str = "", session_id: str = "", after_id: str = "", limit: int = MOST
) -> list[ChangeRecord]:
    """By id, those after `after_id`."""
    _coordinator(viewer)
    query = select(ChangeRequest).where(ChangeRequest.id > after_id).order_by(col(ChangeRequest.id))
    if status:
        query = query.where(ChangeRequest.status == status)
    if session_id:
        query = query.where(ChangeRequest.session_id == session_id)
    with services.current().store.read() as db:
        return [_change(row) for row in db.exec(query.limit(limit))]


def change(viewer: Viewer, change_id: str) -> ChangeRecord:
    """NotFound."""
    _coordinator(viewer)
    with services.current().store.read() as db:
        row = db.get(ChangeRequest, change_id)
        if row is None:
            raise NotFound("This request does not exist.")
        return _change(row)


def _coordinator(viewer: Viewer) -> None:
    if not viewer.has("coordinator"):
        raise NotAllowed()


def _row(db: Session, request_id: str) -> LessonRequest:
    row = db.get(LessonRequest, request_id)
    if row is None:
        raise NotFound("We could not find this request.")
    return row


def _requests(db: Session, rows: Any) -> list[RequestRecord]:
    """With their series, in one more query."""
    ids = [row.id for row in rows]
    made: dict[str, list[str]] = {one: [] for one in ids}
    for request_id, series_id in db.exec(
        select(Series.request_id, Series.id)
        .where(col(Series.request_id).in_(ids), Series.status != "cancelled")
        .order_by(col(Series.id))
    ):
        made[str(request_id)].append(series_id)
    return [
        RequestRecord(
            id=row.id,
            student_id=row.student_id,
            course_id=row.course_id,
            windows=[_window(one) for one in row.windows],
            tz=row.tz,
            per_week=row.per_week,
            length_min=row.length_min,
            from_day=row.from_day,
            until_day=row.until_day,
            lessons=row.lessons,
            language=row.language,
            instructor_id=str(row.wishes.get("instructor_id", "")),
            same_instructor=bool(row.wishes.get("same_instructor")),
            note=row.note,
            asked_by=row.asked_by,
            asked_at=row.asked_at,
            due_at=row.due_at,
            status=row.status,
            reason=row.reason,
            rule=row.rule,
            decided_at=row.decided_at,
            series_ids=made[row.id],
            version=row.version,
        )
        for row in rows
    ]


def _window(plain: dict[str, Any]) -> WishWindow:
    return WishWindow(
        int(plain["weekday"]), time.fromisoformat(plain["starts"]), time.fromisoformat(plain["ends"])
    )


def _change(row: ChangeRequest) -> ChangeRecord:
    return ChangeRecord(
        id=row.id,
        session_id=row.session_id,
        session_version=row.session_version,
        student_id=row.student_id,
        kind=row.kind,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        why=row.why,
        rule=row.rule,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        status=row.status,
        answer=row.answer,
        decided_at=row.decided_at,
        version=row.version,
    )
