"""Requests for lessons: asked for, proposals for them, accepted, rejected, taken back."""

from datetime import date, datetime, time
from typing import Annotated, Literal

from fastapi import Depends, Query
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from core.access import TokenViewer, scope
from core.lifecycle import requests
from core.lifecycle.requests import MAX_NOTE, MAX_REASON, MOST_A_WEEK, MOST_LESSONS, MOST_WINDOWS
from core.queries import wanted
from core.scheduling.wish import Slot, WishWindow
from hilink_app.api.v1.paging import Cursor, Limit, Page, first_id, page_by_id
from hilink_app.api.v1.router import IfMatch, Key, answered, program_router, version_seen
from hilink_app.api.v1.series import Booked, Refused

router = program_router("requests")
Reader = Annotated[TokenViewer, Depends(scope("requests:read"))]
Writer = Annotated[TokenViewer, Depends(scope("requests:write"))]
Weekday = Annotated[int, Field(ge=0, le=6, description="0 = Monday.")]


def _by_the_clock(at: time) -> time:
    if at.tzinfo is not None or at.second or at.microsecond:
        raise ValueError("a wall clock: hours and minutes, without a zone")
    return at


Clock = Annotated[time, AfterValidator(_by_the_clock)]


class TimeWindow(BaseModel):
    """Lessons are possible every week: wall clock in the request's `tz`. `ends` not after `starts` is the next day."""

    model_config = ConfigDict(from_attributes=True)
    weekday: Weekday
    starts: Clock
    ends: Clock


class WeeklyTime(BaseModel):
    """A lesson every week: wall clock in the request's `tz`."""

    model_config = ConfigDict(from_attributes=True)
    weekday: Weekday
    at: Clock


class Wanted(BaseModel):
    """What is asked for."""

    student_id: str = Field(max_length=40)
    course_id: str = Field(max_length=40)
    windows: list[TimeWindow] = Field(min_length=1, max_length=MOST_WINDOWS)
    tz: str = Field(max_length=60, description="IANA time zone of the windows.")
    per_week: int = Field(default=1, ge=1, le=MOST_A_WEEK, description="Lessons a week.")
    length_min: int = 45
    from_day: date
    until_day: date | None = Field(default=None, description="The last day; null = for good.")
    lessons: int | None = Field(default=None, ge=1, le=MOST_LESSONS, description="So many in all.")
    language: str = Field(default="", max_length=10, description="BCP 47; empty = any.")
    instructor_id: str = Field(default="", max_length=40, description="Whom they wish for.")
    same_instructor: bool = Field(default=False, description="Rather somebody who taught them before.")
    note: str = Field(default="", max_length=MAX_NOTE, description="Their words.")


class NewRequest(Wanted):
    model_config = ConfigDict(extra="forbid")


class LessonRequest(Wanted):
    model_config = ConfigDict(from_attributes=True)
    id: str
    asked_by: str
    asked_at: datetime
    due_at: datetime = Field(description="When it should be answered.")
    status: str = Field(description="open, placed, rejected, withdrawn.")
    reason: str = Field(description="Why it was rejected.")
    rule: str = Field(description="The written rule that placed it; empty = a person did.")
    decided_at: datetime | None
    series_ids: list[str] = Field(description="The series it became, while they hold.")
    version: int


class Proposal(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    rank: int = Field(description="From 1, the best.")
    instructor_id: str
    slots: list[WeeklyTime]
    starts: list[datetime] = Field(description="Every lesson.")
    skip: list[date] = Field(description="Dates that fall out.")
    meets: int = Field(description="How many of the `wishes` it fulfills.")
    wishes: int
    met: list[str] = Field(description="What speaks for it, in the language of the token's maker.")
    unmet: list[str] = Field(description="What speaks against it.")


class LeftOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    instructor_id: str
    reasons: list[str]


class Proposals(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    proposals: list[Proposal]
    left_out: list[LeftOut]
    constraint: str = Field(description="The tightest constraint when nothing fits.")
    version: int = Field(description="Of the request.")


class Choice(BaseModel):
    """A proposal, or other times of somebody: it must fit all the same."""

    model_config = ConfigDict(extra="forbid")
    instructor_id: str = Field(max_length=40)
    slots: list[WeeklyTime] = Field(min_length=1, max_length=MOST_A_WEEK)


class Rejection(BaseModel):
    model_config = ConfigDict(extra="forbid")
    reason: str = Field(max_length=MAX_REASON, description="The family reads it.")


class Accepted(BaseModel):
    """One series for each time of day. Dates that clash by now are left out of them, and said."""

    request: LessonRequest
    booked: list[Booked]


@router.get("/requests")
def list_requests(
    viewer: Reader,
    status: Annotated[Literal["", "open", "placed", "rejected", "withdrawn"], Query()] = "",
    student_id: Annotated[str, Query(max_length=40)] = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[LessonRequest]:
    """Requests for lessons, in the order they were made."""
    filters = {"status": status, "student_id": student_id}
    found = wanted.requests(
        viewer,
        status=status,
        student_id=student_id,
        after_id=first_id("requests", filters, cursor),
        limit=limit + 1,
    )
    return page_by_id(LessonRequest, found, limit, "requests", filters)


@router.post("/requests", status_code=201, response_model=LessonRequest)
def ask(viewer: Writer, new: NewRequest, _key: Key = "") -> JSONResponse:
    """Ask for lessons on behalf of a student. What fits is looked at right afterwards."""
    asked = new.model_dump(exclude={"windows"})
    windows = tuple(WishWindow(one.weekday, one.starts, one.ends) for one in new.windows)
    return _as_it_is(viewer, requests.ask(viewer, requests.NewRequest(**asked, windows=windows)), 201)


@router.get("/requests/{request_id}", response_model=LessonRequest)
def get_request(viewer: Reader, request_id: str) -> JSONResponse:
    """One request."""
    return _as_it_is(viewer, request_id)


@router.get("/requests/{request_id}/proposals", response_model=Proposals)
def get_proposals(viewer: Reader, request_id: str) -> JSONResponse:
    """Who could give these lessons, best first, as things are now; who is left out, and why."""
    found = Proposals.model_validate(wanted.proposals(viewer, request_id))
    return answered(jsonable_encoder(found))


@router.post("/requests/{request_id}/accept", response_model=Accepted)
def accept(
    viewer: Writer, request_id: str, choice: Choice, if_match: IfMatch = "", _key: Key = ""
) -> JSONResponse:
    """Book what was chosen. A 409 when it does not fit any more, or somebody decided already."""
    slots = tuple(Slot(one.weekday, one.at) for one in choice.slots)
    chosen = requests.Chosen(choice.instructor_id, slots)
    made = requests.accept(viewer, request_id, chosen, version_seen(if_match))
    booked = [
        Booked(
            series_id=one.series_id,
            session_ids=list(one.session_ids),
            refused=[Refused(starts_at=at, why=why) for at, why in one.refused],
        )
        for one in made
    ]
    request = LessonRequest.model_validate(wanted.request(viewer, request_id))
    return answered(
        jsonable_encoder(Accepted(request=request, booked=booked)),
        headers={"etag": f'"{request.version}"'},
    )


@router.post("/requests/{request_id}/reject", response_model=LessonRequest)
def reject(
    viewer: Writer, request_id: str, rejection: Rejection, if_match: IfMatch = "", _key: Key = ""
) -> JSONResponse:
    """With a sentence that the family reads."""
    requests.reject(viewer, request_id, rejection.reason, version_seen(if_match))
    return _as_it_is(viewer, request_id)


@router.post("/requests/{request_id}/withdraw", response_model=LessonRequest)
def withdraw(viewer: Writer, request_id: str, if_match: IfMatch = "", _key: Key = "") -> JSONResponse:
    """Not wanted any more."""
    requests.withdraw(viewer, request_id, version_seen(if_match))
    return _as_it_is(viewer, request_id)


@router.post("/requests/{request_id}/undo", response_model=LessonRequest)
def undo(viewer: Writer, request_id: str, if_match: IfMatch = "", _key: Key = "") -> JSONResponse:
    """Take back an acceptance: its lessons to come are cancelled, and the request waits again."""
    requests.undo(viewer, request_id, version_seen(if_match))
    return _as_it_is(viewer, request_id)


def _as_it_is(viewer: TokenViewer, request_id: str, status: int = 200) -> JSONResponse:
    found = LessonRequest.model_validate(wanted.request(viewer, request_id))
    return answered(jsonable_encoder(found), status)
