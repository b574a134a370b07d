"""Lessons an instructor is asked to take."""

import asyncio
from typing import Any

import reflex as rx

from core.errors import UserError
from core.lifecycle import substitutes
from core.queries import substitutes as query
from core.queries.common import LessonLine
from core.queries.substitutes import OfferLine
from hilink_app.state.base import BaseState
from hilink_app.state.guard import allow
from hilink_app.state.live import watch
from hilink_app.state.reader import Reader

PATH = "/offers"


class Offers(BaseState):
    """open: wait for an answer. taken: lessons to come they stepped into. busy: the offer that is being answered."""

    ready: bool = False
    open: list[OfferLine] = []
    taken: list[LessonLine] = []
    busy: str = ""

    @rx.event
    @allow("instructor")
    async def load(self) -> None:
        """Fill the page and keep it fresh."""
        await self._look()
        watch(self, Offers.refresh, (f"person:{self._viewer().person_id}",))

    @rx.event
    @allow("instructor")
    async def refresh(self) -> None:
        await self._look()

    @rx.event
    @allow("instructor")
    async def accept(self, offer_id: str) -> Any:
        """The first to accept has the lesson; the others read that somebody was faster."""
        return await self._answer(
            substitutes.accept_offer, offer_id, self._t("The lesson is yours. The family is being told.")
        )

    @rx.event
    @allow("instructor")
    async def decline(self, offer_id: str) -> Any:
        return await self._answer(
            substitutes.decline_offer, offer_id, self._t("Thank you for telling us. We ask others.")
        )

    async def _answer(self, answer: Any, offer_id: str, says: str) -> Any:
        self.busy = str(offer_id)
        try:
            await asyncio.to_thread(answer, self._viewer(), str(offer_id)[:40])
        except UserError as error:
            return self._toast_error(error)
        finally:
            self.busy = ""
            await self._look()
        return self._done(says)

    async def _look(self) -> None:
        found = await asyncio.to_thread(query.offers, self._viewer())
        self.open, self.taken = found.open, found.taken
        reader = await self.get_state(Reader)
        reader._set_counts({**reader.counts, PATH: len(found.open)})
        self.ready = True
