"""An instructor cannot come to a lesson of theirs, or can after all."""

import asyncio
from typing import Any

import reflex as rx

from core.errors import UserError
from core.lifecycle import substitutes
from core.queries import substitutes as query
from core.queries.common import NO_LESSON, LessonLine
from core.queries.substitutes import Looking
from hilink_app.state.base import BaseState
from hilink_app.state.guard import allow
from hilink_app.state.learn import Lessons

NOT_LOOKING = Looking("", "", 0, 0)


class CannotCome(BaseState):
    """line: the lesson of the dialog. looking: the search for a substitute, its id is empty when there is none."""

    is_open: bool = False
    line: LessonLine = NO_LESSON
    looking: Looking = NOT_LOOKING
    problem: str = ""

    @rx.event
    @allow("instructor")
    async def show(self, session_id: str) -> None:
        """One of the coming lessons on the page."""
        lessons = await self.get_state(Lessons)
        self.reset()
        self.line = next((one for one in lessons.coming if one.id == session_id), NO_LESSON)
        found = await asyncio.to_thread(query.looking, self._viewer())
        self.looking = next((one for one in found if one.session_id == self.line.id), NOT_LOOKING)
        self.is_open = self.line.id != ""

    @rx.event
    @allow("instructor")
    def close(self) -> None:
        self.reset()

    @rx.event
    @allow("instructor")
    async def ask(self, form: dict[str, str]) -> Any:
        """Look for somebody else. Until one is found the lesson stays theirs."""
        return await self._do(
            self._t("We are asking others. You hear from us when somebody takes the lesson."),
            substitutes.ask,
            self.line.id,
            str(form.get("note", ""))[: substitutes.MOST_WORDS + 1],
        )

    @rx.event
    @allow("instructor")
    async def come_after_all(self) -> Any:
        return await self._do(
            self._t("The lesson stays yours."), substitutes.withdraw, self.looking.id, self.looking.version
        )

    async def _do(self, says: str, change: Any, *facts: Any) -> Any:
        try:
            await asyncio.to_thread(change, self._viewer(), *facts)
        except UserError as error:
            self.problem = self._t(error.message, **error.facts)
            return None
        self.reset()
        return [self._done(says), Lessons.load]
