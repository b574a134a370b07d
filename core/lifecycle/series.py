"""Step 1, many at once: a series of lessons is booked, changed from a lesson on, or cancelled.

A series books all its lessons in one short transaction: rows, seats, the event of the series. What follows for each
lesson (its own event with the deliveries, audit, reminders) is ten times as much work; it is told by timers that
were written in the same transaction and are due at once, a few lessons each, so that no other writer waits. It
comes as surely as the lessons themselves do. `bulk` in these events says that one mail tells all of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, func, select

from core import services
from core.access import Actor
from core.clock import on_timer, set_timer
from core.delivery import audit, emit
from core.domain import ClassSession, LessonPackage, Seat, Series, Timer
from core.errors import InvalidInput, NotAllowed
from core.events import SeriesChanged
from core.lifecycle.clash import Booking, clash, offer, taken
from core.lifecycle.schedule import NewSession, check_people, seat_rows, session_row, tell
from core.scheduling import recurrence
from core.scheduling.recurrence import Occurrence
from core.scheduling.times import check_times
from core.scheduling.windows import span
from core.store.constraints import lock_people

TOLD_AT_ONCE = 4
"""Lessons announced in one transaction."""
MAX_MINUTES = 360


@dataclass(frozen=True, slots=True)
class NewSeries:
    """What repeats. first_local: naive wall clock in tz, the first date the rule may name. skip: dates left out.

    rule: RFC 5545, "FREQ=WEEKLY;BYDAY=TU,TH". It ends by its COUNT or UNTIL, by until or count, or with the
    lessons left in the package. count does not count the dates left out.
    """

    course_id: str
    instructor_id: str
    student_ids: tuple[str, ...]
    rule: str
    first_local: datetime
    tz: str
    length_min: int
    until: date | None = None
    count: int | None = None
    skip: tuple[date, ...] = ()
    title: str = ""
    package_id: str | None = None
    request_id: str | None = None
    language: str = ""

    @property
    def people(self) -> tuple[str, ...]:
        return (self.instructor_id, *self.student_ids)


@dataclass(frozen=True, slots=True)
class Booked:
    """refused: (start, the sentence that names the lesson in the way) of dates that were left out."""

    series_id: str
    session_ids: tuple[str, ...]
    refused: tuple[tuple[datetime, str], ...] = ()


def schedule_series(actor: Actor, new_series: NewSeries, *, all_or_nothing: bool = True) -> Booked:
    """Book all lessons of a series. Coordinators alone. InvalidInput, NotFound, Conflict; nothing is half done.

    all_or_nothing: a single clash refuses everything; otherwise the dates that clash are left out.
    """
    check_coordinator(actor)
    try:
        with services.current().store.write() as db:
            return book_series_in(db, actor, new_series, all_or_nothing=all_or_nothing)
    except DBAPIError as error:
        raise clash(error) from error


def book_series_in(db: Session, actor: Actor, new: NewSeries, *, all_or_nothing: bool = True) -> Booked:
    """`schedule_series` in the caller's transaction; whether the actor may is the caller's affair."""
    if new.package_id is not None:
        db.get(
            LessonPackage, new.package_id, with_for_update=True
        )  # two series must not use up the same lessons
    new = within_package(db, new)
    dates = lessons_of(new)
    check_people(db, new.course_id, new.instructor_id, new.student_ids)
    lock_people(db.connection(), new.people)
    length = timedelta(minutes=new.length_min)
    against = taken(db, new.people, [span(one.starts_at, length) for one in dates])
    free = [one for one in dates if span(one.starts_at, length) not in against]
    if against and (all_or_nothing or not free):
        lesson = next(iter(against))
        raise offer(db, against[lesson], Booking(lesson, new.instructor_id, new.student_ids))
    left_out = {one.local.date() for one in dates} - {one.local.date() for one in free}
    row = _series_row(actor, new, left_out)
    db.add(row)
    db.flush()
    made = book_lessons(db, actor, row, free)
    announce_series(db, actor, row, "scheduled", [(one, "scheduled") for one in made])
    refused = sorted((lesson.starts_at, str(why)) for lesson, why in against.items())
    return Booked(row.id, tuple(one.id for one in made), tuple(refused))


def lessons_of(new: NewSeries) -> list[Occurrence]:
    """The dates a new series names. InvalidInput: see `recurrence.occurrences`, and a start in the past."""
    if not 0 < new.length_min <= MAX_MINUTES:
        raise InvalidInput("length_min", "A lesson lasts six hours at most.")
    dates = recurrence.occurrences(
        recurrence.Series(new.rule, new.first_local, new.tz, new.until, new.count, frozenset(new.skip))
    )
    now, length = services.current().clock.now(), timedelta(minutes=new.length_min)
    for one in dates:
        check_times(one.starts_at, one.starts_at + length, now)
    return dates


def book_lessons(
    db: Session, actor: Actor, series: Series, dates: Iterable[Occurrence]
) -> list[ClassSession]:
    """Rows and seats of these dates; not told yet."""
    length = timedelta(minutes=series.length_min)
    rows: list[ClassSession] = []
    seats: list[Seat] = []
    for one in dates:
        new = NewSession(
            course_id=series.course_id,
            instructor_id=series.instructor_id,
            student_ids=tuple(series.student_ids),
            starts_at=one.starts_at,
            ends_at=one.starts_at + length,
            title=series.title,
            language=series.language,
        )
        row = session_row(
            actor.person_id or series.created_by,
            new,
            series_id=series.id,
            series_day=one.local.date().isoformat(),
        )
        rows.append(row)
        seats += seat_rows(row, new)
    db.add_all(rows)
    db.flush()
    db.add_all(seats)
    db.flush()
    return rows


def announce_series(
    db: Session, actor: Actor, series: Series, change: str, lessons: Sequence[tuple[ClassSession, str]]
) -> None:
    """The event of the series, and timers that tell of each lesson. lessons: (row as changed, its change)."""
    emit(db, SeriesChanged(series_id=series.id, change=change, version=series.version))
    audit(db, actor.person_id, f"series.{change}", series.id, lessons=len(lessons))
    now = services.current().clock.now()
    for first in range(0, len(lessons), TOLD_AT_ONCE):
        some = [(row.id, what, row.version) for row, what in lessons[first : first + TOLD_AT_ONCE]]
        bulk = f"{series.id}:{series.version}"
        set_timer(
            db, "series_told", series.id, now, series.version, by=actor.person_id, bulk=bulk, lessons=some
        )


@on_timer("series_told")
def tell_lessons(db: Session, timer: Timer, now: datetime) -> None:
    """Each lesson's own facts. One that was changed again since has told of itself."""
    for session_id, change, version in timer.params["lessons"]:
        row = db.get(ClassSession, session_id, with_for_update=True)
        if row is not None and row.version == version:
            tell(db, timer.params["by"], row, change, timer.params["bulk"])


def as_rule(row: Series) -> recurrence.Series:
    """A stored series in the words of core.scheduling."""
    return recurrence.Series(
        row.rule,
        datetime.fromisoformat(row.first_local),
        row.tz,
        row.until,
        row.count,
        frozenset(date.fromisoformat(day) for day in row.skip),
    )


def check_coordinator(actor: Actor) -> None:
    if not actor.has("coordinator"):
        raise NotAllowed()


def _series_row(actor: Actor, new: NewSeries, left_out: set[date]) -> Series:
    """Dates that clashed are left out for good: what the rule names is what was booked."""
    count = new.count - len(left_out) if new.count is not None else None
    return Series(
        course_id=new.course_id,
        instructor_id=new.instructor_id,
        student_ids=list(new.student_ids),
        title=new.title.strip()[:200],
        rule=new.rule,
        first_local=new.first_local.isoformat(timespec="minutes"),
        tz=new.tz,
        length_min=new.length_min,
        until=new.until,
        count=count,
        skip=sorted(day.isoformat() for day in {*new.skip, *left_out}),
        package_id=new.package_id,
        request_id=new.request_id,
        language=new.language,
        created_by=actor.person_id or new.instructor_id,
        created_at=services.current().clock.now(),
    )


def within_package(db: Session, new: NewSeries) -> NewSeries:
    """The series, ended by its package's lessons when nothing else ends it. InvalidInput when it needs more."""
    if new.package_id is None:
        return new
    package = db.get(LessonPackage, new.package_id)
    if package is None or package.student_id not in new.student_ids or package.course_id != new.course_id:
        raise InvalidInput("package_id", "This package is for another student or course.")
    left = package.lessons - lessons_used(db, package.id)
    if left <= 0:
        raise InvalidInput("package_id", "No lessons are left in this package.")
    ended = new.until or new.count or any(part in new.rule.upper() for part in ("COUNT=", "UNTIL="))
    if not ended:
        new = replace(new, count=left)
    dates = lessons_of(new)
    if len(dates) > left:
        raise InvalidInput("package_id", "This package has {left} lessons left.", left=left)
    if package.valid_until and dates[-1].local.date() > package.valid_until:
        raise InvalidInput("package_id", "This package ends on {day}.", day=package.valid_until.isoformat())
    return new


def lessons_used(db: Session, package_id: str) -> int:
    """Lessons of a package that were had or are planned; a cancelled one goes back into it."""
    query = (
        select(func.count())
        .select_from(ClassSession)
        .join(Series, col(Series.id) == ClassSession.series_id)
        .where(Series.package_id == package_id, ClassSession.status != "cancelled")
    )
    return db.exec(query).one()
