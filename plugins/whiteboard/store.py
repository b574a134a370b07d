"""Where boards are kept: a port of the hub's own, and its one real implementation on core's store.

Methods are synchronous and short; the hub calls them in a thread. One call is one transaction.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import delete, func, update
from sqlmodel import Session, col, select

from core.ports import Store
from plugins.whiteboard.models import (
    WhiteboardActivity,
    WhiteboardAuthor,
    WhiteboardSnapshot,
    WhiteboardUpdate,
)
from plugins.whiteboard.page import BoardPage, Counts
from plugins.whiteboard.settings import WhiteboardSettings

_ERASED = ""
"""person_id of a drawing whose author was erased: it is taken out wherever it turns up again."""


_ERASE_AT_ONCE = 5
"""Lessons a step of retention: a write transaction has to stay short."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A page as kept. pieces: snapshot and log, oldest first. erased: drawings that must not come back."""

    pieces: tuple[bytes, ...] = ()
    rows: int = 0
    last_row_id: int = 0
    erased: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PageChanges:
    """What happened on one page since the last save. update: merged; authors: element id -> person."""

    session_id: str
    page: int
    at: datetime
    update: bytes | None
    counts: dict[str, Counts] = field(default_factory=dict[str, Counts])
    authors: dict[str, str] = field(default_factory=dict[str, str])


class BoardStore(Protocol):
    def load(self, session_id: str, page: int) -> Stored: ...

    def pages(self, session_id: str) -> list[int]:
        """Numbers of the pages that have something on them, ascending."""
        ...

    def save(self, changes: Sequence[PageChanges]) -> list[int]:
        """Append; returns the log row id of each change (0 where it had no update)."""
        ...

    def snapshot(
        self, session_id: str, page: int, data: bytes, elements: int, up_to: int, at: datetime
    ) -> None:
        """Replace the snapshot and drop log rows up to this id, which the snapshot contains."""
        ...


class SqlBoardStore:
    """BoardStore on SQLite or PostgreSQL."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def load(self, session_id: str, page: int) -> Stored:
        with self._store.read() as db:
            return load_page(db, session_id, page)

    def pages(self, session_id: str) -> list[int]:
        with self._store.read() as db:
            kept = db.exec(
                select(WhiteboardSnapshot.page).where(
                    WhiteboardSnapshot.session_id == session_id, WhiteboardSnapshot.elements > 0
                )
            ).all()
            logged = db.exec(
                select(WhiteboardUpdate.page).where(WhiteboardUpdate.session_id == session_id).distinct()
            ).all()
        return sorted({*kept, *logged})

    def save(self, changes: Sequence[PageChanges]) -> list[int]:
        ids: list[int] = []
        with self._store.write() as db:
            for change in changes:
                ids.append(_append(db, change))
                _count(db, change)
                for element_id, person_id in change.authors.items():
                    if db.get(WhiteboardAuthor, (change.session_id, change.page, element_id)) is None:
                        db.add(
                            WhiteboardAuthor(
                                session_id=change.session_id,
                                page=change.page,
                                element_id=element_id,
                                person_id=person_id,
                                created_at=change.at,
                            )
                        )
        return ids

    def snapshot(
        self, session_id: str, page: int, data: bytes, elements: int, up_to: int, at: datetime
    ) -> None:
        with self._store.write() as db:
            write_snapshot(db, session_id, page, data, elements, up_to, at)


def load_page(db: Session, session_id: str, page: int) -> Stored:
    kept = db.get(WhiteboardSnapshot, (session_id, page))
    rows = db.exec(
        select(WhiteboardUpdate.id, WhiteboardUpdate.data)
        .where(WhiteboardUpdate.session_id == session_id, WhiteboardUpdate.page == page)
        .order_by(col(WhiteboardUpdate.id))
    ).all()
    erased = db.exec(
        select(WhiteboardAuthor.element_id).where(
            WhiteboardAuthor.session_id == session_id,
            WhiteboardAuthor.page == page,
            WhiteboardAuthor.person_id == _ERASED,
        )
    ).all()
    return Stored(
        pieces=(*((kept.data,) if kept else ()), *(data for _, data in rows)),
        rows=len(rows),
        last_row_id=rows[-1][0] or 0 if rows else 0,
        erased=tuple(erased),
    )


def write_snapshot(
    db: Session, session_id: str, page: int, data: bytes, elements: int, up_to: int, at: datetime
) -> None:
    kept = db.get(WhiteboardSnapshot, (session_id, page))
    if kept is None:
        kept = WhiteboardSnapshot(session_id=session_id, page=page, data=data, updated_at=at)
    kept.data, kept.elements, kept.updated_at = data, elements, at
    db.add(kept)
    db.exec(
        delete(WhiteboardUpdate).where(
            col(WhiteboardUpdate.session_id) == session_id,
            col(WhiteboardUpdate.page) == page,
            col(WhiteboardUpdate.id) <= up_to,
        )
    )


def export_person(db: Session, person_id: str) -> dict[str, Any]:
    """The person's board activity by lesson, and what they wrote and drew, as JSON values."""
    activity = db.exec(select(WhiteboardActivity).where(WhiteboardActivity.person_id == person_id)).all()
    drawings: list[dict[str, Any]] = []
    for session_id, page, element_ids in _pages_of(db, person_id):
        elements = _open(db, session_id, page).elements()
        drawings += [
            {"session_id": session_id, "page": page, "element": elements[element_id]}
            for element_id in element_ids
            if element_id in elements
        ]
    return {
        "activity": [row.model_dump(mode="json") for row in activity],
        "drawings": drawings,
    }


def erase_person(db: Session, person_id: str, at: datetime) -> None:
    """Take out everything the person drew and every count about them, in the caller's transaction.

    A board that is open at this moment loses the drawings when it is next put away: its authors' rows
    stay, without the person, and say which ones.
    """
    for session_id, page, element_ids in _pages_of(db, person_id):
        stored = load_page(db, session_id, page)
        board = BoardPage(WhiteboardSettings(), stored.pieces)
        board.remove(element_ids)
        write_snapshot(db, session_id, page, board.snapshot(), board.live_count, stored.last_row_id, at)
    db.exec(
        update(WhiteboardAuthor).where(col(WhiteboardAuthor.person_id) == person_id).values(person_id=_ERASED)
    )
    db.exec(delete(WhiteboardActivity).where(col(WhiteboardActivity.person_id) == person_id))


def erase_older(db: Session, now: datetime, retention_days: int) -> int:
    """Retention: erase whole boards whose last change is that long ago; how many lessons that were."""
    moment = now - timedelta(days=retention_days)
    newest = func.max(WhiteboardSnapshot.updated_at)
    old = db.exec(
        select(WhiteboardSnapshot.session_id)
        .group_by(col(WhiteboardSnapshot.session_id))
        .having(newest < moment)
        .limit(_ERASE_AT_ONCE)
    ).all()
    for session_id in old:
        for table in (WhiteboardUpdate, WhiteboardSnapshot, WhiteboardAuthor, WhiteboardActivity):
            db.exec(delete(table).where(col(table.session_id) == session_id))
    return len(old)


def _open(db: Session, session_id: str, page: int) -> BoardPage:
    return BoardPage(WhiteboardSettings(), load_page(db, session_id, page).pieces)


def _pages_of(db: Session, person_id: str) -> Iterable[tuple[str, int, list[str]]]:
    rows = db.exec(select(WhiteboardAuthor).where(WhiteboardAuthor.person_id == person_id)).all()
    pages: dict[tuple[str, int], list[str]] = {}
    for row in rows:
        pages.setdefault((row.session_id, row.page), []).append(row.element_id)
    return [(session_id, page, element_ids) for (session_id, page), element_ids in pages.items()]


def _append(db: Session, change: PageChanges) -> int:
    if change.update is None:
        return 0
    row = WhiteboardUpdate(
        session_id=change.session_id, page=change.page, data=change.update, created_at=change.at
    )
    db.add(row)
    db.flush()
    return row.id or 0


def _count(db: Session, change: PageChanges) -> None:
    minute = change.at.replace(second=0, microsecond=0)
    for person_id, counts in change.counts.items():
        key = (change.session_id, change.page, person_id, minute)
        row = db.get(WhiteboardActivity, key)
        if row is None:
            row = WhiteboardActivity(
                session_id=change.session_id, page=change.page, person_id=person_id, minute=minute
            )
        row.updates += counts.updates
        row.added += counts.added
        row.changed += counts.changed
        row.removed += counts.removed
        db.add(row)
