"""What a whiteboard element may look like.

One bad element must not take down everybody's board: a `line` without points throws inside
Excalidraw's renderer, on every screen and again after every reload. So each element is checked here
before anyone else sees it, against the shapes of Excalidraw 0.18.1, and once more in the browser.

An element is stored as `{"g": geometry, "m": all other properties, "p": free-hand points}`;
points are whole numbers, hundredths of a canvas pixel, x and y in turn.
"""

import json
import math
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

PARTS: Final = frozenset({"g", "m", "p"})
GEOMETRY: Final = frozenset({"x", "y", "width", "height", "angle", "points"})
TYPES: Final = frozenset(
    {"rectangle", "ellipse", "diamond", "line", "arrow", "freedraw", "text", "image", "frame"}
)
PROPERTIES: Final = frozenset(
    """type id index isDeleted seed strokeColor backgroundColor fillStyle strokeWidth strokeStyle roughness
    opacity groupIds frameId roundness boundElements link locked simulatePressure lastCommittedPoint
    text originalText fontSize fontFamily textAlign verticalAlign containerId lineHeight autoResize baseline
    startBinding endBinding startArrowhead endArrowhead elbowed fixedSegments startIsSpecial endIsSpecial
    polygon fileId status scale crop name""".split()
)
MIME_TYPES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})

MAX_COORDINATE: Final = 1_000_000.0
"""Canvas pixels; far outside what anyone can scroll to."""
MAX_POINTS: Final = 10_000
MAX_LINE_POINTS: Final = 2_000
MAX_TEXT: Final = 10_000
MAX_LINK: Final = 2_000
MAX_PROPERTIES_BYTES: Final = 48_000

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_INDEX = re.compile(r"[0-9A-Za-z]{1,200}\Z")
_COLOR = re.compile(r"(#[0-9a-fA-F]{3,8}|[a-z]{3,30}|(rgb|hsl)a?\([0-9.,%/ deg]{3,40}\))\Z")
_LINK = re.compile(r"https?://", re.IGNORECASE)
_MAGIC: Final[Mapping[str, tuple[bytes, ...]]] = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
}
_NUMBERS: Final[Mapping[str, tuple[float, float]]] = {
    "strokeWidth": (0, 100),
    "roughness": (0, 10),
    "opacity": (0, 100),
    "fontSize": (0.1, 2_000),
    "lineHeight": (0.1, 20),
    "fontFamily": (0, 1_000),
    "seed": (-(2**53), 2**53),
    "baseline": (-MAX_COORDINATE, MAX_COORDINATE),
}
_CHOICES: Final[Mapping[str, frozenset[str]]] = {
    "fillStyle": frozenset({"solid", "hachure", "cross-hatch", "zigzag"}),
    "strokeStyle": frozenset({"solid", "dashed", "dotted"}),
    "textAlign": frozenset({"left", "center", "right"}),
    "verticalAlign": frozenset({"top", "middle", "bottom"}),
    "status": frozenset({"pending", "saved", "error"}),
}
_FLAGS: Final = ("isDeleted", "locked", "simulatePressure", "autoResize", "elbowed", "polygon")
_REFERENCES: Final = ("frameId", "containerId", "fileId")


def is_id(value: object) -> bool:
    """Whether `value` may name an element or a file: up to 64 URL-safe characters."""
    return isinstance(value, str) and _ID.match(value) is not None


def one_of(value: object, choices: Collection[str]) -> bool:
    """`in` for values that may be anything: a list is no key, and asking must not raise."""
    return isinstance(value, str) and value in choices


def element_problem(element_id: str, geometry: object, properties: object, has_points: bool) -> str | None:
    """Why this element is refused, or None. The words are for the log and tests, not for people."""
    if not is_id(element_id):
        return "id"
    if not isinstance(properties, dict) or not isinstance(geometry, dict):
        return "parts"
    kind: Any = properties.get("type")
    if not one_of(kind, TYPES):
        return "type"
    if (kind == "freedraw") is not has_points:
        return "points"
    return _geometry_problem(kind, geometry) or _properties_problem(element_id, properties)


def points_problem(values: Iterable[object], total: int) -> str | None:
    """values: the new points; total: how many numbers the stroke has with them."""
    if total > 2 * MAX_POINTS or total % 2:
        return "points"
    limit = MAX_COORDINATE * 100
    return None if all(_whole(value) and abs(value) <= limit for value in values) else "points"  # type: ignore[operator, arg-type]


def file_problem(file_id: object, mime: object, data: object, max_bytes: int) -> str | None:
    """Why an image is refused, or None. Only raster images whose first bytes say what they claim to be."""
    if not is_id(file_id) or not one_of(mime, MIME_TYPES):
        return "file"
    if not isinstance(data, bytes | bytearray) or not 0 < len(data) <= max_bytes:
        return "file size"
    return None if data.startswith(_MAGIC[str(mime)]) else "file type"


def _geometry_problem(kind: str, geometry: Mapping[str, Any]) -> str | None:
    if not GEOMETRY.issuperset(geometry):
        return "geometry"
    if not all(
        _number(geometry.get(key), -MAX_COORDINATE, MAX_COORDINATE) for key in ("x", "y", "width", "height")
    ):
        return "geometry"
    if not _number(geometry.get("angle"), -1_000, 1_000):
        return "geometry"
    points = geometry.get("points")
    if kind not in ("line", "arrow"):
        return None if points is None else "points"
    if not isinstance(points, list) or not 1 <= len(points) <= MAX_LINE_POINTS:
        return "points"
    return None if all(_point(point) for point in points) else "points"


def _properties_problem(element_id: str, properties: Mapping[str, Any]) -> str | None:
    if not PROPERTIES.issuperset(properties):
        return "properties"
    if properties.get("id", element_id) != element_id:
        return "id"
    index = properties.get("index")
    if not isinstance(index, str) or not _INDEX.match(index):
        return "index"
    for key in _FLAGS:
        if not isinstance(properties.get(key), bool | None):
            return key
    for key, (low, high) in _NUMBERS.items():
        if properties.get(key) is not None and not _number(properties[key], low, high):
            return key
    for key, choices in _CHOICES.items():
        if properties.get(key) is not None and not one_of(properties[key], choices):
            return key
    for key in _REFERENCES:
        if properties.get(key) is not None and not is_id(properties[key]):
            return key
    for key in ("strokeColor", "backgroundColor"):
        color = properties.get(key)
        if color is not None and not (isinstance(color, str) and _COLOR.match(color)):
            return key
    return _text_problem(properties) or _lists_problem(properties)


def _text_problem(properties: Mapping[str, Any]) -> str | None:
    for key in ("text", "originalText", "name"):
        value = properties.get(key)
        if value is not None and not (isinstance(value, str) and len(value) <= MAX_TEXT):
            return key
    if properties["type"] == "text" and not isinstance(properties.get("text"), str):
        return "text"
    link = properties.get("link")
    if link is not None and not (
        isinstance(link, str) and len(link) <= MAX_LINK and (not link or _LINK.match(link))
    ):
        return "link"
    return None


def _lists_problem(properties: Mapping[str, Any]) -> str | None:
    groups = properties.get("groupIds")
    if groups is not None and not (
        isinstance(groups, list) and len(groups) <= 50 and all(map(is_id, groups))
    ):
        return "groupIds"
    bound = properties.get("boundElements")
    if bound is not None and not (isinstance(bound, list) and len(bound) <= 500 and all(map(_bound, bound))):
        return "boundElements"
    for key in ("startBinding", "endBinding"):
        binding = properties.get(key)
        if binding is not None and not (isinstance(binding, dict) and is_id(binding.get("elementId"))):
            return key
    for key in ("roundness", "crop"):
        value = properties.get(key)
        if value is not None and not (isinstance(value, dict) and all(_plain(v) for v in value.values())):
            return key
    scale = properties.get("scale")
    if scale is not None and not _point(scale):
        return "scale"
    try:
        size = len(json.dumps(properties, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return "properties"
    return None if size <= MAX_PROPERTIES_BYTES else "size"


def _bound(value: object) -> bool:
    return isinstance(value, dict) and is_id(value.get("id")) and one_of(value.get("type"), ("arrow", "text"))


def _plain(value: object) -> bool:
    return value is None or isinstance(value, bool) or _number(value, -MAX_COORDINATE, MAX_COORDINATE)


def _whole(value: object) -> bool:
    """JavaScript has one number type, so a whole number arrives as an int or as 3.0."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value == int(value)
    )


def _number(value: object, low: float, high: float) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and low <= value <= high
    )


def _point(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(_number(part, -MAX_COORDINATE, MAX_COORDINATE) for part in value)
    )
