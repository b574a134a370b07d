"""Which media node a room goes to: near its people, not overloaded. Pure, but for one table of zones' places."""

import math
import zoneinfo
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from importlib import resources
from pathlib import Path

from core.ports import MediaNodeView

Place = tuple[float, float]
"""Latitude and longitude, degrees."""

FULL_LOAD = 0.8
"""A node that uses more of its core than this gets a room only when all others do, too."""
NEAR_KM = 500.0
"""Distances that differ by less count as equal: about 5 ms, less than most home networks vary."""
UNKNOWN_KM = 10_000.0
_EARTH_KM = 6_371.0
_WINTER = datetime(2026, 1, 15)
_LATITUDE = 30.0
"""Most people live about that far north."""


def choose(
    nodes: Sequence[MediaNodeView],
    zones: Sequence[str],
    regions: Mapping[str, str] | None = None,
    wanted: str = "",
) -> MediaNodeView | None:
    """The best node for people in these IANA zones, or None. Equal ones are told apart by load, then name.

    A draining node comes last: better there than without sound.

    regions: region -> IANA zone of its place; a region that is a zone itself needs no entry. A region
    without a known place counts as far away for everybody: among such nodes the load decides.
    wanted: the region the room should be in, while a node there is neither full nor draining.
    """
    able = [node for node in nodes if node.usable]
    people = [place for place in map(place_of, zones) if place is not None]
    places = regions or {}

    def rank(node: MediaNodeView) -> tuple[bool, bool, bool, int, float, int, str]:
        km = _mean_km(place_of(places.get(node.region, node.region)), people)
        full = node.load >= FULL_LOAD
        elsewhere = wanted not in ("", node.region)
        return node.draining, full, elsewhere, int(km // NEAR_KM), round(node.load, 1), node.rooms, node.name

    return min(able, key=rank, default=None)


def parse_regions(text: str) -> dict[str, str]:
    """`eu=Europe/Berlin,us=America/New_York` as region -> zone; what has no `=` is left out."""
    pairs = (one.partition("=") for one in text.split(","))
    return {name.strip(): zone.strip() for name, sign, zone in pairs if sign and name.strip()}


def place_of(zone: str) -> Place | None:
    """Where a zone's main city is; None for zones without a place (UTC) and for unknown names.

    An older name of a zone (Asia/Calcutta) is not in the table: its clock says how far east it is.
    """
    known = _places().get(zone)
    if known is not None or "/" not in zone or zone.startswith("Etc/"):
        return known
    try:
        offset = zoneinfo.ZoneInfo(zone).utcoffset(_WINTER)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None
    return None if offset is None else (_LATITUDE, offset.total_seconds() / 240)


def distance_km(one: Place, other: Place) -> float:
    """Along the surface (haversine)."""
    lat_1, lon_1, lat_2, lon_2 = (math.radians(value) for value in (*one, *other))
    half = (
        math.sin((lat_2 - lat_1) / 2) ** 2
        + math.cos(lat_1) * math.cos(lat_2) * math.sin((lon_2 - lon_1) / 2) ** 2
    )
    return 2 * _EARTH_KM * math.asin(math.sqrt(min(1.0, half)))


def _mean_km(node: Place | None, people: Sequence[Place]) -> float:
    if node is None or not people:
        return UNKNOWN_KM
    return sum(distance_km(node, one) for one in people) / len(people)


@lru_cache(maxsize=1)
def _places() -> dict[str, Place]:
    """zone.tab and zone1970.tab of the time zone database: code, ±DDMM±DDDMM, name."""
    found: dict[str, Place] = {}
    for name in ("zone1970.tab", "zone.tab"):
        for line in _table(name).splitlines():
            columns = line.split("\t")
            if not line.startswith("#") and len(columns) >= 3 and columns[2] not in found:
                found[columns[2]] = _coordinates(columns[1])
    return found


def _table(name: str) -> str:
    for folder in zoneinfo.TZPATH:
        path = Path(folder) / name
        if path.is_file():
            return path.read_text(encoding="utf-8")
    return (resources.files("tzdata") / "zoneinfo" / name).read_text(encoding="utf-8")


def _coordinates(text: str) -> Place:
    """ISO 6709: ±DDMM±DDDMM or ±DDMMSS±DDDMMSS."""
    split = max(text.rfind("+"), text.rfind("-"))
    return _degrees(text[:split], 2), _degrees(text[split:], 3)


def _degrees(text: str, digits: int) -> float:
    sign, number = -1 if text[0] == "-" else 1, text[1:]
    minutes, seconds = number[digits : digits + 2], number[digits + 2 :]
    return sign * (int(number[:digits]) + int(minutes) / 60 + int(seconds or 0) / 3600)
