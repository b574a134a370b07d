"""Beside the story: reminders, at each person's own times and by their own channels.

One timer waits for each lesson, whoever is in it and however many reminders they want: it fires at the earliest
reminder of anybody, sends what is due then, and is written again for the next one. So a changed wish moves one
timer of each of that person's lessons, also of those scheduled long ago.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, or_, select

from core import services
from core.access import Viewer
from core.clock import cancel_timers, on_timer, set_timer
from core.delivery import audit, emit
from core.domain import ClassSession, Guardianship, MessagePreference, Person, Seat, Timer
from core.errors import Conflict, InvalidInput
from core.events import ReminderSent
from core.lifecycle.notify import (
    channels_by,
    channels_of,
    offered_channels,
    queue_message,
    readers_of,
)
from core.scheduling.reminders import Wish, due_between, next_due

MOST = 5
"""Reminders one person may want for one lesson."""
LONGEST_S = 14 * 86_400
_CLOCK = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")


@dataclass(frozen=True, slots=True)
class Wishes:
    """One person's reminders as their page shows them. own: False while the organization's settings hold.

    offered: the channels there are; channels: the person's, in the order they are tried.
    """

    reminders_s: tuple[int, ...]
    channels: tuple[str, ...]
    offered: tuple[str, ...]
    quiet_from: str
    quiet_until: str
    own: bool
    version: int


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who is written to about a seat, when, and by which channel first."""

    seat: Seat
    person: Person
    wish: Wish
    channel: str


def wishes(viewer: Viewer) -> Wishes:
    """What holds for the viewer now."""
    with services.current().store.read() as db:
        row = db.get(MessagePreference, viewer.person_id)
        return Wishes(
            tuple(row.reminders_s) if row else services.current().settings.reminders_s,
            channels_of(db, viewer.person_id),
            offered_channels(),
            row.quiet_from if row else "",
            row.quiet_until if row else "",
            row is not None,
            row.version if row else 0,
        )


def change_wishes(
    viewer: Viewer,
    reminders_s: Sequence[int],
    channels: Sequence[str],
    quiet_from: str,
    quiet_until: str,
    version: int,
) -> None:
    """One's own reminders, from now on and for lessons already scheduled. No times: no reminders.

    InvalidInput for times out of reason, an unknown channel, quiet hours with one end; Conflict when the wishes
    were changed meanwhile in another window. version: 0 while there were none.
    """
    times = _checked(reminders_s, channels, quiet_from, quiet_until)
    with services.current().store.write() as db:
        row = db.get(MessagePreference, viewer.person_id, with_for_update=True)
        if (row.version if row else 0) != version:
            raise Conflict()
        row = row or MessagePreference(person_id=viewer.person_id, version=0)
        row.reminders_s, row.channels = times, list(channels)
        row.quiet_from, row.quiet_until = quiet_from, quiet_until
        row.version += 1
        db.add(row)
        audit(db, viewer.person_id, "reminders.change", viewer.person_id, viewer.person_id)
        db.flush()
        set_timers_of(db, viewer.person_id)


def set_reminder_timer(db: Session, row: ClassSession, after: datetime) -> None:
    """Write the timer of the lesson's next reminder after this time, if there is one."""
    _set_timer(db, row, after, _readers(db, row))


def _set_timer(db: Session, row: ClassSession, after: datetime, readers: Sequence[_Reader]) -> None:
    due = next_due(row.starts_at, [one.wish for one in readers], after)
    if due is not None and due < row.starts_at:
        set_timer(db, "reminder", row.id, due, row.version, after=after.isoformat())


def set_timers_of(db: Session, person_id: str) -> None:
    """Write the reminder timers of this person's lessons again: their wishes, or their time zone, have changed."""
    now = services.current().clock.now()
    wards = select(Guardianship.student_id).where(Guardianship.guardian_id == person_id)
    lessons = db.exec(
        select(ClassSession)
        .join(Seat, col(Seat.session_id) == ClassSession.id)
        .where(
            or_(Seat.person_id == person_id, col(Seat.person_id).in_(wards)),
            col(Seat.active).is_(True),
            ClassSession.status == "scheduled",
            ClassSession.starts_at > now,
        )
        .distinct()
        .order_by(col(ClassSession.id))
    ).all()
    waiting = select(Timer.subject_id).where(
        col(Timer.subject_id).in_([row.id for row in lessons]),
        Timer.kind == "reminder",
        Timer.status == "waiting",
        Timer.due_at <= now,
    )
    firing = set(db.exec(waiting))  # due this second: it looks at the new wishes itself
    for row in lessons:
        if row.id not in firing:
            cancel_timers(db, row.id, ("reminder",))
            set_reminder_timer(db, row, now)


@on_timer("reminder", subject=ClassSession)
def remind(db: Session, timer: Timer, now: datetime) -> None:
    """Send everybody's reminders that fell due since the last time, and wait for the next one."""
    row = db.get(ClassSession, timer.subject_id)
    if row is None or row.status != "scheduled" or now >= row.starts_at:
        timer.status = "stale"
        return
    after = datetime.fromisoformat(timer.params["after"])
    found = _readers(db, row)
    sent: set[int] = set()
    for one in found:
        due = due_between(row.starts_at, one.wish, after, now)
        if due is None:
            continue
        sent.add(due.before_s)
        dedupe = f"reminder:{row.id}:{row.version}:{due.before_s}:{one.seat.id}:{one.person.id}"
        remind_now(db, row, one.seat, one.person, dedupe, one.channel)
    for before_s in sorted(sent):
        emit(db, ReminderSent(session_id=row.id, before_s=before_s))
    _set_timer(db, row, now, found)


def remind_now(db: Session, row: ClassSession, seat: Seat, reader: Person, dedupe: str, channel: str) -> None:
    """Queue one reminder, with a personal link. The same dedupe key queues once."""
    left = row.starts_at - services.current().clock.now()
    queue_message(
        db,
        "reminder",
        reader.id,
        dedupe=dedupe,
        session_id=row.id,
        params={
            "seat_id": seat.id,
            "before_s": max(60, round(left.total_seconds() / 60) * 60),
            "sequence": row.version,
        },
        channel=channel,
    )


def _readers(db: Session, row: ClassSession) -> list[_Reader]:
    """Everybody who is written to about this lesson, once a seat, with what they want."""
    seats = db.exec(
        select(Seat).where(Seat.session_id == row.id, col(Seat.active).is_(True)).order_by(col(Seat.id))
    ).all()
    readers = readers_of(db, {seat.person_id for seat in seats})
    pairs = [(seat, reader) for seat in seats for reader in readers[seat.person_id]]
    rows = db.exec(
        select(MessagePreference).where(
            col(MessagePreference.person_id).in_({reader.id for _, reader in pairs})
        )
    )
    own = {preference.person_id: preference for preference in rows}
    return [_reader(seat, reader, own.get(reader.id)) for seat, reader in pairs]


def _reader(seat: Seat, reader: Person, own: MessagePreference | None) -> _Reader:
    channel = channels_by(own)[0]
    if own is None:
        return _Reader(seat, reader, Wish(services.current().settings.reminders_s, reader.tz), channel)
    wish = Wish(tuple(own.reminders_s), reader.tz, own.quiet_from, own.quiet_until)
    return _Reader(seat, reader, wish, channel)


def _checked(
    reminders_s: Sequence[int], channels: Sequence[str], quiet_from: str, quiet_until: str
) -> list[int]:
    times = sorted(set(reminders_s), reverse=True)
    if len(times) > MOST:
        raise InvalidInput("reminders", "At most {most} reminders, please.", most=MOST)
    if any(not 60 <= one <= LONGEST_S for one in times):
        raise InvalidInput(
            "reminders", "A reminder comes between one minute and two weeks before the lesson."
        )
    if not channels or len(set(channels)) != len(channels) or not set(channels) <= set(offered_channels()):
        raise InvalidInput("channels", "Please choose how we may write to you.")
    if bool(quiet_from) != bool(quiet_until):
        raise InvalidInput("quiet", "Quiet hours need a beginning and an end.")
    if any(one and not _CLOCK.fullmatch(one) for one in (quiet_from, quiet_until)):
        raise InvalidInput("quiet", "Please write times like 21:00.")
    return times
