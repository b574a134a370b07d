"""Lessons that lost their instructor: saying so, who was asked, asking more, and answering for them."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Query
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from core.access import TokenViewer, scope
from core.lifecycle import substitutes
from core.queries import records
from hilink_app.api.v1.paging import Cursor, Limit, Page, first_id, page_by_id
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


class Absence(BaseModel):
    model_config = ConfigDict(extra="forbid")
    note: str = Field(default="", max_length=substitutes.MOST_WORDS, description="Why; coordinators read it.")


class Answered(BaseModel):
    session_id: str = Field(description="The lesson it is about.")


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
    found = records.substitutions(
        viewer, status=status, after_id=first_id("substitutions", filters, cursor), limit=limit + 1
    )
    return page_by_id(Substitution, found, limit, "substitutions", filters)


@router.get("/substitutions/{substitution_id}", response_model=Substitution)
def get_substitution(viewer: Reader, substitution_id: str) -> JSONResponse:
    """One of them."""
    return _as_it_is(viewer, substitution_id)


@router.post("/sessions/{session_id}/substitution", status_code=201, response_model=Substitution)
def ask(viewer: Writer, session_id: str, absence: Absence, _key: Key = "") -> JSONResponse:
    """The instructor of this lesson cannot come: others are asked from now on. Saying so again changes nothing."""
    return _as_it_is(viewer, substitutes.ask(viewer, session_id, absence.note), 201)


@router.post("/substitutions/{substitution_id}/offers", status_code=201, response_model=Substitution)
def offer(
    viewer: Writer, substitution_id: str, new: NewOffers, if_match: IfMatch = "", _key: Key = ""
) -> JSONResponse:
    """Ask these instructors, ranked or not."""
    substitutes.offer(viewer, substitution_id, new.instructor_ids, version_seen(if_match))
    return _as_it_is(viewer, substitution_id, 201)


@router.post("/substitutions/{substitution_id}/withdraw", response_model=Substitution)
def withdraw(viewer: Writer, substitution_id: str, _key: Key = "") -> JSONResponse:
    """The instructor comes after all. 409 when somebody has taken the lesson."""
    substitutes.withdraw(viewer, substitution_id)
    return _as_it_is(viewer, substitution_id)


@router.post("/offers/{offer_id}/accept", response_model=Answered)
def accept(viewer: Writer, offer_id: str, _key: Key = "") -> JSONResponse:
    """Whom it was made to takes the lesson. 409 when somebody else was faster, it is over, or they are not free."""
    return answered(Answered(session_id=substitutes.accept_offer(viewer, offer_id)).model_dump())


@router.post("/offers/{offer_id}/decline", response_model=Answered)
def decline(viewer: Writer, offer_id: str, _key: Key = "") -> JSONResponse:
    """Whom it was made to cannot; the next ones are asked."""
    return answered(Answered(session_id=substitutes.decline_offer(viewer, offer_id)).model_dump())


def _as_it_is(viewer: TokenViewer, substitution_id: str, status: int = 200) -> JSONResponse:
    record = records.substitution(viewer, substitution_id)
    return answered(jsonable_encoder(Substitution.model_validate(record)), status)
