"""The editor of weekly hours. ``hours.jsx`` draws and listens, ``week.js`` reckons."""

from typing import Any

import reflex as rx

from hilink_app.components.scripts import shared
from hilink_app.state.i18n import I18n

_js = shared(__name__, "hours.jsx")
shared(__name__, "week.js")

_ROWS: Any = rx.event.passthrough_event_spec(list[Any])  # pyright: ignore[reportCallIssue]


class HoursEditor(rx.Component):
    """rows: `core.queries.availability.HoursRow`. round: another number drops the draft.

    on_save gets [[weekday, "16:00", "18:00"], ...] of the whole week.
    """

    library = _js.importable_path
    tag = "HoursEditor"
    rows: rx.Var[list[Any]]
    round: rx.Var[int]
    label: rx.Var[str]
    lang: rx.Var[str]
    busy: rx.Var[bool]
    on_save: rx.EventHandler[_ROWS]


def hours_editor(**props: Any) -> rx.Component:
    """a11y: a grid (arrow keys, Enter, Delete) and a list of labelled fields; what a drag did is said."""
    return HoursEditor.create(lang=I18n.lang, **props)
