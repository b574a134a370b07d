"""What the profile page shows and changes: the person's own settings."""

import asyncio
from typing import Any

import reflex as rx

from core.access import LOGIN_COOKIE
from core.access.viewer import cookie_value
from core.errors import InvalidInput
from core.i18n import gettext
from core.lifecycle import profile
from core.lifecycle.consent import set_consent
from hilink_app.state.base import BaseState
from hilink_app.state.guard import SIGNED_IN, allow
from hilink_app.state.i18n import I18n
from hilink_app.state.reader import Reader


class ProfilePage(BaseState):
    """problem_field names the field `problem` belongs to. round: a new one empties the password fields."""

    ready: bool = False
    name: str = ""
    email: str = ""
    tz: str = "UTC"
    lang: str = "en"
    zones: list[tuple[str, str]] = []
    has_password: bool = True
    consents: list[tuple[str, bool]] = []
    problem: str = ""
    problem_field: str = ""
    round: int = 0

    @rx.event
    @allow(SIGNED_IN)
    async def load(self) -> None:
        """Fill from the database."""
        self.problem = self.problem_field = ""
        await self._look()

    async def _look(self) -> None:
        found = await asyncio.to_thread(profile.own, self._viewer())
        self.name, self.email, self.tz, self.lang = found.name, found.email, found.tz, found.lang
        self.has_password, self.consents = found.has_password, found.consents
        if not self.zones:
            self.zones = [(name, name.replace("_", " ").replace("/", " / ")) for name in profile.zones()]
        if self.tz not in {name for name, _ in self.zones}:
            self.zones = [(self.tz, self.tz), *self.zones]
        self.round += 1
        self.ready = True

    @rx.event
    @allow(SIGNED_IN)
    async def save(self, form: dict[str, str]) -> list[Any] | None:
        """Name, zone and language; the whole page follows at once."""
        self.problem = self.problem_field = ""
        lang = str(form.get("lang", ""))
        try:
            await asyncio.to_thread(
                profile.change_profile,
                self._viewer(),
                str(form.get("name", "")),
                str(form.get("tz", "")),
                lang,
            )
        except InvalidInput as error:
            self._say(error)
            return None
        await self._look()
        return [I18n.choose(lang), ProfilePage.show_changes]

    @rx.event
    @allow(SIGNED_IN)
    async def show_changes(self) -> list[Any]:
        """Says so in the language that was just chosen."""
        return [Reader.load, self._done(gettext("Your settings are saved.", self.lang))]

    @rx.event
    @allow(SIGNED_IN)
    async def change_password(self, form: dict[str, str]) -> rx.event.EventSpec | None:
        """Asks for the old one; other devices are signed out."""
        self.problem = self.problem_field = ""
        token = cookie_value(str(self.router.headers.cookie or ""), LOGIN_COOKIE)
        try:
            await asyncio.to_thread(
                profile.change_password,
                self._viewer(),
                str(form.get("old", "")),
                str(form.get("new", "")),
                token,
            )
        except InvalidInput as error:
            self._say(error)
            return None
        await self._look()
        return self._done(self._t("Your password is changed. Other devices are signed out."))

    @rx.event
    @allow(SIGNED_IN)
    async def decide(self, purpose: str, given: bool) -> rx.event.EventSpec:
        """One's own consent; NotAllowed for a child, whose family decides."""
        viewer = self._viewer()
        await asyncio.to_thread(set_consent, viewer, viewer.person_id, purpose, given)
        await self._look()
        says = self._t("Saved. It holds from now on.")
        return self._done(says, undo=ProfilePage.decide(purpose, not given))

    def _say(self, error: InvalidInput) -> None:
        self.problem, self.problem_field = self._t(error.message, **error.facts), error.field
