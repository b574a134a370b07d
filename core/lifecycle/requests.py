"""Before step 1: somebody asks for lessons, and a coordinator places them with the proposal they choose.

A request carries the times a family has, by the wall clock where they live. Proposals are reckoned when somebody looks
at them, never kept: what is chosen is reckoned again in the transaction that books it. When nothing fits, a case
names the tightest constraint. An organisation may switch on a written rule that accepts by itself; what it did says
so, and can be undone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, func, select

from core import services
from core.access import SYSTEM, Actor
from core.clock import on_timer, set_timer
from core.delivery import audit, emit
from core.domain import (
    ClassSession,
    Course,
    Enrollment,
    Guardianship,
    LessonRequest,
    Person,
    PersonRole,
    Seat,
    Series,
    Timer,
)
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from core.events import RequestChanged
from core.lifecycle.cases import open_case, settle_case
from core.lifecycle.clash import clash
from core.lifecycle.schedule import cancel_in
from core.lifecycle.series import Booked, NewSeries, book_series_in
from core.queries.bookable import as_teacher, bookable, booked_of, extra_open, hours_of, speakers, teachers_of
from core.scheduling.cut import Cut, HoursRow
from core.scheduling.matching import Teacher, held_by, share_of, speaks
from core.scheduling.proposals import Candidate, Proposal, Proposals, Search, first_week
from core.scheduling.times import MAX_AHEAD, zone
from core.scheduling.windows import Window
from core.scheduling.wish import MOST_WEEKS, OPEN_WEEKS, Slot, Wish, WishWindow

MOST_WINDOWS = 28
MOST_A_WEEK = 7
MOST_LESSONS = 200
MINUTES = (15, 180)
MAX_NOTE = 1_000
MAX_REASON = 500
CASE = "request_unplaced"
CONTINUITY = "continuity"
"""The rule that accepts by itself: somebody who teaches this student already, and every wish met."""
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@dataclass(frozen=True, slots=True)
class NewRequest:
    """windows: wall clock in tz. until_day None: for good; lessons: so many in all. instructor_id "": whoever fits."""

    student_id: str
    course_id: str
    windows: tuple[WishWindow, ...]
    tz: str
    from_day: date
    per_week: int = 1
    length_min: int = 45
    until_day: date | None = None
    lessons: int | None = None
    language: str = ""
    instructor_id: str = ""
    same_instructor: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a coordinator accepts of a proposal: who, and at which weekly times (wall clock of the request)."""

    instructor_id: str
    slots: tuple[Slot, ...]


def ask(actor: Actor, request: NewRequest) -> str:
    """Guardians for their child, adult students for themselves, coordinators for everybody; returns the id.

    InvalidInput, NotAllowed, NotFound. What fits is looked at right afterwards, by a timer.
    """
    service = services.current()
    now = service.clock.now()
    _check(request, now)
    with service.store.write() as db:
        _check_asker(db, actor, request.student_id)
        course = db.get(Course, request.course_id)
        if course is None or not course.active:
            raise InvalidInput("course_id", "Please choose a course.")
        if request.instructor_id and request.instructor_id not in teachers_of(db, request.course_id):
            raise InvalidInput("instructor_id", "Please choose an instructor of this course.")
        row = LessonRequest(
            student_id=request.student_id,
            course_id=request.course_id,
            language=request.language,
            windows=[_plain(one) for one in request.windows],
            tz=request.tz,
            per_week=request.per_week,
            length_min=request.length_min,
            from_day=request.from_day,
            until_day=request.until_day,
            lessons=request.lessons,
            wishes={"instructor_id": request.instructor_id, "same_instructor": request.same_instructor},
            note=request.note.strip()[:MAX_NOTE],
            asked_by=actor.person_id or request.student_id,
            asked_at=now,
            due_at=now + timedelta(seconds=service.settings.request_due_s),
        )
        db.add(row)
        db.flush()
        set_timer(db, "request_look", row.id, now)
        _tell(db, actor, row, "asked")
        return row.id


def withdraw(actor: Actor, request_id: str, version: int) -> None:
    """Whoever may ask may also think better of it. Conflict when it is decided already."""
    with services.current().store.write() as db:
        row = _open(db, request_id, version)
        _check_asker(db, actor, row.student_id)
        _decide(db, actor, row, "withdrawn")


def reject(actor: Actor, request_id: str, reason: str, version: int) -> None:
    """With a sentence the family reads. Coordinators alone. InvalidInput, Conflict."""
    reason = reason.strip()
    if not 0 < len(reason) <= MAX_REASON:
        raise InvalidInput("reason", "Please say in a sentence why.")
    _coordinator(actor)
    with services.current().store.write() as db:
        row = _open(db, request_id, version)
        row.reason = reason
        _decide(db, actor, row, "rejected")


def accept(actor: Actor, request_id: str, chosen: Chosen, version: int) -> list[Booked]:
    """Book what was chosen; one series for each time of day. Coordinators alone.

    Dates that clash by now are left out and named in `refused`. Conflict when the pattern as a whole does not fit any
    more, or somebody decided already.
    """
    _coordinator(actor)
    try:
        with services.current().store.write() as db:
            return accept_in(db, actor, _open(db, request_id, version), chosen)
    except DBAPIError as error:
        raise clash(error) from error


def undo(actor: Actor, request_id: str, version: int) -> None:
    """Take back an acceptance: its lessons to come are cancelled, and the request waits again. Coordinators alone."""
    _coordinator(actor)
    with services.current().store.write() as db:
        row = _locked(db, request_id)
        if row.version != version or row.status != "placed":
            raise Conflict()
        undo_in(db, actor, row)


def undo_in(db: Session, actor: Actor, row: LessonRequest) -> None:
    """`undo` of a locked, placed request in the caller's transaction; whether the actor may is the caller's affair."""
    now = services.current().clock.now()
    for series in db.exec(select(Series).where(Series.request_id == row.id).with_for_update()):
        series.status, series.version = "cancelled", series.version + 1
        db.add(series)
        lessons = select(ClassSession).where(
            ClassSession.series_id == series.id,
            ClassSession.status == "scheduled",
            ClassSession.starts_at > now,
        )
        for lesson in db.exec(lessons.with_for_update()).all():
            cancel_in(db, actor, lesson)
    row.status, row.rule, row.decided_by, row.decided_at = "open", "", None, None
    _tell(db, actor, row, "reopened")


def proposals_of(db: Session, row: LessonRequest, *, most: int = 3, only: Chosen | None = None) -> Proposals:
    """What fits, as things are now. only: this instructor at these times.

    Weekly hours are held against the wish for everybody at once; the rest is read of those alone who are open then.
    """
    now = services.current().clock.now()
    wish = wish_of(db, row, only)
    within = _span(wish, now)
    search = Search(wish, as_teacher(bookable(db, [row.student_id], within)[row.student_id]), now)
    people = [only.instructor_id] if only else teachers_of(db, row.course_id)
    hours = hours_of(db, row.course_id)
    cut = Cut(search.plan, search.clocks, hours, extra_open(db, row.course_id, within))

    def fill(some: Sequence[str]) -> dict[str, Teacher]:
        return {one.person_id: as_teacher(one) for one in bookable(db, some, within).values()}

    def probe(some: Sequence[str]) -> set[str]:
        lessons = booked_of(db, some, cut.first_weeks)
        return {one for one in some if cut.booked_out(one, lessons[one])}

    def best(able: Sequence[str]) -> Proposals:
        candidates = _candidates(db, wish, able, hours, now)
        closed = sorted(set(people).difference(able))
        return search.best(candidates, fill, most, closed=closed, probe=probe)

    able = [one for one in people if cut.days.get(one, 0) >= wish.per_week]
    nearly = [one for one in people if one in cut.days]
    found = best(able)
    # Nobody has all of it: those with hours on fewer days may still say how much would fit.
    return found if found.ranked or nearly == able else best(nearly)


def wish_of(db: Session, row: LessonRequest, only: Chosen | None = None) -> Wish:
    """A stored request in the words of core.scheduling."""
    length = timedelta(minutes=row.length_min)
    windows = tuple(_window(one) for one in row.windows)
    if only is not None:
        windows = tuple(_around(slot, length) for slot in only.slots)
    return Wish(
        course_id=row.course_id,
        windows=windows,
        tz=row.tz,
        from_day=row.from_day,
        length=length,
        per_week=len(only.slots) if only else row.per_week,
        until_day=row.until_day,
        lessons=row.lessons,
        language=row.language,
        instructor_id=row.wishes.get("instructor_id", ""),
        same_instructor=bool(row.wishes.get("same_instructor", False)),
        course=db.get_one(Course, row.course_id).name,
        taught=_taught(db, row.student_id),
    )


@on_timer("request_look")
def look(db: Session, timer: Timer, now: datetime) -> None:
    """Nothing fits: a coordinator must know. A rule that is switched on may accept."""
    row = _locked(db, timer.subject_id)
    if row.status != "open":
        return
    found = proposals_of(db, row, most=1)
    if not found.ranked:
        row.constraint = found.constraint.code if found.constraint else ""
        db.add(row)
        open_case(
            db,
            CASE,
            dedupe=f"{CASE}:{row.id}",
            person_id=row.student_id,
            facts={"request_id": row.id, "constraint": row.constraint},
        )
        return
    best = found.ranked[0]
    if services.current().settings.auto_accept == CONTINUITY and _continues(db, row, best):
        row.rule = CONTINUITY
        accept_in(db, SYSTEM, row, Chosen(best.person_id, best.slots))


def _continues(db: Session, row: LessonRequest, best: Proposal) -> bool:
    return best.meets == best.wishes and bool(_taught(db, row.student_id).get(best.person_id))


def accept_in(db: Session, actor: Actor, row: LessonRequest, chosen: Chosen) -> list[Booked]:
    """`accept` of a locked, open request in the caller's transaction; whether the actor may is the caller's affair."""
    if not 0 < len(chosen.slots) <= MOST_A_WEEK or len(set(chosen.slots)) != len(chosen.slots):
        raise InvalidInput("slots", "Please choose the times of the lessons.")
    found = proposals_of(db, row, most=1, only=chosen)
    if not found.ranked:
        raise Conflict("These times do not fit any more. Please look again.")
    _enroll(db, row)
    made = [
        book_series_in(db, actor, new, all_or_nothing=False)
        for new in _series(row, chosen, found.ranked[0].starts)
    ]
    _decide(db, actor, row, "placed")
    return made


def _series(row: LessonRequest, chosen: Chosen, starts: Sequence[datetime]) -> list[NewSeries]:
    """One series for each time of day: a rule has one time. Its dates are exactly those of the proposal."""
    here = zone(row.tz)
    local = [at.astimezone(here).replace(tzinfo=None) for at in starts]
    found: list[NewSeries] = []
    for at in sorted({slot.at for slot in chosen.slots}):
        days = sorted({slot.weekday for slot in chosen.slots if slot.at == at})
        # A date whose time the clocks skip is shown a little later: the date is what counts.
        mine = {one.date() for one in local if one.weekday() in days and _near(one.time(), at)}
        if not mine:
            continue
        first, last = min(mine), max(mine)
        every = {first + timedelta(days=n) for n in range((last - first).days + 1)}
        skip = {day for day in every if day.weekday() in days} - mine
        found.append(
            NewSeries(
                course_id=row.course_id,
                instructor_id=chosen.instructor_id,
                student_ids=(row.student_id,),
                rule=f"FREQ=WEEKLY;BYDAY={','.join(_DAYS[day] for day in days)}",
                first_local=datetime.combine(first, at),
                tz=row.tz,
                length_min=row.length_min,
                until=last,
                skip=tuple(sorted(skip)),
                request_id=row.id,
                language=row.language,
            )
        )
    return found


def _near(shown: time, at: time) -> bool:
    minutes = (shown.hour - at.hour) * 60 + shown.minute - at.minute
    return 0 <= minutes <= 120


def _enroll(db: Session, row: LessonRequest) -> None:
    """Who is given lessons takes the course."""
    known = db.exec(
        select(Enrollment).where(
            Enrollment.student_id == row.student_id, Enrollment.course_id == row.course_id
        )
    ).first()
    enrollment = known or Enrollment(student_id=row.student_id, course_id=row.course_id)
    enrollment.active = True
    db.add(enrollment)
    db.flush()


def _decide(db: Session, actor: Actor, row: LessonRequest, status: str) -> None:
    row.status, row.decided_by = status, actor.person_id
    row.decided_at = services.current().clock.now()
    settle_case(db, SYSTEM, f"{CASE}:{row.id}", "The request is decided.")
    _tell(db, actor, row, status)


def _tell(db: Session, actor: Actor, row: LessonRequest, change: str) -> None:
    row.version += 1 if change != "asked" else 0
    db.add(row)
    db.flush()
    emit(
        db,
        RequestChanged(person_id=row.student_id, request_id=row.id, change=change, version=row.version),
    )
    by_rule = {"rule": row.rule} if row.rule else {}
    audit(db, actor.person_id, f"request.{change}", row.id, row.student_id, **by_rule)


def _locked(db: Session, request_id: str) -> LessonRequest:
    row = db.get(LessonRequest, request_id, with_for_update=True)
    if row is None:
        raise NotFound("We could not find this request.")
    return row


def _open(db: Session, request_id: str, version: int) -> LessonRequest:
    row = _locked(db, request_id)
    if row.version != version or row.status != "open":
        raise Conflict()
    return row


def _coordinator(actor: Actor) -> None:
    if not actor.has("coordinator"):
        raise NotAllowed()


def _check_asker(db: Session, actor: Actor, student_id: str) -> None:
    """A child does not ask for itself; whom one may not ask for does not exist for one."""
    student = db.get(Person, student_id)
    if student is None or not student.active or db.get(PersonRole, (student_id, "student")) is None:
        raise NotFound("This student does not exist.")
    if actor.has("coordinator") or (actor.person_id == student_id and not student.is_minor):
        return
    guards = select(Guardianship.id).where(
        Guardianship.guardian_id == actor.person_id, Guardianship.student_id == student_id
    )
    if db.exec(guards).first() is None:
        raise NotAllowed()


def _check(new: NewRequest, now: datetime) -> None:
    here = zone(new.tz)
    today = now.astimezone(here).date()
    length = timedelta(minutes=new.length_min)
    if not MINUTES[0] <= new.length_min <= MINUTES[1]:
        raise InvalidInput(
            "length_min", "A lesson lasts from {least} to {most} minutes.", least=MINUTES[0], most=MINUTES[1]
        )
    if not 1 <= new.per_week <= MOST_A_WEEK:
        raise InvalidInput("per_week", "Please ask for one to seven lessons a week.")
    if not 1 <= len(new.windows) <= MOST_WINDOWS:
        raise InvalidInput("windows", "Please say when lessons are possible.")
    for one in new.windows:
        if not 0 <= one.weekday <= 6 or _length(one) < length:
            raise InvalidInput("windows", "Each time must be long enough for a lesson.")
    if len({one.weekday for one in new.windows}) < new.per_week:
        raise InvalidInput("windows", "Please name at least as many days as lessons a week.")
    if new.from_day < today or new.from_day > today + MAX_AHEAD:
        raise InvalidInput("from_day", "Please choose a first day from today on.")
    if new.until_day is not None and new.until_day < new.from_day:
        raise InvalidInput("until_day", "The last day is before the first.")
    if new.until_day is not None and (new.until_day - new.from_day).days > 7 * MOST_WEEKS:
        raise InvalidInput("until_day", "Please ask for a year at most.")
    if new.lessons is not None and not 1 <= new.lessons <= MOST_LESSONS:
        raise InvalidInput("lessons", "Please ask for {most} lessons at most.", most=MOST_LESSONS)


def _length(window: WishWindow) -> timedelta:
    any_day = date(2024, 1, 1)
    starts, ends = datetime.combine(any_day, window.starts), datetime.combine(any_day, window.ends)
    return ends - starts if ends > starts else ends + timedelta(days=1) - starts


def _plain(window: WishWindow) -> dict[str, Any]:
    return {
        "weekday": window.weekday,
        "starts": f"{window.starts:%H:%M}",
        "ends": f"{window.ends:%H:%M}",
    }


def _window(plain: dict[str, Any]) -> WishWindow:
    return WishWindow(
        int(plain["weekday"]), time.fromisoformat(plain["starts"]), time.fromisoformat(plain["ends"])
    )


def _around(slot: Slot, length: timedelta) -> WishWindow:
    """The window into which just this lesson fits."""
    ends = datetime.combine(date(2024, 1, 1), slot.at) + length
    return WishWindow(slot.weekday, slot.at, ends.time())


def _span(wish: Wish, now: datetime) -> Window:
    """Everything a proposal may touch."""
    here = zone(wish.tz)
    first = max(wish.from_day, now.astimezone(here).date())
    weeks = MOST_WEEKS if wish.until_day or wish.lessons else OPEN_WEEKS
    last = min(wish.until_day or date.max, first + timedelta(weeks=weeks))
    midnight = time(0)
    return Window(
        datetime.combine(first, midnight, here) - timedelta(days=1),
        datetime.combine(last, midnight, here) + timedelta(days=2),
    )


def _taught(db: Session, student_id: str) -> dict[str, int]:
    """Lessons this student has had, by instructor."""
    theirs = select(Seat.session_id).where(Seat.person_id == student_id, Seat.role == "student")
    rows = db.exec(
        select(Seat.person_id, func.count())
        .join(ClassSession, col(ClassSession.id) == Seat.session_id)
        .where(
            Seat.role == "instructor",
            ClassSession.status == "ended",
            col(Seat.session_id).in_(theirs),
        )
        .group_by(col(Seat.person_id))
    )
    return dict(rows.all())


def _candidates(
    db: Session, wish: Wish, person_ids: Sequence[str], hours: Iterable[HoursRow], now: datetime
) -> list[Candidate]:
    """What ranks these before anything else about them is read. hours: of them, and of others."""
    full = dict.fromkeys(person_ids, 0.0)
    for person_id, _, _, starts, ends in hours:
        if person_id in full:
            full[person_id] += held_by(starts, ends)
    lessons = _lessons(db, person_ids, first_week(wish, now))
    languages = speakers(db, person_ids)
    return [
        Candidate(one, speaks(languages[one], wish.language), share_of(lessons.get(one, 0), full[one]))
        for one in person_ids
    ]


def _lessons(db: Session, person_ids: Sequence[str], week: Window) -> dict[str, int]:
    """How many lessons each of them teaches in that week."""
    rows = db.exec(
        select(Seat.person_id, func.count())
        .join(ClassSession, col(ClassSession.id) == Seat.session_id)
        .where(
            col(Seat.person_id).in_(person_ids),
            col(Seat.active).is_(True),
            ClassSession.status != "cancelled",
            Seat.starts_at < week.ends_at,
            Seat.ends_at > week.starts_at,
        )
        .group_by(col(Seat.person_id))
    )
    return dict(rows.all())
