"""Where a room goes: near its people, never on a node that is gone, full, or should rest while others can."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ports import MediaNodeView
from core.scheduling.placement import choose, distance_km, parse_regions, place_of

pytestmark = pytest.mark.unit

REGIONS = {"eu": "Europe/Berlin", "us": "America/New_York", "in": "Asia/Kolkata"}


def node(name: str, region: str = "local", **more: float | bool) -> MediaNodeView:
    return MediaNodeView(name, region, f"ws://{name}:7881/control", **more)  # pyright: ignore[reportArgumentType]


def chosen(*nodes: MediaNodeView, people: tuple[str, ...] = ()) -> str:
    found = choose(nodes, people, REGIONS)
    return found.name if found else ""


ABROAD = (node("a", "us"), node("b", "eu"), node("c", "in"))


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        (("Europe/Vienna", "Europe/Lisbon"), "b"),
        (("America/Chicago",), "a"),
        (("Asia/Calcutta", "Asia/Dubai"), "c"),  # an older name, known by its clock alone
        (("Europe/Berlin", "Europe/Berlin", "America/New_York"), "b"),
        (("America/Toronto", "America/Sao_Paulo", "Europe/London"), "a"),
    ],
)
def test_the_nearest_for_its_people(people: tuple[str, ...], expected: str) -> None:
    assert chosen(*ABROAD, people=people) == expected


def test_a_region_may_be_a_time_zone_itself() -> None:
    assert chosen(node("x", "Asia/Tokyo"), node("y", "Europe/Paris"), people=("Asia/Seoul",)) == "x"


def test_people_without_a_place_leave_it_to_the_load() -> None:
    assert chosen(node("a", "us", load=0.4), node("b", "eu", load=0.1), people=("UTC", "Mars/Base")) == "b"
    assert chosen(node("a", load=0.4), node("b", load=0.1), people=("Europe/Berlin",)) == "b"
    assert chosen(node("b", rooms=3), node("a", rooms=4)) == "b"
    assert chosen(node("b"), node("a")) == "a"


def test_the_next_one_when_the_nearest_cannot() -> None:
    people = ("Europe/Rome",)
    far = node("far", "us")
    assert chosen(node("near", "eu", usable=False), far, people=people) == "far"
    assert chosen(node("near", "eu", draining=True), far, people=people) == "far"
    assert chosen(node("near", "eu", load=0.95), far, people=people) == "far"
    assert chosen(node("near", "eu", load=0.7), far, people=people) == "near"


def test_better_on_a_tired_node_than_without_sound() -> None:
    assert chosen(node("near", load=3.0)) == "near"
    assert chosen(node("near", draining=True)) == "near"
    assert chosen(node("gone", usable=False)) == ""
    assert chosen() == ""


def test_regions_as_they_are_written() -> None:
    assert parse_regions(" eu=Europe/Berlin , us=America/New_York,broken,=x") == {
        "eu": "Europe/Berlin",
        "us": "America/New_York",
    }
    assert parse_regions("") == {}


def test_places_are_where_they_are() -> None:
    berlin, york = place_of("Europe/Berlin"), place_of("America/New_York")
    assert berlin is not None and york is not None
    assert distance_km(berlin, york) == pytest.approx(6_385, rel=0.01)
    assert place_of("Etc/GMT+3") is None and place_of("../etc/passwd") is None


@given(
    st.lists(
        st.builds(
            MediaNodeView,
            name=st.text(min_size=1, max_size=3),
            region=st.sampled_from(["eu", "us", "in", "moon", "Europe/Paris"]),
            control_url=st.just("ws://x"),
            load=st.floats(0, 4),
            usable=st.booleans(),
            draining=st.booleans(),
        ),
        max_size=6,
    ),
    st.lists(st.sampled_from(["Europe/Berlin", "Asia/Tokyo", "UTC", "No/Where", ""]), max_size=5),
)
def test_never_a_node_that_cannot(nodes: list[MediaNodeView], people: list[str]) -> None:
    found = choose(nodes, people, REGIONS)
    able = [one for one in nodes if one.usable]
    assert (found is None) == (not able)
    if found is not None:
        assert found.usable
        assert not found.draining or all(one.draining for one in able)
        assert math.isfinite(found.load)
