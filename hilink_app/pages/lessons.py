"""All lessons of a student or an instructor: to come, then past."""

import reflex as rx

from core.i18n import N_
from core.queries.common import LessonLine
from hilink_app import components as ui
from hilink_app.components.page import PageSpec
from hilink_app.state.learn import Lessons
from hilink_app.state.reader import Reader

t = ui.t


def _line(line: rx.Var[LessonLine]) -> rx.Component:
    who = rx.cond(Reader.role == "instructor", line.student, line.instructor)
    note = rx.fragment(ui.time_text(line.starts_at, "day"), " · ", who)
    return ui.day_row(
        line.starts_at, line.state, rx.fragment(line.course, " · ", line.topic), note, ui.thread(line.steps, line.at, 104)
    )


def lessons() -> rx.Component:
    """The page."""
    coming = ui.panel(
        ui.panel_head(t("To come")),
        rx.cond(
            Lessons.coming.length() > 0,
            ui.day_list(rx.foreach(Lessons.coming, _line)),
            ui.empty(t("No lesson planned yet"), t("New lessons appear here as soon as they are set."), icon_name="calendar-plus"),
        ),
    )
    past = rx.cond(
        Lessons.past.length() > 0,
        ui.panel(ui.panel_head(t("Past")), ui.day_list(rx.foreach(Lessons.past, _line))),
    )
    return ui.frame(t("Lessons"), ui.when_ready(Lessons.ready, ui.stack(coming, past)), current="/lessons")


PAGES = [
    PageSpec(
        "/lessons",
        lessons,
        "Lessons",
        ("student", "instructor"),
        nav=N_("Lessons"),
        icon="calendar-days",
        order=2,
        on_load=[Lessons.load],
    )
]
