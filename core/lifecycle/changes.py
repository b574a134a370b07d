"""Families change their own lessons within the organisation's policy; what it does not allow is asked for.

In a group a family gives up its own seat and never moves the others. `asked` has the requests, `make_up` the
lessons that are had again.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, func, select

from core import services
from core.access import Viewer
from core.domain import ClassSession, LessonChange, Person
from core.domain.load import seats, session_view
from core.errors import Conflict
from core.lifecycle.clash import Booking, booking_of, check_free, clash
from core.lifecycle.families import check_theirs, student_for
from core.lifecycle.make_up import grant_credit, of_package
from core.lifecycle.schedule import announce, cancel_in, changeable, close_seat, move_in
from core.scheduling.policy import Case, Kind, Policy, Verdict, judge, month_of
from core.scheduling.windows import Window
from core.views import ClassSessionView


def policy() -> Policy:
    """The organisation's rules, from its settings."""
    settings = services.current().settings
    return Policy(
        notice=timedelta(seconds=settings.change_notice_s),
        most_a_month=settings.change_most_per_month,
        kinds=frozenset(settings.change_kinds),
        make_up=timedelta(days=settings.make_up_days),
    )


def verdict(db: Session, row: ClassSession, student: Person, kind: Kind) -> Verdict:
    """What the policy says about a change of this lesson for this student, now."""
    now = services.current().clock.now()
    month = month_of(now, ZoneInfo(student.tz))
    had = db.exec(
        select(func.count())
        .select_from(LessonChange)
        .where(
            LessonChange.student_id == student.id,
            LessonChange.at >= month.starts_at,
            LessonChange.at < month.ends_at,
        )
    ).one()
    others = sum(seat.role == "student" and seat.person_id != student.id for seat in seats(db, row.id))
    case = Case(Window(row.starts_at, row.ends_at), had, others, begun=row.status != "scheduled")
    found = judge(policy(), kind, case, now)
    return replace(found, credit=found.credit and not of_package(db, row))


def reschedule(
    viewer: Viewer, session_id: str, starts_at: datetime, version: int, student_id: str = ""
) -> ClassSessionView:
    """Another time that suits everybody, at once. version: of the lesson, as last seen.

    NotFound; Conflict when the policy wants it to be asked for, or somebody cannot then.
    """
    wanted: Booking | None = None
    try:
        with services.current().store.write() as db:
            student = student_for(db, viewer, session_id, student_id)
            row = changeable(db, session_id, version)
            _check_allowed(verdict(db, row, student, "move"))
            wanted = booking_of(db, row.id, Window(starts_at, starts_at + (row.ends_at - row.starts_at)))
            check_free(db, wanted)
            change = _note_change(viewer, row, student, "move")
            move_in(db, viewer, row, wanted.lesson.starts_at, wanted.lesson.ends_at)
            change.session_version = row.version
            db.add(change)
            return session_view(db, session_id)
    except DBAPIError as error:
        raise clash(error, wanted) from error


def undo_reschedule(viewer: Viewer, session_id: str, version: int) -> ClassSessionView:
    """Back to where the lesson was, shortly after this person moved it; then it was no change at all. Conflict."""
    wanted: Booking | None = None
    service = services.current()
    try:
        with service.store.write() as db:
            since = service.clock.now() - timedelta(seconds=service.settings.change_undo_s)
            change = db.exec(
                select(LessonChange).where(
                    LessonChange.session_id == session_id,
                    LessonChange.by == viewer.person_id,
                    LessonChange.kind == "move",
                    LessonChange.session_version == version,
                    LessonChange.at >= since,
                )
            ).first()
            if change is None:
                check_theirs(db, viewer, session_id)
                raise Conflict("This can no longer be taken back. You can move the lesson again.")
            student_for(db, viewer, session_id, change.student_id)
            row = changeable(db, session_id, version)
            wanted = booking_of(db, row.id, Window(change.was_starts_at, change.was_ends_at))
            move_in(db, viewer, row, change.was_starts_at, change.was_ends_at)
            db.delete(change)
            return session_view(db, session_id)
    except DBAPIError as error:
        raise clash(error, wanted) from error


def cancel(viewer: Viewer, session_id: str, version: int, student_id: str = "") -> str:
    """The lesson does not take place; in a group, this family's seat is given up. Returns the credit's id or "".

    NotFound; Conflict when the policy wants it to be asked for.
    """
    with services.current().store.write() as db:
        student = student_for(db, viewer, session_id, student_id)
        row = changeable(db, session_id, version)
        found = verdict(db, row, student, "cancel")
        _check_allowed(found)
        change = _note_change(viewer, row, student, "cancel")
        give_up(db, viewer, row, student)
        change.session_version = row.version
        db.add(change)
        return grant_credit(db, row, student) if found.credit else ""


def _check_allowed(found: Verdict) -> None:
    if found.answer != "allowed":
        raise Conflict(found.reasons[0].words, **found.reasons[0].params)


def _note_change(viewer: Viewer, row: ClassSession, student: Person, kind: Kind) -> LessonChange:
    return LessonChange(
        session_id=row.id,
        student_id=student.id,
        kind=kind,
        by=viewer.person_id,
        at=services.current().clock.now(),
        was_starts_at=row.starts_at,
        was_ends_at=row.ends_at,
        session_version=row.version,
    )


def give_up(db: Session, viewer: Viewer, row: ClassSession, student: Person) -> None:
    """The last student takes the lesson with them; one of several their own seat alone."""
    students = [seat for seat in seats(db, row.id) if seat.role == "student"]
    if len(students) <= 1:
        cancel_in(db, viewer, row)
        return
    close_seat(
        db, next(seat for seat in students if seat.person_id == student.id), services.current().clock.now()
    )
    announce(db, viewer, row, "left")
