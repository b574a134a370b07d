"""Before step 1: when people may be booked. They say so themselves, or a coordinator does it for them.

Whatever shrinks somebody's time looks at once which of their lessons are hit, and a substitute is sought for each
in the same transaction. A lesson that was booked outside the hours on purpose is not hit by a change beside it. When
the time is given back before somebody has taken the lesson, the search ends by itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from urllib.parse import urlsplit

from sqlmodel import Session, col, delete, select
from sqlmodel.sql.expression import SelectOfScalar

from core import services
from core.access import Actor
from core.delivery import audit, emit
from core.domain import (
    AvailabilityException,
    AvailabilityHours,
    BookingProfile,
    BusyCalendar,
    BusyTime,
    ClassSession,
    HolidayCalendar,
    Person,
    PersonRole,
    Seat,
)
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from core.events import AvailabilityChanged
from core.lifecycle import substitutes
from core.queries.bookable import availabilities
from core.scheduling.availability import Availability, WeeklyHours, check_hours, open_windows
from core.scheduling.times import MAX_AHEAD, zone
from core.scheduling.windows import Window

MOST_EXCEPTIONS = 200
LONGEST_AWAY = timedelta(days=366)
MOST_HOLIDAYS = 1_000
MAX_NOTE = 500
MAX_URL = 2_000
MOST_LANGUAGES = 12
_DAY_S, _WEEK_S = 86_400, 7 * 86_400


@dataclass(frozen=True, slots=True)
class Profile:
    """How somebody may be booked. Durations in seconds, 0 = none; tz "" = their own."""

    tz: str = ""
    languages: tuple[str, ...] = ()
    notice_s: int = 0
    buffer_s: int = 0
    most_a_day: int = 0
    most_a_week: int = 0
    holiday_calendar_id: str | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A lesson that no longer fits its instructor's time."""

    session_id: str
    starts_at: datetime
    ends_at: datetime


def set_profile(actor: Actor, person_id: str, profile: Profile, version: int) -> list[Hit]:
    """Limits, languages, holidays. version: what the caller last saw, 0 = nothing yet. InvalidInput, Conflict."""
    _check_profile(profile)
    with services.current().store.write() as db:
        row, before = _begin(db, actor, person_id, version)
        _change_profile(db, row, profile)
        return _finish(db, actor, [row], before, "shrunk")


def set_hours(actor: Actor, person_id: str, hours: Sequence[WeeklyHours], version: int) -> list[Hit]:
    """All weekly hours, in place of what was there. InvalidInput for what overlaps, Conflict for an older version."""
    check_hours(hours)
    with services.current().store.write() as db:
        row, before = _begin(db, actor, person_id, version)
        _replace_hours(db, person_id, hours)
        return _finish(db, actor, [row], before, "shrunk")


def add_exception(
    actor: Actor, person_id: str, kind: str, starts_at: datetime, ends_at: datetime, note: str = ""
) -> tuple[str, list[Hit]]:
    """Away, or open although the week says otherwise; returns its id and the lessons that are hit. InvalidInput."""
    now = services.current().clock.now()
    if kind not in ("away", "extra"):
        raise InvalidInput("kind", "Please say whether you are away or there.")
    _check_span(starts_at, ends_at, now)
    with services.current().store.write() as db:
        row, before = _begin(db, actor, person_id, None)
        kept = db.exec(
            select(AvailabilityException.id).where(
                AvailabilityException.person_id == person_id, AvailabilityException.ends_at > now
            )
        ).all()
        if len(kept) >= MOST_EXCEPTIONS:
            raise InvalidInput("starts_at", "There are {most} dates at most.", most=MOST_EXCEPTIONS)
        span = Window(starts_at, ends_at)
        made = _exception(person_id, kind, span, note.strip()[:MAX_NOTE], actor.person_id or person_id)
        db.add(made)
        return made.id, _finish(db, actor, [row], before, "away")


def remove_exception(actor: Actor, exception_id: str) -> list[Hit]:
    """Away no more; or no longer open, and then lessons may be hit. NotFound."""
    with services.current().store.write() as db:
        found = db.get(AvailabilityException, exception_id)
        if found is None:
            raise NotFound()
        row, before = _begin(db, actor, found.person_id, None)
        db.delete(found)
        return _finish(db, actor, [row], before, "shrunk")


def set_holidays(
    actor: Actor,
    name: str,
    days: dict[date, str],
    calendar_id: str | None = None,
    version: int | None = None,
) -> str:
    """Make or replace a holiday calendar; returns its id. Coordinators alone. Lessons that are hit need a substitute.

    version: what the caller last saw of it, None = any. InvalidInput, Conflict for an older version or a name twice.
    """
    _coordinator(actor)
    name = name.strip()[:100]
    if not name:
        raise InvalidInput("name", "Please give the calendar a name.")
    if len(days) > MOST_HOLIDAYS:
        raise InvalidInput("first", "There are {most} dates at most.", most=MOST_HOLIDAYS)
    with services.current().store.write() as db:
        same = db.exec(select(HolidayCalendar).where(HolidayCalendar.name == name)).first()
        if same is not None and same.id != calendar_id:
            raise Conflict("There is a calendar of that name already.")
        row = db.get(HolidayCalendar, calendar_id, with_for_update=True) if calendar_id else None
        if calendar_id and row is None:
            raise NotFound()
        row = row or HolidayCalendar(name=name, version=0)
        if version is not None and version != row.version:
            raise Conflict()
        followers = db.exec(_followers(row.id).with_for_update()).all()
        before = _availabilities(db, [one.person_id for one in followers])
        row.name, row.version = name, row.version + 1
        row.days = {day.isoformat(): what.strip()[:100] for day, what in sorted(days.items())}
        db.add(row)
        audit(db, actor.person_id, "holidays.change", row.id)
        _finish(db, actor, followers, before, "away")
        return row.id


def remove_holidays(actor: Actor, calendar_id: str, version: int) -> list[str]:
    """Those who follow it, whose ids are returned, have no holidays any more. Coordinators alone.

    NotFound; Conflict for an older version.
    """
    _coordinator(actor)
    with services.current().store.write() as db:
        row = db.get(HolidayCalendar, calendar_id, with_for_update=True)
        if row is None:
            raise NotFound()
        if version != row.version:
            raise Conflict()
        followers = db.exec(_followers(row.id).with_for_update()).all()
        before = _availabilities(db, [one.person_id for one in followers])
        for one in followers:
            one.holiday_calendar_id = None
        audit(db, actor.person_id, "holidays.remove", row.id)
        _finish(db, actor, followers, before, "away")
        db.delete(row)
        return [one.person_id for one in followers]


def holidays_hit(actor: Actor, days: Iterable[date], calendar_id: str) -> list[Hit]:
    """Which lessons of everybody who follows the calendar these days would hit, in place of those it has.

    To be shown before it is saved; changes nothing. Coordinators alone.
    """
    _coordinator(actor)
    with services.current().store.read() as db:
        before = _availabilities(db, [one.person_id for one in db.exec(_followers(calendar_id))])
        off = frozenset(days)
        return _hit(db, before, {who: replace(one, holidays=off) for who, one in before.items()})


def set_busy_calendar(actor: Actor, person_id: str, url: str) -> str:
    """Subscribe to an iCalendar address; it is fetched soon, by the worker. One a person; returns its id."""
    address = _calendar_url(url)
    service = services.current()
    with service.store.write() as db:
        _check_actor(db, actor, person_id)
        _forget_calendars(db, person_id)
        row = BusyCalendar(person_id=person_id, url=address, next_at=service.clock.now())
        db.add(row)
        audit(db, actor.person_id, "calendar.subscribe", row.id, person_id)
        return row.id


def remove_busy_calendar(actor: Actor, person_id: str) -> None:
    """Forget the address and every time that was read from it. Idempotent."""
    with services.current().store.write() as db:
        _check_actor(db, actor, person_id)
        _forget_calendars(db, person_id)
        audit(db, actor.person_id, "calendar.unsubscribe", "", person_id)


def lessons_hit(
    actor: Actor,
    person_id: str,
    *,
    hours: Sequence[WeeklyHours] | None = None,
    away: Window | None = None,
    profile: Profile | None = None,
    without_exception: str = "",
) -> list[Hit]:
    """Which lessons these hours, being away then, or these holidays would hit: to be shown before it is saved.

    without_exception: that one, extra hours for instance, would be removed. Changes nothing.
    """
    if hours is not None:
        check_hours(hours)
    with services.current().store.write() as db:  # rolled back: the question is answered by doing it
        _check_actor(db, actor, person_id)
        before = _availabilities(db, [person_id])
        with db.begin_nested() as trial:
            if hours is not None:
                _replace_hours(db, person_id, hours)
            if away is not None:
                db.add(_exception(person_id, "away", away, "", person_id))
            if profile is not None:
                row = db.get(BookingProfile, person_id) or BookingProfile(person_id=person_id)
                _change_profile(db, row, profile)
            db.exec(
                delete(AvailabilityException).where(
                    col(AvailabilityException.id) == without_exception,
                    col(AvailabilityException.person_id) == person_id,
                )
            )
            db.flush()
            hit = _hit(db, before, _availabilities(db, [person_id]))
            trial.rollback()
        return hit


def _begin(
    db: Session, actor: Actor, person_id: str, version: int | None
) -> tuple[BookingProfile, dict[str, Availability]]:
    """The locked profile (a new one when there is none) and what was so before. None: any version."""
    _check_actor(db, actor, person_id)
    # The person's row, which always exists, lets two first changes wait for each other.
    db.exec(select(Person.id).where(Person.id == person_id).with_for_update())
    row = db.get(BookingProfile, person_id, with_for_update=True)
    if version is not None and version != (row.version if row else 0):
        raise Conflict()
    return row or BookingProfile(person_id=person_id, version=0), _availabilities(db, [person_id])


def _finish(
    db: Session,
    actor: Actor,
    rows: Sequence[BookingProfile],
    before: Mapping[str, Availability],
    reason: str,
) -> list[Hit]:
    """New versions of everybody whose time changed; a substitute is sought for each lesson that is hit."""
    for row in rows:
        row.version += 1
        db.add(row)
    db.flush()
    for row in rows:
        emit(db, AvailabilityChanged(person_id=row.person_id, version=row.version))
        audit(db, actor.person_id, "availability.change", row.person_id, row.person_id)
    after = _availabilities(db, list(before))
    hit = _hit(db, before, after)
    for one in hit:
        substitutes.open_in(db, actor, one.session_id, reason)
    substitutes.withdraw_in(db, actor, after, lambda who, lesson: _inside(after[who], lesson))
    return hit


def _availabilities(db: Session, person_ids: Sequence[str]) -> dict[str, Availability]:
    now = services.current().clock.now()
    return availabilities(db, person_ids, Window(now, now + MAX_AHEAD))


def _followers(calendar_id: str) -> SelectOfScalar[BookingProfile]:
    query = select(BookingProfile).where(BookingProfile.holiday_calendar_id == calendar_id)
    return query.order_by(col(BookingProfile.person_id))


def _hit(db: Session, before: Mapping[str, Availability], after: Mapping[str, Availability]) -> list[Hit]:
    """Lessons they teach that were in their time and are not any more."""
    rows = db.exec(
        select(ClassSession, Seat.person_id)
        .join(Seat, col(Seat.session_id) == ClassSession.id)
        .where(
            col(Seat.person_id).in_(before),
            Seat.role == "instructor",
            col(Seat.active).is_(True),
            ClassSession.status == "scheduled",
            ClassSession.starts_at > services.current().clock.now(),
        )
        .order_by(col(ClassSession.starts_at), col(ClassSession.id))
    )
    return [
        Hit(row.id, row.starts_at, row.ends_at)
        for row, who in rows
        if _inside(before[who], lesson := Window(row.starts_at, row.ends_at))
        and not _inside(after[who], lesson)
    ]


def _inside(availability: Availability, lesson: Window) -> bool:
    return any(one.contains(lesson) for one in open_windows(availability, lesson))


def _change_profile(db: Session, row: BookingProfile, profile: Profile) -> None:
    calendar_id = profile.holiday_calendar_id
    if calendar_id is not None and db.get(HolidayCalendar, calendar_id) is None:
        raise InvalidInput("holiday_calendar_id", "Please choose a holiday calendar.")
    row.tz, row.languages = profile.tz, list(profile.languages)
    row.notice_s, row.buffer_s = profile.notice_s, profile.buffer_s
    row.most_a_day, row.most_a_week = profile.most_a_day, profile.most_a_week
    row.holiday_calendar_id = calendar_id
    db.add(row)


def _exception(person_id: str, kind: str, span: Window, note: str, by: str) -> AvailabilityException:
    return AvailabilityException(
        person_id=person_id,
        kind=kind,
        starts_at=span.starts_at,
        ends_at=span.ends_at,
        note=note,
        created_by=by,
        created_at=services.current().clock.now(),
    )


def _replace_hours(db: Session, person_id: str, hours: Sequence[WeeklyHours]) -> None:
    db.exec(delete(AvailabilityHours).where(col(AvailabilityHours.person_id) == person_id))
    for one in hours:
        db.add(
            AvailabilityHours(
                person_id=person_id,
                weekday=one.weekday,
                starts=one.starts,
                ends=one.ends,
                tz=one.tz,
                valid_from=one.valid_from,
                valid_until=one.valid_until,
            )
        )


def _forget_calendars(db: Session, person_id: str) -> None:
    db.exec(delete(BusyTime).where(col(BusyTime.person_id) == person_id))
    db.exec(delete(BusyCalendar).where(col(BusyCalendar.person_id) == person_id))


def _check_actor(db: Session, actor: Actor, person_id: str) -> None:
    """Instructors for themselves, coordinators for every instructor. NotAllowed, NotFound."""
    if actor.person_id != person_id and not actor.has("coordinator"):
        raise NotAllowed()
    if db.get(PersonRole, (person_id, "instructor")) is None:
        raise NotFound("We could not find that instructor.")


def _coordinator(actor: Actor) -> None:
    if not actor.has("coordinator"):
        raise NotAllowed()


def _check_profile(profile: Profile) -> None:
    if profile.tz:
        zone(profile.tz)
    if len(profile.languages) > MOST_LANGUAGES or not all(_is_language(one) for one in profile.languages):
        raise InvalidInput("languages", "Please choose languages from the list.")
    for field, value, most in (
        ("notice_s", profile.notice_s, 4 * _WEEK_S),
        ("buffer_s", profile.buffer_s, _DAY_S // 4),
        ("most_a_day", profile.most_a_day, 24),
        ("most_a_week", profile.most_a_week, 168),
    ):
        if not 0 <= value <= most:
            raise InvalidInput(field, "Please enter a number between 0 and {most}.", most=most)


def _is_language(tag: str) -> bool:
    """The shape of a BCP 47 tag."""
    parts = tag.split("-")
    return 2 <= len(parts[0]) <= 3 and all(
        part.isascii() and part.isalnum() and len(part) <= 8 for part in parts
    )


def _check_span(starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    if starts_at.tzinfo is None or ends_at.tzinfo is None:
        raise InvalidInput("starts_at", "A time needs its time zone.")
    if ends_at <= starts_at:
        raise InvalidInput("ends_at", "The end is before the start.")
    if ends_at <= now:
        raise InvalidInput("ends_at", "That is over already.")
    if ends_at - starts_at > LONGEST_AWAY or starts_at - now > MAX_AHEAD:
        raise InvalidInput("ends_at", "That is longer than a year, or more than two years ahead.")


def _calendar_url(url: str) -> str:
    """webcal is https by another name. Whether the address may be asked at all is decided when it is."""
    address = url.strip()
    if address.lower().startswith("webcal://"):
        address = "https://" + address[len("webcal://") :]
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise InvalidInput("url", "This is not the address of a calendar.") from error
    if len(address) > MAX_URL or parts.scheme not in ("https", "http") or not parts.hostname:
        raise InvalidInput("url", "This is not the address of a calendar.")
    if parts.username or parts.password:
        raise InvalidInput("url", "Please use the calendar's private address, without a name and password.")
    return address
