"""Many requests placed at once: a plan is started, looked at until it is ready, and accepted or rejected."""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import Depends, Query
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from core.access import TokenViewer, scope
from core.lifecycle import plans
from core.lifecycle.requests import MAX_REASON
from core.queries import plans as query
from hilink_app.api.v1.paging import Cursor, Limit, Page, first_id, page_by_id
from hilink_app.api.v1.router import IfMatch, Key, answered, program_router, version_seen

router = program_router("plans")
Reader = Annotated[TokenViewer, Depends(scope("plans:read"))]
Writer = Annotated[TokenViewer, Depends(scope("plans:write"))]
Status = Literal[
    "",
    "waiting",
    "solving",
    "ready",
    "booking",
    "accepted",
    "undoing",
    "undone",
    "rejected",
    "cancelled",
    "failed",
]
Id = Annotated[str, Field(max_length=40)]


class Plan(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: str
    from_day: date
    until_day: date
    status: str = Field(
        description="waiting, solving, ready, booking, accepted, undoing, undone, rejected, cancelled, failed."
    )
    share: int = Field(description="How much of what is being done is done, in hundredths.")
    lessons_asked: int = Field(description="Lessons a week.")
    lessons_placed: int
    lines: dict[str, int] = Field(
        description="How many are placed, unplaced, chosen, booked, clashed, rejected, undone."
    )
    reason: str = Field(description="Why it was rejected, or could not be made.")
    made_at: datetime
    version: int


class Line(BaseModel):
    """One request in a plan."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    request_id: str
    instructor_id: str | None
    starts: list[datetime] = Field(description="The first lesson at each of its weekly times.")
    status: str = Field(description="placed, unplaced, chosen, booked, clashed, rejected, undone.")
    reasons: list[str] = Field(description="Codes; for an unplaced one the tightest constraint.")
    why: list[str] = Field(description="The same as sentences.")
    series_id: str | None


class NewPlan(BaseModel):
    """Requests that want lessons in these days, both included; nothing is booked before it is accepted."""

    model_config = ConfigDict(extra="forbid")
    from_day: date
    until_day: date
    request_ids: list[Id] | None = Field(
        default=None, min_length=1, max_length=plans.MOST_REQUESTS, description="null: all that are open."
    )


class Acceptance(BaseModel):
    model_config = ConfigDict(extra="forbid")
    line_ids: list[Id] | None = Field(
        default=None, min_length=1, max_length=10_000, description="null: every line that has a place."
    )


class Rejection(BaseModel):
    model_config = ConfigDict(extra="forbid")
    reason: str = Field(min_length=1, max_length=MAX_REASON, description="A sentence for colleagues.")


@router.post("/plans", status_code=202, response_model=Plan)
def start_plan(viewer: Writer, new: NewPlan, _key: Key = "") -> JSONResponse:
    """Ask for a plan. It takes seconds to minutes; read it until it is `ready`. 409 while another is worked on."""
    return _plan(viewer, plans.start_plan(viewer, new.from_day, new.until_day, new.request_ids), 202)


@router.get("/plans")
def list_plans(
    viewer: Reader,
    status: Annotated[Status, Query()] = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[Plan]:
    """All plans, in the order they were started."""
    filters = {"status": status}
    after_id = first_id("plans", filters, cursor)
    found = query.records(viewer, status=status, after_id=after_id, limit=limit + 1)
    return page_by_id(Plan, found, limit, "plans", filters)


@router.get("/plans/{plan_id}", response_model=Plan)
def get_plan(viewer: Reader, plan_id: str) -> JSONResponse:
    """One plan, and how far it is."""
    return _plan(viewer, plan_id)


@router.get("/plans/{plan_id}/lines")
def list_lines(viewer: Reader, plan_id: str, limit: Limit = 50, cursor: Cursor = "") -> Page[Line]:
    """Who would be taught when by whom, and who found no place and why."""
    filters = {"plan_id": plan_id}
    found = query.lines(viewer, plan_id, first_id("plan_lines", filters, cursor), limit + 1)
    return page_by_id(Line, found, limit, "plan_lines", filters)


@router.post("/plans/{plan_id}/accept", status_code=202, response_model=Plan)
def accept_plan(
    viewer: Writer, plan_id: str, accepted: Acceptance, if_match: IfMatch = "", _key: Key = ""
) -> JSONResponse:
    """Book all of it, or some lines. Lines whose times were taken meanwhile become `clashed`, the rest is booked."""
    plans.accept(viewer, plan_id, version_seen(if_match), accepted.line_ids)
    return _plan(viewer, plan_id, 202)


@router.post("/plans/{plan_id}/reject", response_model=Plan)
def reject_plan(
    viewer: Writer, plan_id: str, rejected: Rejection, if_match: IfMatch = "", _key: Key = ""
) -> JSONResponse:
    """What is left of it is not wanted."""
    plans.reject(viewer, plan_id, rejected.reason, version_seen(if_match))
    return _plan(viewer, plan_id)


@router.post("/plans/{plan_id}/cancel", response_model=Plan)
def cancel_plan(viewer: Writer, plan_id: str, _key: Key = "") -> JSONResponse:
    """Stop one that is still being made."""
    plans.cancel(viewer, plan_id)
    return _plan(viewer, plan_id)


@router.post("/plans/{plan_id}/undo", status_code=202, response_model=Plan)
def undo_plan(viewer: Writer, plan_id: str, if_match: IfMatch = "", _key: Key = "") -> JSONResponse:
    """Cancel the lessons to come that it booked; their requests are open again."""
    plans.undo(viewer, plan_id, version_seen(if_match))
    return _plan(viewer, plan_id, 202)


def _plan(viewer: TokenViewer, plan_id: str, status: int = 200) -> JSONResponse:
    return answered(jsonable_encoder(Plan.model_validate(query.record(viewer, plan_id))), status)
