"""The queue of what needs a person, and ranked proposals."""

import reflex as rx

from hilink_app.components.icons import icon
from hilink_app.components.people import avatar
from hilink_app.components.times import minutes_left
from hilink_app.components.tokens import Child, Text


def case_card(
    title: Text,
    says: Text,
    *actions: Child,
    deadline: Text,
    done: Text | None = None,
    proposal: rx.Component | None = None,
    hot: bool | rx.Var = False,
    hot_s: int = 300,
) -> rx.Component:
    """One thing that needs a person: minutes left, what happened, what was already done, proposal, actions.

    ``hot`` marks the selected one. a11y: a list item with its own h3; put cards in ``case_list``.
    """
    return rx.el.li(
        minutes_left(deadline, hot_s),
        rx.el.div(
            rx.el.h3(title, class_name="hl-h3"),
            rx.el.p(says, class_name="hl-sm hl-q"),
            rx.el.p(icon("check"), rx.el.span(done), class_name="hl-did hl-sm")
            if done is not None
            else rx.fragment(),
            proposal if proposal is not None else rx.fragment(),
            rx.el.div(*actions, class_name="hl-row hl-wrap hl-cacts") if actions else rx.fragment(),
        ),
        class_name=rx.cond(hot, "hl-case hot", "hl-case"),
    )


def case_list(*cards: Child) -> rx.Component:
    """The list around ``case_card``; sort it by deadline on the server."""
    return rx.el.ul(*cards, class_name="hl-cases")


def case_proposal(initials: Text, says: Child, why: Text, *actions: Child) -> rx.Component:
    """The proposed person inside a case: who, why, and the buttons."""
    return rx.el.div(
        rx.el.div(
            avatar(initials),
            rx.el.span(says, rx.el.br(), rx.el.span(why, class_name="hl-q"), class_name="hl-sm"),
            class_name="hl-row top",
        ),
        rx.el.div(*actions, class_name="hl-row hl-wrap"),
        class_name="hl-prop",
    )


def proposal(
    rank: Text,
    initials: Text,
    name: Text,
    note: Text,
    fit: Text,
    when: Child,
    *reasons: Child,
    selected: bool | rx.Var = False,
) -> rx.Component:
    """A ranked proposal: person, times in both zones, fit in words, ``reason`` lines met and not met."""
    return rx.el.div(
        rx.el.span(rank, class_name="hl-rank hl-num"),
        avatar(initials, "m"),
        rx.el.span(rx.el.b(name), rx.el.small(note, class_name="hl-q"), class_name="hl-lw"),
        rx.el.b(fit, class_name="hl-fit hl-sm"),
        rx.el.div(rx.el.p(when), rx.el.ul(*reasons, class_name="hl-reasons hl-sm"), class_name="hl-pbody"),
        class_name=rx.cond(selected, "hl-proposal sel", "hl-proposal"),
    )


def reason(says: Text, met: bool | rx.Var = True) -> rx.Component:
    """One reason of a proposal, met (tick) or not (warning), as a list item."""
    return rx.el.li(
        rx.cond(met, icon("check", class_name="hl-t-ok"), icon("triangle-alert", class_name="hl-t-warn")),
        rx.el.span(says),
    )
