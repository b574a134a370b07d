"""The numbers and names behind the look, for Python code that draws (charts, inline sizes).

The values themselves are CSS custom properties in ``assets/css/tokens.css``; here are their names.
"""

from typing import Any, Literal

import reflex as rx

Text = str | rx.Var
"""A word on the screen: ``t("...")`` or a Var."""
Child = rx.Component | rx.Var | str
"""Anything that may stand inside a component."""
Tone = Literal["", "ok", "warn", "bad", "info", "acc"]
"""Meaning of a chip; always with an icon or a word."""
Event = Any
"""What an ``on_...`` takes: a handler, a handler with arguments, or a list of them."""

ACCENT = "var(--accent)"
ACCENT_SOFT = "var(--teal-7)"
NEUTRAL = "var(--sage-10)"
LINE = "var(--line)"
TEXT = "var(--text)"
TEXT_2 = "var(--text-2)"
PANEL = "var(--panel)"
BAD = "var(--bad-fill)"
WARN = "var(--warn-fill)"
OK = "var(--ok)"
SERIES = (ACCENT, NEUTRAL, ACCENT_SOFT, "var(--amber-9)", "var(--blue-9)")
"""Colours of chart lines in order: ours, the other, then rare ones."""

PHONE_PX = 700
TABLET_PX = 900
"""Below PHONE_PX: bottom bar, one column. Below TABLET_PX: columns stack, main first."""


def cls(*names: str | None) -> str:
    """Class names joined, empty ones left out."""
    return " ".join(name for name in names if name)
