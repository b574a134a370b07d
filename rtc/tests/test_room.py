"""A room by itself: who has a turn with whom."""

from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import pytest

from core.ports import MediaRights
from rtc.limits import Limits
from rtc.room import ALLOCATE_TURNS, TOGETHER, Room

pytestmark = pytest.mark.unit


def room_of(count: int) -> Room:
    def emit(*event: object) -> None:
        """Nobody listens."""

    room = Room("r1", cast(Any, SimpleNamespace(limits=Limits())), emit)
    for number in range(count):
        room.join(str(number), MediaRights())
    return room


def turns(room: Room) -> list[int]:
    """How many people each turn has, the fullest first."""
    return sorted(Counter(one.turn for one in room.participants.values()).values(), reverse=True)


@pytest.mark.parametrize(
    ("count", "expected"), [(1, [1]), (TOGETHER, [TOGETHER]), (TOGETHER + 2, [TOGETHER, 2])]
)
def test_a_few_people_have_their_turn_together(count: int, expected: list[int]) -> None:
    assert turns(room_of(count)) == expected


def test_in_a_full_room_nobody_waits_behind_much_more_than_others() -> None:
    assert turns(room_of(50)) == [10] * ALLOCATE_TURNS


def test_who_comes_takes_the_place_of_who_left() -> None:
    room = room_of(TOGETHER + 1)
    room.leave("0")
    room.join("new", MediaRights())
    assert turns(room) == [TOGETHER, 1]
