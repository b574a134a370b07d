"""One page and its rules, without sockets."""

from typing import Any

import pytest
from pycrdt import Array, Map

from plugins.whiteboard.page import BoardPage, Outcome
from plugins.whiteboard.protocol import MalformedFrame
from plugins.whiteboard.settings import WhiteboardSettings
from plugins.whiteboard.tests.clients import GEOMETRY, Drawer, properties, rectangle, stroke

pytestmark = pytest.mark.unit

PNG = b"\x89PNG\r\n\x1a\n" + b"." * 20


@pytest.fixture
def page() -> BoardPage:
    return BoardPage(WhiteboardSettings(max_elements=5, max_file_bytes=100, max_files_bytes=150))


def drawn(page: BoardPage, drawer: Drawer, now: float = 0.0) -> Outcome:
    """Send what was drawn, and give the drawer the page's answer, as a browser would get it."""
    outcome = Outcome()
    for update in drawer.take():
        outcome = page.apply(update, now)
    if (answer := page.take_updates()) is not None:
        drawer.receive(answer)
    return outcome


def test_a_stroke_grows_and_is_counted(page: BoardPage) -> None:
    ada = Drawer()
    ada.elements["s"] = stroke("s", 0, 0)
    assert drawn(page, ada).added_ids == ["s"]
    ada.elements["s"]["p"].extend([5, 6, 7, 8])
    assert drawn(page, ada).counts.changed == 1
    assert page.live_count == 1


def test_a_bad_change_is_put_back_and_the_drawing_stays(page: BoardPage) -> None:
    ada = Drawer()
    ada.elements["r"] = rectangle("r")
    drawn(page, ada)
    ada.elements["r"]["g"] = {**GEOMETRY, "x": float("nan")}
    assert drawn(page, ada).refused == ["geometry"]
    assert ada.elements["r"]["g"] == GEOMETRY
    ada.elements["r"]["m"] = {**properties("rectangle", "r"), "link": "javascript:x"}
    assert drawn(page, ada).refused == ["link"]
    assert ada.elements["r"]["m"]["link"] is None


def test_what_never_was_a_drawing_is_taken_out(page: BoardPage) -> None:
    ada = Drawer()
    ada.elements["a"] = 5
    ada.elements["b"] = Map({"g": GEOMETRY, "m": properties("freedraw", "b"), "p": Array(["x", None])})
    ada.elements["c"] = Map({"g": GEOMETRY, "m": properties("rectangle", "c"), "extra": 1})
    ada.elements["<d>"] = rectangle("d")
    ada.elements["e"] = Map({"m": Map({"type": "rectangle"}), "g": Map({})})
    drawn(page, ada)
    assert list(ada.elements.keys()) == [] and page.live_count == 0


def test_bad_points_take_the_stroke_away(page: BoardPage) -> None:
    ada = Drawer()
    ada.elements["s"] = stroke("s", 0, 0)
    drawn(page, ada)
    ada.elements["s"]["p"].extend([1, 2, "NaN", 4])
    assert drawn(page, ada).refused == ["points"]
    assert "s" not in ada.elements


def test_a_page_holds_so_many_drawings_and_deleting_makes_room(page: BoardPage) -> None:
    ada = Drawer()
    for n in range(6):
        ada.elements[f"r{n}"] = rectangle(f"r{n}")
    outcome = drawn(page, ada)
    assert outcome.full and page.live_count == 5 and "r5" not in ada.elements
    ada.elements["r0"]["m"] = properties("rectangle", "r0", isDeleted=True)
    assert drawn(page, ada).counts.removed == 1
    ada.elements["r6"] = rectangle("r6")
    assert not drawn(page, ada).refused


def test_deleted_drawings_are_purged_later_and_undo_still_works(page: BoardPage) -> None:
    ada = Drawer()
    ada.elements["r"] = rectangle("r")
    drawn(page, ada, now=0)
    ada.elements["r"]["m"] = properties("rectangle", "r", isDeleted=True)
    drawn(page, ada, now=10)
    assert page.purge_deleted(before=9) == 0
    assert page.purge_deleted(before=10) == 1
    ada.receive(page.take_updates() or b"")
    assert "r" not in ada.elements
    ada.elements["r"] = rectangle("r")
    assert drawn(page, ada).added_ids == ["r"]


def test_images_are_checked_counted_and_go_with_their_drawing(page: BoardPage) -> None:
    ada = Drawer()
    ada.elements["i"] = Map({"g": GEOMETRY, "m": properties("image", "i", fileId="f1")})
    ada.files["f1"] = Map({"mime": "image/png", "data": PNG})
    ada.files["f2"] = Map({"mime": "image/svg+xml", "data": b"<svg/>"})
    drawn(page, ada)
    assert list(ada.files.keys()) == ["f1"]
    ada.files["f1"]["data"] = b"<svg/>"
    drawn(page, ada)
    assert "f1" not in ada.files
    ada.files["f3"] = Map({"mime": "image/png", "data": PNG * 4})
    assert drawn(page, ada).refused == ["file size"]
    page.remove(["i"])
    assert page.elements() == {}


def test_pieces_make_the_same_page_again(page: BoardPage) -> None:
    ada, pieces = Drawer(), []
    for n in range(3):
        ada.elements[f"r{n}"] = rectangle(f"r{n}")
        drawn_update = ada.take()
        pieces += drawn_update
        for update in drawn_update:
            page.apply(update, 0)
    again = BoardPage(WhiteboardSettings(), [*pieces[:2], b"torn", pieces[2]])
    assert again.elements() == page.elements() and again.unreadable == 1
    assert BoardPage(WhiteboardSettings(), [page.snapshot()]).elements() == page.elements()


def test_a_bad_element_in_the_store_does_not_come_back() -> None:
    ada = Drawer()
    ada.elements["bad"] = Map({"g": {}, "m": {"type": "line"}})
    ada.elements["ok"] = rectangle("ok")
    assert list(BoardPage(WhiteboardSettings(), ada.take()).elements()) == ["ok"]


def test_bytes_that_are_no_update_change_nothing(page: BoardPage) -> None:
    for junk in (b"", b"\x00", b"\x01", b"\xff" * 40, b"abc" * 50):
        with pytest.raises(MalformedFrame):
            page.apply(junk, 0)
    with pytest.raises(MalformedFrame):
        page.difference(b"\xff\xff\xff\xff\x0f")


def test_writing_outside_the_board_is_refused_once_and_holds_nobody_else_up(page: BoardPage) -> None:
    eve, ada = Drawer(), Drawer()
    strange: Map[Any] = eve.doc.get("elsewhere", type=Map)
    strange["k"] = 1
    with pytest.raises(MalformedFrame):
        drawn(page, eve)
    ada.elements["r"] = rectangle("r")
    assert drawn(page, ada).added_ids == ["r"]


def test_a_change_whose_beginning_is_missing_counts_as_nothing(page: BoardPage) -> None:
    ada = Drawer()
    ada.elements["r"] = rectangle("r")
    first = ada.take()
    ada.elements["r"]["g"] = {**GEOMETRY, "x": 1}
    (second,) = ada.take()
    assert page.apply(second, 0).counts.updates == 0
    assert page.apply(first[0], 0).counts.updates == 1
    assert page.elements()["r"]["x"] == 1
