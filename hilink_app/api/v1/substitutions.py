"""Lessons that lost their instructor: who was asked, and asking more."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Query
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from core.access import TokenViewer, scope
from core.lifecycle import substitutes
from core.queries import records
from hilink_app.api.v1.paging import Cursor, Limit, Page, read_cursor, write_cursor
from hilink_app.api.v1.router import IfMatch, Key, answered, program_router, version_seen

router = program_router("substitutions")
Reader = Annotated[TokenViewer, Depends(scope("substitutions:read"))]
Writer = Annotated[TokenViewer, Depends(scope("substitutions:write"))]


class Offer(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: str
    instructor_id: str
    rank: int = Field(description="From 1, the best.")
    status: str = Field(description="offered, accepted, declined, expired, withdrawn.")
    expires_at: datetime


class Substitution(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: str
    session_id: str
    out_id: str = Field(description="Who cannot come.")
    reason: str
    status: str = Field(description="open, offered, filled, escalated, withdrawn.")
    due_at: datetime = Field(description="When a coordinator takes over.")
    filled_by: str | None
    offers: list[Offer]
    version: int


class NewOffers(BaseModel):
    """Who is asked; the first to accept has the lesson."""

    model_config = ConfigDict(extra="forbid")
    instructor_ids: list[Annotated[str, Field(max_length=40)]] = Field(min_length=1, max_length=50)


@router.get("/substitutions")
def list_substitutions(
    viewer: Reader,
    status: Annotated[Literal["", "open", "offered", "filled", "escalated", "withdrawn"], Query()] = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[Substitution]:
    """Searches for a substitute, in the order they began."""
    filters = {"status": status}
    after = read_cursor("substitutions", filters, cursor)
    found = records.substitutions(viewer, status=status, after_id=after[0] if after else "", limit=limit + 1)
    more = write_cursor("substitutions", filters, [found[limit - 1].id]) if len(found) > limit else None
    return Page(items=[Substitution.model_validate(one) for one in found[:limit]], next=more)


@router.post("/substitutions/{substitution_id}/offers", status_code=201, response_model=Substitution)
def offer(
    viewer: Writer, substitution_id: str, new: NewOffers, if_match: IfMatch = "", _key: Key = ""
) -> JSONResponse:
    """Ask these instructors, ranked or not."""
    substitutes.offer(viewer, substitution_id, new.instructor_ids, version_seen(if_match))
    record = records.substitution(viewer, substitution_id)
    return answered(jsonable_encoder(Substitution.model_validate(record)), 201)
