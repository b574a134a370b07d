"""Changes of lessons that families ask for: read, approved, declined."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Query
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from core.access import TokenViewer, scope
from core.lifecycle import asked
from core.queries import wanted
from hilink_app.api.v1.paging import Cursor, Limit, Page, read_cursor, write_cursor
from hilink_app.api.v1.router import IfMatch, Key, answered, program_router, version_seen

router = program_router("changes")
Reader = Annotated[TokenViewer, Depends(scope("changes:read"))]
Writer = Annotated[TokenViewer, Depends(scope("changes:write"))]


class Change(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: str
    session_id: str
    session_version: int = Field(description="The lesson's, as the family saw it.")
    student_id: str
    kind: str = Field(description="move, cancel.")
    starts_at: datetime | None = Field(description="The time they ask for, when it is a move.")
    ends_at: datetime | None
    why: str = Field(description="Their words.")
    rule: str = Field(description="What the policy said against it: late_notice, too_many, asked, ...")
    asked_by: str
    asked_at: datetime
    status: str = Field(description="open, granted, refused, withdrawn.")
    answer: str = Field(description="What the family was told.")
    decided_at: datetime | None
    version: int


class Approval(BaseModel):
    model_config = ConfigDict(extra="forbid")
    answer: str = Field(default="", max_length=asked.MAX_WORDS, description="The family reads it.")
    credit: bool = Field(default=False, description="A cancelled lesson may be had again all the same.")


class Refusal(BaseModel):
    model_config = ConfigDict(extra="forbid")
    answer: str = Field(max_length=asked.MAX_WORDS, description="Why; the family reads it.")


@router.get("/changes")
def list_changes(
    viewer: Reader,
    status: Annotated[Literal["", "open", "granted", "refused", "withdrawn"], Query()] = "",
    session_id: Annotated[str, Query(max_length=40)] = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[Change]:
    """Changes that families ask for, in the order they did."""
    filters = {"status": status, "session_id": session_id}
    after = read_cursor("changes", filters, cursor)
    found = wanted.changes(
        viewer, status=status, session_id=session_id, after_id=after[0] if after else "", limit=limit + 1
    )
    more = write_cursor("changes", filters, [found[limit - 1].id]) if len(found) > limit else None
    return Page(items=[Change.model_validate(one) for one in found[:limit]], next=more)


@router.get("/changes/{change_id}", response_model=Change)
def get_change(viewer: Reader, change_id: str) -> JSONResponse:
    """One of them."""
    return _as_it_is(viewer, change_id)


@router.post("/changes/{change_id}/approve", response_model=Change)
def approve(
    viewer: Writer, change_id: str, approval: Approval, if_match: IfMatch = "", _key: Key = ""
) -> JSONResponse:
    """It is done at once. A 409 when the lesson changed since they asked, or somebody is booked at that time."""
    asked.decide(
        viewer,
        change_id,
        version_seen(if_match),
        grant=True,
        answer=approval.answer,
        credit=approval.credit,
    )
    return _as_it_is(viewer, change_id)


@router.post("/changes/{change_id}/decline", response_model=Change)
def decline(
    viewer: Writer, change_id: str, refusal: Refusal, if_match: IfMatch = "", _key: Key = ""
) -> JSONResponse:
    """The lesson stays as it is; the family is told why."""
    asked.decide(viewer, change_id, version_seen(if_match), grant=False, answer=refusal.answer)
    return _as_it_is(viewer, change_id)


def _as_it_is(viewer: TokenViewer, change_id: str) -> JSONResponse:
    return answered(jsonable_encoder(Change.model_validate(wanted.change(viewer, change_id))))
