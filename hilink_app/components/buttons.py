"""Buttons and links. One solid button a panel; verbs on buttons."""

from typing import Any

import reflex as rx

from hilink_app.components.icons import icon as draw_icon
from hilink_app.components.tokens import Text, cls


def button(
    label: Text,
    *,
    kind: str = "",
    icon: str = "",
    size: str = "",
    wide: bool = False,
    busy: rx.Var | bool = False,
    disabled: rx.Var | bool = False,
    href: str | rx.Var | None = None,
    **props: Any,
) -> rx.Component:
    """``kind``: "" outline, "p" primary, "g" plain, "bad" refusing, "danger" red; ``size``: "s", "", "b".

    With ``href`` it is a link that looks like a button. a11y: while ``busy`` it keeps its name, says
    ``aria-busy`` and sends nothing; a disabled button needs a sentence beside it that says why.
    """
    inside = [draw_icon(icon, "l" if size == "b" else "")] if icon else []
    name = cls("hl-btn", kind, size, "w" if wide else "", str(props.pop("class_name", "")))
    words = rx.el.span(label)
    if href is not None:
        return rx.link(*inside, words, href=href, underline="none", class_name=name, **props)
    custom = (
        {"aria-busy": busy, **props.pop("custom_attrs", {})}
        if busy is not False
        else props.pop("custom_attrs", {})
    )
    off = busy if disabled is False else disabled if busy is False else rx.Var.create(busy) | disabled
    return rx.el.button(
        *inside,
        words,
        type=props.pop("type", "button"),
        disabled=rx.Var.create(off).to(bool),
        class_name=name,
        custom_attrs=custom,
        **props,
    )


def primary(label: Text, **props: Any) -> rx.Component:
    """The one solid button of a panel."""
    return button(label, kind="p", **props)


def plain(label: Text, **props: Any) -> rx.Component:
    """A button without a border, for the lesser choice."""
    return button(label, kind="g", **props)


def icon_button(name: str, label: Text, *, size: str = "", kind: str = "", **props: Any) -> rx.Component:
    """Only an icon; never in rail, bar or dock. a11y: ``label`` is its name and its tooltip."""
    return rx.el.button(
        draw_icon(name),
        type="button",
        class_name=cls("hl-btn ic", size, kind),
        aria_label=label,
        title=label,
        **props,
    )


def link(label: Text, href: str | rx.Var, **props: Any) -> rx.Component:
    """A real link on real words; inside sentences it is underlined."""
    return rx.link(
        label, href=href, underline="none", class_name=cls("hl-a", str(props.pop("class_name", ""))), **props
    )
