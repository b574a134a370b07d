"""Courses: what is taught, and who may teach it."""

from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field

from core.access import TokenViewer, scope
from core.queries import records
from hilink_app.api.v1.paging import Cursor, Limit, Page, first_id, page_by_id
from hilink_app.api.v1.router import program_router

router = program_router("courses")
Reader = Annotated[TokenViewer, Depends(scope("courses:read"))]


class Topic(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: str
    position: int = Field(description="Order in the course, from 1.")
    name: str


class Course(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: str
    name: str
    level: str
    length_min: int = Field(description="Usual length of a lesson, minutes.")
    active: bool
    topics: list[Topic]
    instructor_ids: list[str] = Field(description="Who may teach it.")
    version: int


@router.get("/courses")
def list_courses(viewer: Reader, limit: Limit = 50, cursor: Cursor = "") -> Page[Course]:
    """All courses, in the order they were added."""
    found = records.courses(viewer, after_id=first_id("courses", {}, cursor), limit=limit + 1)
    return page_by_id(Course, found, limit, "courses", {})


@router.get("/courses/{course_id}")
def get_course(viewer: Reader, course_id: str) -> Course:
    """One course."""
    return Course.model_validate(records.course(viewer, course_id))
