"""Beside the story: which media nodes there are, and which of them has which room."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, select

from core import services
from core.clock import SystemClock
from core.config import Settings
from core.delivery import audit, emit
from core.domain import MediaNode, Person, PresenceInterval, Room, Seat
from core.errors import NotFound
from core.events import RoomPlaced
from core.ports import Clock, MediaNodeView, Store
from core.scheduling.placement import choose, parse_regions

VERSION = 1
"""Of rtc/PROTOCOL.md; a node that speaks another one gets no rooms."""
EVERY_S = 2.0
SILENT_S = 10.0
FORGET_AFTER = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Beat:
    """What a node says about itself; checked at the door."""

    name: str
    instance: str
    region: str
    control_url: str
    version: int
    load: float
    rooms: int
    participants: int
    uptime_s: float
    stopping: bool = False


def heard(beat: Beat) -> bool:
    """A node reports, for the first time or again. Returns whether it is draining. Idempotent."""
    service = services.current()
    now = service.clock.now()
    with service.store.write() as db:
        row = db.get(MediaNode, beat.name, with_for_update=True)
        if row is None:
            db.exec(delete(MediaNode).where(col(MediaNode.seen_at) < now - FORGET_AFTER))
            row = MediaNode(
                name=beat.name, instance="", region="", control_url="", version=0, started_at=now, seen_at=now
            )
        if row.instance != beat.instance:
            row.instance, row.started_at = beat.instance, now - timedelta(seconds=beat.uptime_s)
        row.region, row.control_url, row.version = beat.region, beat.control_url, beat.version
        row.load, row.rooms, row.participants = beat.load, beat.rooms, beat.participants
        row.seen_at, row.stopped_at = now, now if beat.stopping else None
        db.add(row)
        return row.draining


def drain(db: Session, name: str, draining: bool, by: str | None) -> None:
    """Give a node no new rooms any more (it keeps those it has), or give it some again. NotFound. Idempotent."""
    row = db.get(MediaNode, name, with_for_update=True)
    if row is None:
        raise NotFound("There is no media node of that name.")
    if row.draining != draining:
        row.draining = draining
        db.add(row)
        audit(db, by, "drain.media_node", name, draining=draining)


def nodes(db: Session, now: datetime) -> list[MediaNodeView]:
    """Every node that was heard of lately or long ago, by name."""
    return [_view(row, now) for row in db.exec(select(MediaNode).order_by(col(MediaNode.name)))]


class NodeRegistry:
    """`core.ports.MediaRegistry` over the database."""

    def __init__(self, store: Store, settings: Settings, clock: Clock | None = None) -> None:
        self._store, self._clock = store, clock or SystemClock()
        self._regions = parse_regions(settings.media_regions)

    def place(self, room_id: str, away: frozenset[str] = frozenset()) -> MediaNodeView | None:
        """See the port. A room that is not in the database is placed without being remembered."""
        now = self._clock.now()
        with self._store.write() as db:
            room = db.get(Room, room_id, with_for_update=True)
            able = [one for one in nodes(db, now) if one.usable and one.control_url not in away]
            held = next((one for one in able if room is not None and one.name == room.node), None)
            if held is not None and not (held.draining and _empty(db, room_id)):
                return held
            wanted = str(room.settings.get("region", "")) if room is not None else ""
            chosen = choose(able, _zones(db, room_id), self._regions, wanted)
            if room is not None and chosen is not None and room.node != chosen.name:
                emit(db, RoomPlaced(session_id=room_id, node=chosen.name, moved=bool(room.node)))
                room.node = chosen.name
                db.add(room)
            return chosen


def _view(row: MediaNode, now: datetime) -> MediaNodeView:
    silent_s = (now - row.seen_at).total_seconds()
    return MediaNodeView(
        name=row.name,
        region=row.region,
        control_url=row.control_url,
        load=row.load,
        rooms=row.rooms,
        participants=row.participants,
        silent_s=silent_s,
        usable=silent_s < SILENT_S and row.stopped_at is None and row.version == VERSION,
        draining=row.draining,
    )


def _empty(db: Session, room_id: str) -> bool:
    query = select(PresenceInterval.id).where(
        PresenceInterval.session_id == room_id, col(PresenceInterval.ended_at).is_(None)
    )
    return db.exec(query).first() is None


def _zones(db: Session, room_id: str) -> list[str]:
    """Each person's time zone; the same one may be there several times."""
    query = (
        select(Person.tz)
        .join(Seat, col(Seat.person_id) == Person.id)
        .where(Seat.session_id == room_id, col(Seat.active).is_(True))
    )
    return list(db.exec(query))
