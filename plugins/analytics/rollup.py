"""From the event log to roll-ups. A batch of events and the reader's cursor are one transaction, so every event
counts once; each touched lesson is made again from its facts, so an event that comes late or twice does no harm."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import date, datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, case, col, delete, func, select

from core import services
from core.domain import (
    Attendance,
    ClassSession,
    Coverage,
    Cursor,
    DomainEvent,
    EngagementSignal,
)
from core.ports import EventPosition
from plugins.analytics.models import OrganisationDay, StudentLesson, StudentWeek

logger = logging.getLogger(__name__)

READER = "analytics"
TOUCHING = frozenset(
    {"attendance.finalized", "attendance.corrected", "engagement.measured", "summary.changed"}
)
GATHER_S = 0.3
"""Between two looks at what is new: a few events more cost no more."""
STEP = 20
"""Events a transaction: a write transaction stays short."""
ATTENDED = ("present", "late", "left_early")
_SUMS = (
    "present_s",
    "planned_s",
    "talk_s",
    "answers",
    "answers_right",
    "hands",
    "chats",
    "board_updates",
    "topics_covered",
)


def monday(at: datetime) -> date:
    """Monday of the UTC week."""
    return (at - timedelta(days=at.weekday())).date()


def apply(db: Session, events: Sequence[DomainEvent]) -> None:
    """Take a batch and move the cursor, in the caller's transaction.

    Every worker follows the log. The cursor's row decides who counts a batch: it is locked, and what another
    worker has counted is left out.
    """
    _first_cursor(db)
    cursor = db.get_one(Cursor, READER, with_for_update=True)
    events = [event for event in events if (event.xid, event.id or 0) > (cursor.xid, cursor.event_id)]
    if not events:
        return
    days: set[date] = set()
    for session_id in sorted({e.session_id for e in events if e.kind in TOUCHING and e.session_id}):
        days |= measure(db, session_id)
    for day in sorted(days):
        _sum_day(db, day)
    cursor.xid, cursor.event_id = events[-1].xid, events[-1].id or 0


def _first_cursor(db: Session) -> None:
    """The row to lock, made by whoever comes first."""
    if db.get(Cursor, READER) is None:
        with suppress(IntegrityError), db.begin_nested():
            db.add(Cursor(reader=READER))


def measure(db: Session, session_id: str) -> set[date]:
    """Make one lesson's rows and its students' weeks from its facts; the days to sum again. Idempotent."""
    session = db.get(ClassSession, session_id)
    if session is None or session.status != "ended":
        return set()
    week = monday(session.starts_at)
    states = [
        state
        for state, confirmed in db.exec(
            select(Coverage.state, Coverage.confirmed).where(Coverage.session_id == session_id)
        )
        if confirmed
    ]
    students = db.exec(
        select(Attendance).where(Attendance.session_id == session_id, Attendance.role == "student")
    ).all()
    for row in students:
        signals = dict(
            db.exec(
                select(EngagementSignal.signal, EngagementSignal.value).where(
                    EngagementSignal.session_id == session_id, EngagementSignal.person_id == row.person_id
                )
            ).all()
        )
        there = row.present_s > 0
        db.merge(
            StudentLesson(
                session_id=session_id,
                student_id=row.person_id,
                course_id=session.course_id,
                starts_at=session.starts_at,
                week=week,
                status=row.status,
                present_s=row.present_s,
                planned_s=round((session.ends_at - session.starts_at).total_seconds()),
                talk_s=signals.get("talk_s", 0.0),
                answers=round(signals.get("answers", 0)),
                answers_right=round(signals.get("answers_right", 0)),
                hands=round(signals.get("hands", 0)),
                chats=round(signals.get("chats", 0)),
                board_updates=round(signals.get("board_updates", 0)),
                topics_covered=states.count("covered") if there else 0,
                topics_started=states.count("started") if there else 0,
            )
        )
    db.flush()
    for row in students:
        _sum_week(db, row.person_id, week)
    return {session.starts_at.date()}


def _sum_week(db: Session, student_id: str, week: date) -> None:
    rows = db.exec(
        select(StudentLesson).where(StudentLesson.student_id == student_id, StudentLesson.week == week)
    ).all()
    sums = {name: sum(getattr(row, name) for row in rows) for name in _SUMS}
    db.merge(StudentWeek(student_id=student_id, week=week, **_counts(rows), late=_late(rows), **sums))


def _sum_day(db: Session, day: date) -> None:
    """One query: a day may have thousands of lessons, and every event of it comes by here."""
    start = datetime.combine(day, datetime.min.time(), tzinfo=services.current().clock.now().tzinfo)
    lesson = StudentLesson
    there = col(lesson.status).in_(ATTENDED)
    sums = db.exec(
        select(
            func.count(func.distinct(lesson.session_id)),
            func.count(),
            func.coalesce(func.sum(case((there, 1), else_=0)), 0),
            func.coalesce(func.sum(case((col(lesson.status) == "absent", 1), else_=0)), 0),
            func.coalesce(func.sum(lesson.present_s), 0),
            func.coalesce(func.sum(lesson.planned_s), 0),
        ).where(lesson.starts_at >= start, lesson.starts_at < start + timedelta(days=1))  # pyright: ignore[reportCallIssue, reportArgumentType]
    ).one()
    names = ("lessons", "seats", "attended", "missed", "present_s", "planned_s")
    db.merge(OrganisationDay(day=day, **dict(zip(names, map(int, sums), strict=True))))


def _counts(rows: Sequence[StudentLesson]) -> dict[str, int]:
    missed = sum(row.status == "absent" for row in rows)
    return {
        "lessons": len(rows),
        "attended": sum(row.status in ATTENDED for row in rows),
        "missed": missed,
    }


def _late(rows: Iterable[StudentLesson]) -> int:
    return sum(row.status == "late" for row in rows)


def erase_person(db: Session, person_id: str) -> None:
    """A person's derived rows go with them; the organisation's days keep their sums, which name nobody."""
    db.execute(delete(StudentLesson).where(col(StudentLesson.student_id) == person_id))
    db.execute(delete(StudentWeek).where(col(StudentWeek.student_id) == person_id))


def position() -> EventPosition:
    """Where the roll-ups stand."""
    with services.current().store.read() as db:
        row = db.get(Cursor, READER)
        return EventPosition(row.xid, row.event_id) if row else EventPosition(0, 0)


async def follow() -> None:
    """Take events as they come, for as long as the worker runs."""
    store = services.current().store
    async for batch in store.tail(position()):
        for first in range(0, len(batch), STEP):
            await asyncio.to_thread(_take, batch[first : first + STEP])
        await asyncio.sleep(GATHER_S)


def _take(events: Sequence[DomainEvent]) -> None:
    with services.current().store.write() as db:
        apply(db, events)


@asynccontextmanager
async def running() -> AsyncIterator[None]:
    """Keeps following; starts again where it stood when the database was away."""

    async def again() -> None:
        while True:
            try:
                await follow()
            except (
                Exception
            ):  # the border to the database: roll-ups fall behind and catch up, nothing else stops
                logger.warning("roll-ups interrupted", exc_info=True)
                await asyncio.sleep(2)

    task = asyncio.create_task(again())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def lag(db: Session) -> int:
    """Events the roll-ups have not seen yet."""
    row = db.get(Cursor, READER)
    query = select(func.count()).select_from(DomainEvent)
    if row is not None:
        query = query.where(col(DomainEvent.id) > row.event_id)
    return db.exec(query).one()
