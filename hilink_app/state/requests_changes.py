"""Changes that families ask for: grant or refuse, with words."""

import asyncio

import reflex as rx

from core.errors import UserError
from core.lifecycle import asked
from core.queries import asked as query
from core.queries.asked import ChangeLine
from hilink_app.state.base import BaseState
from hilink_app.state.guard import allow
from hilink_app.state.live import watch


class ChangeInbox(BaseState):
    """open_id: the request whose answer is being written. credit: a cancelled lesson may be had again all the same."""

    ready: bool = False
    lines: list[ChangeLine] = []
    open_id: str = ""
    credit: bool = False
    problem: str = ""

    @rx.event
    @allow("coordinator")
    async def load(self) -> None:
        """What waits; kept fresh."""
        await self._look()
        watch(self, ChangeInbox.refresh, ("board",))

    @rx.event
    @allow("coordinator")
    async def refresh(self) -> None:
        await self._look()

    @rx.event
    @allow("coordinator")
    def answer(self, change_id: str) -> None:
        """Write the answer to one request; again: leave it."""
        self.open_id = "" if change_id == self.open_id else str(change_id)
        self.credit, self.problem = False, ""

    @rx.event
    @allow("coordinator")
    def set_credit(self, on: bool) -> None:
        self.credit = bool(on)

    @rx.event
    @allow("coordinator")
    async def grant(self, change_id: str) -> rx.event.EventSpec | None:
        """As they asked, without more words."""
        return await self._decide(change_id, grant=True, words="")

    @rx.event
    @allow("coordinator")
    async def refuse(self, form: dict[str, str]) -> rx.event.EventSpec | None:
        """With the words the family reads."""
        return await self._decide(self.open_id, grant=False, words=str(form.get("answer", "")))

    async def _decide(self, change_id: str, *, grant: bool, words: str) -> rx.event.EventSpec | None:
        line = next((one for one in self.lines if one.id == change_id), None)
        if line is None:
            return None
        try:
            await asyncio.to_thread(
                asked.decide,
                self._viewer(),
                line.id,
                line.version,
                grant=grant,
                answer=words[: asked.MAX_WORDS + 1],
                credit=grant and self.credit,
            )
        except UserError as error:
            self.open_id = line.id
            self.problem = self._t(error.message, **error.facts)
            return None
        self.open_id, self.problem, self.credit = "", "", False
        await self._look()
        return self._done(
            self._t("Done as they asked. Everybody is being told.")
            if grant
            else self._t("Refused. The family reads your answer.")
        )

    async def _look(self) -> None:
        self.lines = await asyncio.to_thread(query.inbox, self._viewer())
        self.ready = True
