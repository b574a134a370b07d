"""When somebody can be booked."""

from datetime import UTC, timedelta
from typing import Annotated

from fastapi import Depends
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from core.access import TokenViewer, scope
from core.errors import InvalidInput
from core.queries import records
from core.scheduling.windows import Window
from hilink_app.api.v1.router import program_router

router = program_router("availability")
LONGEST = timedelta(days=62)


class Span(BaseModel):
    """From `starts_at` until just before `ends_at`."""

    model_config = ConfigDict(from_attributes=True)
    starts_at: AwareDatetime
    ends_at: AwareDatetime


class Availability(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    person_id: str
    tz: str = Field(description="Where their days and weeks are counted.")
    open: list[Span] = Field(description="Their hours, without dates away and holidays.")
    free: list[Span] = Field(description="Of these, what is not taken, with their notice and their breaks.")


@router.get("/people/{person_id}/availability")
def get_availability(
    viewer: Annotated[TokenViewer, Depends(scope("availability:read"))],
    person_id: str,
    after: AwareDatetime,
    before: AwareDatetime,
) -> Availability:
    """Open and free times of one person, of two months at most."""
    if not timedelta(0) < before - after <= LONGEST:
        raise InvalidInput("before", "Please choose a period of up to {days} days.", days=LONGEST.days)
    within = Window(after.astimezone(UTC), before.astimezone(UTC))
    return Availability.model_validate(records.availability(viewer, person_id, within))
