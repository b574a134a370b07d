"""Times in the reader's own zone, kept up to date in the browser."""

from typing import Any

import reflex as rx

from hilink_app.components.drawn import Countdown, MinutesLeft, TimeText, reader_props
from hilink_app.components.i18n import t
from hilink_app.components.icons import icon
from hilink_app.components.tokens import Text, cls
from hilink_app.state.i18n import I18n


def time_text(at: Text, show: str = "time", **props: Any) -> rx.Component:
    """A moment (ISO 8601 with offset, UTC from the server) in the reader's zone; it ticks by itself.

    ``show``: "time" 16:30 - "day" Thursday 12 November - "short" Thu 12 Nov - "date" 12 Nov 2026 -
    "relative" in 12 min - "late" 8 min late - "elapsed" 53 min - "near" Today - "when" Today, 16:30 -
    "both" in 12 min, 16:30.
    ``tz=`` shows another person's zone.
    a11y: a ``time`` element with the full date as title.
    """
    return TimeText.create(at=at, show=show, **{**reader_props(), "class_name": "hl-num", **props})


def clock(at: Text, size_px: int = 72) -> rx.Component:
    """The start time as the largest thing on a home page (72 to 96 px)."""
    return rx.el.p(time_text(at), class_name="hl-clock", custom_attrs={"style": {"--clock": f"{size_px}px"}})


def relative_text(at: Text, **props: Any) -> rx.Component:
    """``in 12 min``, ``8 min ago``."""
    return time_text(at, "relative", **props)


def zone_note(*, date: Text | rx.Component | None = None) -> rx.Component:
    """The reader's date and zone, said once in the page head: ``Thursday 12 November · times in London``."""
    said = t("times in {place}", place=I18n.place)
    return rx.el.span(date, " · ", said) if date is not None else rx.el.span(said)


def minutes_left(at: Text, hot_s: int = 300) -> rx.Component:
    """Minutes until a deadline, red under ``hot_s`` seconds; past it, it counts up."""
    return MinutesLeft.create(at=at, hot_s=hot_s, lang=I18n.lang)


def countdown(at: Text) -> rx.Component:
    """The bar under the next lesson that fills over the last hour. a11y: hidden, the words say it."""
    return Countdown.create(at=at)


def due(*children: Text | rx.Component, hot: bool | rx.Var = False) -> rx.Component:
    """A deadline with a clock: red only when a person must act now."""
    name = (
        rx.cond(hot, "hl-due hot", "hl-due")
        if isinstance(hot, rx.Var)
        else cls("hl-due", "hot" if hot else "")
    )
    return rx.el.span(icon("clock-3", "s"), rx.el.span(*children), class_name=name)
