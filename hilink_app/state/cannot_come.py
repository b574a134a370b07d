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
        """Look for somebody else. Until one is found the lesson stays theirs, and it can be undone."""
        note = str(form.get("note", ""))[: substitutes.MOST_WORDS + 1]
        try:
            found = await asyncio.to_thread(substitutes.ask, self._viewer(), self.line.id, note)
        except UserError as error:
            return self._say(error)
        self.reset()
        says = self._t("We are asking others. You hear from us when somebody takes the lesson.")
        return [self._done(says, undo=CannotCome.undo(found)), Lessons.load]

    @rx.event
    @allow("instructor")
    async def come_after_all(self) -> Any:
        """As long as nobody has taken the lesson."""
        try:
            await asyncio.to_thread(substitutes.withdraw, self._viewer(), self.looking.id)
        except UserError as error:
            return self._say(error)
        self.reset()
        return [self._done(self._t("The lesson stays yours.")), Lessons.load]

    @rx.event
    @allow("instructor")
    async def undo(self, substitution_id: str) -> Any:
        """The same from the toast; the dialog is closed by then, so what goes wrong is a toast, too."""
        await asyncio.to_thread(substitutes.withdraw, self._viewer(), str(substitution_id)[:40])
        return [self._done(self._t("The lesson stays yours.")), Lessons.load]

    def _say(self, error: UserError) -> None:
        self.problem = self._t(error.message, **error.facts)
