"""Before step 1: calendars that instructors keep elsewhere are read again and again, so that nobody books into them.

The worker reads outside any transaction. A calendar that cannot be read keeps the times it had, is tried again less
and less often, and becomes a case when that goes on.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert
from sqlmodel import Session, col, delete, select

from core.clock import on_tick
from core.domain import BookingProfile, BusyCalendar, BusyTime, Person
from core.domain.base import new_id
from core.lifecycle.cases import open_case
from core.net import FetchError, fetch_text
from core.scheduling.busy import CalendarError, read_apart
from core.scheduling.windows import Window
from core.services import Services

AHEAD = timedelta(days=120)
ROLLED_AGAIN = timedelta(days=7)
"""A calendar that says it has not changed is read in full this often all the same: time goes on."""
MOST_BYTES = 5_000_000
TIMEOUT_S = 20.0
BATCH = 10
LEASE = timedelta(minutes=10)
"""When a worker dies over one, it is tried again after this."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=5), timedelta(hours=12)
CASE_AFTER = 6


@dataclass(frozen=True, slots=True)
class _Due:
    id: str
    person_id: str
    url: str
    etag: str
    tz: str


@on_tick("busy_calendars", every_s=60)
def read_due(services: Services) -> int:
    """Read the calendars whose time has come; returns how many."""
    due = _claim(services)
    for one in due:
        try:
            _read(services, one)
        except (FetchError, CalendarError) as error:
            _failed(services, one, error.kind)
    return len(due)


def _claim(services: Services) -> list[_Due]:
    now = services.clock.now()
    with services.store.write() as db:
        rows = db.exec(
            select(BusyCalendar)
            .where(BusyCalendar.next_at <= now)
            .order_by(col(BusyCalendar.next_at))
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        ).all()
        for row in rows:
            row.next_at = now + LEASE
            db.add(row)
        return [_due(db, row, now) for row in rows]


def _due(db: Session, row: BusyCalendar, now: datetime) -> _Due:
    profile = db.get(BookingProfile, row.person_id)
    tz = profile.tz if profile and profile.tz else db.get_one(Person, row.person_id).tz
    enough = row.rolled_until is not None and row.rolled_until > now + AHEAD - ROLLED_AGAIN
    return _Due(row.id, row.person_id, row.url, row.etag if enough else "", tz)


def _read(services: Services, one: _Due) -> None:
    now = services.clock.now()
    within = Window(now - timedelta(days=1), now + AHEAD)
    found = fetch_text(
        one.url,
        limit_bytes=MOST_BYTES,
        timeout_s=TIMEOUT_S,
        etag=one.etag,
        private=services.settings.calendar_private_networks,
    )
    busy = None if found.text is None else read_apart(found.text, within, one.tz)
    with services.store.write() as db:
        row = db.get(BusyCalendar, one.id, with_for_update=True)
        if row is None or row.url != one.url:  # forgotten, or replaced by another one, in the meantime
            return
        if busy is not None:
            _replace(db, row, busy)
            row.rolled_until, row.etag = within.ends_at, found.etag
        if row.status != "ok":
            row.version += 1
        row.status, row.problem, row.failures = "ok", "", 0
        row.fetched_at = now
        row.next_at = now + timedelta(seconds=services.settings.calendar_every_s)
        db.add(row)


def _replace(db: Session, row: BusyCalendar, busy: list[Window]) -> None:
    db.exec(delete(BusyTime).where(col(BusyTime.calendar_id) == row.id))
    if busy:
        rows = [
            {
                "id": new_id(),
                "calendar_id": row.id,
                "person_id": row.person_id,
                "starts_at": one.starts_at,
                "ends_at": one.ends_at,
            }
            for one in busy
        ]
        db.connection().execute(insert(BusyTime), rows)


def _failed(services: Services, one: _Due, problem: str) -> None:
    now = services.clock.now()
    with services.store.write() as db:
        row = db.get(BusyCalendar, one.id, with_for_update=True)
        if row is None or row.url != one.url:
            return
        row.failures += 1
        row.status, row.problem = "failed", problem
        row.next_at = now + min(FIRST_PAUSE * 2 ** min(row.failures - 1, 10), LONGEST_PAUSE)
        db.add(row)
        if row.failures == CASE_AFTER:
            open_case(
                db,
                "busy_calendar_failed",
                dedupe=f"busy_calendar_failed:{row.id}:{row.version}",
                person_id=row.person_id,
                facts={"calendar_id": row.id, "problem": problem},
            )
