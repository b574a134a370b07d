"""How a new lesson repeats: on which days, until when, and what that means date by date."""

import asyncio
from datetime import date, datetime
from typing import Any

import reflex as rx

from core.errors import InvalidInput, UserError
from core.lifecycle.series import NewSeries
from core.queries import series as query
from core.queries.series import DateLine
from hilink_app.state.base import BaseState
from hilink_app.state.guard import allow

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
ENDS = ("count", "until", "package")


class Repeat(BaseState):
    """every: 0 = once, else every so many weeks. days: of WEEKDAYS. ends: count | until | package.

    dates: the preview; clashes: how many of them are taken. leave_out: those are left out instead of refused.
    """

    every: int = 0
    days: list[str] = []
    ends: str = "count"
    count: str = "10"
    until: str = ""
    package_id: str = ""
    packages: list[tuple[str, str]] = []
    skip_holidays: bool = True
    leave_out: bool = False
    dates: list[DateLine] = []
    holidays: list[tuple[str, str]] = []
    clashes: int = 0
    problem: str = ""

    @rx.event
    @allow("coordinator")
    def choose_every(self, every: str) -> None:
        """Once, or every one, two or four weeks."""
        self.every = {"1": 1, "2": 2, "4": 4}.get(str(every), 0)
        self._forget()

    @rx.event
    @allow("coordinator")
    def choose_day(self, day: str, on: bool) -> None:
        chosen = {*self.days, day} if on else {one for one in self.days if one != day}
        self.days = [one for one in WEEKDAYS if one in chosen]
        self._forget()

    @rx.event
    @allow("coordinator")
    def choose_ends(self, ends: str) -> None:
        self.ends = ends if ends in ENDS else "count"
        self._forget()

    @rx.event
    @allow("coordinator")
    def set_count(self, count: float) -> None:
        self.count = str(count)[:4]
        self._forget()

    @rx.event
    @allow("coordinator")
    def set_until(self, until: str) -> None:
        self.until = str(until)[:10]
        self._forget()

    @rx.event
    @allow("coordinator")
    def choose_package(self, package_id: str) -> None:
        self.package_id = str(package_id)[:40]
        self._forget()

    @rx.event
    @allow("coordinator")
    def skip(self, on: bool) -> None:
        """Holidays of the instructor and the students are left out."""
        self.skip_holidays = bool(on)
        self._forget()

    @rx.event
    @allow("coordinator")
    def leave(self, on: bool) -> None:
        self.leave_out = bool(on)

    def _forget(self) -> None:
        """What was shown is not true any more."""
        self.dates, self.holidays, self.clashes, self.problem = [], [], 0, ""

    async def _offer(self, course_id: str, student_ids: list[str]) -> None:
        """Packages of the one student chosen."""
        self.packages = []
        if course_id and len(student_ids) == 1:
            viewer = self._viewer()
            self.packages = await asyncio.to_thread(query.packages, viewer, course_id, student_ids[0])

    def _asked(self, lesson: dict[str, Any], first: datetime, tz: str, minutes: int) -> NewSeries:
        """The series the form asks for. InvalidInput."""
        days = self.days or [WEEKDAYS[first.weekday()]]
        rule = f"FREQ=WEEKLY;INTERVAL={self.every};BYDAY={','.join(days)}"
        count: int | None = None
        until: date | None = None
        try:
            if self.ends == "count":
                count = int(self.count)
            elif self.ends == "until":
                until = date.fromisoformat(self.until)
        except ValueError as error:
            raise InvalidInput("rule", "Please say when the series ends.") from error
        package_id = self.package_id if self.ends == "package" else ""
        if self.ends == "package" and not package_id:
            raise InvalidInput("package_id", "Please choose a package.")
        return NewSeries(
            **lesson,
            rule=rule,
            first_local=first,
            tz=tz,
            length_min=minutes,
            until=until,
            count=count,
            package_id=package_id or None,
        )

    async def _look(self, new: NewSeries) -> None:
        """The dates with their clashes, before anything is booked."""
        try:
            found = await asyncio.to_thread(
                query.preview, self._viewer(), new, skip_holidays=self.skip_holidays
            )
        except UserError as error:
            self._forget()
            self.problem = self._t(error.message, **error.facts)
            return
        self.dates, self.holidays, self.clashes = found.dates, found.holidays, found.clashes
        self.problem = ""
