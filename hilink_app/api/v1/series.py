"""Lessons that repeat: booked at once, changed or cancelled from one of their lessons on."""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import Depends, Query
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, NaiveDatetime

from core.access import TokenViewer, scope
from core.lifecycle import series, series_change
from core.lifecycle.schedule import MAX_STUDENTS
from core.queries import records
from core.scheduling.recurrence import MAX_TEXT
from hilink_app.api.v1.paging import Cursor, Limit, Page, first_id, page_by_id
from hilink_app.api.v1.router import IfMatch, Key, answered, program_router, version_seen

router = program_router("series")
Reader = Annotated[TokenViewer, Depends(scope("series:read"))]
Writer = Annotated[TokenViewer, Depends(scope("series:write"))]
Session = Annotated[str, Query(max_length=40, description="The lesson that is pointed at.")]
Which = Annotated[
    Literal["this", "following", "all"], Query(description="That lesson, it and later ones, or all to come.")
]


class Series(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: str
    course_id: str
    instructor_id: str
    student_ids: list[str]
    title: str
    rule: str = Field(description="RFC 5545, e.g. `FREQ=WEEKLY;BYDAY=TU,TH`.")
    first_local: str = Field(description="Wall clock of the first date, in `tz`.")
    tz: str
    length_min: int
    status: str = Field(description="active, ended, cancelled.")
    session_ids: list[str] = Field(description="Its lessons by their start, cancelled ones too.")
    version: int


class NewSeries(BaseModel):
    """The wall clock repeats: 16:00 stays 16:00 over a clock change. It ends by the rule, `until` or `count`."""

    model_config = ConfigDict(extra="forbid")
    course_id: str = Field(max_length=40)
    instructor_id: str = Field(max_length=40)
    student_ids: list[str] = Field(min_length=1, max_length=MAX_STUDENTS)
    rule: str = Field(max_length=MAX_TEXT)
    first_local: NaiveDatetime
    tz: str = Field(max_length=60)
    length_min: int
    until: date | None = None
    count: int | None = None
    skip: list[date] = Field(default_factory=list[date], max_length=400, description="Dates left out.")
    title: str = Field(default="", max_length=200)
    all_or_nothing: bool = Field(default=True, description="false: dates that clash are left out.")


class Refused(BaseModel):
    starts_at: datetime
    why: str


class Booked(BaseModel):
    series_id: str
    session_ids: list[str]
    refused: list[Refused]


class SeriesChange(BaseModel):
    """What is left out stays. Two changes of the same kind as for one lesson, or another repetition."""

    model_config = ConfigDict(extra="forbid")
    starts_local: NaiveDatetime | None = Field(
        default=None, description="Where the lesson goes, in the series' zone."
    )
    length_min: int | None = None
    instructor_id: str | None = Field(default=None, max_length=40)
    rule: str | None = Field(default=None, max_length=MAX_TEXT)
    until: date | None = None
    count: int | None = None


class Changed(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    series_id: str = Field(description="The series the lessons are in now.")
    session_ids: list[str] = Field(description="Lessons that changed.")
    made: list[str]
    cancelled: list[str]


@router.get("/series")
def list_series(
    viewer: Reader,
    status: Annotated[Literal["", "active", "ended", "cancelled"], Query()] = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[Series]:
    """All series, in the order they were booked."""
    filters = {"status": status}
    after_id = first_id("series", filters, cursor)
    found = records.all_series(viewer, status=status, after_id=after_id, limit=limit + 1)
    return page_by_id(Series, found, limit, "series", filters)


@router.get("/series/{series_id}", response_model=Series)
def get_series(viewer: Reader, series_id: str) -> JSONResponse:
    """One series."""
    return answered(jsonable_encoder(Series.model_validate(records.series(viewer, series_id))))


@router.post("/series", status_code=201, response_model=Booked)
def schedule_series(viewer: Writer, new: NewSeries, _key: Key = "") -> JSONResponse:
    """Book all its lessons. A clash is a 409 that names the first, unless `all_or_nothing` is off."""
    asked = new.model_dump(exclude={"all_or_nothing", "student_ids", "skip"})
    booked = series.schedule_series(
        viewer,
        series.NewSeries(**asked, student_ids=tuple(new.student_ids), skip=tuple(new.skip)),
        all_or_nothing=new.all_or_nothing,
    )
    refused = [Refused(starts_at=at, why=why) for at, why in booked.refused]
    answer = Booked(series_id=booked.series_id, session_ids=list(booked.session_ids), refused=refused)
    return answered(jsonable_encoder(answer), 201)


@router.patch("/series/{series_id}", response_model=Changed)
def change_series(
    viewer: Writer,
    series_id: str,
    session_id: Session,
    which: Which,
    change: SeriesChange,
    if_match: IfMatch = "",
    _key: Key = "",
) -> JSONResponse:
    """Change lessons of a series. `If-Match`: the version of the lesson that is pointed at."""
    asked = series_change.SeriesChange(**change.model_dump())
    done = series_change.change_series(viewer, series_id, session_id, which, asked, version_seen(if_match))
    return answered(jsonable_encoder(Changed.model_validate(done)))


@router.delete("/series/{series_id}", response_model=Changed)
def cancel_series(
    viewer: Writer, series_id: str, session_id: Session, which: Which, if_match: IfMatch = "", _key: Key = ""
) -> JSONResponse:
    """Cancel lessons of a series. `If-Match`: the version of the lesson that is pointed at."""
    done = series_change.cancel_series(viewer, series_id, session_id, which, version_seen(if_match))
    return answered(jsonable_encoder(Changed.model_validate(done)))
