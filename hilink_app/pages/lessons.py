"""All lessons of a student, a child or an instructor: to come, then past."""

import reflex as rx

from core.i18n import N_
from core.queries.common import LessonLine
from hilink_app import components as ui
from hilink_app.components.page import PageSpec
from hilink_app.pages import cannot_come, change_lesson
from hilink_app.state.learn import Lessons
from hilink_app.state.reader import Reader

t = ui.t


def _end(line: rx.Var[LessonLine]) -> rx.Component:
    """Instructors see the thread of the lesson; students and families the report. To come: what they can do."""
    report_id = Lessons.reports.get(line.id, "").to(str)
    for_family = rx.cond(
        report_id != "",
        ui.button(
            t("Report"),
            icon="file-text",
            size="s",
            href="/family/report/" + report_id,
            aria_label=t("Report of {course}, {topic}", course=line.course, topic=line.topic),
        ),
    )
    return rx.cond(
        Reader.role == "instructor",
        rx.cond(line.state == "expected", cannot_come.actions(line), ui.thread(line.steps, line.at, 104)),
        rx.cond(line.state == "expected", _change(line), for_family),
    )


def _change(line: rx.Var[LessonLine]) -> rx.Component:
    """What was asked about a lesson to come, and the way to change it."""
    return ui.row(
        rx.cond(
            Lessons.waiting.contains(line.id),
            ui.chip(t("Asked, not answered yet"), "info", icon_name="hourglass"),
        ),
        rx.cond(Lessons.changes, change_lesson.change_button(line.id, line.course, Lessons.of_child)),
    )


def _line(line: rx.Var[LessonLine]) -> rx.Component:
    who = rx.cond(Reader.role == "instructor", line.student, line.instructor)
    title = rx.fragment(line.course, rx.cond(line.topic != "", " · " + line.topic, ""))
    note = rx.fragment(ui.time_text(line.starts_at, "near"), " · ", t("with {name}", name=who))
    return ui.day_row(line.starts_at, line.state, title, note, _end(line))


def lessons_body() -> rx.Component:
    """To come and past, of whoever `Lessons` holds."""
    coming = rx.cond(
        Lessons.coming.length() > 0,
        ui.day_list(rx.foreach(Lessons.coming, _line)),
        ui.empty(
            t("No lesson planned yet"),
            t("New lessons appear here as soon as they are set."),
            icon_name="calendar-plus",
        ),
    )
    past = rx.cond(
        Lessons.past.length() > 0,
        ui.day_list(rx.foreach(Lessons.past, _line)),
        ui.empty(t("No lesson yet"), t("Lessons that are over appear here."), icon_name="history"),
    )
    return ui.stack(
        _section(t("To come"), coming),
        change_lesson.credits_panel(),
        _section(t("Past"), past),
        change_lesson.dialog(),
    )


def _section(title: rx.Var, rows: rx.Component) -> rx.Component:
    head = rx.el.div(ui.panel_head(title), custom_attrs={"style": {"padding": "16px 20px 8px"}})
    return ui.panel(head, rows, pad=False, class_name="clip")


def lessons() -> rx.Component:
    """The page."""
    return ui.frame(
        t("Lessons"),
        ui.when_ready(Lessons.ready, lessons_body(), ui.panel(ui.skeleton(6))),
        rx.cond(Reader.role == "instructor", cannot_come.dialog()),
        current="/lessons",
    )


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
