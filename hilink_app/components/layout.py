"""Page heads, panels and columns."""

from typing import Any

import reflex as rx

from hilink_app.components.icons import icon
from hilink_app.components.tokens import Child, Text, cls


def page_head(title: Text, *actions: rx.Component, note: Child | None = None) -> rx.Component:
    """Page title, the reader's date and zone, one primary action. a11y: the page's only h1."""
    return rx.el.header(
        rx.el.h1(title, class_name="hl-h1"),
        rx.el.p(note, class_name="hl-q") if note is not None else rx.fragment(),
        rx.el.div(*actions, class_name="hl-acts") if actions else rx.fragment(),
        class_name="hl-head",
    )


def panel(*children: Child, pad: bool = True, draft: bool = False, **props: Any) -> rx.Component:
    """A bordered surface. a11y: give ``aria_label`` when it has no heading of its own."""
    name = cls("hl-panel", "pad" if pad else "", "draft" if draft else "", str(props.pop("class_name", "")))
    return rx.el.section(*children, class_name=name, **props)


def panel_head(
    title: Text, *end: Child, note: Child | None = None, mark: rx.Component | None = None
) -> rx.Component:
    """Heading of a panel with a quiet note and something at the right end. a11y: an h2."""
    return rx.el.div(
        rx.el.h2(title, class_name="hl-h2"),
        mark if mark is not None else rx.fragment(),
        rx.el.span(note, class_name="hl-sm hl-q") if note is not None else rx.fragment(),
        rx.el.span(*end, class_name="hl-end hl-sm hl-q") if end else rx.fragment(),
        class_name="hl-ph",
    )


def columns(
    main: rx.Component | list[rx.Component], side: rx.Component | list[rx.Component], width: int = 348
) -> rx.Component:
    """Main column and a side column of ``width`` px; below 900 px they stack, main first."""

    def box(parts: rx.Component | list[rx.Component]) -> rx.Component:
        return rx.el.div(*(parts if isinstance(parts, list) else [parts]))

    return rx.el.div(
        box(main), box(side), class_name="hl-two", custom_attrs={"style": {"--side": f"{width}px"}}
    )


def three(*children: rx.Component) -> rx.Component:
    """Three equal columns, one below 900 px."""
    return rx.el.div(*children, class_name="hl-three")


def stack(*children: Child, gap: int = 4, **props: Any) -> rx.Component:
    """A column; ``gap`` is a step of the 4 px grid (1 4 px, 2 8, 3 12, 4 16, 5 24)."""
    return rx.el.div(
        *children, class_name=cls("hl-col", f"hl-g{gap}", str(props.pop("class_name", ""))), **props
    )


def row(*children: Child, gap: int = 2, wrap: bool = True, **props: Any) -> rx.Component:
    """A line of things, wrapping when narrow."""
    name = cls("hl-row", f"hl-g{gap}", "hl-wrap" if wrap else "", str(props.pop("class_name", "")))
    return rx.el.div(*children, class_name=name, **props)


def spacer() -> rx.Component:
    """Pushes what follows to the end of a row."""
    return rx.el.span(class_name="hl-sp")


def rule() -> rx.Component:
    """A quiet line."""
    return rx.el.hr(class_name="hl-hr")


def quiet(*children: Child, small: bool = True, **props: Any) -> rx.Component:
    """Second text: smaller and grey."""
    return rx.el.span(*children, class_name=cls("hl-q", "hl-sm" if small else ""), **props)


def strong(*children: Child, **props: Any) -> rx.Component:
    """A word that carries weight."""
    return rx.el.b(*children, **props)


def prose(*children: Child, **props: Any) -> rx.Component:
    """A paragraph people read: at most 62 characters a line."""
    return rx.el.p(*children, class_name="hl-prose", **props)


def sr_only(*children: Child) -> rx.Component:
    """Words for screen readers alone."""
    return rx.el.span(*children, class_name="hl-sr")


def facts(*pairs: tuple[Text, Child], label_px: int = 92) -> rx.Component:
    """Label and value lines, such as a briefing. a11y: a description list."""
    rows = [part for name, value in pairs for part in (rx.el.dt(name), rx.el.dd(value))]
    return rx.el.dl(*rows, class_name="hl-facts hl-in", custom_attrs={"style": {"--label": f"{label_px}px"}})


def note(name: str, *children: Child) -> rx.Component:
    """A quiet sentence with an icon, at the foot of a panel."""
    return rx.el.p(icon(name), rx.el.span(*children), class_name="hl-note")
