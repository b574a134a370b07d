"""What is kept, for how long, and what leaves with a person."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from plugins.whiteboard.page import BoardPage, Counts
from plugins.whiteboard.settings import WhiteboardSettings
from plugins.whiteboard.store import (
    PageChanges,
    SqlBoardStore,
    erase_older,
    erase_person,
    export_person,
)
from plugins.whiteboard.tests.clients import Drawer, rectangle

pytestmark = pytest.mark.unit

NOW = datetime(2026, 3, 2, 15, 4, 30, tzinfo=UTC)


@pytest.fixture
def boards(database: Any) -> SqlBoardStore:
    return SqlBoardStore(database)


def change(element_id: str, person_id: str, page: int = 1, session: str = "lesson") -> PageChanges:
    drawer = Drawer()
    drawer.elements[element_id] = rectangle(element_id)
    (update,) = drawer.take()
    return PageChanges(session, page, NOW, update, {person_id: Counts(1, 1)}, {element_id: person_id})


def shown(boards: SqlBoardStore, page: int = 1) -> set[str]:
    return set(BoardPage(WhiteboardSettings(), boards.load("lesson", page).pieces).elements())


def test_pages_are_stored_apart(boards: SqlBoardStore) -> None:
    assert boards.save([change("a", "ada"), change("b", "ada"), change("c", "leo", page=3)]) == [1, 2, 3]
    assert shown(boards) == {"a", "b"} and shown(boards, 3) == {"c"}
    assert boards.pages("lesson") == [1, 3] and boards.pages("other") == []
    assert boards.load("lesson", 1).last_row_id == 2


def test_a_snapshot_replaces_the_log_it_contains_and_no_more(boards: SqlBoardStore) -> None:
    boards.save([change("a", "ada")])
    page = BoardPage(WhiteboardSettings(), boards.load("lesson", 1).pieces)
    boards.save([change("late", "leo")])
    boards.snapshot("lesson", 1, page.snapshot(), page.live_count, 1, NOW)
    assert boards.load("lesson", 1).rows == 1
    assert shown(boards) == {"a", "late"}


def test_who_drew_and_how_much_is_counted_by_the_minute(boards: SqlBoardStore, database: Any) -> None:
    boards.save([change("a", "ada")])
    boards.save([change("b", "ada"), change("c", "leo")])
    with database.read() as db:
        told = export_person(db, "ada")
    (minute,) = told["activity"]
    assert (minute["updates"], minute["added"], minute["minute"]) == (2, 2, "2026-03-02T15:04:00Z")
    assert {drawing["element"]["id"] for drawing in told["drawings"]} == {"a", "b"}


def test_erasing_a_person_takes_their_drawings_and_counts(boards: SqlBoardStore, database: Any) -> None:
    boards.save([change("a", "ada"), change("b", "leo"), change("c", "ada", page=2)])
    with database.write() as db:
        erase_person(db, "ada", NOW)
    assert shown(boards) == {"b"} and shown(boards, 2) == set()
    assert boards.load("lesson", 1).erased == ("a",)
    with database.read() as db:
        assert export_person(db, "ada") == {"activity": [], "drawings": []}
        assert len(export_person(db, "leo")["drawings"]) == 1


def test_old_boards_are_erased_and_younger_ones_stay(boards: SqlBoardStore, database: Any) -> None:
    for session, age_days in (("old", 400), ("young", 10)):
        boards.save([change("a", "ada", session=session)])
        page = BoardPage(WhiteboardSettings(), boards.load(session, 1).pieces)
        boards.snapshot(session, 1, page.snapshot(), 1, 99, NOW - timedelta(days=age_days))
    with database.write() as db:
        assert erase_older(db, NOW, retention_days=365) == 1
        assert erase_older(db, NOW, retention_days=365) == 0
    assert boards.pages("old") == [] and boards.pages("young") == [1]
