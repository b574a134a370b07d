"""Everything that says when somebody can have a lesson, read at once for many people."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import NamedTuple, cast

import sqlalchemy as sa
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
from core.scheduling.cut import HoursRow
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
) -> dict[str, Bookable]:
    """By person id; nine queries however many people. without_session: its seats do not count as booked."""
    ids = list(dict.fromkeys(person_ids))
    people = _people(db, ids)
    profiles = _profiles(db, ids)
    courses = _courses(db, ids)
    booked = booked_of(db, ids, within.widened(LIMITS_SPAN), without_session)
    busy = _busy(db, ids, within)
    return {
        one.id: Bookable(
            person_id=one.id,
            name=one.name,
            tz=availability.tz,
            lang=one.lang,
            availability=availability,
            booked=tuple(booked[one.id]),
            busy=tuple(merged(busy[one.id])),
            languages=frozenset(profiles.get(one.id, _NO_PROFILE).languages or [one.lang]),
            courses=frozenset(courses.get(one.id, ())),
        )
        for one, availability in _availabilities(db, people, profiles, within)
    }


def availabilities(db: Session, person_ids: Sequence[str], within: Window) -> dict[str, Availability]:
    """When they have time, whatever is booked; by person id."""
    ids = list(dict.fromkeys(person_ids))
    found = _availabilities(db, _people(db, ids), _profiles(db, ids), within)
    return {one.id: availability for one, availability in found}


def booked_of(
    db: Session, ids: Sequence[str], within: Window, without_session: str = ""
) -> dict[str, list[Window]]:
    """Their lessons in this span, in order, by person id; empty for everybody else."""
    found: dict[str, list[Window]] = defaultdict(list)
    for who, starts_at, ends_at in db.exec(
        select(Seat.person_id, Seat.starts_at, Seat.ends_at)
        .join(ClassSession, col(ClassSession.id) == Seat.session_id)
        .where(
            col(Seat.person_id).in_(ids),
            col(Seat.active).is_(True),
            col(ClassSession.status) != "cancelled",
            Seat.session_id != without_session,
            Seat.starts_at < within.ends_at,
            Seat.ends_at > within.starts_at,
        )
        .order_by(col(Seat.starts_at))
    ):
        found[who].append(Window(starts_at, ends_at))
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


def hours_of(db: Session, course_id: str) -> Sequence[HoursRow]:
    """The weekly hours of everybody who is qualified, active or not: plain columns, there may be thousands."""
    row = AvailabilityHours
    columns = (col(row.person_id), col(row.tz), col(row.weekday), col(row.starts), col(row.ends))
    hours = sa.select(*columns).join(Qualification, col(Qualification.instructor_id) == row.person_id)
    found = db.connection().execute(hours.where(col(Qualification.course_id) == course_id))
    return cast("Sequence[HoursRow]", found.all())


def speakers(db: Session, person_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The languages of each of them, their own first."""
    languages = sa.select(col(Person.id), col(Person.lang), col(BookingProfile.languages)).outerjoin(
        BookingProfile, col(BookingProfile.person_id) == Person.id
    )
    rows = db.connection().execute(languages.where(col(Person.id).in_(person_ids)))
    return {person_id: (lang, *(taught or ())) for person_id, lang, taught in rows.all()}


def extra_open(db: Session, course_id: str, within: Window) -> set[str]:
    """Who of everybody who is qualified is open in this span although their week says otherwise."""
    row = AvailabilityException
    extra = select(row.person_id).join(Qualification, col(Qualification.instructor_id) == row.person_id)
    return set(
        db.exec(
            extra.where(
                Qualification.course_id == course_id,
                row.kind == "extra",
                row.starts_at < within.ends_at,
                row.ends_at > within.starts_at,
            )
        )
    )


class _Person(NamedTuple):
    id: str
    name: str
    tz: str
    lang: str


def _people(db: Session, ids: Sequence[str]) -> list[_Person]:
    rows = db.exec(select(Person.id, Person.name, Person.tz, Person.lang).where(col(Person.id).in_(ids)))
    return [_Person(*row) for row in rows]


def _availabilities(
    db: Session, people: Sequence[_Person], profiles: Mapping[str, "_Profile"], within: Window
) -> list[tuple[_Person, Availability]]:
    ids = [one.id for one in people]
    teachers = _teachers(db, ids)
    holidays = _holidays(db, {profile.holiday_calendar_id for profile in profiles.values()} - {None})
    hours, exceptions = _hours(db, ids), _exceptions(db, ids, within)
    found: list[tuple[_Person, Availability]] = []
    for one in people:
        profile = profiles.get(one.id, _NO_PROFILE)
        tz = profile.tz or one.tz
        weekly = hours.get(one.id) or ([] if one.id in teachers else _always(tz))
        off = holidays.get(profile.holiday_calendar_id or "", frozenset())
        dated = tuple(exceptions.get(one.id, ()))
        found.append((one, Availability(tz, tuple(weekly), dated, off, profile.limits)))
    return found


class _Profile(NamedTuple):
    """`BookingProfile` as columns: many are read, none is changed."""

    tz: str = ""
    languages: Sequence[str] = ()
    notice_s: int = 0
    buffer_s: int = 0
    most_a_day: int = 0
    most_a_week: int = 0
    holiday_calendar_id: str | None = None

    @property
    def limits(self) -> Limits:
        notice, buffer = timedelta(seconds=self.notice_s), timedelta(seconds=self.buffer_s)
        return Limits(notice, buffer, self.most_a_day, self.most_a_week)


_NO_PROFILE = _Profile()


def _profiles(db: Session, ids: Sequence[str]) -> dict[str, _Profile]:
    row = BookingProfile
    columns = (
        col(row.person_id),
        col(row.tz),
        col(row.languages),
        col(row.notice_s),
        col(row.buffer_s),
        col(row.most_a_day),
        col(row.most_a_week),
        col(row.holiday_calendar_id),
    )
    rows = db.connection().execute(sa.select(*columns).where(col(row.person_id).in_(ids)))
    return {one[0]: _Profile(*one[1:]) for one in rows.all()}


def _teachers(db: Session, ids: Sequence[str]) -> set[str]:
    roles = select(PersonRole.person_id).where(
        col(PersonRole.person_id).in_(ids), PersonRole.role == "instructor"
    )
    return set(db.exec(roles))


def _courses(db: Session, ids: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for who, course_id in db.exec(
        select(Qualification.instructor_id, Qualification.course_id).where(
            col(Qualification.instructor_id).in_(ids)
        )
    ):
        found[who].append(course_id)
    return found


def _hours(db: Session, ids: Sequence[str]) -> dict[str, list[WeeklyHours]]:
    row = AvailabilityHours
    columns = (
        col(row.person_id),
        col(row.weekday),
        col(row.starts),
        col(row.ends),
        col(row.tz),
        col(row.valid_from),
        col(row.valid_until),
    )
    found: dict[str, list[WeeklyHours]] = defaultdict(list)
    rows = db.connection().execute(sa.select(*columns).where(col(row.person_id).in_(ids)))
    for who, weekday, starts, ends, tz, since, until in rows.all():
        found[who].append(WeeklyHours(weekday, starts, ends, tz, since, until))
    return found


def _always(tz: str) -> list[WeeklyHours]:
    return [WeeklyHours(weekday, time(0), time(0), tz) for weekday in range(7)]


def _holidays(db: Session, ids: set[str | None]) -> dict[str, frozenset[date]]:
    rows = db.exec(select(HolidayCalendar).where(col(HolidayCalendar.id).in_(ids)))
    return {row.id: frozenset(date.fromisoformat(day) for day in row.days) for row in rows}


def _exceptions(db: Session, ids: Sequence[str], within: Window) -> dict[str, list[DatedException]]:
    found: dict[str, list[DatedException]] = defaultdict(list)
    row = AvailabilityException
    for who, kind, starts_at, ends_at in db.exec(
        select(row.person_id, row.kind, row.starts_at, row.ends_at).where(
            col(row.person_id).in_(ids), row.starts_at < within.ends_at, row.ends_at > within.starts_at
        )
    ):
        one = Window(starts_at, ends_at)
        found[who].append(DatedException("extra" if kind == "extra" else "away", one))
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
