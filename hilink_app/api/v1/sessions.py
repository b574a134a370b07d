"""Lessons: read, scheduled, moved, given to somebody else, cancelled. A change says which version it saw."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Depends, Query
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from core.access import TokenViewer, scope
from core.lifecycle import schedule
from core.queries import records, upcoming
from hilink_app.api.v1.paging import Cursor, Limit, Page, read_cursor, write_cursor
from hilink_app.api.v1.router import IfMatch, Key, answered, program_router, version_seen

router = program_router("sessions")
Reader = Annotated[TokenViewer, Depends(scope("sessions:read"))]
Writer = Annotated[TokenViewer, Depends(scope("sessions:write"))]


class Session(BaseModel):
    """A lesson. Times are UTC."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    course_id: str
    topic_id: str | None
    series_id: str | None = Field(description="The series it belongs to.")
    title: str
    language: str
    status: str = Field(description="scheduled, live, ended, cancelled.")
    starts_at: datetime
    ends_at: datetime
    instructor_id: str = Field(description='"" for a cancelled lesson.')
    student_ids: list[str]
    version: int = Field(description="Rises with every change; also the ETag.")


class NewSession(BaseModel):
    """A lesson to schedule. Everybody is invited, and the room is made, as soon as it is."""

    model_config = ConfigDict(extra="forbid")
    course_id: str = Field(max_length=40)
    instructor_id: str = Field(max_length=40)
    student_ids: list[str] = Field(min_length=1, max_length=schedule.MAX_STUDENTS)
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    title: str = Field(default="", max_length=200)
    topic_id: str | None = Field(default=None, max_length=40)


class SessionChange(BaseModel):
    """What is left out stays; a start alone keeps the length."""

    model_config = ConfigDict(extra="forbid")
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None
    instructor_id: str | None = Field(default=None, max_length=40)


class Readiness(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    ready: bool
    missing: list[str] = Field(description="room, node, links, told, materials, briefing.")
    why: list[str] = Field(description="The same as sentences.")
    checked_at: datetime | None = Field(description="null: nobody looked at the lesson as it is now.")


class May(BaseModel):
    may: str = Field(description="allowed, request (a coordinator is asked), refused.")
    why: list[str] = Field(description="Why it is not allowed, as sentences.")


class Options(BaseModel):
    move: May
    cancel: May
    credit: bool = Field(description="Cancelled now, it may be had again.")
    until: datetime = Field(description="By themselves until then.")
    starts: list[datetime] = Field(description="Other times that suit everybody.")
    version: int = Field(description="Of the lesson.")


@router.get("/sessions")
def list_sessions(
    viewer: Reader,
    after: Annotated[AwareDatetime | None, Query(description="Starts then or later.")] = None,
    before: Annotated[AwareDatetime | None, Query(description="Starts earlier.")] = None,
    instructor_id: Annotated[str, Query(max_length=40)] = "",
    student_id: Annotated[str, Query(max_length=40)] = "",
    course_id: Annotated[str, Query(max_length=40)] = "",
    status: Annotated[Literal["", "scheduled", "live", "ended", "cancelled"], Query()] = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[Session]:
    """Lessons by their start."""
    wanted = records.SessionFilter(after, before, instructor_id, student_id, course_id, status)
    filters = {"wanted": wanted}
    at = read_cursor("sessions", filters, cursor)
    found = records.sessions(
        viewer,
        wanted,
        after=(datetime.fromisoformat(at[0]), at[1]) if at else None,
        limit=limit + 1,
    )
    more = None
    if len(found) > limit:
        last = found[limit - 1]
        more = write_cursor("sessions", filters, [last.starts_at.isoformat(), last.id])
    return Page(items=[Session.model_validate(one) for one in found[:limit]], next=more)


@router.get("/sessions/{session_id}", response_model=Session)
def get_session(viewer: Reader, session_id: str) -> JSONResponse:
    """One lesson; its ETag is what `If-Match` wants."""
    return _now(viewer, session_id)


@router.post("/sessions", status_code=201, response_model=Session)
def schedule_session(viewer: Writer, new: NewSession, _key: Key = "") -> JSONResponse:
    """Schedule a lesson. A double-booking is a 409 that says with what."""
    made = schedule.schedule_session(
        viewer,
        schedule.NewSession(
            course_id=new.course_id,
            instructor_id=new.instructor_id,
            student_ids=tuple(new.student_ids),
            starts_at=new.starts_at.astimezone(UTC),
            ends_at=new.ends_at.astimezone(UTC),
            title=new.title,
            topic_id=new.topic_id,
        ),
    )
    return _now(viewer, made.id, 201)


@router.patch("/sessions/{session_id}", response_model=Session)
def change_session(
    viewer: Writer, session_id: str, change: SessionChange, if_match: IfMatch = "", _key: Key = ""
) -> JSONResponse:
    """Another time, another instructor, or both: one change, and everybody is told once."""
    now = records.session(viewer, session_id)
    starts_at = change.starts_at or now.starts_at
    ends_at = change.ends_at or starts_at + (now.ends_at - now.starts_at)
    schedule.place_session(
        viewer,
        session_id,
        starts_at.astimezone(UTC),
        ends_at.astimezone(UTC),
        change.instructor_id or now.instructor_id,
        version_seen(if_match),
    )
    return _now(viewer, session_id)


@router.delete("/sessions/{session_id}", response_model=Session)
def cancel_session(viewer: Writer, session_id: str, if_match: IfMatch = "", _key: Key = "") -> JSONResponse:
    """Cancel a lesson: places are freed, join links end, everybody is told. It stays to be read."""
    schedule.cancel_session(viewer, session_id, version_seen(if_match))
    return _now(viewer, session_id)


@router.get("/sessions/{session_id}/readiness")
def get_readiness(viewer: Reader, session_id: str) -> Readiness:
    """Whether everybody could join a lesson to come, as of the last look at it."""
    return Readiness.model_validate(records.readiness(viewer, session_id))


@router.get("/sessions/{session_id}/options")
def get_options(
    viewer: Reader, session_id: str, student_id: Annotated[str, Query(min_length=1, max_length=40)]
) -> Options:
    """What a student's family may do with this lesson now, and when it could be instead."""
    found = upcoming.options(viewer, session_id, student_id)
    return Options(
        move=May(may=found.move, why=found.move_why),
        cancel=May(may=found.cancel, why=found.cancel_why),
        credit=found.credit,
        until=datetime.fromisoformat(found.until),
        starts=[datetime.fromisoformat(at) for day in found.days for at in day.starts],
        version=found.version,
    )


def _now(viewer: TokenViewer, session_id: str, status: int = 200) -> JSONResponse:
    record = records.session(viewer, session_id)
    return answered(jsonable_encoder(Session.model_validate(record)), status)
