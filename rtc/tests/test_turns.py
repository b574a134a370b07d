"""Who waits for its turn, and who floods."""

import pytest

from rtc.turns import MOST_EACH, Turns

pytestmark = pytest.mark.unit


def test_a_flood_of_one_holds_up_another_by_one_piece() -> None:
    turns = Turns()
    done: list[str] = []
    for _ in range(MOST_EACH):
        assert turns.add("flood", lambda: done.append("flood"))
    assert turns.add("quiet", lambda: done.append("quiet"))
    for _ in range(2):
        turns.take()()
    assert done == ["flood", "quiet"]


def test_too_much_of_one_is_refused_and_the_others_are_not() -> None:
    turns = Turns()
    for _ in range(MOST_EACH):
        assert turns.add("flood", object)
    assert not turns.add("flood", object)
    assert turns.add("quiet", object)


def test_pieces_of_one_keep_their_order_and_nothing_is_left() -> None:
    turns = Turns()
    done: list[int] = []
    for number in range(5):
        turns.add("one", lambda number=number: done.append(number))
    while turns:
        turns.take()()
    assert done == [0, 1, 2, 3, 4]
    with pytest.raises(IndexError):
        turns.take()
