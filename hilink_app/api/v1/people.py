"""People, as much of them as scheduling needs."""

from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from core.access import TokenViewer, scope
from core.queries import records
from hilink_app.api.v1.paging import Cursor, Limit, Page, first_id, page_by_id
from hilink_app.api.v1.router import program_router

router = program_router("people")
Reader = Annotated[TokenViewer, Depends(scope("people:read"))]


class Person(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: str
    name: str
    roles: list[str] = Field(description="student, instructor, coordinator, guardian, operator.")
    tz: str = Field(description="IANA time zone.")
    lang: str = Field(description="BCP 47.")
    active: bool


@router.get("/people")
def list_people(
    viewer: Reader,
    role: Annotated[str, Query(max_length=40, description="Only people with this role.")] = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[Person]:
    """Everybody, in the order they were added."""
    filters = {"role": role}
    found = records.people(viewer, role=role, after_id=first_id("people", filters, cursor), limit=limit + 1)
    return page_by_id(Person, found, limit, "people", filters)


@router.get("/people/{person_id}")
def get_person(viewer: Reader, person_id: str) -> Person:
    """One person."""
    return Person.model_validate(records.person(viewer, person_id))
