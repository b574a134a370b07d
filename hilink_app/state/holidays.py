"""Holiday calendars: days off that instructors follow. Nothing is saved that hits a lesson unasked."""

import asyncio
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import reflex as rx

from core.errors import Conflict, InvalidInput, UserError
from core.i18n import format_day
from core.lifecycle import availability
from core.queries import availability as lessons_query
from core.queries import holidays as query
from core.queries.common import LessonLine
from core.queries.holidays import NO_CALENDAR, HolidaysLine, HolidaySpan, days_of
from hilink_app.state.base import BaseState
from hilink_app.state.guard import allow

PATH = "/holidays"
MOST_SHOWN = 20
LONGEST = timedelta(days=120)
"""The most days that are added at once."""


@dataclass(frozen=True)
class Change:
    """A calendar as it would be saved. It waits in here while somebody is asked about the lessons it hits."""

    calendar: HolidaysLine
    name: str
    days: dict[date, str]


class Holidays(BaseState):
    """chosen: the calendar that is open. to_come: (first, last, what, when in words) of its days that are not over.

    round: another number empties the forms. hits: the lessons of a change that waits for a yes.
    problem_field names the field `problem` belongs to.
    """

    ready: bool = False
    rows: list[HolidaysLine] = []
    chosen: HolidaysLine = NO_CALENDAR
    to_come: list[tuple[str, str, str, str]] = []
    over: int = 0
    renaming: bool = False
    dropping: bool = False
    round: int = 0
    asking: bool = False
    hits: list[LessonLine] = []
    hit_count: int = 0
    problem: str = ""
    problem_field: str = ""
    _waiting: Change | None = None
    _undo: Change | None = None

    @rx.event
    @allow("coordinator")
    async def load(self) -> None:
        """The calendar in the address, the first one otherwise."""
        self.reset()
        await self._look(str(self.router.url.query_parameters.get("calendar", ""))[:64])

    @rx.event
    @allow("coordinator")
    async def make(self, form: dict[str, Any]) -> Any:
        """An empty calendar, opened at once."""
        self._clear()
        try:
            made = await asyncio.to_thread(
                availability.set_holidays, self._viewer(), _text(form, "new_name"), {}
            )
        except UserError as error:
            return self._say(error, "new_name")
        self.round += 1
        await self._look(made)
        return [
            rx.redirect(f"{PATH}?calendar={made}", replace=True),
            self._done(self._t("The calendar is there. Now add its days.")),
        ]

    @rx.event
    @allow("coordinator")
    def rename(self, on: bool) -> None:
        self.renaming = bool(on)
        self._clear()

    @rx.event
    @allow("coordinator")
    def ask_drop(self, on: bool) -> None:
        """Whether the whole calendar shall go."""
        self.dropping = bool(on)
        self._clear()

    @rx.event
    @allow("coordinator")
    async def drop(self) -> Any:
        """It shall: nothing but a new one brings it back."""
        self.dropping, gone = False, self.chosen
        try:
            await asyncio.to_thread(availability.remove_holidays, self._viewer(), gone.id, gone.version)
        except UserError as error:  # somebody else saved or removed it: what there is now is shown
            await self._look(gone.id)
            return self._say(error, "first")
        self._undo = None
        await self._look("")
        return self._done(self._t("The calendar is removed."))

    @rx.event
    @allow("coordinator")
    async def save_name(self, form: dict[str, Any]) -> Any:
        self._clear()
        return await self._do(Change(self.chosen, _text(form, "name"), days_of(self.chosen)), hit=False)

    @rx.event
    @allow("coordinator")
    async def add(self, form: dict[str, Any]) -> Any:
        """One day or several in a row: off, or ordinary days again."""
        self._clear()
        days, what = days_of(self.chosen), _text(form, "what")
        try:
            span = _span(form)
            if form.get("kind") == "on":
                days = {day: name for day, name in days.items() if day not in span}
            elif not what:
                raise InvalidInput("what", "Please give these days a name.")
            else:
                days |= dict.fromkeys(span, what)
        except InvalidInput as error:
            return self._say(error, error.field)
        return await self._save(Change(self.chosen, self.chosen.name, days))

    @rx.event
    @allow("coordinator")
    async def remove(self, first: str, last: str) -> Any:
        """These days are ordinary ones after all."""
        days = {
            day: what
            for day, what in days_of(self.chosen).items()
            if not str(first) <= day.isoformat() <= str(last)
        }
        return await self._save(Change(self.chosen, self.chosen.name, days))

    @rx.event
    @allow("coordinator")
    async def go_on(self) -> Any:
        """Yes, although lessons are hit."""
        change, self._waiting, self.asking = self._waiting, None, False
        return await self._do(change, hit=True) if change else None

    @rx.event
    @allow("coordinator")
    def leave_it(self) -> None:
        """No: nothing is saved."""
        self._waiting, self.asking = None, False

    @rx.event
    @allow("coordinator")
    async def undo(self) -> Any:
        """As it was before what was saved last; asked about like every change."""
        change, self._undo = self._undo, None
        return await self._save(change) if change else None

    async def _save(self, change: Change) -> Any:
        """Saves at once what hits no lesson, and asks about the rest."""
        viewer = self._viewer()
        found = await asyncio.to_thread(
            availability.holidays_hit, viewer, list(change.days), change.calendar.id
        )
        if not found:
            return await self._do(change, hit=False)
        ids = [one.session_id for one in found[:MOST_SHOWN]]
        self.hits = await asyncio.to_thread(lessons_query.lessons, viewer, ids)
        self.hit_count, self._waiting, self.asking = len(found), change, True
        return None

    async def _do(self, change: Change, *, hit: bool) -> Any:
        before = change.calendar
        try:
            await asyncio.to_thread(
                availability.set_holidays,
                self._viewer(),
                change.name,
                change.days,
                before.id,
                before.version,
            )
        except Conflict as error:  # somebody else saved: what is saved now is shown, with the sentence
            await self._look(before.id)
            return self._say(error, "name" if self.renaming else "first")
        except InvalidInput as error:
            return self._say(error, error.field)
        self.round, self.renaming = self.round + 1, False
        await self._look(before.id)
        self._undo = Change(self.chosen, before.name, days_of(before))
        says = self._t("Saved.")
        if hit:  # to undo it ends the searches that nobody has answered
            says = self._tn(
                "Saved. We look for a substitute for {n} lesson.",
                "Saved. We look for substitutes for {n} lessons.",
                self.hit_count,
            )
        return self._done(says, undo=Holidays.undo)

    async def _look(self, calendar_id: str) -> None:
        self.rows = await asyncio.to_thread(query.calendars, self._viewer())
        found = [row for row in self.rows if row.id == calendar_id] or self.rows
        self.chosen = found[0] if found else NO_CALENDAR
        today = self._now().date().isoformat()
        to_come = [one for one in self.chosen.spans if one.last >= today]
        self.to_come = [(one.first, one.last, one.what, self._when(one)) for one in to_come]
        self.over = len(self.chosen.spans) - len(to_come)
        self.ready = True

    def _when(self, span: HolidaySpan) -> str:
        lang = self._viewer().lang
        first, last = (
            format_day(date.fromisoformat(day), lang=lang, year=True) for day in (span.first, span.last)
        )
        return first if first == last else self._t("{first} to {last}", first=first, last=last)

    def _say(self, error: UserError, field: str) -> None:
        self.problem, self.problem_field = self._t(error.message, **error.facts), field

    def _clear(self) -> None:
        self.problem = self.problem_field = ""


def _text(form: dict[str, Any], name: str) -> str:
    return str(form.get(name) or "").strip()[:100]


def _span(form: dict[str, Any]) -> list[date]:
    """From the first to the last day, both included. InvalidInput."""
    try:
        first = date.fromisoformat(_text(form, "first"))
        last = date.fromisoformat(_text(form, "last") or _text(form, "first"))
    except ValueError as error:
        raise InvalidInput("first", "Please enter a date.") from error
    if last < first:
        raise InvalidInput("last", "The end is before the start.")
    if last - first > LONGEST:
        raise InvalidInput("last", "Please add at most {most} days at once.", most=LONGEST.days)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
