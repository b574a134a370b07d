"""What a new series would be: its dates with the clashes marked, holidays, and packages of lessons."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

from sqlmodel import Session, col, select

from core import services
from core.access import Viewer
from core.domain import BookingProfile, Course, HolidayCalendar, LessonPackage
from core.errors import NotAllowed
from core.i18n import N_, gettext
from core.lifecycle.clash import taken
from core.lifecycle.series import NewSeries, lessons_of, lessons_used, within_package
from core.queries.common import iso
from core.scheduling.windows import span


@dataclass(frozen=True)
class DateLine:
    """One date of a series. says: the lesson in the way in the viewer's language, "" when it is free.

    moved: the clocks skip that time, so that it is a little later.
    """

    starts_at: str
    says: str
    moved: bool


@dataclass(frozen=True)
class Preview:
    """holidays: (ISO date, name) that fall on the rule's dates and are left out when asked."""

    dates: list[DateLine]
    clashes: int
    holidays: list[tuple[str, str]]


def preview(viewer: Viewer, new_series: NewSeries, *, skip_holidays: bool) -> Preview:
    """What booking this series would do, without doing it. InvalidInput."""
    if not viewer.has("coordinator"):
        raise NotAllowed()
    with services.current().store.read() as db:
        new = within_package(db, new_series)
        off = _holidays(db, new.people)
        named = {one.local.date() for one in lessons_of(new)}
        hit = [(day.isoformat(), off[day]) for day in sorted(named & off.keys())]
        if skip_holidays:
            new = replace(new, skip=tuple(sorted(off)))
        dates = lessons_of(new)
        length = timedelta(minutes=new.length_min)
        against = taken(db, new.people, [span(one.starts_at, length) for one in dates])
    lines: list[DateLine] = []
    for one in dates:
        clash = against.get(span(one.starts_at, length))
        says = gettext(clash.message, viewer.lang, **clash.facts) if clash else ""
        lines.append(DateLine(iso(one.starts_at), says, one.moved))
    return Preview(lines, len(against), hit)


def without_holidays(viewer: Viewer, new_series: NewSeries) -> NewSeries:
    """The same series, the holidays of its people left out."""
    if not viewer.has("coordinator"):
        raise NotAllowed()
    with services.current().store.read() as db:
        return replace(new_series, skip=tuple(sorted(_holidays(db, new_series.people))))


def _holidays(db: Session, person_ids: tuple[str, ...]) -> dict[date, str]:
    """Dates on which one of these people has a holiday, with its name, by their holiday calendars."""
    calendars = db.exec(
        select(HolidayCalendar)
        .join(BookingProfile, col(BookingProfile.holiday_calendar_id) == HolidayCalendar.id)
        .where(col(BookingProfile.person_id).in_(person_ids))
    )
    return {date.fromisoformat(day): str(name) for one in calendars for day, name in one.days.items()}


def packages(viewer: Viewer, course_id: str, student_id: str) -> list[tuple[str, str]]:
    """(id, lessons left in words) of a student's packages in a course that are not used up."""
    if not viewer.has("coordinator"):
        raise NotAllowed()
    with services.current().store.read() as db:
        rows = db.exec(
            select(LessonPackage, Course)
            .join(Course, col(Course.id) == LessonPackage.course_id)
            .where(LessonPackage.student_id == student_id, LessonPackage.course_id == course_id)
            .order_by(col(LessonPackage.created_at))
        ).all()
        left = [(row, course, row.lessons - lessons_used(db, row.id)) for row, course in rows]
    words = N_("{course}: {left} of {all} lessons left")
    return [
        (row.id, gettext(words, viewer.lang, course=course.name, left=n, all=row.lessons))
        for row, course, n in left
        if n > 0
    ]
