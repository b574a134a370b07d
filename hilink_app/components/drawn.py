"""Typed wrappers of ``kit.jsx``: small SVGs and live times. Use the functions of the other modules first."""

from typing import Any

import reflex as rx

from hilink_app.components import i18n as _i18n
from hilink_app.components.scripts import shared
from hilink_app.state.i18n import I18n

_js = shared(__name__, "kit.jsx")
I18N_MODULE = _i18n._js.importable_path


_A_NUMBER: Any = rx.event.passthrough_event_spec(int)  # pyright: ignore[reportCallIssue]
_TWO_NUMBERS: Any = rx.event.passthrough_event_spec(int, int)  # pyright: ignore[reportCallIssue]


class _Drawn(rx.Component):
    library = _js.importable_path


class Drawn(_Drawn):
    """Tells the server which refresh is on the screen."""

    tag = "Drawn"
    count: rx.Var[int]
    on_drawn: rx.EventHandler[_A_NUMBER]


class Held(_Drawn):
    """Its first child while ``verdict`` is open, and on while it is "" (not known yet); else its second."""

    tag = "Held"
    verdict: rx.Var[str]


class StateShape(_Drawn):
    """One of five shapes: expected, waiting, live, late, ended."""

    tag = "StateShape"
    state: rx.Var[str]


class Thread(_Drawn):
    """Seven stops of a lesson; ``label`` is the sentence a screen reader says."""

    tag = "Thread"
    done: rx.Var[int]
    at: rx.Var[str]
    label: rx.Var[str]
    width: rx.Var[int]


class Meter(_Drawn):
    """Four connection bars."""

    tag = "Meter"
    bars: rx.Var[int]


class TimeText(_Drawn):
    """A moment in the reader's zone; see ``kit.jsx`` for ``show``."""

    tag = "TimeText"
    at: rx.Var[str]
    tz: rx.Var[str]
    lang: rx.Var[str]
    show: rx.Var[str]


class Countdown(_Drawn):
    """A bar that fills over the last hour before ``at``."""

    tag = "Countdown"
    at: rx.Var[str]


class MinutesLeft(_Drawn):
    """Minutes until a deadline."""

    tag = "MinutesLeft"
    at: rx.Var[str]
    lang: rx.Var[str]
    hot_s: rx.Var[int]


class DayStrip(_Drawn):
    """Lessons per quarter hour."""

    tag = "DayStrip"
    slots: rx.Var[list[dict[str, Any]]]
    now_at: rx.Var[float]
    now_label: rx.Var[str]
    label: rx.Var[str]
    caption: rx.Var[str]
    first: rx.Var[int]
    last: rx.Var[int]
    on_span: rx.EventHandler[_TWO_NUMBERS]


class Spark(_Drawn):
    """A line against its usual range."""

    tag = "Spark"
    points: rx.Var[list[float]]
    low: rx.Var[float]
    high: rx.Var[float]
    bad: rx.Var[bool]
    width: rx.Var[int]
    label: rx.Var[str]


class Wave(_Drawn):
    """Sound of a lesson as bars."""

    tag = "Wave"
    levels: rx.Var[list[float]]
    at: rx.Var[float]
    first: rx.Var[float]
    last: rx.Var[float]
    label: rx.Var[str]


class SideDialog(_Drawn):
    """A panel at the right edge that is not modal."""

    tag = "SideDialog"
    open: rx.Var[bool]
    title: rx.Var[str]
    note: rx.Var[str]
    close_label: rx.Var[str]
    on_close: rx.EventHandler[rx.event.no_args_event_spec]


def reader_props() -> dict[str, Any]:
    """Zone and language of the reader, for parts that write times."""
    return {"tz": I18n.tz, "lang": I18n.lang}
