"""Filters that live in the address: state tabs, segments, the children switch."""

from typing import Any

import reflex as rx

from hilink_app.components.drawn import StateShape
from hilink_app.components.i18n import t, t_choice
from hilink_app.components.marks import STATES
from hilink_app.components.people import avatar
from hilink_app.components.tokens import Child, Text


def state_tab(
    label: Text, count: Text, href: Text, *, current: rx.Var | bool, shape: Text | None = None
) -> rx.Component:
    """One tab: shape, word, count. A link: the filter stays in the address. a11y: ``aria-current``."""
    chosen = rx.Var.create(current)
    return rx.link(
        StateShape.create(state=shape) if shape is not None else rx.fragment(),
        rx.el.span(label),
        rx.el.b(count, class_name="hl-num"),
        href=href,
        underline="none",
        class_name=rx.cond(chosen, "hl-tab on", "hl-tab"),
        custom_attrs={"aria-current": rx.cond(chosen, "true", "false")},
    )


def state_tabs(
    counts: rx.Var, current: rx.Var, base: str, *end: Child, total: Text | None = None
) -> rx.Component:
    """All, Late, Waiting, Live, Expected, Ended with counts; ``counts`` is a dict Var by state.

    ``current`` is the chosen state or "". Links go to ``base?state=late``.
    """
    tabs = [state_tab(t("All"), total, base, current=current == "")] if total is not None else []
    for state in ("late", "waiting", "live", "expected", "ended"):
        word = t_choice(state, STATES)
        tabs.append(
            state_tab(
                word,
                counts.to(dict[str, Any])[state],
                f"{base}?state={state}",
                current=current == state,
                shape=state,
            )
        )
    return rx.el.nav(
        *tabs,
        rx.el.span(*end, class_name="hl-tabs-end hl-q hl-sm"),
        class_name="hl-tabs",
        aria_label=t("Filter by state"),
    )


def segment(
    label: Child, *, current: rx.Var | bool, href: Text | None = None, on_click: Any = None
) -> rx.Component:
    """One choice of a small switch. a11y: a link with ``aria-current`` or a button with ``aria-pressed``."""
    chosen = rx.Var.create(current)
    name = rx.cond(chosen, "hl-seg-i on", "hl-seg-i")
    if href is not None:
        attrs = {"aria-current": rx.cond(chosen, "true", "false")}
        return rx.link(label, href=href, underline="none", class_name=name, custom_attrs=attrs)
    return rx.el.button(
        label, type="button", class_name=name, on_click=on_click, custom_attrs={"aria-pressed": chosen}
    )


def segments(*choices: Child, label: Text) -> rx.Component:
    """A small switch between views. a11y: a named group."""
    return rx.el.div(*choices, class_name="hl-seg", role="group", aria_label=label)


def child_tab(
    name: Text,
    initials: Text,
    *,
    current: rx.Var | bool,
    on_click: Any,
    news: Child | None = None,
    tone: str = "t",
) -> rx.Component:
    """One child in a guardian's switch."""
    chosen = rx.Var.create(current)
    return rx.el.button(
        avatar(initials, tone=tone),
        name,
        rx.el.span(news, class_name="hl-nw") if news is not None else rx.fragment(),
        type="button",
        class_name=rx.cond(chosen, "hl-kid on", "hl-kid"),
        custom_attrs={"aria-pressed": chosen},
        on_click=on_click,
    )


def child_tabs(*tabs: Child) -> rx.Component:
    """The switch around ``child_tab``."""
    return rx.el.div(*tabs, class_name="hl-kids", role="group", aria_label=t("Choose a child"))
