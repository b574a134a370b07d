"""What the family's pages show: one child at a time, chosen at the top."""

import asyncio

import reflex as rx

from core.errors import NotFound
from core.lifecycle.consent import set_consent
from core.queries import learn
from core.queries.common import NOBODY, Face, LessonLine
from core.queries.learn import NO_REPORT, CoursePath, FamilyHome, Report, TopicProgress
from hilink_app.state.base import BaseState
from hilink_app.state.guard import allow
from hilink_app.state.live import watch


class Family(BaseState):
    """report.id and child.id are empty when there is none. consents: (purpose, given) of the chosen child."""

    ready: bool = False
    children: list[Face] = []
    child: Face = NOBODY
    child_first: str = ""
    report: Report = NO_REPORT
    earlier: list[Report] = []
    coming: list[LessonLine] = []
    topics: list[TopicProgress] = []
    paths: list[CoursePath] = []
    dots: list[str] = []
    present: int = 0
    late: int = 0
    missed: int = 0
    consents: list[tuple[str, bool]] = []

    @rx.event
    @allow("guardian")
    async def load(self) -> None:
        """The child chosen last, else the first; kept fresh."""
        await self._look()
        topics = [f"person:{child.id}" for child in self.children] + [
            f"session:{line.id}" for line in self.coming
        ]
        watch(self, Family.refresh, topics)

    @rx.event
    @allow("guardian")
    async def refresh(self) -> None:
        await self._look()

    @rx.event
    @allow("guardian")
    async def choose(self, child_id: str) -> None:
        """Another child of this guardian; NotFound for somebody else's."""
        self._show(await asyncio.to_thread(learn.family, self._viewer(), child_id))

    @rx.event
    @allow("guardian")
    async def decide(self, purpose: str, given: bool) -> rx.event.EventSpec:
        """Give or withdraw a consent for the chosen child; Undo takes it back."""
        viewer = self._viewer()
        await asyncio.to_thread(set_consent, viewer, self.child.id, purpose, given)
        await self._look()
        says = self._t("Saved. It holds from now on.")
        return self._done(says, undo=Family.decide(purpose, not given))

    async def _look(self) -> None:
        viewer = self._viewer()
        try:
            found = await asyncio.to_thread(learn.family, viewer, self.child.id)
        except NotFound:  # the tab still remembers another guardian's child
            found = await asyncio.to_thread(learn.family, viewer, "")
        self._show(found)

    def _show(self, home: FamilyHome) -> None:
        self.children, self.child = home.children, home.child or NOBODY
        self.child_first = self.child.name.split(" ")[0]
        self.report, self.earlier = home.report or NO_REPORT, home.reports[1:6]
        self.coming, self.consents = home.coming, home.consents
        self.topics = (
            [topic for topic in home.progress.topics if topic.share >= 0][-5:] if home.progress else []
        )
        self.paths = home.progress.paths if home.progress else []
        self.dots = dots(home.progress.attended) if home.progress else []
        self.present, self.late, self.missed = (
            self.dots.count(kind) for kind in ("present", "late", "missed")
        )
        self.ready = True


class ReportPage(BaseState):
    """One report by its address. found: False when it is not there or not this reader's."""

    ready: bool = False
    found: bool = False
    report: Report = NO_REPORT

    @rx.event
    @allow("guardian", "student", "coordinator")
    async def load(self) -> None:
        """The report named in the address; who may read it is checked where it is read."""
        self.reset()
        report_id = str(self.router.url.path).rstrip("/").rsplit("/", 1)[-1]
        try:
            self.report = await asyncio.to_thread(learn.report, self._viewer(), report_id)
            self.found = True
        except NotFound:
            self.found = False
        self.ready = True


def dots(attended: list[learn.Attended]) -> list[str]:
    """Marks of the last 30 lessons, oldest first: present, late, missed or excused."""
    marks = {"late": "late", "absent": "missed", "excused": "excused"}
    return [marks.get(row.status, "present") for row in attended[-30:]]
