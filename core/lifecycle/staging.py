"""Beside the story: a day before a lesson everything for it stands ready, a quarter of an hour before it is fresh.

What the deliveries did when the lesson was scheduled is looked at again here, and made good where they failed: a
room that is missing becomes a case a day before anybody stands at its door, not in that minute.
"""

import zlib
from datetime import datetime, timedelta

from sqlmodel import Session

from core import services
from core.clock import on_timer, set_timer
from core.domain import ClassSession, Timer
from core.lifecycle.measure import brief
from core.lifecycle.provision import refresh_room, room_for
from core.lifecycle.readiness import look

GRACE = timedelta(seconds=60)
"""A lesson scheduled at short notice: the deliveries go first."""
SPREAD_S = 300
"""Lessons start on the hour, all of them: what has time is spread over five minutes before its deadline."""


def set_staging_timers(db: Session, row: ClassSession, now: datetime) -> None:
    """The three looks at a lesson before it begins: stage, readiness, refresh. Too late for one: left out."""
    settings = services.current().settings
    spread = timedelta(seconds=zlib.crc32(row.id.encode()) % SPREAD_S)
    wanted = (
        ("stage", settings.stage_before_s, spread),
        ("readiness", settings.ready_before_s, timedelta()),
        ("refresh", settings.refresh_before_s, timedelta()),
    )
    for kind, before_s, early in wanted:
        due = max(row.starts_at - timedelta(seconds=before_s) - early, now + GRACE)
        if due < row.starts_at:
            set_timer(db, kind, row.id, due, row.version)


@on_timer("stage", subject=ClassSession)
def stage(db: Session, timer: Timer, now: datetime) -> None:
    """Room, briefing and materials; what is still missing then is a case with a day to go."""
    row = db.get(ClassSession, timer.subject_id, with_for_update=True)
    if row is not None and row.status == "scheduled":
        prepare(db, row)
        look(db, row, now)


@on_timer("refresh", subject=ClassSession)
def refresh(db: Session, timer: Timer, now: datetime) -> None:
    """The newest briefing and materials for those who come in a few minutes."""
    row = db.get(ClassSession, timer.subject_id, with_for_update=True)
    if row is not None and row.status == "scheduled":
        prepare(db, row)


def prepare(db: Session, row: ClassSession) -> None:
    """The room as the template wants it, the briefing from the newest report, and the list of materials."""
    room_for(db, row)
    refresh_room(db, row)
    brief(db, row)
