"""What the profile page shows of reminders and of the private calendar address."""

import asyncio
from datetime import timedelta

import reflex as rx

from core.errors import InvalidInput
from core.i18n import N_, duration
from core.lifecycle import feeds, reminders
from hilink_app.state.base import BaseState
from hilink_app.state.guard import SIGNED_IN, allow

TIMES = {
    172_800: N_("2 days before"),
    86_400: N_("1 day before"),
    10_800: N_("3 hours before"),
    3_600: N_("1 hour before"),
    1_800: N_("30 minutes before"),
    600: N_("10 minutes before"),
}
"""What the page offers, in seconds."""
_FIELD = "remind-"


class Reminders(BaseState):
    """times: (field, words, chosen), words a message id. own: False while the organization's times hold.

    channels: (name, name) of those there are; channel: the one tried first. round: a new one fills the form anew.
    """

    shown: bool = False
    times: list[tuple[str, str, bool]] = []
    channels: list[tuple[str, str]] = []
    channel: str = ""
    quiet_from: str = ""
    quiet_until: str = ""
    own: bool = False
    problem: str = ""
    problem_field: str = ""
    version: int = 0
    round: int = 0

    @rx.event
    @allow(SIGNED_IN)
    async def load(self) -> None:
        """For people who have lessons; who has no address is reminded through their family."""
        self.problem = self.problem_field = ""
        self.shown = self._viewer().has("student", "instructor", "guardian")
        await self._look()

    @rx.event
    @allow(SIGNED_IN)
    async def save(self, form: dict[str, str]) -> rx.event.EventSpec | None:
        """One's own times, from now on and for lessons that are planned already."""
        self.problem = self.problem_field = ""
        chosen = [int(field.removeprefix(_FIELD)) for field, _, _ in self.times if form.get(field)]
        first = str(form.get("channel") or self.channel)  # None while there is nothing to choose
        others = [name for name, _ in self.channels if name != first]
        begins, ends = (str(form.get(field, "")).strip()[:5] for field in ("quiet_from", "quiet_until"))
        try:
            await asyncio.to_thread(
                reminders.change_wishes,
                self._viewer(),
                chosen,
                [first, *others],
                begins,
                ends,
                self.version,
            )
        except InvalidInput as error:
            self.problem, self.problem_field = self._t(error.message, **error.facts), error.field
            return None
        await self._look()
        return self._done(self._t("Your reminders are saved, for all your lessons."))

    async def _look(self) -> None:
        viewer = self._viewer()
        found = await asyncio.to_thread(reminders.wishes, viewer)
        other = [one for one in found.reminders_s if one not in TIMES]
        words = TIMES | {one: duration(timedelta(seconds=one), viewer.lang) for one in other}
        self.times = [
            (f"{_FIELD}{one}", words[one], one in found.reminders_s) for one in sorted(words, reverse=True)
        ]
        self.channels, self.channel = [(name, name) for name in found.offered], found.channels[0]
        self.quiet_from, self.quiet_until = found.quiet_from, found.quiet_until
        self.own, self.version = found.own, found.version
        self.round += 1


class CalendarAddress(BaseState):
    """address: shown once, when it is new. used_at: when a calendar last asked for it, "" = never."""

    active: bool = False
    address: str = ""
    created_at: str = ""
    used_at: str = ""

    @rx.event
    @allow(SIGNED_IN)
    async def load(self) -> None:
        self.address = ""
        await self._look()

    @rx.event
    @allow(SIGNED_IN)
    async def renew(self) -> rx.event.EventSpec:
        """A new address, shown this once; the one before stops working."""
        self.address = await asyncio.to_thread(feeds.renew, self._viewer())
        await self._look()
        return self._done(self._t("Your calendar address is ready. Copy it now: it is shown only once."))

    @rx.event
    @allow(SIGNED_IN)
    async def withdraw(self) -> rx.event.EventSpec:
        await asyncio.to_thread(feeds.withdraw, self._viewer())
        self.address = ""
        await self._look()
        return self._done(self._t("The calendar address does not work any more."))

    async def _look(self) -> None:
        found = await asyncio.to_thread(feeds.state, self._viewer())
        self.active = found.active
        self.created_at = found.created_at.isoformat() if found.created_at else ""
        self.used_at = found.used_at.isoformat() if found.used_at else ""
