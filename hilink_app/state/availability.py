"""When somebody may be booked: one draft of the week, dates, limits, a calendar; nothing is saved that hits unasked."""

import asyncio
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

import reflex as rx

from core.access import Viewer
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from core.i18n import format_day, format_day_short, language_name, zone_name
from core.lifecycle import availability
from core.lifecycle.availability import Profile
from core.lifecycle.profile import zones
from core.queries import availability as query
from core.queries.availability import ClockLine, ExceptionRow, HoursRow, HoursView
from core.queries.common import NOBODY, Face, LessonLine
from core.scheduling.availability import WeeklyHours
from core.scheduling.times import zone
from core.scheduling.windows import Window
from core.scheduling.zones import instant
from hilink_app.state.base import BaseState
from hilink_app.state.guard import allow

PATH = "/availability"
MOST_SHOWN = 20
TAUGHT = ("en", "de", "fr", "es", "pt", "it", "nl", "pl", "cs", "uk", "tr", "ar", "hi", "zh", "ja", "ko")
"""Languages to choose from; others that somebody has already stay."""


@dataclass(frozen=True)
class Change:
    """One thing to save. It waits in here while the person is asked about the lessons it hits."""

    kind: Literal["hours", "add", "remove", "profile"]
    hours: tuple[WeeklyHours, ...] = ()
    span: Window | None = None
    exception: str = ""
    """away | extra for "add", an id for "remove"."""
    note: str = ""
    profile: Profile | None = None


class Hours(BaseState):
    """The hours of one instructor. problem_field names the field `problem` belongs to, "" = the whole page.

    round, dates_round, limits_round: another number drops what is typed in that form. changed: somebody else saved
    in the meantime. days_off: (id, kind, when in words, note). hits: the lessons of a change that waits for a yes.
    """

    ready: bool = False
    missing: bool = False
    mine: bool = True
    person: Face = NOBODY
    tz: str = "UTC"
    place: str = ""
    zones: list[tuple[str, str]] = []
    week: list[HoursRow] = []
    dated: list[str] = []
    days_off: list[tuple[str, str, str, str]] = []
    whole_days: bool = True
    notice: str = ""
    buffer: str = ""
    most_a_day: str = ""
    most_a_week: str = ""
    languages: list[tuple[str, str, bool]] = []
    holidays: list[tuple[str, str]] = []
    holiday_calendar_id: str = ""
    calendar: str = ""
    calendar_status: str = ""
    calendar_problem: str = ""
    calendar_read_at: str = ""
    calendar_busy: int = 0
    forgetting: bool = False
    clocks: list[str] = []
    round: int = 0
    dates_round: int = 0
    limits_round: int = 0
    changed: bool = False
    asking: bool = False
    hits: list[LessonLine] = []
    hit_count: int = 0
    problem: str = ""
    problem_field: str = ""
    _view: HoursView | None = None
    _waiting: Change | None = None
    _undo: Change | None = None

    @rx.event
    @allow("instructor", "coordinator")
    async def load(self) -> None:
        """The person in the address, oneself otherwise."""
        self.reset()
        viewer = self._viewer()
        asked = str(self.router.url.query_parameters.get("person", ""))[:64]
        try:
            await self._look(asked or viewer.person_id)
        except (NotFound, NotAllowed):
            self.missing = self.ready = True
        if not self.zones:
            self.zones = [(name, name.replace("_", " ").replace("/", " / ")) for name in zones()]

    @rx.event
    @allow("instructor", "coordinator")
    def choose_zone(self, tz: str) -> None:
        """The hours keep their wall clock, in another zone; saved with them."""
        zone(str(tz))
        self.tz, self.place = str(tz), zone_name(str(tz), self._viewer().lang)

    @rx.event
    @allow("instructor", "coordinator")
    async def save_hours(self, rows: list[Any]) -> Any:
        """The whole week from the editor: [[weekday, "16:00", "18:00"], ...]."""
        kept = [query.rule_of(row) for row in self._seen().dated]
        return await self._save(Change("hours", hours=(*kept, *_rules(rows, self.tz))))

    @rx.event
    @allow("instructor", "coordinator")
    def set_whole_days(self, on: bool) -> None:
        self.whole_days = bool(on)

    @rx.event
    @allow("instructor", "coordinator")
    async def add_exception(self, form: dict[str, Any]) -> Any:
        """Away, or there although the week says otherwise; dates and times are those of the hours' zone."""
        kind = "extra" if form.get("kind") == "extra" else "away"
        try:
            span = _span(form, self.tz)
        except InvalidInput as error:
            return self._say(error)
        return await self._save(Change("add", span=span, exception=kind, note=_text(form, "note")))

    @rx.event
    @allow("instructor", "coordinator")
    async def remove_exception(self, exception_id: str) -> Any:
        return await self._save(Change("remove", exception=str(exception_id)))

    @rx.event
    @allow("instructor", "coordinator")
    async def save_limits(self, form: dict[str, Any]) -> Any:
        """Notice, buffer, most lessons, holidays and languages."""
        try:
            profile = self._profile(form)
        except InvalidInput as error:
            return self._say(error)
        return await self._save(Change("profile", profile=profile))

    @rx.event
    @allow("instructor", "coordinator")
    async def subscribe(self, form: dict[str, Any]) -> Any:
        """The worker reads it soon; until then it says so."""
        self._clear()
        who = self._seen().person.id
        try:
            await asyncio.to_thread(availability.set_busy_calendar, self._viewer(), who, _text(form, "url"))
        except InvalidInput as error:
            return self._say(error)
        await self._look(who)
        return self._done(self._t("The calendar is read within a minute."))

    @rx.event
    @allow("instructor", "coordinator")
    def ask_to_forget(self, on: bool) -> None:
        self.forgetting = bool(on)

    @rx.event
    @allow("instructor", "coordinator")
    async def forget_calendar(self) -> Any:
        self.forgetting = False
        who = self._seen().person.id
        await asyncio.to_thread(availability.remove_busy_calendar, self._viewer(), who)
        await self._look(who)
        return self._done(self._t("The calendar is forgotten."))

    @rx.event
    @allow("instructor", "coordinator")
    async def look_again(self) -> None:
        """What is saved now; a draft of the week stays."""
        await self._look(self._seen().person.id)

    @rx.event
    @allow("instructor", "coordinator")
    async def show_saved(self) -> None:
        """Somebody else saved: take theirs."""
        await self._look(self._seen().person.id)
        self.tz, self.place = self._seen().tz, zone_name(self._seen().tz, self._viewer().lang)
        self.round += 1

    @rx.event
    @allow("instructor", "coordinator")
    async def go_on(self) -> Any:
        """Yes, although lessons are hit."""
        change, self._waiting, self.asking = self._waiting, None, False
        return await self._do(change, hit=True) if change else None

    @rx.event
    @allow("instructor", "coordinator")
    def leave_it(self) -> None:
        """No: nothing is saved, the draft stays."""
        self._waiting, self.asking = None, False

    @rx.event
    @allow("instructor", "coordinator")
    async def undo(self) -> Any:
        """The opposite of what was saved last, asked about like every change."""
        change, self._undo = self._undo, None
        return await self._save(change) if change else None

    async def _save(self, change: Change) -> Any:
        """Saves at once what hits no lesson, and asks about the rest."""
        self._clear()
        viewer, who = self._viewer(), self._seen().person.id
        try:
            hit = await asyncio.to_thread(_hits, viewer, who, change)
        except InvalidInput as error:
            return self._say(error)
        if not hit:
            return await self._do(change, hit=False)
        self.hits = await asyncio.to_thread(query.lessons, viewer, hit[:MOST_SHOWN])
        self.hit_count, self._waiting, self.asking = len(hit), change, True
        return None

    async def _do(self, change: Change, *, hit: bool) -> Any:
        viewer, seen = self._viewer(), self._seen()
        try:
            made = await asyncio.to_thread(_apply, viewer, seen, change)
        except InvalidInput as error:
            return self._say(error)
        except Conflict:
            self.changed = True
            return None
        back = _opposite(seen, change, made)
        await self._look(seen.person.id)
        self._fresh(change.kind)
        self._undo = back
        says = self._t("Saved.")
        if hit:  # to undo it ends the searches that nobody has answered
            says = self._tn(
                "Saved. We look for a substitute for {n} lesson.",
                "Saved. We look for substitutes for {n} lessons.",
                self.hit_count,
            )
        return self._done(says, undo=Hours.undo if back else None)

    def _fresh(self, kind: str) -> None:
        """The form that was saved shows what is saved; what is typed in the others stays."""
        if kind == "hours":
            self.round += 1
        elif kind == "profile":
            self.limits_round += 1
        elif kind == "add":
            self.dates_round += 1

    async def _look(self, person_id: str) -> None:
        viewer = self._viewer()
        found = await asyncio.to_thread(query.hours, viewer, person_id)
        if self._view is None or self.tz == self._view.tz:  # one that was chosen and not saved yet stays
            self.tz, self.place = found.tz, zone_name(found.tz, viewer.lang)
        self._view, self.changed = found, False
        self.person, self.mine = found.person, found.person.id == viewer.person_id
        self.week = found.week
        self.dated = [self._dated(row) for row in found.dated]
        self.days_off = [(row.id, row.kind, self._when(row), row.note) for row in found.exceptions]
        self.notice, self.buffer = _number(found.notice_min / 60), _number(found.buffer_min)
        self.most_a_day, self.most_a_week = _number(found.most_a_day), _number(found.most_a_week)
        self.languages = _languages(found.languages, viewer.lang)
        self.holidays = [("", self._t("No holidays")), *found.holidays]
        self.holiday_calendar_id = found.holiday_calendar_id
        self.clocks = [self._clock(one) for one in found.clocks]
        self._look_at_calendar(found)
        self.ready = True

    def _look_at_calendar(self, found: HoursView) -> None:
        row = found.calendar
        self.calendar, self.calendar_status = (row.host, row.status) if row else ("", "")
        self.calendar_problem = row.problem if row else ""
        self.calendar_read_at, self.calendar_busy = (row.fetched_at, row.busy) if row else ("", 0)

    def _seen(self) -> HoursView:
        """What this page was filled from; NotFound when it never was."""
        if self._view is None:
            raise NotFound("We could not find that instructor.")
        return self._view

    def _profile(self, form: dict[str, Any]) -> Profile:
        chosen = [tag for tag, _, _ in self.languages if form.get(f"language-{tag}")]
        return Profile(
            tz=self._seen().profile_tz,
            languages=tuple(chosen),
            notice_s=int(_amount(form, "notice_s") * 3_600),
            buffer_s=int(_amount(form, "buffer_s") * 60),
            most_a_day=int(_amount(form, "most_a_day")),
            most_a_week=int(_amount(form, "most_a_week")),
            holiday_calendar_id=_text(form, "holiday_calendar_id") or None,
        )

    def _when(self, row: ExceptionRow) -> str:
        lang = self._viewer().lang
        first = format_day_short(date.fromisoformat(row.first), lang=lang)
        last = format_day_short(date.fromisoformat(row.last), lang=lang)
        if not row.starts:
            return first if row.first == row.last else self._t("{first} to {last}", first=first, last=last)
        if row.first == row.last:
            return self._t("{day}, {start} to {end}", day=first, start=row.starts, end=row.ends)
        return self._t("{first} to {last}", first=f"{first} {row.starts}", last=f"{last} {row.ends}")

    def _dated(self, row: HoursRow) -> str:
        """An entry that the grid cannot show, in words."""
        lang = self._viewer().lang
        day = format_day(date(2024, 1, 1) + timedelta(days=row.weekday), lang=lang).split(" ")[0].strip(",")
        says = [
            self._t("{day}, {start} to {end}", day=day, start=row.starts, end=row.ends),
            zone_name(row.tz, lang),
        ]
        if row.valid_from:
            says.append(
                self._t("from {day}", day=format_day_short(date.fromisoformat(row.valid_from), lang=lang))
            )
        if row.valid_until:
            says.append(
                self._t("until {day}", day=format_day_short(date.fromisoformat(row.valid_until), lang=lang))
            )
        return " · ".join(says)

    def _clock(self, one: ClockLine) -> str:
        day = format_day(date.fromisoformat(one.day), lang=self._viewer().lang)
        if one.skips:
            says = self._t(
                "On {day} the clocks skip {shows} to {then}.", day=day, shows=one.shows, then=one.then
            )
        else:
            says = self._t(
                "On {day} the clocks go back from {shows} to {then}: that time comes twice.",
                day=day, shows=one.shows, then=one.then,
            )  # fmt: skip
        if one.hits < 0:
            says += " " + self._t("You have {n} minutes less that day.", n=-one.hits)
        elif one.hits > 0:
            says += " " + self._t("You have {n} minutes more that day.", n=one.hits)
        return says

    def _say(self, error: InvalidInput) -> None:
        self.problem, self.problem_field = self._t(error.message, **error.facts), error.field

    def _clear(self) -> None:
        self.problem = self.problem_field = ""


def _hits(viewer: Viewer, person_id: str, change: Change) -> list[str]:
    """Ids of the lessons it would hit."""
    found = availability.lessons_hit(
        viewer,
        person_id,
        hours=change.hours if change.kind == "hours" else None,
        away=change.span if change.exception == "away" else None,
        profile=change.profile,
        without_exception=change.exception if change.kind == "remove" else "",
    )
    return [one.session_id for one in found]


def _apply(viewer: Viewer, seen: HoursView, change: Change) -> str:
    """Save it; returns the id of an exception that was added."""
    who = seen.person.id
    if change.kind == "hours":
        availability.set_hours(viewer, who, change.hours, seen.version)
    elif change.kind == "remove":
        availability.remove_exception(viewer, change.exception)
    elif change.profile is not None:
        availability.set_profile(viewer, who, change.profile, seen.version)
    elif change.span is not None:
        span = change.span
        made, _ = availability.add_exception(
            viewer, who, change.exception, span.starts_at, span.ends_at, change.note
        )
        return made
    return ""


def _opposite(seen: HoursView, change: Change, made: str) -> Change | None:
    """What takes it back."""
    if change.kind == "hours":
        return Change("hours", hours=tuple(query.rule_of(row) for row in (*seen.week, *seen.dated)))
    if change.kind == "add":
        return Change("remove", exception=made)
    if change.kind == "profile":
        return Change("profile", profile=_profile_of(seen))
    row = next((one for one in seen.exceptions if one.id == change.exception), None)
    if row is None:
        return None
    span = Window(datetime.fromisoformat(row.starts_at), datetime.fromisoformat(row.ends_at))
    return Change("add", span=span, exception=row.kind, note=row.note)


def _profile_of(seen: HoursView) -> Profile:
    return Profile(
        tz=seen.profile_tz,
        languages=tuple(seen.languages),
        notice_s=seen.notice_min * 60,
        buffer_s=seen.buffer_min * 60,
        most_a_day=seen.most_a_day,
        most_a_week=seen.most_a_week,
        holiday_calendar_id=seen.holiday_calendar_id or None,
    )


def _rules(rows: list[Any], tz: str) -> list[WeeklyHours]:
    """The editor's rows; InvalidInput for anything else a browser sends."""
    try:
        return [query.rule_of(HoursRow(int(day), str(starts), str(ends), tz)) for day, starts, ends in rows]
    except (TypeError, ValueError) as error:
        raise InvalidInput("hours", "Please fill in every time.") from error


def _span(form: dict[str, Any], tz: str) -> Window:
    """Whole local days when no times are given, the last one included."""
    here = zone(tz)
    try:
        first = date.fromisoformat(_text(form, "first"))
        last = date.fromisoformat(_text(form, "last") or str(first))
        starts, ends = (_text(form, name) for name in ("starts", "ends"))
        if starts or ends:
            begin, end = (
                datetime.combine(day, time.fromisoformat(at)) for day, at in ((first, starts), (last, ends))
            )
        else:
            begin, end = datetime.combine(first, time()), datetime.combine(last + timedelta(days=1), time())
        return Window(instant(begin, here), instant(end, here))
    except (ValueError, OverflowError) as error:
        raise InvalidInput("starts_at", "Please enter a date and a time.") from error


def _text(form: dict[str, Any], name: str) -> str:
    """A field that is not drawn just now comes as None."""
    return str(form.get(name) or "").strip()


def _amount(form: dict[str, Any], name: str) -> float:
    """0 for an empty field."""
    try:
        amount = float(_text(form, name).replace(",", ".") or 0)
    except ValueError as error:
        raise InvalidInput(name, "Please enter a number.") from error
    if not 0 <= amount < 1_000_000:
        raise InvalidInput(name, "Please enter a number.")
    return amount


def _number(value: float) -> str:
    """Empty for no limit."""
    return f"{value:g}" if value else ""


def _languages(chosen: list[str], lang: str) -> list[tuple[str, str, bool]]:
    tags = (*TAUGHT, *(tag for tag in chosen if tag not in TAUGHT))
    return [(tag, language_name(tag, lang), tag in chosen) for tag in tags]
