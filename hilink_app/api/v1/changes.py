"""Changes of lessons that families want: made where the policy allows it, else asked for, approved, declined."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Depends, Query
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from core.access import TokenViewer, scope
from core.lifecycle import asked
from core.queries import records, wanted
from hilink_app.api.v1.paging import Cursor, Limit, Page, first_id, page_by_id
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


class Wish(BaseModel):
    """What a family wants to have changed. `If-Match`: the version of the lesson as they saw it."""

    model_config = ConfigDict(extra="forbid")
    session_id: str = Field(max_length=40)
    student_id: str = Field(max_length=40)
    kind: Literal["move", "cancel"]
    starts_at: AwareDatetime | None = Field(default=None, description="The new time, for a move.")
    why: str = Field(default="", max_length=asked.MAX_WORDS, description="Their words.")


class Outcome(BaseModel):
    """done: the policy allowed it, and so it is. Else a coordinator is asked, and `change` is what they see."""

    done: bool
    change: Change | None
    session_version: int


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
    found = wanted.changes(
        viewer,
        status=status,
        session_id=session_id,
        after_id=first_id("changes", filters, cursor),
        limit=limit + 1,
    )
    return page_by_id(Change, found, limit, "changes", filters)


@router.post("/changes", status_code=201, response_model=Outcome)
def wish(viewer: Writer, new: Wish, if_match: IfMatch = "", _key: Key = "") -> JSONResponse:
    """A family moves or cancels a lesson: done at once where the policy allows it, else asked for."""
    starts_at = new.starts_at.astimezone(UTC) if new.starts_at else None
    wanted_so = asked.Wish(new.session_id, new.kind, new.why, starts_at, new.student_id)
    change_id = asked.ask_or_do(viewer, wanted_so, version_seen(if_match))
    change = Change.model_validate(wanted.change(viewer, change_id)) if change_id else None
    version = records.session(viewer, new.session_id).version
    outcome = Outcome(done=change is None, change=change, session_version=version)
    return answered(jsonable_encoder(outcome), 201)


@router.post("/changes/{change_id}/withdraw", response_model=Change)
def withdraw(viewer: Writer, change_id: str, if_match: IfMatch = "", _key: Key = "") -> JSONResponse:
    """The family does not want it any more."""
    asked.withdraw(viewer, change_id, version_seen(if_match))
    return _as_it_is(viewer, change_id)


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
