"""Personal links into lessons, for a platform's own pages. An answer is a secret: it is not kept for repeating."""

from typing import Annotated

from fastapi import Depends
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from core.access import TokenViewer, scope
from core.lifecycle import join
from hilink_app.api.v1.router import answered, program_router

router = program_router("links", keeps_answers=False)
Writer = Annotated[TokenViewer, Depends(scope("links:write"))]


class LinkFor(BaseModel):
    model_config = ConfigDict(extra="forbid")
    person_id: str = Field(max_length=40)


class Link(BaseModel):
    url: str = Field(description="Whoever has it enters as this person.")


@router.post("/sessions/{session_id}/links", status_code=201, response_model=Link)
def make_link(viewer: Writer, session_id: str, wanted: LinkFor) -> JSONResponse:
    """One more personal link of somebody in this lesson. It moves with the lesson and ends with it."""
    return answered(Link(url=join.make_link(viewer, session_id, wanted.person_id)).model_dump(), 201)
