"""The calendar's grid: own component, ADR 0013. ``calendar.jsx`` draws, ``carry.js`` moves, ``place.js`` measures."""

from typing import Any

import reflex as rx

from hilink_app.components.drawn import reader_props
from hilink_app.components.scripts import shared

_js = shared(__name__, "calendar.jsx")
for _part in ("carry.js", "place.js"):
    shared(__name__, _part)

_ONE: Any = rx.event.passthrough_event_spec(str)  # pyright: ignore[reportCallIssue]
_DROP: Any = rx.event.passthrough_event_spec(str, str, str, int, int)  # pyright: ignore[reportCallIssue]


class CalendarGrid(rx.Component):
    """Instructors by days, hours by instructors, or hours by days; a list below 700 px.

    rows: `core.queries.calendar.Row`; days: (ISO date, words, is today). hours: "13-22".
    walls: `core.queries.moves.NoGo` of the lesson `carried`. ghosts: proposals, {"n", "person_id", "starts_at",
    "ends_at", "chosen"} with ISO times. selected: the lesson whose dialog is open.
    """

    library = _js.importable_path
    tag = "CalendarGrid"
    view: rx.Var[str]
    rows: rx.Var[list[Any]]
    days: rx.Var[list[Any]]
    hours: rx.Var[str]
    carried: rx.Var[str]
    walls: rx.Var[list[Any]]
    ghosts: rx.Var[list[Any]]
    selected: rx.Var[str]
    label: rx.Var[str]
    tz: rx.Var[str]
    lang: rx.Var[str]
    on_open: rx.EventHandler[_ONE]
    on_person: rx.EventHandler[_ONE]
    on_pick: rx.EventHandler[_ONE]
    on_leave: rx.EventHandler[rx.event.no_args_event_spec]
    on_drop_at: rx.EventHandler[_DROP]


def calendar_grid(**props: Any) -> rx.Component:
    """a11y: a grid; arrow keys go from lesson to lesson, Enter opens, M picks up; what happens is said."""
    return CalendarGrid.create(**reader_props(), **props)
