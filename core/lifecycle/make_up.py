"""Lessons that fell out in time may be had again: a credit is granted, used up, or its last day passes."""

from datetime import datetime, timedelta

from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select

from core import services
from core.access import Viewer
from core.delivery import emit
from core.domain import ClassSession, MakeUpCredit, Person, Series
from core.domain.load import get_session, seats, session_view
from core.errors import Conflict, NotFound
from core.events import CreditChanged
from core.lifecycle.clash import Booking, check_free, clash
from core.lifecycle.families import acts_for, check_of_age
from core.lifecycle.schedule import NewSession, schedule_in
from core.scheduling.windows import Window
from core.views import ClassSessionView


def book_make_up(viewer: Viewer, credit_id: str, starts_at: datetime) -> ClassSessionView:
    """A lesson that fell out is had again, with its instructor, at a time that suits both. Uses the credit up.

    NotFound; Conflict when it was used or has expired, or somebody cannot then.
    """
    wanted: Booking | None = None
    try:
        with services.current().store.write() as db:
            credit = db.get(MakeUpCredit, credit_id, with_for_update=True)
            if credit is None or credit.student_id not in acts_for(db, viewer):
                raise NotFound()
            check_of_age(db.get_one(Person, credit.student_id), viewer)
            _check_usable(credit)
            was = get_session(db, credit.session_id)
            new = _make_up(db, was, credit.student_id, starts_at)
            wanted = Booking(Window(new.starts_at, new.ends_at), new.instructor_id, new.student_ids)
            if new.starts_at > credit.expires_at:
                raise Conflict("This lesson can be had again until its last day alone.")
            check_free(db, wanted)
            row = schedule_in(db, viewer, new)
            credit.used_session_id, credit.version = row.id, credit.version + 1
            db.add(credit)
            emit(
                db,
                CreditChanged(
                    session_id=row.id, person_id=credit.student_id, credit_id=credit.id, change="used"
                ),
            )
            return session_view(db, row.id)
    except DBAPIError as error:
        raise clash(error, wanted) from error


def grant_credit(db: Session, row: ClassSession, student: Person) -> str:
    """This lesson may be had again; returns the credit's id. One that was had again keeps the last day it had."""
    service = services.current()
    now = service.clock.now()
    former = db.exec(select(MakeUpCredit).where(MakeUpCredit.used_session_id == row.id)).first()
    lasts = former.expires_at if former else now + timedelta(days=service.settings.make_up_days)
    credit = MakeUpCredit(
        student_id=student.id,
        course_id=row.course_id,
        session_id=row.id,
        granted_at=now,
        expires_at=lasts,
    )
    db.add(credit)
    db.flush()
    emit(db, CreditChanged(session_id=row.id, person_id=student.id, credit_id=credit.id, change="granted"))
    return credit.id


def _check_usable(credit: MakeUpCredit) -> None:
    if credit.used_session_id is not None:
        raise Conflict("This lesson was had again already.")
    if credit.expires_at <= services.current().clock.now():
        raise Conflict("This lesson could be had again until its last day; that is over.")


def _make_up(db: Session, was: ClassSession, student_id: str, starts_at: datetime) -> NewSession:
    return NewSession(
        course_id=was.course_id,
        instructor_id=teacher_of(db, was.id),
        student_ids=(student_id,),
        starts_at=starts_at,
        ends_at=starts_at + (was.ends_at - was.starts_at),
        title=was.title,
        topic_id=was.topic_id,
        language=was.language,
    )


def teacher_of(db: Session, session_id: str) -> str:
    """Who gave, or would have given, this lesson last; cancelled lessons have closed seats."""
    taught = [seat for seat in seats(db, session_id, active_only=False) if seat.role == "instructor"]
    if not taught:
        raise Conflict("Nobody teaches this lesson at the moment. Please ask a coordinator.")
    return min(taught, key=lambda seat: (not seat.active, seat.id)).person_id


def of_package(db: Session, row: ClassSession) -> bool:
    """A cancelled lesson goes back into its package, so that it needs no credit."""
    series = db.get(Series, row.series_id) if row.series_id else None
    return series is not None and series.package_id is not None
