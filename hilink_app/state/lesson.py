"""One lesson in the coordinator's side dialog: seats and attendance; move, reassign, cancel, correct."""

import asyncio
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import reflex as rx

from core.errors import InvalidInput, UserError
from core.i18n import format_when
from core.lifecycle import end, readiness, schedule, substitutes
from core.lifecycle.series_change import Scope, SeriesChange, cancel_series, change_series
from core.queries import board as query
from core.queries import recordings
from core.queries.board import SeatLine
from core.queries.common import NO_LESSON, LessonLine
from core.scheduling.times import local_time
from hilink_app.state.base import BaseState
from hilink_app.state.guard import allow
from hilink_app.state.toasts import toast_done


class LessonBox(BaseState):
    """task: "" | move | reassign | add | correct: the form that is open; cancelling: the confirmation is.

    day, clock: the start as wall clock in the coordinator's zone. about: whose attendance is corrected.
    series_id: "" for a lesson by itself; scope: how much of its series a change is about.
    """

    is_open: bool = False
    line: LessonLine = NO_LESSON
    seats: list[SeatLine] = []
    end_reason: str = ""
    changeable: bool = False
    recorded: bool = False
    course_id: str = ""
    missing: list[str] = []
    checked_at: str = ""
    minutes: int = 0
    task: str = ""
    cancelling: bool = False
    day: str = ""
    clock: str = ""
    when: str = ""
    about: str = ""
    about_name: str = ""
    about_status: str = ""
    instructors: list[tuple[str, str]] = []
    students: list[tuple[str, str]] = []
    problem: str = ""
    series_id: str = ""
    series_tz: str = ""
    ahead: int = 0
    scope: Scope = "this"

    @rx.event
    @allow("coordinator")
    async def show(self, session_id: str) -> None:
        await self._open(session_id)

    @rx.event
    @allow("coordinator")
    def close(self) -> rx.event.EventSpec | None:
        """Closed; an address that named the lesson no longer does."""
        self.reset()
        if "lesson" in self.router.url.query_parameters:
            return rx.redirect(self.router.url.path or "/", replace=True)
        return None

    @rx.event
    @allow("coordinator")
    async def start(self, task: str) -> None:
        """Open a form."""
        if task == "reassign":
            offered = await asyncio.to_thread(query.choices, self._viewer(), self.course_id)
            others = [(who, name) for who, name, _ in offered.instructors if who != self.line.instructor_id]
            self.instructors = [("", self._t("Choose an instructor")), *others]
        elif task == "add":
            offered = await asyncio.to_thread(query.choices, self._viewer(), self.course_id)
            here = {seat.person_id for seat in self.seats}
            others = [(who, name) for who, name, _ in offered.students if who not in here]
            self.students = [("", self._t("Choose a student")), *others]
        self.task, self.problem = task, ""

    @rx.event
    @allow("coordinator")
    def start_correction(self, person_id: str) -> None:
        seat = next((seat for seat in self.seats if seat.person_id == person_id), None)
        if seat is not None:
            self.task, self.problem = "correct", ""
            self.about, self.about_name, self.about_status = seat.person_id, seat.name, seat.status

    @rx.event
    @allow("coordinator")
    def stop(self) -> None:
        """Leave the form; nothing is changed."""
        self.task, self.problem, self.cancelling, self.scope = "", "", False, "this"

    @rx.event
    @allow("coordinator")
    def ask_cancel(self) -> None:
        """Of a series, first which lessons; then the confirmation."""
        if self.series_id and self.task != "cancel":
            self.task, self.problem = "cancel", ""
        else:
            self.cancelling = True

    @rx.event
    @allow("coordinator")
    async def find_substitute(self) -> rx.event.EventSpec | None:
        """Somebody else is looked for, from now on in the inbox; where one is wanted already, its search is shown."""
        try:
            found = await asyncio.to_thread(substitutes.ask, self._viewer(), self.line.id)
        except UserError as error:
            return self._say(error)
        self.reset()
        return rx.redirect(f"/requests?tab=substitutes&search={found}")

    @rx.event
    @allow("coordinator")
    async def move(self, form: dict[str, str]) -> rx.event.EventSpec | None:
        """Another time, in the coordinator's own zone; the length stays."""
        viewer = self._viewer()
        try:
            starts_at = local_time(str(form.get("day", "")), str(form.get("clock", "")), viewer.tz)
            ends_at = starts_at + timedelta(minutes=self.minutes)
            if self.scope == "this":
                await asyncio.to_thread(
                    schedule.move_session, viewer, self.line.id, starts_at, ends_at, self.line.version
                )
            else:
                local = starts_at.astimezone(ZoneInfo(self.series_tz)).replace(tzinfo=None)
                await self._change(SeriesChange(starts_local=local))
        except UserError as error:
            return self._say(error)
        return await self._finish(
            self._t("Moved to {when}.", when=format_when(starts_at, viewer.tz, viewer.lang))
        )

    @rx.event
    @allow("coordinator")
    async def reassign(self, form: dict[str, str]) -> rx.event.EventSpec | None:
        chosen = str(form.get("instructor", ""))
        try:
            if not chosen:
                raise InvalidInput("instructor_id", "Please choose an instructor.")
            if self.scope == "this":
                await asyncio.to_thread(
                    schedule.reassign_session, self._viewer(), self.line.id, chosen, self.line.version
                )
            else:
                await self._change(SeriesChange(instructor_id=chosen))
        except UserError as error:
            return self._say(error)
        return await self._finish(self._t("Another instructor takes this lesson."))

    @rx.event
    @allow("coordinator")
    async def add_student(self, form: dict[str, str]) -> rx.event.EventSpec | None:
        """One more in this lesson alone; the instructor and the family are told."""
        chosen = str(form.get("student", ""))
        try:
            if not chosen:
                raise InvalidInput("student_id", "Please choose a student.")
            await asyncio.to_thread(
                schedule.add_student, self._viewer(), self.line.id, chosen, self.line.version
            )
        except UserError as error:
            return self._say(error)
        return await self._finish(self._t("Added. The family and the instructor are being told."))

    @rx.event
    @allow("coordinator")
    async def cancel(self) -> rx.event.EventSpec | None:
        self.cancelling = False
        try:
            if self.scope == "this":
                await asyncio.to_thread(
                    schedule.cancel_session, self._viewer(), self.line.id, self.line.version
                )
            else:
                await asyncio.to_thread(
                    cancel_series,
                    self._viewer(),
                    self.series_id,
                    self.line.id,
                    self.scope,
                    self.line.version,
                )
        except UserError as error:
            return self._say(error)
        says = (
            self._t("The lesson is cancelled. Everybody is being told.")
            if self.scope == "this"
            else self._t("The lessons are cancelled. Everybody is being told.")
        )
        return await self._finish(says)

    @rx.event
    @allow("coordinator")
    async def correct(self, form: dict[str, str]) -> rx.event.EventSpec | None:
        """What really was, with why."""
        status, note = str(form.get("status", "")), str(form.get("reason", ""))
        try:
            await asyncio.to_thread(
                end.correct_attendance, self._viewer(), self.line.id, self.about, status, note
            )
        except UserError as error:
            return self._say(error)
        return await self._finish(self._t("Attendance is corrected."))

    @rx.event
    @allow("coordinator")
    def choose_scope(self, scope: str) -> None:
        """This lesson, this and the following, or all that are still to come."""
        self.scope = "following" if scope == "following" else "all" if scope == "all" else "this"
        self.problem = ""

    async def _change(self, change: SeriesChange) -> None:
        line = self.line
        await asyncio.to_thread(
            change_series, self._viewer(), self.series_id, line.id, self.scope, change, line.version
        )

    @rx.event
    @allow("coordinator")
    async def check(self) -> rx.event.EventSpec | None:
        """Look now; what can be made good is."""
        try:
            status = await asyncio.to_thread(readiness.check_now, self._viewer(), self.line.id)
        except UserError as error:
            return self._say(error)
        ready = self._t("Everything is ready."), self._t("Something is still missing.")
        return await self._finish(ready[status != "ready"])

    def _say(self, error: UserError) -> None:
        self.problem = self._t(error.message, **error.facts)

    async def _finish(self, says: str) -> rx.event.EventSpec:
        self.task, self.problem, self.scope = "", "", "this"
        await self._again()
        return toast_done(says)

    async def _open(self, session_id: str) -> None:
        self.reset()
        await self._fill(session_id[:40], again=False)
        self.is_open = True

    async def _again(self) -> None:
        if self.is_open:
            await self._fill(self.line.id, again=True)

    async def _fill(self, session_id: str, *, again: bool) -> None:
        viewer = self._viewer()
        found = await asyncio.to_thread(query.session_detail, viewer, session_id, again=again)
        self.line, self.seats = found.line, found.seats
        self.end_reason, self.changeable, self.course_id = found.end_reason, found.changeable, found.course_id
        self.series_id, self.series_tz, self.ahead = found.series_id, found.series_tz, found.ahead
        self.missing, self.checked_at = found.missing, found.checked_at
        self.recorded = await asyncio.to_thread(recordings.watchable, viewer, session_id)
        starts_at, ends_at = (datetime.fromisoformat(at) for at in (found.line.starts_at, found.line.ends_at))
        local = starts_at.astimezone(ZoneInfo(viewer.tz))
        self.minutes = round((ends_at - starts_at).total_seconds() / 60)
        self.day, self.clock = local.date().isoformat(), f"{local:%H:%M}"
        self.when = format_when(starts_at, viewer.tz, viewer.lang)
