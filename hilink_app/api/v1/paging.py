"""Long lists in pages: an opaque, signed cursor says where the next one begins, whatever was added meanwhile."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from itsdangerous import BadSignature, URLSafeSerializer
from pydantic import BaseModel, Field

from core import services
from core.access import hash_token
from core.errors import InvalidInput
from core.queries.records import MOST

Item = TypeVar("Item", bound=BaseModel)

Limit = Annotated[int, Query(ge=1, le=MOST, description="How many at most.")]
Cursor = Annotated[
    str,
    Query(
        max_length=2_000,
        description="`next` of the page before, with the same filters; empty = the first page.",
    ),
]


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next: str | None = Field(description="Cursor of the next page; null = this is the last one.")


def read_cursor(name: str, filters: Mapping[str, object], cursor: str) -> list[str] | None:
    """Where the page begins, None for the first one. InvalidInput: forged, or of another list or filter."""
    if not cursor:
        return None
    try:
        found: list[str] = _serializer(name, filters).loads(cursor)
    except BadSignature as error:
        raise InvalidInput("cursor", "This cursor does not belong to this list.") from error
    return found


def write_cursor(name: str, filters: Mapping[str, object], last: Sequence[str]) -> str:
    """last: the sort key of the last item of this page."""
    return str(_serializer(name, filters).dumps(list(last)))


def page_by_id(
    model: type[Item], found: Sequence[Any], limit: int, name: str, filters: Mapping[str, object]
) -> Page[Item]:
    """One page of what is in order of `id`. found: records, one more than `limit` where there are others."""
    more = write_cursor(name, filters, [found[limit - 1].id]) if len(found) > limit else None
    return Page(items=[model.model_validate(one) for one in found[:limit]], next=more)


def first_id(name: str, filters: Mapping[str, object], cursor: str) -> str:
    """The id after which such a page begins, "" for the first one. InvalidInput as for `read_cursor`."""
    after = read_cursor(name, filters, cursor)
    return after[0] if after else ""


def _serializer(name: str, filters: Mapping[str, object]) -> URLSafeSerializer:
    of = hash_token(repr(sorted((key, str(value)) for key, value in filters.items())))
    return URLSafeSerializer(services.current().settings.derived_key("cursor"), salt=f"hilink.{name}.{of}")
