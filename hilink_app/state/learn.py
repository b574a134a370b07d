"""What the student's pages show."""

import asyncio
from datetime import datetime, timedelta

import reflex as rx

from core.queries import handover, learn, substitutes, upcoming
from core.queries.common import NO_LESSON, NOBODY, Face, LessonLine, initials
from core.queries.learn import Attended, CoursePath, Homework, TopicProgress
from core.queries.upcoming import Credit
from hilink_app.state.base import BaseState
from hilink_app.state.family import Family, dots
from hilink_app.state.guard import allow
from hilink_app.state.live import watch


class Learn(BaseState):
    """The student's start page. can_join: the room is open now; next.id is empty when nothing is planned."""

    ready: bool = False
    next: LessonLine = NO_LESSON
    next_initials: str = ""
    can_join: bool = False
    coming: list[LessonLine] = []
    homework: list[Homework] = []
    paths: list[CoursePath] = []
    materials: list[tuple[str, str]] = []

    @rx.event
    @allow("student")
    async def load(self) -> None:
        """Fill the page and keep it fresh."""
        await self._look()
        watch(self, Learn.refresh, (f"person:{self._viewer().person_id}", f"session:{self.next.id}"))

    @rx.event
    @allow("student")
    async def refresh(self) -> None:
        await self._look()

    async def _look(self) -> None:
        home = await asyncio.to_thread(learn.home, self._viewer())
        self.next = home.next or NO_LESSON
        self.next_initials = initials(self.next.instructor)
        self.coming, self.homework, self.paths, self.materials = (
            home.coming,
            home.homework,
            home.paths,
            home.materials,
        )
        opens = datetime.fromisoformat(home.opens_at) if home.opens_at else self._now() + timedelta(days=1)
        self.can_join = bool(self.next.id) and opens <= self._now()
        self.ready = True


class Following(BaseState):
    """One student's progress: their own, their child's, or (for staff) any student's they may follow."""

    ready: bool = False
    student: Face = NOBODY
    attended: list[Attended] = []
    dots: list[str] = []
    present: int = 0
    late: int = 0
    missed: int = 0
    topics: list[TopicProgress] = []
    paths: list[CoursePath] = []

    @rx.event
    @allow("student")
    async def load_own(self) -> None:
        await self._look("")

    @rx.event
    @allow("guardian")
    async def load_child(self) -> None:
        """The child chosen at the top of the family's pages."""
        family = await self.get_state(Family)
        await family._look()
        if family.child.id:
            await self._look(family.child.id)
        self.ready = True

    @rx.event
    @allow("instructor", "coordinator")
    async def load_student(self) -> None:
        """The student named in the address; who may is checked where it is read."""
        await self._look(str(self.router.url.path).rstrip("/").rsplit("/", 1)[-1])

    async def _look(self, student_id: str) -> None:
        progress = await asyncio.to_thread(learn.progress, self._viewer(), student_id)
        self.student, self.topics, self.paths = progress.student, progress.topics, progress.paths
        self.attended = list(reversed(progress.attended))
        self.dots = dots(progress.attended)
        self.present, self.late = self.dots.count("present"), self.dots.count("late")
        self.missed = len(self.dots) - self.present - self.late
        self.ready = True


class Lessons(BaseState):
    """Coming and past lessons of the reader or the chosen child. reports: id of the report by lesson.

    changes: the reader may change them; of_child: for this child. waiting: kind of what was asked, by lesson.
    looking: lessons of an instructor that need somebody else; instead_of: who gave one up, by lesson.
    """

    ready: bool = False
    coming: list[LessonLine] = []
    past: list[LessonLine] = []
    reports: dict[str, str] = {}
    changes: bool = False
    of_child: str = ""
    waiting: dict[str, str] = {}
    credits: list[Credit] = []
    looking: list[str] = []
    instead_of: dict[str, str] = {}

    @rx.event
    @allow("student", "instructor")
    async def load(self) -> None:
        viewer = self._viewer()
        self.coming = await asyncio.to_thread(learn.lessons, viewer)
        self.past = await asyncio.to_thread(learn.lessons, viewer, past=True)
        self.reports = await asyncio.to_thread(learn.report_ids, viewer)
        if viewer.has("student"):
            await self._look_at_changes("")
        if viewer.has("instructor"):
            found = await asyncio.to_thread(substitutes.looking, viewer)
            self.looking = [one.session_id for one in found]
            ids = [line.id for line in self.coming]
            self.instead_of = await asyncio.to_thread(handover.taken_over, viewer, ids)
        self.ready = True
        watch(
            self,
            Lessons.load,
            (f"person:{viewer.person_id}", *(f"session:{line.id}" for line in self.coming[:20])),
        )

    @rx.event
    @allow("guardian")
    async def load_child(self) -> None:
        """The lessons of the child chosen at the top of the family's pages."""
        viewer = self._viewer()
        family = await self.get_state(Family)
        await family._look()
        if child_id := family.child.id:
            self.coming = await asyncio.to_thread(learn.lessons, viewer, child_id)
            self.past = await asyncio.to_thread(learn.lessons, viewer, child_id, past=True)
            self.reports = await asyncio.to_thread(learn.report_ids, viewer, child_id)
            await self._look_at_changes(child_id)
            watch(
                self,
                Lessons.load_child,
                (f"person:{child_id}", *(f"session:{line.id}" for line in self.coming[:20])),
            )
        self.ready = True

    async def _look_at_changes(self, child_id: str) -> None:
        viewer = self._viewer()
        self.of_child = child_id
        self.changes = await asyncio.to_thread(upcoming.may_change, viewer)
        self.waiting = await asyncio.to_thread(upcoming.waiting, viewer, child_id)
        self.credits = await asyncio.to_thread(upcoming.credits, viewer, child_id) if self.changes else []
