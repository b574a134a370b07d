"""Step 1, many at once: this lesson, this and the following, or all of a series become different.

What calendar programs do, and what holds here:
- "this" makes an exception: the lesson keeps its `series_day`, the series does not know.
- "following" ends the series before that lesson and starts a new one from it (`split_from`), in which the lessons
  keep their ids, links and calendar entries. "all" is the same from the first lesson that is still to come;
  nothing in the past or live is touched. A series none of whose lessons has been is changed in place.
- A new time or repetition brings back lessons that were moved by themselves; lessons that were cancelled by
  themselves stay cancelled. Another instructor or length leaves every time as it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select, update

from core import services
from core.access import Actor
from core.clock import cancel_timers
from core.domain import ClassSession, Seat, Series
from core.domain.load import seats
from core.errors import Conflict, InvalidInput, NotFound
from core.lifecycle.clash import Booking, clash, offer, taken
from core.lifecycle.schedule import (
    cancel_in,
    changeable,
    check_instructor,
    close_seat,
    move_in,
    reassign_in,
)
from core.lifecycle.series import (
    MAX_MINUTES,
    announce_series,
    as_rule,
    book_lessons,
    check_coordinator,
)
from core.scheduling import recurrence
from core.scheduling.recurrence import Occurrence
from core.scheduling.times import check_times, zone
from core.scheduling.windows import span
from core.scheduling.zones import instant
from core.store.constraints import lock_people

Scope = Literal["this", "following", "all"]


@dataclass(frozen=True, slots=True)
class SeriesChange:
    """What becomes different; None stays as it is.

    starts_local: where the lesson pointed at goes, naive wall clock of the series' zone; the others move by as many
    days and to the same clock. rule: another repetition from there on, ended by itself, until or count.
    """

    starts_local: datetime | None = None
    length_min: int | None = None
    instructor_id: str | None = None
    rule: str | None = None
    until: date | None = None
    count: int | None = None

    @property
    def moves(self) -> bool:
        return self.starts_local is not None or self.rule is not None


@dataclass(frozen=True, slots=True)
class Changed:
    """series_id: the series the lessons are in now. session_ids: lessons that changed; made, cancelled: by a new rule."""

    series_id: str
    session_ids: tuple[str, ...]
    made: tuple[str, ...] = ()
    cancelled: tuple[str, ...] = ()


@dataclass(slots=True)
class _Part:
    """The lessons a change is about, locked. first_day: series_day of the first; earlier: lessons before it exist."""

    series: Series
    lessons: list[ClassSession]
    first_day: date
    earlier: bool
    settled: set[date]
    """Days whose lesson was cancelled, or was held before its day."""


def change_series(
    actor: Actor, series_id: str, session_id: str, scope: Scope, change: SeriesChange, version: int
) -> Changed:
    """Change lessons of a series. version: of the lesson pointed at, as last seen. Coordinators alone.

    InvalidInput, NotFound, Conflict (somebody changed it, or is booked then); nothing is half done.
    """
    check_coordinator(actor)
    try:
        with services.current().store.write() as db:
            if scope == "this":
                row = _pointed(db, series_id, session_id, version)
                _change_one(db, actor, row, change)
                return Changed(series_id, (row.id,))
            part = _part(db, series_id, session_id, scope, version)
            return _change_part(db, actor, part, session_id, change)
    except DBAPIError as error:
        raise clash(error) from error


def cancel_series(actor: Actor, series_id: str, session_id: str, scope: Scope, version: int) -> Changed:
    """Cancel lessons of a series: seats and links close at once. Coordinators alone. NotFound, Conflict."""
    check_coordinator(actor)
    with services.current().store.write() as db:
        if scope == "this":
            row = _pointed(db, series_id, session_id, version)
            cancel_in(db, actor, row)
            return Changed(series_id, (), cancelled=(row.id,))
        part = _part(db, series_id, session_id, scope, version)
        _cancel_rows(db, part.lessons)
        series = part.series
        series.status = "ended" if part.earlier else "cancelled"
        series.until = part.first_day - timedelta(days=1) if part.earlier else series.until
        series.version += 1
        db.add(series)
        announce_series(db, actor, series, "cancelled", [(row, "cancelled") for row in part.lessons])
        return Changed(series_id, (), cancelled=tuple(row.id for row in part.lessons))


def _pointed(db: Session, series_id: str, session_id: str, version: int) -> ClassSession:
    row = changeable(db, session_id, version)
    if row.series_id != series_id:
        raise NotFound("This lesson does not exist.")
    return row


def _change_one(db: Session, actor: Actor, row: ClassSession, change: SeriesChange) -> None:
    if change.rule is not None:
        raise InvalidInput("rule", "One lesson does not repeat.")
    series = db.get_one(Series, row.series_id)
    if change.starts_local is not None or change.length_min is not None:
        starts_at = instant(change.starts_local, zone(series.tz)) if change.starts_local else row.starts_at
        length = _length(change.length_min) if change.length_min is not None else row.ends_at - row.starts_at
        move_in(db, actor, row, starts_at, starts_at + length)
    if change.instructor_id is not None:
        reassign_in(db, actor, row, change.instructor_id)


def _part(db: Session, series_id: str, session_id: str, scope: Scope, version: int) -> _Part:
    """The series first, then its lessons: in this order for everybody."""
    series = db.get(Series, series_id, with_for_update=True)
    if series is None:
        raise NotFound("This series does not exist.")
    rows = db.exec(
        select(ClassSession)
        .where(ClassSession.series_id == series_id)
        .order_by(col(ClassSession.id))
        .with_for_update()
    ).all()
    now = services.current().clock.now()
    ahead = [row for row in rows if row.status == "scheduled" and row.starts_at > now]
    pointed = db.get(ClassSession, session_id)
    if pointed is not None and pointed.version != version:
        raise Conflict()  # perhaps somebody gave it to a series of its own
    if pointed is None or pointed.series_id != series_id:
        raise NotFound("This lesson does not exist.")
    if pointed.status != "scheduled" or pointed.starts_at <= now:
        raise Conflict("This lesson has started or is over; it cannot be changed any more.")
    first = pointed.series_day if scope == "following" else min(row.series_day for row in ahead)
    lessons = sorted((row for row in ahead if row.series_day >= first), key=lambda row: row.series_day)
    changing = {row.id for row in lessons}
    others = [row for row in rows if row.id not in changing]
    return _Part(
        series,
        lessons,
        date.fromisoformat(first),
        earlier=any(row.series_day < first for row in others),
        settled={date.fromisoformat(row.series_day) for row in others if row.series_day >= first},
    )


def _change_part(db: Session, actor: Actor, part: _Part, session_id: str, change: SeriesChange) -> Changed:
    old, former = part.series, part.series.instructor_id
    if change.instructor_id is not None:
        check_instructor(db, change.instructor_id, old.course_id)
    pointed = next(row for row in part.lessons if row.id == session_id)
    days = _days(pointed, change)
    rule = _new_rule(part, change, days)
    length = _length(change.length_min if change.length_min is not None else old.length_min)
    settled = {day + timedelta(days=days) for day in part.settled}
    plan = _fit(part, change, rule, days, settled)
    series = _rewritten(db, actor, part, rule, change)
    lock_people(db.connection(), {former, series.instructor_id, *series.student_ids})
    _check_free(db, part, series, plan, length)
    _cancel_rows(db, plan.dropped)
    _move_rows(db, series, plan.kept, length, former=former)
    made = book_lessons(db, actor, series, plan.missing)
    what = "reassigned" if change.instructor_id is not None and not change.moves else "moved"
    lessons = [(row, what) for row, _ in plan.kept]
    lessons += [(row, "cancelled") for row in plan.dropped] + [(row, "scheduled") for row in made]
    announce_series(db, actor, series, "changed", lessons)
    return Changed(
        series.id,
        tuple(row.id for row, _ in plan.kept),
        tuple(row.id for row in made),
        tuple(row.id for row in plan.dropped),
    )


@dataclass(slots=True)
class _Plan:
    """kept: (lesson, its date). dropped: the new repetition does not name them. missing: it names these anew."""

    kept: list[tuple[ClassSession, Occurrence]]
    dropped: list[ClassSession]
    missing: list[Occurrence]


def _days(pointed: ClassSession, change: SeriesChange) -> int:
    if change.starts_local is None:
        return 0
    return (change.starts_local.date() - date.fromisoformat(pointed.series_day)).days


def _new_rule(part: _Part, change: SeriesChange, days: int) -> recurrence.Series:
    rule = recurrence.rest(as_rule(part.series), part.first_day) if part.earlier else as_rule(part.series)
    if change.starts_local is not None and change.rule is None:
        rule = recurrence.shifted(rule, days, change.starts_local.time())
    elif change.rule is not None:
        first = rule.first + timedelta(days=days)
        if change.starts_local is not None:
            first = datetime.combine(first.date(), change.starts_local.time())
        rule = replace(rule, rule=change.rule, first=first, until=change.until, count=change.count)
    return rule


def _fit(part: _Part, change: SeriesChange, rule: recurrence.Series, days: int, settled: set[date]) -> _Plan:
    """Which lesson goes to which date of the new rule; by the day it had, so many days later."""
    if not change.moves:
        dates = [Occurrence(_local(row, rule), row.starts_at) for row in part.lessons]
        return _Plan(list(zip(part.lessons, dates, strict=True)), [], [])
    named = {one.local.date(): one for one in recurrence.occurrences(rule)}
    kept: list[tuple[ClassSession, Occurrence]] = []
    dropped: list[ClassSession] = []
    for row in part.lessons:
        one = named.pop(date.fromisoformat(row.series_day) + timedelta(days=days), None)
        if one is None:
            dropped.append(row)
        else:
            kept.append((row, one))
    return _Plan(kept, dropped, [one for day, one in named.items() if day not in settled])


def _local(row: ClassSession, rule: recurrence.Series) -> datetime:
    return datetime.combine(date.fromisoformat(row.series_day), rule.first.time())


def _rewritten(
    db: Session, actor: Actor, part: _Part, rule: recurrence.Series, change: SeriesChange
) -> Series:
    """The series as it is from now on: itself, or a new one that takes over from it."""
    old = part.series
    series = old
    if part.earlier:
        series = Series(
            **old.model_dump(exclude={"id", "version", "split_from", "created_at", "created_by", "status"}),
            split_from=old.id,
            created_by=actor.person_id or old.created_by,
            created_at=services.current().clock.now(),
        )
        old.status, old.until, old.version = "ended", part.first_day - timedelta(days=1), old.version + 1
        db.add(old)
    else:
        series.version += 1
    series.rule, series.first_local = rule.rule, rule.first.isoformat(timespec="minutes")
    series.until, series.count = rule.until, rule.count
    series.instructor_id = change.instructor_id or old.instructor_id
    series.length_min = change.length_min if change.length_min is not None else old.length_min
    db.add(series)
    db.flush()
    return series


def _check_free(db: Session, part: _Part, series: Series, plan: _Plan, length: timedelta) -> None:
    """InvalidInput for a time that is past, Conflict for one that is taken; the lessons themselves do not count."""
    now = services.current().clock.now()
    dates = [one for _, one in plan.kept] + plan.missing
    for one in dates:
        check_times(one.starts_at, one.starts_at + length, now)
    against = taken(
        db,
        (series.instructor_id, *series.student_ids),
        [span(one.starts_at, length) for one in dates],
        without=[row.id for row in part.lessons],
    )
    if against:
        lesson = next(iter(against))
        wanted = Booking(lesson, series.instructor_id, tuple(series.student_ids))
        raise offer(db, against[lesson], wanted)


def _move_rows(
    db: Session,
    series: Series,
    kept: Iterable[tuple[ClassSession, Occurrence]],
    length: timedelta,
    *,
    former: str,
) -> None:
    """New times and seats. The seats leave first: a lesson may go to where the next one of the series was."""
    lessons = {row.id: (row, one) for row, one in kept}
    held = db.exec(select(Seat).where(col(Seat.session_id).in_(lessons), col(Seat.active).is_(True))).all()
    db.exec(update(Seat).where(col(Seat.id).in_([seat.id for seat in held])).values(active=False))
    for row, one in lessons.values():
        row.starts_at, row.ends_at = one.starts_at, one.starts_at + length
        row.series_id, row.series_day = series.id, one.local.date().isoformat()
        row.version += 1
        db.add(row)
    db.flush()
    now = services.current().clock.now()
    replaced = series.instructor_id != former
    for seat in held:
        row, _ = lessons[seat.session_id]
        if replaced and seat.role == "instructor":
            close_seat(db, seat, now)
            continue
        seat.active, seat.starts_at, seat.ends_at = True, row.starts_at, row.ends_at
        db.add(seat)
    if replaced:
        _seat_instructor(db, series.instructor_id, [row for row, _ in lessons.values()])
    db.flush()
    for session_id in lessons:
        cancel_timers(db, session_id)


def _seat_instructor(db: Session, instructor_id: str, rows: Iterable[ClassSession]) -> None:
    for row in rows:
        known = [seat for seat in seats(db, row.id, active_only=False) if seat.person_id == instructor_id]
        seat = (
            known[0]
            if known
            else Seat(
                session_id=row.id,
                person_id=instructor_id,
                role="instructor",
                starts_at=row.starts_at,
                ends_at=row.ends_at,
            )
        )
        seat.active, seat.starts_at, seat.ends_at = True, row.starts_at, row.ends_at
        db.add(seat)


def _cancel_rows(db: Session, rows: Iterable[ClassSession]) -> None:
    """What `cancel_in` does, told later."""
    now = services.current().clock.now()
    for row in rows:
        row.status, row.version = "cancelled", row.version + 1
        db.add(row)
        for seat in seats(db, row.id):
            close_seat(db, seat, now)
        cancel_timers(db, row.id)


def _length(minutes: int) -> timedelta:
    if not 0 < minutes <= MAX_MINUTES:
        raise InvalidInput("length_min", "A lesson lasts six hours at most.")
    return timedelta(minutes=minutes)
