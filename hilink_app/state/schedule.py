"""The form that schedules a lesson: who, what, when, and in whose time."""

import asyncio
from datetime import timedelta
from zoneinfo import ZoneInfo

import reflex as rx

from core.errors import InvalidInput, UserError
from core.i18n import format_when, zone_name
from core.lifecycle.schedule import NewSession, schedule_session
from core.lifecycle.series import NewSeries, schedule_series
from core.queries import board as query
from core.queries.series import without_holidays
from core.scheduling.times import local_time, zone
from hilink_app.state.base import BaseState
from hilink_app.state.guard import allow
from hilink_app.state.repeat import Repeat
from hilink_app.state.toasts import toast_done

FIELDS = ("course_id", "instructor_id", "student_ids", "starts_at", "ends_at", "tz")
USUAL_MINUTES = 45


class Schedule(BaseState):
    """day, clock: wall clock in the zone `tz`; previews: (name, time, place) for everybody concerned.

    errors: a sentence by field, "" where all is well; problem: what belongs to no field.
    """

    is_open: bool = False
    course_id: str = ""
    topic_id: str = ""
    instructor_id: str = ""
    student_ids: list[str] = []
    day: str = ""
    clock: str = ""
    length: str = str(USUAL_MINUTES)
    tz: str = "UTC"
    courses: list[tuple[str, str]] = []
    topics: list[tuple[str, str]] = []
    instructors: list[tuple[str, str, str]] = []
    students: list[tuple[str, str, str]] = []
    zones: list[tuple[str, str]] = []
    previews: list[tuple[str, str, str]] = []
    errors: dict[str, str] = dict.fromkeys(FIELDS, "")
    problem: str = ""

    @rx.event
    @allow("coordinator")
    async def show(self) -> None:
        """A fresh form, proposing the next full hour."""
        self.reset()
        (await self.get_state(Repeat)).reset()
        viewer = self._viewer()
        soon = (self._now() + timedelta(minutes=90)).astimezone(ZoneInfo(viewer.tz))
        self.day, self.clock, self.tz = soon.date().isoformat(), f"{soon:%H}:00", viewer.tz
        await self._offer()
        self._preview()
        self.is_open = True

    @rx.event
    @allow("coordinator")
    def close(self) -> None:
        self.reset()

    @rx.event
    @allow("coordinator")
    async def choose_course(self, course_id: str) -> None:
        """Another course has other topics, instructors and students."""
        self.course_id = course_id
        self.topic_id, self.instructor_id, self.student_ids = "", "", []
        self._clear("course_id", "instructor_id", "student_ids")
        await self._offer()
        self._preview()

    @rx.event
    @allow("coordinator")
    def choose_topic(self, topic_id: str) -> None:
        self.topic_id = topic_id

    @rx.event
    @allow("coordinator")
    def choose_instructor(self, instructor_id: str) -> None:
        self.instructor_id = instructor_id
        self._clear("instructor_id")
        self._preview()

    @rx.event
    @allow("coordinator")
    async def choose_student(self, student_id: str, on: bool) -> None:
        others = [one for one in self.student_ids if one != student_id]
        self.student_ids = [*others, student_id] if on else others
        self._clear("student_ids")
        self._preview()
        await (await self.get_state(Repeat))._offer(self.course_id, self.student_ids)

    @rx.event
    @allow("coordinator")
    def set_day(self, day: str) -> None:
        self.day = str(day)[:10]
        self._clear("starts_at")
        self._preview()

    @rx.event
    @allow("coordinator")
    def set_clock(self, clock: str) -> None:
        self.clock = str(clock)[:8]
        self._clear("starts_at")
        self._preview()

    @rx.event
    @allow("coordinator")
    def set_length(self, length: float) -> None:
        self.length = str(length)[:4]
        self._clear("ends_at")

    @rx.event
    @allow("coordinator")
    def choose_zone(self, tz: str) -> None:
        zone(str(tz))
        self.tz = str(tz)
        self._clear("tz", "starts_at")
        self._preview()

    @rx.event
    @allow("coordinator")
    async def save(self, form: dict[str, str]) -> rx.event.EventSpec | None:
        """Schedule it, or say in a sentence what keeps it from being scheduled; then nothing is changed."""
        self.errors, self.problem = dict.fromkeys(FIELDS, ""), ""
        viewer = self._viewer()
        if missing := self._missing():
            self.errors = {**self.errors, **missing}
            return None
        try:
            new = self._asked(form)
            repeat = await self.get_state(Repeat)
            if repeat.every:
                return await self._save_series(repeat, self._series(repeat, new))
            made = await asyncio.to_thread(schedule_session, viewer, new)
        except InvalidInput as error:
            says = self._t(error.message, **error.facts)
            if error.field in FIELDS:
                self.errors = {**self.errors, error.field: says}
            else:
                self.problem = says
            return None
        except UserError as error:
            self.problem = self._t(error.message, **error.facts)
            return None
        self.reset()
        return toast_done(
            self._t("Scheduled for {when}.", when=format_when(made.starts_at, viewer.tz, viewer.lang))
        )

    @rx.event
    @allow("coordinator")
    async def show_dates(self) -> None:
        """Every date of the series as the form stands, those that are taken marked."""
        self.problem = ""
        repeat = await self.get_state(Repeat)
        if missing := self._missing():
            self.errors = {**self.errors, **missing}
            return
        try:
            new = self._series(repeat, self._asked({}))
        except InvalidInput as error:
            self.problem = self._t(error.message, **error.facts)
            return
        await repeat._look(new)

    def _series(self, repeat: Repeat, new: NewSession) -> NewSeries:
        """The lesson of the form, repeated. InvalidInput."""
        first = new.starts_at.astimezone(ZoneInfo(self.tz)).replace(tzinfo=None)
        lesson = {
            "course_id": new.course_id,
            "instructor_id": new.instructor_id,
            "student_ids": new.student_ids,
        }
        minutes = round((new.ends_at - new.starts_at).total_seconds() / 60)
        return repeat._asked(lesson, first, self.tz, minutes)

    async def _save_series(self, repeat: Repeat, new: NewSeries) -> rx.event.EventSpec:
        viewer = self._viewer()
        if repeat.skip_holidays:
            new = await asyncio.to_thread(without_holidays, viewer, new)
        made = await asyncio.to_thread(schedule_series, viewer, new, all_or_nothing=not repeat.leave_out)
        self.reset()
        repeat.reset()
        return toast_done(
            self._tn("{n} lesson is scheduled.", "{n} lessons are scheduled.", len(made.session_ids))
        )

    def _missing(self) -> dict[str, str]:
        """A sentence for every choice not made yet."""
        asked = {
            "course_id": (self.course_id, self._t("Please choose a course.")),
            "instructor_id": (self.instructor_id, self._t("Please choose an instructor.")),
            "student_ids": (self.student_ids, self._t("Please choose a student.")),
        }
        return {field: says for field, (value, says) in asked.items() if not value}

    def _asked(self, form: dict[str, str]) -> NewSession:
        """What the form asks for; the typed fields as they were sent. InvalidInput."""
        day, clock = str(form.get("new-day", self.day)), str(form.get("new-start", self.clock))
        starts_at = local_time(day[:10], clock[:8], self.tz)
        try:
            minutes = int(str(form.get("new-length", self.length)))
            ends_at = starts_at + timedelta(minutes=minutes)
        except (ValueError, OverflowError) as error:
            raise InvalidInput("ends_at", "Please say how many minutes the lesson lasts.") from error
        return NewSession(
            course_id=self.course_id,
            instructor_id=self.instructor_id,
            student_ids=tuple(self.student_ids),
            starts_at=starts_at,
            ends_at=ends_at,
            topic_id=self.topic_id if self.topic_id in dict(self.topics) and self.topic_id else None,
        )

    async def _offer(self) -> None:
        offered = await asyncio.to_thread(query.choices, self._viewer(), self.course_id)
        self.courses = [("", self._t("Choose a course")), *offered.courses]
        self.topics = [("", self._t("No topic yet")), *offered.topics]
        self.instructors = [("", self._t("Choose an instructor"), ""), *offered.instructors]
        self.students = list(offered.students)

    def _concerned(self) -> list[tuple[str, str]]:
        """(name, zone) of the instructor and the students chosen so far."""
        chosen = {self.instructor_id, *self.student_ids} - {""}
        return [(name, tz) for who, name, tz in (*self.instructors, *self.students) if who in chosen]

    def _preview(self) -> None:
        viewer, people = self._viewer(), self._concerned()
        zones = {viewer.tz: self._t("My time, {place}", place=zone_name(viewer.tz, viewer.lang))}
        for name, tz in people:
            zones.setdefault(
                tz, self._t("Time of {name}, {place}", name=name, place=zone_name(tz, viewer.lang))
            )
        if self.tz not in zones:
            self.tz = viewer.tz
        self.zones = list(zones.items())
        try:
            starts_at = local_time(self.day, self.clock, self.tz)
        except InvalidInput:
            self.previews = []
            return
        self.previews = [
            (name, format_when(starts_at, tz, viewer.lang), zone_name(tz, viewer.lang))
            for name, tz in ((self._t("You"), viewer.tz), *people)
        ]

    def _clear(self, *names: str) -> None:
        self.errors = {**self.errors, **dict.fromkeys(names, "")}
        self.problem = ""
