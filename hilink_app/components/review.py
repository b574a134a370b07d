"""A draft beside its evidence: sentences with their source, the transcript, the sound."""

from typing import Any

import reflex as rx

from hilink_app.components.drawn import Wave
from hilink_app.components.i18n import t
from hilink_app.components.icons import icon
from hilink_app.components.tokens import Child, Event, Text


def sourced_sentence(
    text: Text, moment: Text, *, state: Text = "rest", on_click: Event | None = None, key: Text = ""
) -> rx.Component:
    """A sentence of a draft with the moment it came from, as a link to the transcript line ``key``.

    ``state``: rest, active (both sides lit), check (a person should look), none (no source: not approvable).
    It flows like text, over several lines. Put sentences in an element of class ``hl-bodyt``.
    a11y: the link's name is the sentence and its moment; the state is also said.
    """
    now = rx.Var.create(state)
    props: dict[str, Any] = {"on_click": on_click} if on_click is not None else {}
    name = rx.match(state, ("active", "hl-se on"), ("check", "hl-se low"), ("none", "hl-se none"), "hl-se")
    said = rx.match(
        state, ("check", t("please check")), ("none", t("no source")), ("active", t("source shown")), ""
    )
    return rx.el.a(
        rx.cond((now == "check") | (now == "none"), icon("circle-alert"), rx.fragment()),
        rx.el.span(text, class_name="hl-se-t"),
        " ",
        rx.cond(now == "none", rx.fragment(), rx.el.span(moment, class_name="hl-sup hl-num")),
        rx.el.span(" ", said, class_name="hl-sr"),
        href="#" + rx.Var.create(key).to(str),
        class_name=name,
        custom_attrs={"aria-current": rx.cond(now == "active", "true", "false")},
        **props,
    )


def check_this(says: Child, *actions: Child) -> rx.Component:
    """Why a sentence should be looked at, and what to do instead."""
    return rx.el.div(
        rx.el.p(
            icon("circle-alert", class_name="hl-t-warn"), rx.el.span(rx.el.b(t("Check this one.")), " ", says)
        ),
        rx.el.div(*actions, class_name="hl-row hl-wrap"),
        class_name="hl-ask",
    )


def transcript_line(
    moment: Text,
    speaker: Text,
    text: Text,
    *,
    kind: Text = "rest",
    on_click: Event | None = None,
    key: Text = "",
) -> rx.Component:
    """One line of the transcript. ``kind``: rest, source, playing, event (a grey line without a speaker).

    a11y: the moment is a button when ``on_click`` is given ("play from 21:30").
    """
    props: dict[str, Any] = {"on_click": on_click} if on_click is not None else {}
    stamp = (
        rx.el.button(
            moment,
            type="button",
            class_name="hl-num hl-stamp",
            aria_label=t("Play from {moment}", moment=moment),
            **props,
        )
        if on_click is not None
        else rx.el.span(moment, class_name="hl-num hl-q hl-sm")
    )
    name = rx.match(kind, ("source", "hl-u src"), ("playing", "hl-u playing"), ("event", "hl-u ev"), "hl-u")
    return rx.el.li(
        stamp, rx.el.p(rx.el.b(speaker), " ", text), class_name=name, custom_attrs={"data-key": key}
    )


def transcript(*lines: Child) -> rx.Component:
    """The list of lines; scrolls by itself. a11y: focusable, so the keyboard can scroll it."""
    return rx.el.ul(*lines, class_name="hl-tu", tab_index=0, aria_label=t("Transcript"))


def wave(
    levels: rx.Var | list[float],
    *,
    at: rx.Var | float = 0,
    first: rx.Var | float = 0,
    last: rx.Var | float = 0,
    label: Text,
) -> rx.Component:
    """The sound of the lesson with the playhead; positions are 0..1."""
    return Wave.create(levels=levels, at=at, first=first, last=last, label=label)


def draft_box(*children: Child) -> rx.Component:
    """A dashed box around something a program wrote; accepting it removes the dashes."""
    return rx.el.div(*children, class_name="hl-draftbox")
