"""Everything that says when somebody can have a lesson, read at once for many people."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta

from sqlmodel import Session, col, select

from core.domain import (
    AvailabilityException,
    AvailabilityHours,
    BookingProfile,
    BusyTime,
    ClassSession,
    HolidayCalendar,
    Person,
    PersonRole,
    Qualification,
    Seat,
)
from core.scheduling.availability import Availability, DatedException, Limits, WeeklyHours
from core.scheduling.matching import Teacher
from core.scheduling.windows import Window, merged

LIMITS_SPAN = timedelta(days=7)
"""Lessons a week are counted beyond the span asked for."""


@dataclass(frozen=True, slots=True)
class Bookable:
    """Everything that says when one person can have a lesson. booked: their lessons; busy: other things.

    courses: ids they may teach; empty for students. An instructor without hours is closed, a student open.
    """

    person_id: str
    name: str
    tz: str
    lang: str
    availability: Availability
    booked: tuple[Window, ...]
    busy: tuple[Window, ...]
    languages: frozenset[str]
    courses: frozenset[str]


def bookable(
    db: Session,
    person_ids: Sequence[str],
    within: Window,
    *,
    without_session: str = "",
    without_lessons: bool = False,
) -> dict[str, Bookable]:
    """By person id; eight queries however many people. without_session: its seats do not count as booked.
    without_lessons: booked and busy stay empty, for whoever looks at many people roughly first."""
    ids = list(dict.fromkeys(person_ids))
    people = db.exec(select(Person).where(col(Person.id).in_(ids))).all()
    teachers = set(
        db.exec(
            select(PersonRole.person_id).where(
                col(PersonRole.person_id).in_(ids), PersonRole.role == "instructor"
            )
        )
    )
    profiles = {
        row.person_id: row
        for row in db.exec(select(BookingProfile).where(col(BookingProfile.person_id).in_(ids)))
    }
    holidays = _holidays(db, {row.holiday_calendar_id for row in profiles.values()} - {None})
    hours: dict[str, list[WeeklyHours]] = defaultdict(list)
    for row in db.exec(select(AvailabilityHours).where(col(AvailabilityHours.person_id).in_(ids))):
        hours[row.person_id].append(
            WeeklyHours(row.weekday, row.starts, row.ends, row.tz, row.valid_from, row.valid_until)
        )
    exceptions = _exceptions(db, ids, within)
    booked: dict[str, list[Window]] = defaultdict(list)
    busy: dict[str, list[Window]] = defaultdict(list)
    if not without_lessons:
        booked, busy = _booked(db, ids, within, without_session), _busy(db, ids, within)
    courses: dict[str, set[str]] = defaultdict(set)
    for who, course_id in db.exec(
        select(Qualification.instructor_id, Qualification.course_id).where(
            col(Qualification.instructor_id).in_(ids)
        )
    ):
        courses[who].add(course_id)
    found: dict[str, Bookable] = {}
    for person in people:
        profile = profiles.get(person.id) or BookingProfile(person_id=person.id)
        tz = profile.tz or person.tz
        weekly = hours[person.id] or ([] if person.id in teachers else _always(tz))
        found[person.id] = Bookable(
            person_id=person.id,
            name=person.name,
            tz=tz,
            lang=person.lang,
            availability=Availability(
                tz,
                tuple(weekly),
                tuple(exceptions[person.id]),
                holidays.get(profile.holiday_calendar_id or "", frozenset()),
                Limits(
                    timedelta(seconds=profile.notice_s),
                    timedelta(seconds=profile.buffer_s),
                    profile.most_a_day,
                    profile.most_a_week,
                ),
            ),
            booked=tuple(booked[person.id]),
            busy=tuple(merged(busy[person.id])),
            languages=frozenset(profile.languages or [person.lang]),
            courses=frozenset(courses[person.id]),
        )
    return found


def as_teacher(one: Bookable) -> Teacher:
    """The same in the words of core.scheduling."""
    return Teacher(
        person_id=one.person_id,
        name=one.name,
        tz=one.tz,
        availability=one.availability,
        lang=one.lang,
        booked=one.booked,
        busy=one.busy,
        languages=one.languages,
        courses=one.courses,
    )


def teachers_of(db: Session, course_id: str) -> list[str]:
    """Ids of the active people who may teach it, by name."""
    return list(
        db.exec(
            select(Person.id)
            .join(Qualification, col(Qualification.instructor_id) == Person.id)
            .join(PersonRole, col(PersonRole.person_id) == Person.id)
            .where(
                Qualification.course_id == course_id,
                PersonRole.role == "instructor",
                col(Person.active).is_(True),
            )
            .order_by(col(Person.name), col(Person.id))
        )
    )


def _always(tz: str) -> list[WeeklyHours]:
    return [WeeklyHours(weekday, time(0), time(0), tz) for weekday in range(7)]


def _holidays(db: Session, ids: set[str | None]) -> dict[str, frozenset[date]]:
    rows = db.exec(select(HolidayCalendar).where(col(HolidayCalendar.id).in_(ids)))
    return {row.id: frozenset(date.fromisoformat(day) for day in row.days) for row in rows}


def _exceptions(db: Session, ids: Sequence[str], within: Window) -> dict[str, list[DatedException]]:
    found: dict[str, list[DatedException]] = defaultdict(list)
    for row in db.exec(
        select(AvailabilityException).where(
            col(AvailabilityException.person_id).in_(ids),
            AvailabilityException.starts_at < within.ends_at,
            AvailabilityException.ends_at > within.starts_at,
        )
    ):
        kind = "extra" if row.kind == "extra" else "away"
        found[row.person_id].append(DatedException(kind, Window(row.starts_at, row.ends_at)))
    return found


def _booked(db: Session, ids: Sequence[str], within: Window, without_session: str) -> dict[str, list[Window]]:
    wide = within.widened(LIMITS_SPAN)
    found: dict[str, list[Window]] = defaultdict(list)
    for who, starts_at, ends_at in db.exec(
        select(Seat.person_id, Seat.starts_at, Seat.ends_at)
        .join(ClassSession, col(ClassSession.id) == Seat.session_id)
        .where(
            col(Seat.person_id).in_(ids),
            col(Seat.active).is_(True),
            col(ClassSession.status) != "cancelled",
            Seat.session_id != without_session,
            Seat.starts_at < wide.ends_at,
            Seat.ends_at > wide.starts_at,
        )
        .order_by(col(Seat.starts_at))
    ):
        found[who].append(Window(starts_at, ends_at))
    return found


def _busy(db: Session, ids: Sequence[str], within: Window) -> dict[str, list[Window]]:
    found: dict[str, list[Window]] = defaultdict(list)
    for who, starts_at, ends_at in db.exec(
        select(BusyTime.person_id, BusyTime.starts_at, BusyTime.ends_at).where(
            col(BusyTime.person_id).in_(ids),
            BusyTime.starts_at < within.ends_at,
            BusyTime.ends_at > within.starts_at,
        )
    ):
        found[who].append(Window(starts_at, ends_at))
    return found
