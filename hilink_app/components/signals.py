"""Signals: a claim with its evidence, decided by a person."""

import reflex as rx

from hilink_app.components.drawn import Spark
from hilink_app.components.i18n import t
from hilink_app.components.people import avatar
from hilink_app.components.tokens import Child, Text


def spark(
    points: rx.Var | list[float],
    low: rx.Var | float,
    high: rx.Var | float,
    label: Text,
    *,
    bad: rx.Var | bool = True,
) -> rx.Component:
    """A line against its usual range (shaded). a11y: an image named by ``label``."""
    return Spark.create(points=points, low=low, high=high, label=label, bad=bad)


def signal_row(
    *,
    initials: Text,
    claim: Text,
    evidence: Text,
    line: Child,
    value: Text,
    usual: Text,
    owner: Text | None = None,
    owner_initials: Text = "",
    actions: list[rx.Component],
) -> rx.Component:
    """Claim, evidence, the line with its usual range, who owns it, Accept or Dismiss. A list item."""
    return rx.el.li(
        avatar(initials, "m"),
        rx.el.span(
            rx.el.h3(claim, class_name="hl-h3"), rx.el.small(evidence, class_name="hl-q"), class_name="hl-lw"
        ),
        rx.el.span(line, class_name="hl-sline"),
        rx.el.span(
            rx.el.b(value, class_name="hl-num"), rx.el.small(usual, class_name="hl-q"), class_name="hl-lw"
        ),
        rx.el.span(avatar(owner_initials), owner, class_name="hl-row hl-sm")
        if owner is not None
        else rx.el.span(t("No owner"), class_name="hl-q hl-sm"),
        rx.el.span(*actions, class_name="hl-row hl-sacts"),
        class_name="hl-signal",
    )


def signal_list(*rows: Child) -> rx.Component:
    """The list around ``signal_row``."""
    return rx.el.ul(*rows, class_name="hl-signals")
