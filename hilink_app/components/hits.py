"""Before anything is saved that takes lessons' instructors away."""

from typing import Any

import reflex as rx

from hilink_app.components.buttons import button, primary
from hilink_app.components.dialogs import dialog
from hilink_app.components.i18n import t, tn
from hilink_app.components.layout import quiet, row, spacer, stack
from hilink_app.components.times import time_text
from hilink_app.components.tokens import Event


def _hit(line: Any) -> rx.Component:
    return rx.el.li(
        rx.el.b(time_text(line.starts_at, "when")),
        " · ",
        line.student,
        " · ",
        quiet(line.course, small=False),
    )


def hits_dialog(
    hits: Any, count: rx.Var[int], *, open: rx.Var[bool], on_go: Event, on_leave: Event
) -> rx.Component:
    """Which lessons a change hits (a Var of ``LessonLine``s); ``count`` is of all of them. a11y: a modal dialog."""
    more = count - hits.length()
    return dialog(
        stack(
            rx.el.ul(
                rx.foreach(hits, _hit),
                class_name="hl-plain",
                max_height="40vh",
                overflow_y="auto",
                tab_index=0,
                aria_label=t("Lessons that need a substitute"),
            ),
            rx.cond(more > 0, quiet(t("and {n} more", n=more))),
            rx.el.p(t("Substitutes are asked at once; families hear of it when one is found.")),
            row(
                spacer(),
                button(t("Leave it"), on_click=on_leave),
                primary(t("Save and find substitutes"), on_click=on_go),
                gap=3,
            ),
            gap=3,
            margin_top="12px",
        ),
        title=tn("{n} lesson needs a substitute", "{n} lessons need a substitute", count),
        note=t("Nothing is saved yet."),
        open=open,
        on_close=on_leave,
    )
