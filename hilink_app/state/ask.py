"""The form that asks for lessons, and what became of one's earlier requests."""

import asyncio
from datetime import date, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import reflex as rx

from core.errors import InvalidInput, UserError
from core.i18n import LANGUAGES, format_weekday, language_name
from core.lifecycle import requests as lifecycle
from core.lifecycle.requests import NewRequest
from core.queries import requests as query
from core.queries.requests import RequestLine
from core.scheduling.wish import WishWindow
from hilink_app.state.base import BaseState
from hilink_app.state.guard import allow
from hilink_app.state.live import watch

ASKERS = ("student", "guardian", "coordinator")
FIELDS = (
    "student_id", "course_id", "windows", "per_week", "length_min", "from_day", "until_day", "lessons",
)  # fmt: skip


class Ask(BaseState):
    """days: (weekday, word). errors: a sentence by field; problem: what belongs to no field."""

    ready: bool = False
    students: list[tuple[str, str]] = []
    courses: list[tuple[str, str]] = []
    languages: list[tuple[str, str]] = []
    days: list[tuple[str, str]] = []
    first_day: str = ""
    lines: list[RequestLine] = []
    errors: dict[str, str] = dict.fromkeys(FIELDS, "")
    problem: str = ""

    @rx.event
    @allow(*ASKERS)
    async def load(self) -> None:
        viewer = self._viewer()
        choices = await asyncio.to_thread(query.choices, viewer)
        self.students, self.courses = choices.students, [("", self._t("Choose a course")), *choices.courses]
        self.languages = [("", self._t("Any language"))] + [
            (tag, language_name(tag, viewer.lang)) for tag in LANGUAGES
        ]
        self.days = [(str(day), format_weekday(day, viewer.lang)) for day in range(7)]
        today = self._now().astimezone(ZoneInfo(viewer.tz)).date()
        self.first_day = (today + timedelta(days=7 - today.weekday())).isoformat()
        self.errors, self.problem = dict.fromkeys(FIELDS, ""), ""
        await self._look()
        watch(self, Ask.refresh, [f"person:{student}" for student, _ in self.students][:50])

    @rx.event
    @allow(*ASKERS)
    async def refresh(self) -> None:
        await self._look()

    @rx.event
    @allow(*ASKERS)
    async def send(self, form: dict[str, Any]) -> Any:
        """Ask; what is off stands beside its field."""
        self.errors, self.problem = dict.fromkeys(FIELDS, ""), ""
        viewer = self._viewer()
        try:
            await asyncio.to_thread(lifecycle.ask, viewer, self._read(form, viewer.tz))
        except InvalidInput as error:
            says = self._t(error.message, **error.facts)
            if error.field in self.errors:
                self.errors = {**self.errors, error.field: says}
            else:
                self.problem = says
            return None
        except UserError as error:
            self.problem = self._t(error.message, **error.facts)
            return None
        await self._look()
        return self._done(self._t("We have your request. You hear from us within a day."))

    @rx.event
    @allow(*ASKERS)
    async def withdraw(self, request_id: str, version: int) -> Any:
        """Not wanted any more."""
        await asyncio.to_thread(lifecycle.withdraw, self._viewer(), str(request_id), int(version))
        await self._look()
        return self._done(self._t("The request is withdrawn."))

    def _read(self, form: dict[str, Any], tz: str) -> NewRequest:
        """InvalidInput for what is no date, time or number."""
        starts, ends = _clock(form, "starts"), _clock(form, "ends")
        days = [int(day) for day, _ in self.days if form.get(f"day-{day}")]
        until = str(form.get("until_day", "")).strip()
        lessons = str(form.get("lessons", "")).strip()
        return NewRequest(
            student_id=str(form.get("student_id", "")) or next((who for who, _ in self.students), ""),
            course_id=str(form.get("course_id", "")),
            windows=tuple(WishWindow(day, starts, ends) for day in days),
            tz=tz,
            from_day=_day(str(form.get("from_day", "")), "from_day"),
            per_week=_number(form, "per_week"),
            length_min=_number(form, "length_min"),
            until_day=_day(until, "until_day") if until else None,
            lessons=_number(form, "lessons") if lessons else None,
            language=str(form.get("language", ""))[:10],
            same_instructor=bool(form.get("same_instructor")),
            note=str(form.get("note", "")),
        )

    async def _look(self) -> None:
        self.lines = await asyncio.to_thread(query.own, self._viewer())
        self.ready = True


def _clock(form: dict[str, Any], name: str) -> time:
    try:
        return time.fromisoformat(str(form.get(name, ""))).replace(tzinfo=None)
    except ValueError as error:
        raise InvalidInput("windows", "Please say when lessons are possible.") from error


def _day(text: str, field: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(field, "Please enter a date.") from error


def _number(form: dict[str, Any], name: str) -> int:
    text = str(form.get(name, "")).strip()
    if not text.isascii() or not text.isdecimal() or len(text) > 4:
        raise InvalidInput(name, "Please enter a number.")
    return int(text)
