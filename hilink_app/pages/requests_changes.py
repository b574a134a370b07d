"""The tab of the request inbox with changes that families ask for."""

import reflex as rx

from core.queries.asked import ChangeLine
from hilink_app import components as ui
from hilink_app.state.requests_changes import ChangeInbox

t = ui.t

LOAD = ChangeInbox.load
"""For the page's on_load, or when the tab is chosen."""


def _wish(line: rx.Var[ChangeLine]) -> rx.Component:
    """What they want, in one line."""
    return rx.cond(
        line.kind == "move",
        rx.fragment(
            t("From"),
            " ",
            ui.time_text(line.starts_at, "when"),
            " ",
            t("to"),
            " ",
            rx.el.b(ui.time_text(line.wanted_at, "when")),
        ),
        rx.fragment(rx.el.b(t("Cancel")), " ", ui.time_text(line.starts_at, "when")),
    )


def _answer(line: rx.Var[ChangeLine]) -> rx.Component:
    """Words for a refusal."""
    return ui.form(
        ui.form_error(ChangeInbox.problem),
        ui.area_field(
            t("What the family reads"),
            "answer",
            rows=2,
            max_length=500,
            hint=t("Say why, and what is possible."),
        ),
        ui.row(
            ui.button(t("Refuse"), kind="bad", size="s", type="submit"),
            ui.plain(t("Leave it"), size="s", on_click=ChangeInbox.answer(line.id)),
        ),
        on_submit=ChangeInbox.refuse,
    )


def _line(line: rx.Var[ChangeLine]) -> rx.Component:
    """a11y: a list item with the student's name as its heading."""
    return rx.el.li(
        ui.row(
            ui.person(line.student, line.course, initials=line.initials),
            ui.spacer(),
            ui.chip(line.rule, "warn", icon_name="clock-3"),
        ),
        rx.el.p(_wish(line)),
        ui.quiet(
            t("{course} with {name}", course=line.course, name=line.instructor),
            " · ",
            t("asked by {name}", name=line.asked_by),
            ", ",
            ui.time_text(line.asked_at, "relative"),
        ),
        rx.cond(line.why != "", rx.el.blockquote(line.why, class_name="hl-q")),
        rx.cond(
            line.against.length() > 0,
            ui.callout(
                "warn",
                "triangle-alert",
                t("At that time:"),
                " ",
                rx.foreach(line.against, lambda says: rx.fragment(says, "; ")),
            ),
        ),
        rx.cond(
            line.stale,
            ui.callout("warn", "info", t("The lesson has changed since they asked; it can only be refused.")),
        ),
        rx.cond(
            (line.kind == "cancel") & ~line.stale,
            ui.check_field(
                t("They may have the lesson again"), "credit-" + line.id, on_change=ChangeInbox.set_credit
            ),
        ),
        ui.row(
            rx.cond(
                ~line.stale,
                ui.primary(
                    rx.cond(line.kind == "move", t("Move it"), t("Cancel it")),
                    size="s",
                    on_click=ChangeInbox.grant(line.id),
                    aria_label=t("Do as {name} asks", name=line.asked_by),
                ),
            ),
            ui.button(
                t("Refuse"),
                size="s",
                on_click=ChangeInbox.answer(line.id),
                aria_label=t("Refuse what {name} asks", name=line.asked_by),
            ),
        ),
        rx.cond(ChangeInbox.open_id == line.id, _answer(line)),
        class_name="hl-li hl-col hl-g3",
        custom_attrs={"data-change-id": line.id},
    )


def changes() -> rx.Component:
    """The tab's content."""
    return ui.when_ready(
        ChangeInbox.ready,
        ui.panel(
            rx.cond(
                ChangeInbox.lines.length() > 0,
                rx.el.ul(rx.foreach(ChangeInbox.lines, _line), class_name="hl-list"),
                ui.empty(
                    t("No family asks for a change"),
                    t("When somebody wants to move or cancel a lesson outside the policy, it waits here."),
                    icon_name="calendar-clock",
                ),
            )
        ),
    )
