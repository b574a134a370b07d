"""Which programs may plan here: their tokens, made by coordinators, watched over by operators too."""

import asyncio

import reflex as rx

from core.access import SCOPES
from core.errors import InvalidInput
from core.lifecycle import tokens
from core.queries import tokens as query
from core.queries.tokens import TokenLine
from hilink_app.state.base import BaseState
from hilink_app.state.guard import allow

PATH = "/programs"
DAYS = (365, 90, 30)
"""How long a token lasts: the usual first."""


class Programs(BaseState):
    """made: the new token, shown until the dialog closes, "" otherwise. revoking: the line that is asked about."""

    ready: bool = False
    may_make: bool = False
    rows: list[TokenLine] = []
    is_open: bool = False
    made: str = ""
    errors: dict[str, str] = dict.fromkeys(("name", "scopes", "days"), "")
    revoking: str = ""
    revoking_name: str = ""

    @rx.event
    @allow("coordinator", "operator")
    async def load(self) -> None:
        self._forget()
        await self._look()

    @rx.event
    @allow("coordinator")
    def show(self) -> None:
        """An empty form."""
        self._forget()
        self.is_open = True

    @rx.event
    @allow("coordinator")
    def close(self) -> None:
        """The token is gone from the screen for good."""
        self._forget()

    @rx.event
    @allow("coordinator")
    async def make(self, form: dict[str, str]) -> None:
        """A new token, or a sentence beside the field that is off."""
        days = str(form.get("token-days", ""))
        chosen = [scope for scope in SCOPES if form.get(f"scope-{scope}")]
        self.errors = dict.fromkeys(self.errors, "")
        try:
            new = await asyncio.to_thread(
                tokens.create_token,
                self._viewer(),
                str(form.get("token-name", "")),
                chosen,
                int(days) if days.isascii() and days.isdecimal() and len(days) < 6 else 0,
            )
        except InvalidInput as error:
            self.errors = {**self.errors, error.field: self._t(error.message, **error.facts)}
            return
        self.made = new.token
        await self._look()

    @rx.event
    @allow("coordinator", "operator")
    def ask_revoke(self, token_id: str) -> None:
        line = next((row for row in self.rows if row.id == token_id), None)
        if line is not None:
            self.revoking, self.revoking_name = line.id, line.name

    @rx.event
    @allow("coordinator", "operator")
    def keep(self) -> None:
        self.revoking = ""

    @rx.event
    @allow("coordinator", "operator")
    async def revoke(self) -> rx.event.EventSpec:
        """It opens nothing from now on."""
        token_id, self.revoking = self.revoking, ""
        await asyncio.to_thread(tokens.revoke_token, self._viewer(), token_id)
        await self._look()
        return self._done(self._t("{name} cannot come in any more.", name=self.revoking_name))

    def _forget(self) -> None:
        self.is_open, self.made, self.errors = False, "", dict.fromkeys(self.errors, "")

    async def _look(self) -> None:
        viewer = self._viewer()
        self.may_make = viewer.has("coordinator")
        self.rows = await asyncio.to_thread(query.tokens, viewer)
        self.ready = True
