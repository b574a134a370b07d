"""Form fields: a label on every control, an error sentence beside the field that caused it."""

from typing import Any

import reflex as rx
from reflex_components_core.el.elements.base import BaseHTML

from hilink_app.components.i18n import t
from hilink_app.components.icons import icon
from hilink_app.components.tokens import Child, Event, Text, cls


def error_text(says: Text, field_id: str) -> rx.Component:
    """The error sentence of a field; nothing when empty. a11y: announced, and named by the field."""
    shown = rx.el.span(icon("circle-alert", "s"), rx.el.span(says), class_name="hl-err")
    return rx.el.div(
        rx.cond(rx.Var.create(says) != "", shown, rx.fragment()), id=f"{field_id}-error", role="alert"
    )


def field(
    label: Text, control: rx.Component, *, field_id: str, hint: Text | None = None, error: Text = ""
) -> rx.Component:
    """Label, control, hint and error around any control whose id is ``field_id``."""
    return rx.el.div(
        rx.el.label(label, html_for=field_id),
        rx.el.span(hint, class_name="hl-hint", id=f"{field_id}-hint") if hint is not None else rx.fragment(),
        control,
        error_text(error, field_id) if not (isinstance(error, str) and error == "") else rx.fragment(),
        class_name="hl-field",
    )


def _described(name: str, hint: Text | None, error: Text) -> dict[str, Any]:
    marked = not (isinstance(error, str) and error == "")
    ids = " ".join(
        part
        for part in (f"{name}-hint" if hint is not None else "", f"{name}-error" if marked else "")
        if part
    )
    attrs: dict[str, Any] = {"aria-describedby": ids} if ids else {}
    if marked:
        attrs["aria-invalid"] = rx.Var.create(error) != ""
    return attrs


def text_field(
    label: Text, name: str, *, kind: Any = "text", hint: Text | None = None, error: Text = "", **props: Any
) -> rx.Component:
    """One line of text; ``kind`` is the input type (text, email, password, date, time, number).

    Pass ``auto_complete`` where it applies (WCAG 1.3.5). Use ``default_value`` inside forms.
    """
    control = rx.el.input(
        id=name,
        name=name,
        type=kind,
        class_name="hl-input",
        custom_attrs=_described(name, hint, error),
        **props,
    )
    return field(label, control, field_id=name, hint=hint, error=error)


def area_field(
    label: Text, name: str, *, hint: Text | None = None, error: Text = "", rows: int = 3, **props: Any
) -> rx.Component:
    """Several lines of text."""
    control = rx.el.textarea(
        id=name,
        name=name,
        rows=str(rows),
        class_name="hl-input",
        custom_attrs=_described(name, hint, error),
        **props,
    )
    return field(label, control, field_id=name, hint=hint, error=error)


def options(choices: list[tuple[str, Text]] | rx.Var) -> list[rx.Component]:
    """``option`` elements from (value, word) pairs, or a Var of ``[[value, word], ...]``."""
    if isinstance(choices, rx.Var):
        return [rx.foreach(choices, lambda pair: rx.el.option(pair[1], value=pair[0]))]
    return [rx.el.option(word, value=value) for value, word in choices]


def select_field(
    label: Text,
    name: str,
    choices: list[tuple[str, Text]] | rx.Var,
    *,
    hint: Text | None = None,
    error: Text = "",
    **props: Any,
) -> rx.Component:
    """One of several: the device's own select, which works on phones and with every reader."""
    control = rx.el.select(
        *options(choices),
        id=name,
        name=name,
        class_name="hl-input",
        custom_attrs=_described(name, hint, error),
        **props,
    )
    return field(label, control, field_id=name, hint=hint, error=error)


def check_field(
    label: Child,
    name: str,
    *,
    note: Child | None = None,
    kind: Any = "checkbox",
    look: str = "",
    **props: Any,
) -> rx.Component:
    """A box to tick (``kind="radio"`` for a choice); the whole line is the target."""
    return rx.el.label(
        rx.el.input(type=kind, name=name, **props),
        rx.el.span(
            rx.el.span(label),
            rx.fragment(rx.el.br(), rx.el.span(note, class_name="hl-q hl-sm"))
            if note is not None
            else rx.fragment(),
        ),
        class_name=cls("hl-check", "round" if kind == "radio" else "", look),
    )


def switch_field(label: Child, name: str, *, note: Child | None = None, **props: Any) -> rx.Component:
    """On or off, taking effect at once. a11y: role switch."""
    return check_field(label, name, note=note, look="hl-switch", custom_attrs={"role": "switch"}, **props)


def radio_group(legend: Text, *choices: rx.Component) -> rx.Component:
    """A question with one answer, around ``check_field(kind="radio")``. a11y: fieldset and legend."""
    return rx.el.fieldset(rx.el.legend(legend, class_name="hl-strong"), *choices, class_name="hl-col hl-g3")


def form(*children: Child, on_submit: Event, **props: Any) -> rx.Component:
    """A form whose handler gets ``{name: value}``; errors come back as sentences beside the fields."""
    return rx.el.form(
        *children, on_submit=on_submit, class_name="hl-col hl-g4", custom_attrs={"noValidate": True}, **props
    )


class _PostForm(BaseHTML):
    """The browser's own form. Reflex's always prevents the browser from submitting (forms.py, 0.10.1)."""

    tag = "form"
    action: rx.Var[str]
    method: rx.Var[str]


def post_form(*children: Child, action: str) -> rx.Component:
    """A form the browser itself posts to one of our addresses: for what sets a cookie. Works before any script."""
    return _PostForm.create(*children, action=action, method="post", class_name="hl-form")


def form_error(says: Text) -> rx.Component:
    """An error that belongs to no single field. a11y: announced when it appears."""
    box = rx.el.div(icon("circle-alert"), rx.el.div(says), class_name="hl-callout bad")
    return rx.el.div(rx.cond(rx.Var.create(says) != "", box, rx.fragment()), role="alert")


def search_box(
    value: Text, on_change: Event, *, label: Text | None = None, field_id: str = "find", **props: Any
) -> rx.Component:
    """Find as you type, sent 300 ms after the last key. a11y: a labelled search input."""
    words = t("Find") if label is None else label
    sent = on_change.debounce(300) if hasattr(on_change, "debounce") else on_change
    return rx.el.div(
        rx.el.label(words, html_for=field_id, class_name="hl-sr"),
        rx.el.input(
            id=field_id,
            type="search",
            default_value=value,
            on_change=sent,
            placeholder=words,
            class_name="hl-input find",
            **props,
        ),
        class_name="hl-find",
        role="search",
    )


def pick(
    label: Text, value: Text, choices: list[tuple[str, Text]] | rx.Var, on_change: Event, **props: Any
) -> rx.Component:
    """A filter pill: a quiet word and its value, e.g. ``Course All``."""
    return rx.el.label(
        rx.el.span(label),
        rx.el.select(*options(choices), value=value, on_change=on_change, **props),
        class_name="hl-pick",
    )
