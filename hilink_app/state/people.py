"""Everybody, searched and paged on the server; what was asked lives in the address."""

import asyncio
from urllib.parse import urlencode

import reflex as rx

from core.domain.person import ROLES
from core.queries import board as query
from core.queries.board import PersonLine
from hilink_app.state.base import BaseState
from hilink_app.state.guard import allow

PATH = "/people"
PAGE_SIZE = 25


class People(BaseState):
    ready: bool = False
    find: str = ""
    role: str = ""
    page: int = 0
    rows: list[PersonLine] = []
    total: int = 0
    last: int = 0

    @rx.event
    @allow("coordinator")
    async def load(self) -> None:
        asked = self.router.url.query_parameters
        self.find = str(asked.get("find", ""))[:80]
        self.role = str(asked.get("role", "")) if asked.get("role") in ROLES else ""
        page = str(asked.get("page", "1"))
        self.page = max(0, int(page) - 1) if page.isascii() and page.isdecimal() and len(page) < 6 else 0
        self.rows, self.total = await asyncio.to_thread(
            query.people, self._viewer(), find=self.find, role=self.role, page=self.page, size=PAGE_SIZE
        )
        self.last = self.page * PAGE_SIZE + len(self.rows)
        self.ready = True

    @rx.event
    @allow("coordinator")
    def search(self, text: str) -> rx.event.EventSpec:
        return self._go(find=str(text).strip()[:80], page="")

    @rx.event
    @allow("coordinator")
    def choose_role(self, role: str) -> rx.event.EventSpec:
        return self._go(role=str(role), page="")

    @rx.event
    @allow("coordinator")
    def turn(self, step: int) -> rx.event.EventSpec:
        """To the next (1) or the previous (-1) page."""
        return self._go(page=str(max(0, self.page + step) + 1))

    def _go(self, **changes: str) -> rx.event.EventSpec:
        now = {"find": self.find, "role": self.role, "page": str(self.page + 1) if self.page else ""}
        asked = {name: value for name, value in {**now, **changes}.items() if value}
        return rx.redirect(PATH + (f"?{urlencode(asked)}" if asked else ""), replace=True)
