"""Who is reading: name, role, and what the frame shows about them. Loaded first on every page."""

import reflex as rx

from core.i18n import format_day, format_time
from hilink_app.state.base import BaseState
from hilink_app.state.guard import PUBLIC, SIGNED_IN, allow, current_viewer
from hilink_app.state.i18n import I18n

ORDER = ("coordinator", "instructor", "guardian", "student", "operator")
"""Which role's pages open first for a person with several."""


def initials(name: str) -> str:
    """Up to two letters for an avatar: first and last word of the name."""
    words = [word for word in name.split() if word[0].isalnum()]
    picked = words[:1] + words[1:][-1:]
    return "".join(word[0].upper() for word in picked)


class Reader(BaseState):
    """The signed-in person as the frame draws them; empty strings when nobody is signed in.

    ``role`` is the one whose pages are shown, ``roles`` all of them, ``counts`` the numbers on rail entries
    by route. ``today`` and ``clock`` are the reader's own date and time when the page loaded.
    """

    ready: bool = False
    signed_in: bool = False
    name: str = ""
    first_name: str = ""
    initials: str = ""
    role: str = ""
    roles: list[str] = []
    counts: dict[str, int] = {}
    today: str = ""
    clock: str = ""
    _person_id: str = ""

    @rx.event
    @allow(PUBLIC)
    async def load(self) -> None:
        """Fill from the sign-in cookie. The first ``on_load`` of every page."""
        viewer = current_viewer()
        self._forget_another(viewer.person_id if viewer else "")
        words = await self.get_state(I18n)
        words._settle()
        now = self._now()
        self.today, self.clock = format_day(now, words.tz, words.lang), format_time(now, words.tz, words.lang)
        self.signed_in = viewer is not None
        self.name = viewer.name if viewer else ""
        self.first_name = self.name.split(" ")[0]
        self.initials = initials(self.name)
        held = set(viewer.roles) if viewer else set()
        self.roles = [role for role in ORDER if role in held]
        if self.role not in held:
            self.role = self.roles[0] if self.roles else ""
        self.ready = True

    @rx.event
    @allow(SIGNED_IN)
    def act_as(self, role: str) -> rx.event.EventSpec | None:
        """Show another of the person's own roles' pages. Rights do not change: they come from the person."""
        if role in self._viewer().roles:
            self.role = role
            return rx.redirect("/")
        return None

    def _forget_another(self, person_id: str) -> None:
        """A browser tab keeps its state over sign-out and sign-in: what it held for somebody else goes first."""
        if self._person_id not in ("", person_id) and self.parent_state is not None:
            self.parent_state.reset()
        self._person_id = person_id

    def _set_counts(self, counts: dict[str, int]) -> None:
        """Numbers for the rail, by route; zero shows nothing."""
        self.counts = counts
