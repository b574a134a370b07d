"""What the classroom shows on pages of the house."""

import asyncio

import reflex as rx

from hilink_app.state.base import BaseState
from hilink_app.state.guard import allow
from plugins.classroom import quality
from plugins.classroom.quality import PersonLine


class LineBox(BaseState):
    """How everybody's line was in the lesson a coordinator looks at. Empty where nothing was measured."""

    session_id: str = ""
    people: list[PersonLine] = []

    @rx.event
    @allow("coordinator")
    async def load(self, session_id: str) -> None:
        """For one lesson."""
        if session_id:
            self.people = await asyncio.to_thread(quality.of_lesson, self._viewer(), session_id[:40])
            self.session_id = session_id
