"""What somebody who steps into a lesson needs to know."""

import asyncio

import reflex as rx

from core.errors import NotAllowed, NotFound
from core.queries import handover as query
from core.queries.common import NO_LESSON, LessonLine
from core.queries.handover import StudentPast
from core.queries.teach import BriefingView
from hilink_app.state.base import BaseState
from hilink_app.state.guard import allow
from hilink_app.state.live import watch
from hilink_app.state.teach import NO_BRIEFING


class Handover(BaseState):
    """instead_of: who taught it before, "" when nobody did. closed: not the reader's lesson, or it is over."""

    ready: bool = False
    closed: bool = False
    line: LessonLine = NO_LESSON
    minutes: int = 0
    instead_of: str = ""
    students: list[StudentPast] = []
    briefing: BriefingView = NO_BRIEFING
    materials: list[tuple[str, str]] = []

    @rx.event
    @allow("instructor", "coordinator")
    async def load(self) -> None:
        """The lesson in the address; who may is checked where it is read."""
        self.reset()
        try:
            await self._look(str(self.router.url.path).rstrip("/").rsplit("/", 1)[-1][:40])
        except (NotAllowed, NotFound):
            self.closed = self.ready = True
            return
        watch(self, Handover.refresh, (f"session:{self.line.id}",))

    @rx.event
    @allow("instructor", "coordinator")
    async def refresh(self) -> None:
        await self._look(self.line.id)

    async def _look(self, session_id: str) -> None:
        found = await asyncio.to_thread(query.handover, self._viewer(), session_id)
        self.line, self.minutes, self.instead_of = found.lesson, found.minutes, found.instead_of
        self.students, self.materials = found.students, found.materials
        self.briefing = found.briefing or NO_BRIEFING
        self.ready = True
