"""Courses and the template of each one's lessons."""

import asyncio

import reflex as rx

from core.errors import Conflict, UserError
from core.i18n import language_names
from core.lifecycle import courses as lifecycle
from core.lifecycle.provision import TOOLS
from core.queries import courses as query
from core.queries.courses import NO_COURSE, CourseLine
from hilink_app.state.base import BaseState
from hilink_app.state.guard import allow

PATH = "/courses"


class Courses(BaseState):
    """course: the one whose template is open. regions, languages: (value, words) of what there is to choose."""

    ready: bool = False
    rows: list[CourseLine] = []
    course: CourseLine = NO_COURSE
    is_open: bool = False
    regions: list[tuple[str, str]] = []
    languages: list[tuple[str, str]] = []
    problem: str = ""

    @rx.event
    @allow("coordinator")
    async def load(self) -> None:
        self.is_open, self.problem = False, ""
        await self._look()
        self.ready = True

    @rx.event
    @allow("coordinator")
    async def show(self, course_id: str) -> None:
        """Open one course's template."""
        found = next((row for row in self.rows if row.id == course_id), NO_COURSE)
        self.course, self.is_open, self.problem = found, found.id != "", ""
        regions = await asyncio.to_thread(lifecycle.regions)
        wanted = {*regions, found.region} - {""}
        self.languages = [("", self._t("As usual")), *language_names(self._viewer().lang)]
        self.regions = [("", self._t("Near its people")), *((name, name) for name in sorted(wanted))]

    @rx.event
    @allow("coordinator")
    def close(self) -> None:
        self.is_open = False

    @rx.event
    @allow("coordinator")
    async def save(self, form: dict[str, str]) -> rx.event.EventSpec | None:
        """The template; rooms of lessons to come follow."""
        course, recorded = self.course, bool(form.get("recorded"))
        template = {tool: bool(form.get(tool)) for tool in TOOLS} | {
            "lobby": str(form.get("lobby", "")),
            "region": str(form.get("region", "")),
            "captions_lang": str(form.get("captions_lang", "")),
        }
        try:
            await asyncio.to_thread(
                lifecycle.change_template, self._viewer(), course.id, template, recorded, course.version
            )
        except Conflict as error:
            await self._look()
            self.problem = self._t(error.message, **error.facts)
            return None
        except UserError as error:
            self.problem = self._t(error.message, **error.facts)
            return None
        await self._look()
        self.is_open = False
        return self._done(self._t("Saved. Rooms of lessons to come follow within seconds."))

    async def _look(self) -> None:
        self.rows = await asyncio.to_thread(query.courses, self._viewer())
        self.course = next((row for row in self.rows if row.id == self.course.id), NO_COURSE)
