"""When somebody can be booked: weekly hours, dates away and extra, and what is left of them."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal

from fastapi import Depends
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from core.access import TokenViewer, scope
from core.errors import InvalidInput
from core.lifecycle import availability
from core.lifecycle.availability import Hit, Profile
from core.queries import bookings
from core.scheduling.availability import MAX_RULES, WeeklyHours
from core.scheduling.windows import Window
from hilink_app.api.v1.router import IfMatch, Key, answered, program_router, version_seen

router = program_router("availability")
LONGEST = timedelta(days=62)
Reader = Annotated[TokenViewer, Depends(scope("availability:read"))]
Writer = Annotated[TokenViewer, Depends(scope("availability:write"))]


class Span(BaseModel):
    """From `starts_at` until just before `ends_at`."""

    model_config = ConfigDict(from_attributes=True)
    starts_at: AwareDatetime
    ends_at: AwareDatetime


class Hours(BaseModel):
    """Open every week: wall clock in `tz`. `ends` not after `starts` is the next day."""

    model_config = ConfigDict(from_attributes=True)
    weekday: int = Field(ge=0, le=6, description="0 = Monday.")
    starts: time
    ends: time
    tz: str = Field(max_length=60, description="IANA time zone.")
    valid_from: date | None = None
    valid_until: date | None = None


class NewDated(BaseModel):
    """Away: nothing then. Extra: open although the week says otherwise."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["away", "extra"]
    starts_at: AwareDatetime
    ends_at: AwareDatetime


class Dated(Span):
    id: str
    kind: str


class Limits(BaseModel):
    """How somebody may be booked; 0 = no limit."""

    model_config = ConfigDict(from_attributes=True, extra="forbid")
    tz: str = Field(
        default="", max_length=60, description="Where days and weeks are counted; empty = their own."
    )
    languages: list[str] = Field(default_factory=list[str], max_length=20, description="BCP 47.")
    notice_s: int = Field(default=0, description="Between being booked and the lesson.")
    buffer_s: int = Field(default=0, description="Between two lessons.")
    most_a_day: int = 0
    most_a_week: int = 0
    holiday_calendar_id: str | None = Field(default=None, max_length=40)


class Calendar(BaseModel):
    """A calendar of theirs whose events make them busy. Its address is a secret: it is never shown again."""

    model_config = ConfigDict(from_attributes=True)
    host: str
    status: str = Field(description="waiting, ok, failed.")
    problem: str
    fetched_at: datetime | None


class CalendarAddress(BaseModel):
    model_config = ConfigDict(extra="forbid")
    url: str = Field(max_length=availability.MAX_URL, description="https or webcal; iCalendar, RFC 5545.")


class Availability(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    person_id: str
    tz: str = Field(description="Where their days and weeks are counted.")
    limits: Limits = Field(validation_alias="profile")
    calendar: Calendar | None
    hours: list[Hours] = Field(description="Every week.")
    exceptions: list[Dated] = Field(description="Dates away and extra in this period.")
    open: list[Span] = Field(description="Their hours, without dates away and holidays.")
    free: list[Span] = Field(description="Of these, what is not taken, with their notice and their breaks.")
    version: int = Field(description="Of hours and limits; 0 = nobody said anything yet.")


class Saved(BaseModel):
    """hit: lessons that do not fit any more; a substitute is looked for."""

    id: str | None = Field(default=None, description="Of a new date, or calendar.")
    hit: list[str]


@router.get("/people/{person_id}/availability", response_model=Availability)
def get_availability(
    viewer: Reader, person_id: str, after: AwareDatetime, before: AwareDatetime
) -> JSONResponse:
    """Hours, open and free times of one person, of two months at most. Its ETag is what `If-Match` wants."""
    if not timedelta(0) < before - after <= LONGEST:
        raise InvalidInput("before", "Please choose a period of up to {days} days.", days=LONGEST.days)
    within = Window(after.astimezone(UTC), before.astimezone(UTC))
    record = bookings.availability(viewer, person_id, within)
    return answered(jsonable_encoder(Availability.model_validate(record)))


@router.put("/people/{person_id}/hours", response_model=Saved)
def set_hours(
    viewer: Writer,
    person_id: str,
    hours: Annotated[list[Hours], Field(max_length=MAX_RULES)],
    if_match: IfMatch = "",
    _key: Key = "",
) -> JSONResponse:
    """All weekly hours of an instructor, in place of what was there."""
    rules = [WeeklyHours(**dict(one)) for one in hours]
    return _saved(availability.set_hours(viewer, person_id, rules, version_seen(if_match)))


@router.put("/people/{person_id}/limits", response_model=Saved)
def set_limits(
    viewer: Writer, person_id: str, limits: Limits, if_match: IfMatch = "", _key: Key = ""
) -> JSONResponse:
    """Notice, breaks, most lessons, languages and holidays of an instructor, in place of what was there."""
    profile = Profile(**{**limits.model_dump(), "languages": tuple(limits.languages)})
    return _saved(availability.set_profile(viewer, person_id, profile, version_seen(if_match)))


@router.put("/people/{person_id}/calendar", response_model=Saved)
def set_calendar(viewer: Writer, person_id: str, address: CalendarAddress, _key: Key = "") -> JSONResponse:
    """Subscribe to a calendar of theirs in place of the one before. It is read soon, and then again and again."""
    return _saved([], availability.set_busy_calendar(viewer, person_id, address.url))


@router.delete("/people/{person_id}/calendar", response_model=Saved)
def remove_calendar(viewer: Writer, person_id: str, _key: Key = "") -> JSONResponse:
    """Forget its address, and all that was read from it."""
    availability.remove_busy_calendar(viewer, person_id)
    return _saved([])


@router.post("/people/{person_id}/exceptions", status_code=201, response_model=Saved)
def add_exception(viewer: Writer, person_id: str, new: NewDated, _key: Key = "") -> JSONResponse:
    """A date away, or extra."""
    made, hit = availability.add_exception(
        viewer, person_id, new.kind, new.starts_at.astimezone(UTC), new.ends_at.astimezone(UTC)
    )
    return _saved(hit, made, 201)


@router.delete("/exceptions/{exception_id}", response_model=Saved)
def remove_exception(viewer: Writer, exception_id: str, _key: Key = "") -> JSONResponse:
    """Away no more, or extra no more."""
    return _saved(availability.remove_exception(viewer, exception_id))


def _saved(hit: list[Hit], made: str | None = None, status: int = 200) -> JSONResponse:
    return answered(Saved(id=made, hit=[one.session_id for one in hit]).model_dump(), status)
