"""What may be on a board, and what may not."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.whiteboard import schema
from plugins.whiteboard.tests.clients import GEOMETRY, properties

pytestmark = pytest.mark.unit

LINE = {**GEOMETRY, "points": [[0, 0], [10.5, 3]]}


@pytest.mark.parametrize("kind", ["rectangle", "ellipse", "diamond", "image", "frame"])
def test_plain_shapes_are_taken(kind: str) -> None:
    assert schema.element_problem("e1", GEOMETRY, properties(kind, "e1"), has_points=False) is None


def test_lines_texts_and_strokes_are_taken() -> None:
    assert schema.element_problem("e1", LINE, properties("arrow", "e1", elbowed=False), False) is None
    words = properties("text", "e1", text="2x + 1", originalText="2x + 1", fontSize=20.0, fontFamily=5.0)
    assert schema.element_problem("e1", GEOMETRY, words, False) is None
    assert schema.element_problem("e1", GEOMETRY, properties("freedraw", "e1"), True) is None
    assert schema.points_problem([0.0, -5, 1e6], 4) is None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"type": "iframe"}, "type"),
        ({"type": ["x"]}, "type"),
        ({"type": "text"}, "text"),
        ({"type": "freedraw"}, "points"),
        ({"type": "line"}, "points"),
        ({"id": "other"}, "id"),
        ({"index": None}, "index"),
        ({"index": "a" * 300}, "index"),
        ({"link": "javascript:alert(1)"}, "link"),
        ({"link": "http"}, "link"),
        ({"link": "https://" + "x" * 3000}, "link"),
        ({"strokeColor": "url(https://stranger)"}, "strokeColor"),
        ({"opacity": math.inf}, "opacity"),
        ({"opacity": True}, "opacity"),
        ({"strokeWidth": 1e9}, "strokeWidth"),
        ({"isDeleted": "no"}, "isDeleted"),
        ({"fillStyle": {}}, "fillStyle"),
        ({"groupIds": ["a", 5]}, "groupIds"),
        ({"boundElements": [{"id": "x", "type": "iframe"}]}, "boundElements"),
        ({"startBinding": {"elementId": "<>"}}, "startBinding"),
        ({"roundness": {"type": "x"}}, "roundness"),
        ({"scale": [1]}, "scale"),
        ({"customData": {}}, "properties"),
        ({"name": "x" * 20_000}, "name"),
    ],
)
def test_hostile_properties_are_refused(changes: dict[str, Any], problem: str) -> None:
    given_properties = {**properties("rectangle", "e1"), **changes}
    assert schema.element_problem("e1", GEOMETRY, given_properties, has_points=False) == problem


@pytest.mark.parametrize(
    "changes",
    [
        {"x": math.nan},
        {"x": 1e9},
        {"width": "5"},
        {"height": None},
        {"angle": math.inf},
        {"points": []},
        {"points": [[0, 0], [1, math.nan]]},
        {"points": [[0, 0]] * 3000},
        {"z": 1},
    ],
)
def test_hostile_geometry_is_refused(changes: dict[str, Any]) -> None:
    assert schema.element_problem("e1", {**LINE, **changes}, properties("line", "e1"), False) is not None


def test_points_are_whole_numbers_in_pairs_and_not_too_many() -> None:
    assert schema.points_problem([1.5], 2)
    assert schema.points_problem(["1"], 2)
    assert schema.points_problem([1e12], 2)
    assert schema.points_problem([], 3)
    assert schema.points_problem([], 2 * schema.MAX_POINTS + 2)


def test_images_are_what_they_say() -> None:
    png = b"\x89PNG\r\n\x1a\n...."
    assert schema.file_problem("f1", "image/png", png, 100) is None
    assert schema.file_problem("f1", "image/svg+xml", b"<svg>", 100) == "file"
    assert schema.file_problem("f1", "image/png", b"<svg onload=...>", 100) == "file type"
    assert schema.file_problem("f1", "image/png", png * 100, 100) == "file size"
    assert schema.file_problem("../f", "image/png", png, 100) == "file"
    assert schema.file_problem("f1", ["image/png"], png, 100) == "file"


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from(sorted(schema.PROPERTIES)), JSON, st.sampled_from(sorted(schema.GEOMETRY)), JSON)
def test_no_value_anywhere_makes_the_check_itself_fail(name: str, value: Any, side: str, size: Any) -> None:
    """Whatever a client sends is judged; the judge never raises."""
    schema.element_problem("e1", {**LINE, side: size}, {**properties("line", "e1"), name: value}, False)
    schema.element_problem("e1", size, value, True)
    schema.file_problem(value, size, value, 10)
