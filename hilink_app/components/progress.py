"""How a student is doing, in words first: topics, attendance, the path."""

import reflex as rx

from core.i18n import N_
from hilink_app.components.i18n import t, t_choice
from hilink_app.components.icons import icon
from hilink_app.components.tokens import Text

ATTENDED = {
    "present": N_("on time"),
    "late": N_("late"),
    "missed": N_("missed"),
    "excused": N_("missed, you told us"),
}


def topic_bar(topic: Text, first: int | rx.Var, now: int | rx.Var, says: Text | None = None) -> rx.Component:
    """First try (light) against now (dark), in 100. a11y: the numbers stand in words; the bar is hidden."""
    base, score = rx.Var.create(first), rx.Var.create(now)
    return rx.el.li(
        rx.el.span(topic, class_name="hl-tn"),
        rx.el.span(t("{n} in 100", n=score) if says is None else says, class_name="hl-tw hl-q"),
        rx.el.span(
            rx.el.i(class_name="was", custom_attrs={"style": {"width": score.to(str) + "%"}}),
            rx.el.i(class_name="base", custom_attrs={"style": {"width": base.to(str) + "%"}}),
            class_name="hl-pb",
            custom_attrs={"aria-hidden": "true"},
        ),
        class_name="hl-tp",
    )


def topic_bars(*bars: rx.Component | rx.Var) -> rx.Component:
    """The list around ``topic_bar``."""
    return rx.el.ul(*bars, class_name="hl-tps")


def attendance_dots(lessons: rx.Var, label: Text) -> rx.Component:
    """A list Var of "present", "late", "missed", "excused", oldest first. a11y: an image named ``label``."""
    return rx.el.div(
        rx.foreach(
            lessons, lambda how: rx.el.i(class_name="hl-at " + how.to(str), title=t_choice(how, ATTENDED))
        ),
        class_name="hl-dots",
        role="img",
        aria_label=label,
    )


def attendance_legend(present: int | rx.Var, late: int | rx.Var, missed: int | rx.Var) -> rx.Component:
    """The legend with the numbers in words."""

    def entry(kind: str, said: rx.Var) -> rx.Component:
        return rx.el.span(rx.el.i(class_name=f"hl-at {kind}"), said)

    return rx.el.p(
        entry("present", t("On time {n}", n=present)),
        entry("late", t("Late {n}", n=late)),
        entry("missed", t("Missed {n}", n=missed)),
        class_name="hl-lg hl-q",
    )


def path_step(label: Text, state: Text) -> rx.Component:
    """A step of the path: ``state`` done, started, here or to come. a11y: "you are here" is said; ``aria-current``."""
    mark = rx.match(
        state,
        ("done", rx.el.span(icon("check"), rx.el.span(t("done"), class_name="hl-sr"), class_name="hl-pd")),
        ("here", rx.el.span(rx.el.em(), class_name="hl-pn")),
        ("started", rx.el.span(rx.el.em(), rx.el.span(t("started"), class_name="hl-sr"), class_name="hl-pn")),
        rx.el.i(),
    )
    here = rx.Var.create(state) == "here"
    return rx.el.li(
        mark,
        rx.el.span(label, rx.cond(here, rx.el.small(t("you are here"), class_name="hl-q"), rx.fragment())),
        custom_attrs={"data-state": state, "aria-current": rx.cond(here, "step", "false")},
    )


def path_steps(*steps: rx.Component | rx.Var) -> rx.Component:
    """The ordered list around ``path_step``."""
    return rx.el.ol(*steps, class_name="hl-path")
