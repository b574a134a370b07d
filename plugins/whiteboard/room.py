"""The live side of one page: who is there, what they send, and the one frame everybody gets a tick."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from plugins.whiteboard.connection import BoardSeat, Connection, Refused
from plugins.whiteboard.page import BoardPage, Counts
from plugins.whiteboard.protocol import (
    AWARENESS,
    AWARENESS_QUERY,
    CLOSE_MALFORMED,
    CLOSE_NOT_ALLOWED,
    CLOSE_TOO_BIG,
    EMPTY_UPDATE,
    STEP_1,
    STEP_2,
    SYNC,
    UPDATE,
    MalformedFrame,
    awareness_frame,
    notice_frame,
    read_awareness,
    read_sync,
    sync_frame,
)
from plugins.whiteboard.schema import MAX_COORDINATE, TYPES, is_id, one_of
from plugins.whiteboard.settings import WhiteboardSettings

logger = logging.getLogger(__name__)

_MAX_REFUSALS: Final = 50
_MAX_SELECTED: Final = 50
_MAX_STATES: Final = 1_000
_TOOLS: Final = frozenset({"pointer", "laser"})


@dataclass(slots=True)
class Presence:
    """clock is ours: a person who comes back with the same client id starts theirs anew."""

    owner: Connection
    clock: int
    state: str


@dataclass(slots=True)
class Unsaved:
    """What happened since the last write to the store."""

    updates: list[bytes] = field(default_factory=list[bytes])
    counts: dict[str, Counts] = field(default_factory=dict[str, Counts])
    authors: dict[str, str] = field(default_factory=dict[str, str])
    """element id -> who drew it first."""


class Room:
    """clock: steady seconds. One event loop; no method here waits."""

    def __init__(
        self,
        session_id: str,
        number: int,
        page: BoardPage,
        settings: WhiteboardSettings,
        clock: Callable[[], float],
    ) -> None:
        self.session_id, self.number, self.page = session_id, number, page
        self.connections: set[Connection] = set()
        self.unsaved = Unsaved()
        self.empty_since: float | None = clock()
        self.changed_at = clock()
        self.log_rows = 0
        self.last_row_id = 0
        self._settings, self._clock = settings, clock
        self._presence: dict[int, Presence] = {}
        self._presence_changed: set[int] = set()
        self._senders: set[Connection | None] = set()
        self._tick: asyncio.TimerHandle | None = None

    def enter(self, connection: Connection) -> None:
        """Greet: what we know, what the others are doing. Their answer brings what they know."""
        self.connections.add(connection)
        self.empty_since = None
        connection.put(sync_frame(STEP_1, self.page.state()))
        present = [(key, who.clock, who.state) for key, who in self._presence.items()]
        if present:
            connection.put(awareness_frame(present), bounded=False)

    def leave(self, connection: Connection) -> None:
        """Idempotent."""
        self.connections.discard(connection)
        key = connection.awareness_id
        if key is not None and key in self._presence and self._presence[key].owner is connection:
            self._presence[key].clock += 1
            self._presence[key].state = "null"
            self._presence_changed.add(key)
            self._schedule()
        if not self.connections and self.empty_since is None:
            self.empty_since = self._clock()

    def handle(self, connection: Connection, frame: bytes) -> None:
        """One frame from a browser. MalformedFrame or Refused end its connection; nobody else notices."""
        if len(frame) < 2:
            raise MalformedFrame("frame too short")
        if frame[0] == SYNC:
            self._sync(connection, frame)
        elif frame[0] == AWARENESS:
            self._aware(connection, frame)
        elif frame[0] == AWARENESS_QUERY:
            present = [(key, who.clock, who.state) for key, who in self._presence.items()]
            if present:
                connection.put(awareness_frame(present))
        else:
            raise MalformedFrame("unknown kind")

    def flush(self) -> None:
        """Send what was collected; a lone sender gets no echo of its own strokes."""
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None
        senders, self._senders = self._senders, set()
        update = self.page.take_updates()
        if update is not None:
            self.unsaved.updates.append(update)
            self.changed_at = self._clock()
            frame, alone = sync_frame(UPDATE, update), next(iter(senders)) if len(senders) == 1 else None
            for connection in self.connections:
                if connection is not alone:
                    connection.put(frame)
        if self._presence_changed:
            changed, self._presence_changed = self._presence_changed, set()
            present = [(key, self._presence[key].clock, self._presence[key].state) for key in changed]
            for connection in self.connections:
                connection.put(awareness_frame(present))
            for key in changed:
                if self._presence[key].state == "null":
                    del self._presence[key]

    def purge(self, older_than_s: float) -> None:
        """Take out drawings deleted longer ago than this."""
        if self.page.purge_deleted(self._clock() - older_than_s):
            self._senders.add(None)
            self._schedule()

    def tell(self, connection: Connection, kind: str, **facts: Any) -> None:
        """Say something to one browser, in its person's words (the page has the sentences)."""
        connection.put(notice_frame(kind, facts))

    def _sync(self, connection: Connection, frame: bytes) -> None:
        step, body = read_sync(frame)
        if step == STEP_1:
            connection.put(sync_frame(STEP_2, self.page.difference(body)), bounded=False)
            return
        if body == EMPTY_UPDATE:
            return
        if not connection.seat.can_draw:
            if step == STEP_2:
                return  # y-websocket always answers with step 2; a viewer's is dropped, not punished.
            raise Refused(CLOSE_NOT_ALLOWED)
        if self.page.bytes + len(body) > self._settings.max_doc_bytes:
            self.page.snapshot()  # measures anew: the running size is an upper bound
            if self.page.bytes + len(body) > self._settings.max_doc_bytes:
                raise Refused(CLOSE_TOO_BIG)
        self._draw(connection, body)

    def _draw(self, connection: Connection, body: bytes) -> None:
        self._senders.add(connection)
        self._schedule()
        outcome = self.page.apply(body, self._clock())
        person_id = connection.seat.person_id
        if outcome.counts.updates:
            self.unsaved.counts.setdefault(person_id, Counts()).add(outcome.counts)
            for element_id in outcome.added_ids:
                self.unsaved.authors.setdefault(element_id, person_id)
        elif not outcome.refused:
            connection.silent_bytes += len(body)
            if connection.silent_bytes > self._settings.max_frame_bytes:
                raise Refused(CLOSE_MALFORMED)
        if outcome.refused:
            self._senders.add(None)  # the correction is news to the sender too
            connection.refusals += len(outcome.refused)
            kind = "page_full" if outcome.full else "element_refused"
            self.tell(connection, kind, limit=self._settings.max_elements)
            logger.info(
                "whiteboard element refused",
                extra={"session_id": self.session_id, "page": self.number, "reason": outcome.refused[0]},
            )
            if connection.refusals > _MAX_REFUSALS and not outcome.full:
                raise Refused(CLOSE_MALFORMED)

    def _aware(self, connection: Connection, frame: bytes) -> None:
        """A browser speaks for itself only; what y-websocket repeats about others is dropped."""
        for key, clock, state in read_awareness(frame, _MAX_STATES, self._settings.max_awareness_bytes):
            if connection.awareness_id is None and state is not None and self._may_own(connection, key):
                connection.awareness_id = key
            if key != connection.awareness_id:
                continue
            known = self._presence.get(key)
            if state is None:
                if known is None:
                    continue
                text = "null"
            else:
                text = json.dumps(clean_presence(state, connection.seat), separators=(",", ":"))
            self._presence[key] = Presence(connection, max(clock, known.clock + 1 if known else 0), text)
            self._presence_changed.add(key)
            self._schedule()

    def _may_own(self, connection: Connection, key: int) -> bool:
        known = self._presence.get(key)
        return known is None or known.owner.seat.person_id == connection.seat.person_id

    def _schedule(self) -> None:
        if self._tick is None:
            self._tick = asyncio.get_running_loop().call_later(self._settings.tick_s, self._on_tick)

    def _on_tick(self) -> None:
        self._tick = None
        self.flush()


def clean_presence(state: Any, seat: BoardSeat) -> dict[str, Any]:
    """What others may see of a participant: the identity is the server's, the rest is checked.

    p: [x, y, button down] on the canvas, t: tool, sel: selected element ids, did: [number, kind] of the
    latest drawing. A viewer has a name and nothing else.
    """
    clean: dict[str, Any] = {"user": {"id": seat.person_id, "name": seat.name, "role": seat.role}}
    if not isinstance(state, dict):
        raise MalformedFrame("awareness state")
    if not seat.can_draw:
        return clean
    pointer = state.get("p")
    if isinstance(pointer, list) and len(pointer) == 3 and all(_bounded(part) for part in pointer):
        clean["p"] = [round(pointer[0]), round(pointer[1]), 1 if pointer[2] else 0]
    if one_of(state.get("t"), _TOOLS):
        clean["t"] = state["t"]
    selected = state.get("sel")
    if isinstance(selected, list):
        clean["sel"] = [item for item in selected[:_MAX_SELECTED] if is_id(item)]
    did = state.get("did")
    if isinstance(did, list) and len(did) == 2 and _bounded(did[0]) and one_of(did[1], TYPES):
        clean["did"] = [round(did[0]), did[1]]
    return clean


def _bounded(value: object) -> bool:
    return isinstance(value, int | float) and abs(value) <= MAX_COORDINATE
