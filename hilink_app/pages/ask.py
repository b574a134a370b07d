"""Ask for lessons: what, when it suits, and what became of what was asked before."""

import reflex as rx

from core.i18n import N_
from core.queries.requests import RequestLine
from hilink_app import components as ui
from hilink_app.components.page import PageSpec
from hilink_app.state.ask import ASKERS, Ask
from hilink_app.state.i18n import I18n

t = ui.t

PATH = "/ask"
WORDS = {
    "open": N_("We are looking"),
    "placed": N_("Lessons are planned"),
    "rejected": N_("Not possible"),
    "withdrawn": N_("Withdrawn"),
}


def _when() -> rx.Component:
    days = rx.el.div(
        rx.foreach(Ask.days, lambda day: ui.check_field(day[1], "day-" + day[0])),
        class_name="hl-row hl-g3 hl-wrap",
    )
    return ui.stack(
        ui.radio_group(t("Days that suit"), days),
        ui.row(
            ui.text_field(t("From"), "starts", kind="time", default_value="16:00"),
            ui.text_field(t("To"), "ends", kind="time", default_value="18:00"),
            gap=3,
            align_items="flex-start",
        ),
        ui.quiet(t("Times in {place}", place=I18n.place)),
        ui.error_text(Ask.errors["windows"], "ask-windows"),
        gap=2,
    )


def _how_often() -> rx.Component:
    errors = Ask.errors
    return ui.row(
        ui.text_field(
            t("Lessons a week"),
            "per_week",
            kind="number",
            min=1,
            max=7,
            default_value="1",
            error=errors["per_week"],
        ),
        ui.text_field(
            t("Length in minutes"),
            "length_min",
            kind="number",
            min=15,
            max=180,
            step=5,
            default_value="45",
            error=errors["length_min"],
        ),
        gap=3,
        align_items="flex-start",
    )


def _how_long() -> rx.Component:
    errors = Ask.errors
    return ui.row(
        ui.text_field(
            t("First day"), "from_day", kind="date", default_value=Ask.first_day, error=errors["from_day"]
        ),
        ui.text_field(
            t("Last day"),
            "until_day",
            kind="date",
            hint=t("Empty: until you say so."),
            error=errors["until_day"],
        ),
        ui.text_field(
            t("Lessons in all"),
            "lessons",
            kind="number",
            min=1,
            max=200,
            hint=t("Empty: no limit."),
            error=errors["lessons"],
        ),
        gap=3,
        align_items="flex-start",
    )


def _form() -> rx.Component:
    errors = Ask.errors
    return ui.form(
        ui.form_error(Ask.problem),
        rx.cond(
            Ask.students.length() > 1,
            ui.select_field(t("For whom?"), "student_id", Ask.students, error=errors["student_id"]),
        ),
        ui.select_field(t("Course"), "course_id", Ask.courses, error=errors["course_id"]),
        _when(),
        _how_often(),
        _how_long(),
        ui.select_field(t("Language of the lessons"), "language", Ask.languages),
        ui.check_field(t("Somebody we know, if possible"), "same_instructor"),
        ui.area_field(t("What else should we know?"), "note", rows=3, max_length=1000),
        ui.row(ui.primary(t("Ask for lessons"), type="submit")),
        id="ask-form",
        on_submit=Ask.send,
    )


def _line(line: rx.Var[RequestLine]) -> rx.Component:
    return rx.el.li(
        ui.row(
            ui.person(line.student.name, line.course, initials=line.student.initials),
            ui.spacer(),
            ui.chip(ui.t_choice(line.status, WORDS)),
        ),
        ui.quiet(t("asked by {name}", name=line.asked_by), ", ", ui.time_text(line.asked_at, "relative")),
        rx.cond(line.reason != "", rx.el.blockquote(line.reason, class_name="hl-q")),
        rx.cond(
            line.status == "open",
            ui.row(
                ui.plain(
                    t("Withdraw"),
                    size="s",
                    on_click=Ask.withdraw(line.id, line.version),
                    aria_label=t("Withdraw the request for {name}", name=line.student.name),
                )
            ),
        ),
        class_name="hl-li hl-col hl-g2",
    )


def ask() -> rx.Component:
    """The page."""
    earlier = rx.cond(
        Ask.lines.length() > 0,
        ui.panel(
            ui.panel_head(t("Asked before")),
            rx.el.ul(rx.foreach(Ask.lines, _line), class_name="hl-list"),
        ),
    )
    body = rx.cond(
        Ask.students.length() > 0,
        ui.columns(ui.panel(_form()), earlier),
        ui.panel(
            ui.empty(
                t("A parent asks for lessons"),
                t("Please ask your parents: they can do it on their own page."),
                icon_name="users",
            )
        ),
    )
    return ui.frame(t("Ask for lessons"), ui.when_ready(Ask.ready, body), current=PATH)


PAGES = [PageSpec(PATH, ask, "Ask for lessons", ASKERS, on_load=[Ask.load])]
