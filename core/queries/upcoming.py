"""What a family may do with a lesson that is to come, until when, and at which other times."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlmodel import Session, col, select

from core import services
from core.access import Viewer
from core.domain import ChangeRequest, Course, MakeUpCredit, Person, Seat
from core.domain.load import get_session, session_view
from core.errors import Conflict, NotFound
from core.i18n import gettext, same_clock, zone, zone_name
from core.lifecycle.changes import verdict
from core.lifecycle.families import acts_for, check_of_age, student_for
from core.lifecycle.make_up import teacher_of
from core.queries.common import iso
from core.queries.free import free_times
from core.scheduling.policy import Verdict
from core.scheduling.windows import Window, span

LOOKED_AT = 90
A_DAY = 4
"""Other times of one day, those nearest to the lesson's usual hour; more would not be read."""


@dataclass(frozen=True)
class FreeDay:
    """Times of one day in the reader's zone; day and starts: ISO, UTC."""

    day: str
    starts: list[str]


@dataclass(frozen=True)
class Asked:
    """A request that waits for a coordinator. kind: move | cancel; starts_at: "" for cancel."""

    id: str
    kind: str
    starts_at: str
    version: int


@dataclass(frozen=True)
class Options:
    """move, cancel: allowed | request | refused, with the sentences why. until: by themselves up to then.

    place: the instructor's zone as people say it, "" when it shows the same clock. credit: a cancelled lesson may
    be had again. asked.id is empty when nothing waits.
    """

    session_id: str
    student_id: str
    course: str
    instructor: str
    tz: str
    place: str
    starts_at: str
    version: int
    move: str
    move_why: list[str]
    cancel: str
    cancel_why: list[str]
    credit: bool
    until: str
    asked: Asked
    days: list[FreeDay]


NOTHING_ASKED = Asked("", "", "", 0)
NO_OPTIONS = Options("", "", "", "", "", "", "", 0, "", [], "", [], False, "", NOTHING_ASKED, [])
"""Stands where there is none: its ids are empty."""


@dataclass(frozen=True)
class Credit:
    """A lesson that may be had again until its last day."""

    id: str
    course: str
    expires_at: str


def options(viewer: Viewer, session_id: str, student_id: str = "") -> Options:
    """For one lesson of the viewer or their child. NotFound; NotAllowed for a minor who may not."""
    with services.current().store.read() as db:
        student = student_for(db, viewer, session_id, student_id, lock=False)
        row = get_session(db, session_id)
        if row.status != "scheduled":
            raise Conflict("This lesson has started or is over; it cannot be changed any more.")
        view = session_view(db, session_id)
        move, cancel = (verdict(db, row, student, kind) for kind in ("move", "cancel"))
        lesson = Window(row.starts_at, row.ends_at)
        teacher = db.get_one(Person, (*view.people("instructor"), row.created_by)[0])
        days: list[FreeDay] = []
        if move.answer != "refused" and view.people("instructor"):
            free = free_times(
                db, teacher.id, view.people("student"), lesson, most=LOOKED_AT, without_session=row.id
            )
            days = _by_day(viewer, [one for one in free if one != lesson], row.starts_at)
        return Options(
            session_id=row.id,
            student_id=student.id,
            course=db.get_one(Course, row.course_id).name,
            instructor=teacher.name,
            tz=teacher.tz,
            place=_place(viewer, teacher, row.starts_at),
            starts_at=iso(row.starts_at),
            version=row.version,
            move=move.answer,
            move_why=_said(viewer, move),
            cancel=cancel.answer,
            cancel_why=_said(viewer, cancel),
            credit=cancel.credit,
            until=iso(move.until),
            asked=_asked(db, row.id, student.id),
            days=days,
        )


def make_up_options(viewer: Viewer, credit_id: str) -> Options:
    """Times at which a lesson that fell out can be had again. session_id is empty. NotFound."""
    service = services.current()
    with service.store.read() as db:
        credit = db.get(MakeUpCredit, credit_id)
        if credit is None or credit.student_id not in acts_for(db, viewer):
            raise NotFound()
        check_of_age(db.get_one(Person, credit.student_id), viewer)
        was = get_session(db, credit.session_id)
        teacher = db.get_one(Person, teacher_of(db, was.id))
        around = span(service.clock.now() + timedelta(days=4), was.ends_at - was.starts_at)
        free = free_times(db, teacher.id, (credit.student_id,), around, most=LOOKED_AT)
        free = [one for one in free if one.starts_at <= credit.expires_at]
        days = _by_day(viewer, free, was.starts_at)
        return Options(
            session_id="",
            student_id=credit.student_id,
            course=db.get_one(Course, credit.course_id).name,
            instructor=teacher.name,
            tz=teacher.tz,
            place=_place(viewer, teacher, around.starts_at),
            starts_at="",
            version=credit.version,
            move="allowed",
            move_why=[],
            cancel="refused",
            cancel_why=[],
            credit=False,
            until=iso(credit.expires_at),
            asked=NOTHING_ASKED,
            days=days,
        )


def credits(viewer: Viewer, student_id: str = "") -> list[Credit]:
    """Lessons of the viewer or the chosen child that may still be had again, the first to expire first."""
    service = services.current()
    with service.store.read() as db:
        who = student_id or viewer.person_id
        if who not in acts_for(db, viewer):
            raise NotFound()
        rows = db.exec(
            select(MakeUpCredit, Course)
            .join(Course, col(Course.id) == MakeUpCredit.course_id)
            .where(
                MakeUpCredit.student_id == who,
                col(MakeUpCredit.used_session_id).is_(None),
                MakeUpCredit.expires_at > service.clock.now(),
            )
            .order_by(col(MakeUpCredit.expires_at), col(MakeUpCredit.id))
        )
        return [Credit(row.id, course.name, iso(row.expires_at)) for row, course in rows]


def waiting(viewer: Viewer, student_id: str = "") -> dict[str, str]:
    """Lessons the family has asked about and nobody has answered: kind by session id."""
    with services.current().store.read() as db:
        who = student_id or viewer.person_id
        if who not in acts_for(db, viewer):
            raise NotFound()
        rows = db.exec(
            select(ChangeRequest.session_id, ChangeRequest.kind)
            .join(Seat, col(Seat.session_id) == ChangeRequest.session_id)
            .where(ChangeRequest.student_id == who, ChangeRequest.status == "open", Seat.person_id == who)
        )
        return dict(rows.all())


def may_change(viewer: Viewer) -> bool:
    """Whether this student or guardian changes lessons here at all: minors do not, unless the organisation lets them."""
    with services.current().store.read() as db:
        person = db.get_one(Person, viewer.person_id)
        minor = person.is_minor and not services.current().settings.change_minors
        return viewer.has("guardian") or (viewer.has("student") and not minor)


def _by_day(viewer: Viewer, free: list[Window], usual: datetime) -> list[FreeDay]:
    """A few times of every day in the viewer's zone, nearest to the hour the lesson usually has."""
    here = zone(viewer.tz)
    hour = _minutes(usual.astimezone(here))
    days: dict[date, list[datetime]] = {}
    for one in free:
        local = one.starts_at.astimezone(here)
        days.setdefault(local.date(), []).append(local)
    found: list[FreeDay] = []
    for starts in days.values():
        nearest = sorted(starts, key=lambda at: abs(_minutes(at) - hour))[:A_DAY]
        found.append(FreeDay(_iso(starts[0]), [_iso(at) for at in sorted(nearest)]))
    return found


def _minutes(local: datetime) -> int:
    return local.hour * 60 + local.minute


def _iso(local: datetime) -> str:
    return iso(local.astimezone(UTC))


def _said(viewer: Viewer, found: Verdict) -> list[str]:
    return [gettext(reason.words, viewer.lang, **reason.params) for reason in found.reasons]


def _place(viewer: Viewer, teacher: Person, at: datetime) -> str:
    return "" if same_clock(viewer.tz, teacher.tz, at) else zone_name(teacher.tz, viewer.lang)


def _asked(db: Session, session_id: str, student_id: str) -> Asked:
    row = db.exec(
        select(ChangeRequest).where(
            ChangeRequest.session_id == session_id,
            ChangeRequest.student_id == student_id,
            ChangeRequest.status == "open",
        )
    ).first()
    return Asked(row.id, row.kind, iso(row.starts_at), row.version) if row else NOTHING_ASKED
