"""One page of one board: its Yjs document, and the rules every change to it has to follow.

Synchronous and without sockets. A change is applied to the document, then everything it touched is
checked, and what is not a proper element is put back or taken out again, all before the next frame
leaves: other people never see the difference.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from pycrdt import Array, ArrayEvent, Doc, Map, MapEvent, merge_updates

from plugins.whiteboard import schema
from plugins.whiteboard.protocol import EMPTY_UPDATE, MalformedFrame
from plugins.whiteboard.settings import WhiteboardSettings

_ROOTS: Final = frozenset({"elements", "files"})
_MISSING: Final = object()


@dataclass(slots=True)
class Counts:
    """What one person did. updates: frames that changed something; added/changed/removed: elements."""

    updates: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0

    def add(self, other: "Counts") -> None:
        self.updates += other.updates
        self.added += other.added
        self.changed += other.changed
        self.removed += other.removed


@dataclass(slots=True)
class Outcome:
    """What became of one update. refused: reasons, one an element; full: the page has no room for more."""

    counts: Counts = field(default_factory=Counts)
    added_ids: list[str] = field(default_factory=list[str])
    refused: list[str] = field(default_factory=list[str])
    full: bool = False


@dataclass(slots=True)
class _Touched:
    """What one transaction did to one element (or file). before: old values of its parts."""

    new: bool = False
    gone: bool = False
    before: dict[str, Any] = field(default_factory=dict[str, Any])
    inserted: list[Any] = field(default_factory=list[Any])
    rewritten: bool = False


class BoardPage:
    """stored: snapshot and log as read from the store, oldest first."""

    def __init__(self, settings: WhiteboardSettings, stored: Iterable[bytes] = ()) -> None:
        self._settings = settings
        self.doc: Doc[Any] = Doc()
        self._elements: Map[Any] = self.doc.get("elements", type=Map)
        self._files: Map[Any] = self.doc.get("files", type=Map)
        self.unreadable = 0
        """Stored pieces that could not be read; the rest of the page is there."""
        self.bytes = 0
        """Upper bound of the document's encoded size."""
        for piece in stored:
            try:
                self.doc.apply_update(piece)
                self.bytes += len(piece)
            except ValueError:
                self.unreadable += 1
        self._touched: dict[tuple[str, str], _Touched] = {}
        self._updates: list[bytes] = []
        self._roots = {*_ROOTS, *self.doc.keys()}
        self._file_bytes = 0
        self._deleted_at: dict[str, float] = {}
        self._live: set[str] = set()
        self._index_stored()
        self._subscriptions = (
            self.doc.observe(lambda event: self._updates.append(event.update)),
            self._elements.observe_deep(lambda events: self._note("elements", events)),
            self._files.observe_deep(lambda events: self._note("files", events)),
        )

    @property
    def live_count(self) -> int:
        """Elements a person can see."""
        return len(self._live)

    def state(self) -> bytes:
        """The state vector: what this side knows."""
        return self.doc.get_state()

    def difference(self, state_vector: bytes) -> bytes:
        """What somebody with this state vector does not have. MalformedFrame for bytes that are none."""
        try:
            return self.doc.get_update(state_vector)
        except ValueError as error:
            raise MalformedFrame("state vector") from error

    def snapshot(self) -> bytes:
        data = self.doc.get_update()
        self.bytes = len(data)
        return data

    def take_updates(self) -> bytes | None:
        """Everything since the last call as one update, or None."""
        updates, self._updates = self._updates, []
        if not updates:
            return None
        return merge_updates(*updates) if len(updates) > 1 else updates[0]

    def elements(self) -> dict[str, dict[str, Any]]:
        """id -> the element as Excalidraw knows it, without deleted ones."""
        found: dict[str, dict[str, Any]] = {}
        for element_id in self._live:
            element = self._elements[element_id]
            found[element_id] = {**element.get("m"), **element.get("g"), "id": element_id}
        return found

    def apply(self, update: bytes, now: float) -> Outcome:
        """Apply one person's update and put right what is wrong in it. now: seconds, any steady clock.

        Raises MalformedFrame for bytes that are not an update, and for one that writes outside the board.
        """
        if update == EMPTY_UPDATE:
            return Outcome()
        self._touched.clear()
        known = len(self._updates)
        try:
            self.doc.apply_update(update)
        except ValueError as error:
            raise MalformedFrame("update") from error
        self.bytes += sum(map(len, self._updates[known:]))
        touched, self._touched = self._touched, {}
        outcome = Outcome()
        for (root, key), what in touched.items():
            if root == "elements":
                self._settle_element(key, what, outcome, now)
            else:
                self._settle_file(key, what, outcome)
        if len(self._updates) > known and not outcome.refused:
            outcome.counts.updates = 1
        self._touched.clear()
        unknown = set(self.doc.keys()) - self._roots
        if unknown:
            # Yjs cannot forget a root type; it is inert, and must not be held against the next person.
            self._roots |= unknown
            raise MalformedFrame("unknown root")
        return outcome

    def purge_deleted(self, before: float) -> int:
        """Take out elements deleted before this moment of `apply`'s clock; how many.

        An element somebody brings back by undo is written again whole by their browser.
        """
        old = [element_id for element_id, at in self._deleted_at.items() if at <= before]
        if old:
            self.remove(old)
        return len(old)

    def remove(self, element_ids: Iterable[str]) -> int:
        """Take elements out for good; how many were there."""
        removed = 0
        with self.doc.transaction():
            for element_id in element_ids:
                if element_id in self._elements:
                    del self._elements[element_id]
                    removed += 1
                self._forget(element_id)
            self._drop_unused_files()
        self._touched.clear()
        return removed

    def _index_stored(self) -> None:
        for key in list(self._elements.keys()):
            if self._problem(key) is not None:
                del self._elements[key]
            elif self._elements[key].get("m").get("isDeleted"):
                self._deleted_at[key] = 0.0
            else:
                self._live.add(key)
        for key in list(self._files.keys()):
            value = self._files[key]
            data = value.get("data") if isinstance(value, Map) else None
            if isinstance(data, bytes | bytearray):
                self._file_bytes += len(data)

    def _note(self, root: str, events: list[Any]) -> None:
        """Runs inside Yjs' transaction: only remember; the document cannot be changed here."""
        for event in events:
            path = event.path
            if not path:
                for key, change in event.keys.items():
                    what = self._touched.setdefault((root, key), _Touched())
                    what.new = what.new or change["action"] != "delete"
                    what.gone = change["action"] == "delete"
                continue
            what = self._touched.setdefault((root, str(path[0])), _Touched())
            if isinstance(event, MapEvent) and len(path) == 1:
                for part, change in event.keys.items():
                    old = change.get("oldValue", _MISSING)
                    what.before.setdefault(part, old)
            elif isinstance(event, ArrayEvent) and path[1:] == ["p"]:
                for step in event.delta:
                    what.inserted.extend(step.get("insert", ()))
            else:
                what.rewritten = True

    def _settle_element(self, key: str, what: _Touched, outcome: Outcome, now: float) -> None:
        if key not in self._elements:
            if what.gone:
                outcome.counts.removed += key in self._live
                self._forget(key)
            return
        try:
            problem = self._problem(key, what)
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError):
            problem = "unreadable"  # a value nobody thought of must not stay on everybody's page
        if problem is None and not self._room_for(key):
            problem, outcome.full = "full", True
        if problem is not None:
            outcome.refused.append(problem)
            if not (problem != "full" and self._put_back(key, what)):
                del self._elements[key]
                self._forget(key)
            return
        was_live, deleted = key in self._live, bool(self._elements[key].get("m").get("isDeleted"))
        if deleted:
            self._live.discard(key)
            self._deleted_at.setdefault(key, now)
            outcome.counts.removed += was_live
        else:
            self._live.add(key)
            self._deleted_at.pop(key, None)
            outcome.counts.added += what.new and not was_live
            outcome.counts.changed += was_live
            if what.new and not was_live:
                outcome.added_ids.append(key)

    def _problem(self, key: str, what: _Touched | None = None) -> str | None:
        """what: None checks the whole element; a stroke that only grew is checked by its new points."""
        element = self._elements.get(key)
        if not isinstance(element, Map) or not schema.PARTS.issuperset(element.keys()):
            return "parts"
        points = element.get("p")
        if points is not None and not isinstance(points, Array):
            return "parts"
        if points is not None:
            grew = what is not None and not (what.new or what.rewritten or "p" in what.before)
            values = what.inserted if what is not None and grew else points.to_py() or ()
            problem = schema.points_problem(values, len(points))
            if problem is not None or (what is not None and grew and not what.before):
                return problem
        return schema.element_problem(key, element.get("g"), element.get("m"), points is not None)

    def _put_back(self, key: str, what: _Touched) -> bool:
        """Restore the parts a bad change overwrote. False: nothing good was there, or it is not enough."""
        if what.new or what.rewritten or what.inserted or not what.before or "p" in what.before:
            return False
        element = self._elements[key]
        with self.doc.transaction():
            for part, old in what.before.items():
                if old is not _MISSING:
                    element[part] = old
                elif part in element:
                    del element[part]
        return self._problem(key) is None

    def _room_for(self, key: str) -> bool:
        return key in self._live or len(self._live) < self._settings.max_elements or self._is_deleted(key)

    def _is_deleted(self, key: str) -> bool:
        """A deleted element needs no place on the page, as long as there are not too many of those either."""
        deleted = self._elements[key].get("m").get("isDeleted")
        return bool(deleted) and len(self._deleted_at) < 4 * self._settings.max_elements

    def _settle_file(self, key: str, what: _Touched, outcome: Outcome) -> None:
        if key not in self._files:
            return
        entry = self._files[key]
        problem: str | None = "file"
        data: Any = None
        if isinstance(entry, Map) and set(entry.keys()) == {"mime", "data"} and what.new:
            data = entry.get("data")
            problem = schema.file_problem(key, entry.get("mime"), data, self._settings.max_file_bytes)
        if problem is None:
            self._file_bytes += len(data)
            if self._file_bytes > self._settings.max_files_bytes:
                self._file_bytes -= len(data)
                problem, outcome.full = "full", True
        if problem is not None:
            outcome.refused.append(problem)
            del self._files[key]

    def _drop_unused_files(self) -> None:
        used = {self._elements[key].get("m").get("fileId") for key in self._elements.keys()}
        for key in [key for key in self._files.keys() if key not in used]:
            del self._files[key]
        self._file_bytes = sum(len(self._files[key].get("data")) for key in self._files.keys())

    def _forget(self, key: str) -> None:
        self._live.discard(key)
        self._deleted_at.pop(key, None)
