"""Reading JSON values from outside: the right shape, or Malformed. rtc/PROTOCOL.md says what they mean."""

from typing import Any, cast

from rtc.errors import Malformed, Refused

MAX_SIDE_PX = 16384


def read_object(value: Any, what: str) -> dict[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise Malformed(what)
    return cast(dict[str, Any], value)


def read_objects(value: Any, what: str, limit: int) -> list[dict[str, Any]]:
    """A JSON array of at most `limit` objects; Refused("too_many") for more."""
    if not isinstance(value, list):
        raise Malformed(what)
    items = cast(list[Any], value)
    if len(items) > limit:
        raise Refused("too_many", what)
    return [read_object(one, what) for one in items]


def read_side(value: Any) -> float:
    """The width or height of a picture, px."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_SIDE_PX:
        raise Malformed("size")
    return float(value)


def read_number(value: Any, what: str) -> int:
    """A whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise Malformed(what)
    return value
