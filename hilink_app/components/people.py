"""People: names and initials before anything else."""

import reflex as rx

from hilink_app.components.icons import icon
from hilink_app.components.tokens import Child, Text, cls


def avatar(initials: Text, size: str = "", tone: str = "") -> rx.Component:
    """Initials in a circle: ``size`` "" 24 px, "m" 36, "l" 48; ``tone`` "", "t", "bl", "gr", never a warning.

    a11y: hidden, the name stands beside it.
    """
    return rx.el.span(initials, class_name=cls("hl-av", size, tone), custom_attrs={"aria-hidden": "true"})


def avatar_icon(name: str, size: str = "", tone: str = "") -> rx.Component:
    """A group or a thing in a circle."""
    return rx.el.span(
        icon(name, "s" if not size else ""),
        class_name=cls("hl-av", size, tone),
        custom_attrs={"aria-hidden": "true"},
    )


def avatars(initials: rx.Var, tone: str = "") -> rx.Component:
    """A row of overlapping circles from a list Var of initials. a11y: hidden, say the names in words."""
    return rx.el.span(rx.foreach(initials, lambda who: avatar(who, tone=tone)), class_name="hl-avs")


def person(
    name: Text, note: Child | None = None, *, initials: Text, size: str = "m", tone: str = ""
) -> rx.Component:
    """Circle, name and a quiet second line."""
    return rx.el.span(
        avatar(initials, size, tone),
        rx.el.span(rx.el.b(name), rx.el.small(note) if note is not None else rx.fragment()),
        class_name=cls("hl-person", "l" if size == "l" else ""),
    )
