"""Holiday calendars: dates on which those who follow one do not teach."""

from datetime import date
from typing import Annotated

from fastapi import Depends
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from core.access import TokenViewer, scope
from core.lifecycle import availability
from core.queries import holidays as query
from core.queries.holidays import HolidaysLine
from hilink_app.api.v1.router import IfMatch, Key, answered, program_router, version_seen

router = program_router("availability")
Reader = Annotated[TokenViewer, Depends(scope("availability:read"))]
Writer = Annotated[TokenViewer, Depends(scope("availability:write"))]
Name = Annotated[str, Field(max_length=100)]


class Holidays(BaseModel):
    id: str
    name: str
    days: dict[date, str] = Field(description="What each date is called.")
    follower_ids: list[str] = Field(description="Who is off on these dates.")
    version: int


class NewHolidays(BaseModel):
    """A calendar as it shall be. Lessons on its dates lose their instructor, and a substitute is looked for."""

    model_config = ConfigDict(extra="forbid")
    name: Name
    days: dict[date, Name] = Field(max_length=availability.MOST_HOLIDAYS)


class Removed(BaseModel):
    follower_ids: list[str] = Field(description="Who has no holidays now.")


@router.get("/holidays")
def list_holidays(viewer: Reader) -> list[Holidays]:
    """All of them, by name."""
    return [_holidays(one) for one in query.calendars(viewer)]


@router.post("/holidays", status_code=201, response_model=Holidays)
def make_holidays(viewer: Writer, new: NewHolidays, _key: Key = "") -> JSONResponse:
    """A calendar that people can follow from now on."""
    return _now(viewer, availability.set_holidays(viewer, new.name, new.days), 201)


@router.put("/holidays/{calendar_id}", response_model=Holidays)
def change_holidays(
    viewer: Writer, calendar_id: str, new: NewHolidays, if_match: IfMatch = "", _key: Key = ""
) -> JSONResponse:
    """Other dates, or another name, in place of what was there."""
    seen = version_seen(if_match)
    return _now(viewer, availability.set_holidays(viewer, new.name, new.days, calendar_id, seen))


@router.delete("/holidays/{calendar_id}", response_model=Removed)
def remove_holidays(viewer: Writer, calendar_id: str, if_match: IfMatch = "", _key: Key = "") -> JSONResponse:
    """Those who followed it have no holidays any more."""
    followers = availability.remove_holidays(viewer, calendar_id, version_seen(if_match))
    return answered(Removed(follower_ids=followers).model_dump())


def _now(viewer: TokenViewer, calendar_id: str, status: int = 200) -> JSONResponse:
    line = next(one for one in query.calendars(viewer) if one.id == calendar_id)
    return answered(jsonable_encoder(_holidays(line)), status)


def _holidays(line: HolidaysLine) -> Holidays:
    return Holidays(
        id=line.id,
        name=line.name,
        days=query.days_of(line),
        follower_ids=[one.id for one in line.followers],
        version=line.version,
    )
