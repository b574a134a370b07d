"""How is it going? Attendance, topics and answers over time, for the student and for those who follow them."""

import reflex as rx

from core.i18n import N_
from core.queries.learn import Attended, TopicProgress
from hilink_app import components as ui
from hilink_app.components.page import PageSpec
from hilink_app.components.slots import slot
from hilink_app.pages.learn import path
from hilink_app.state.learn import Following

t = ui.t

STATUS = {
    "present": N_("There"),
    "late": N_("Late"),
    "left_early": N_("Left early"),
    "absent": N_("Missed"),
    "excused": N_("Excused"),
}


def _topic(item: rx.Var[TopicProgress]) -> rx.Component:
    says = rx.cond(
        item.share >= 0,
        t("{n} in 100 right", n=item.share),
        rx.cond(item.state == "covered", t("finished"), t("started")),
    )
    return ui.topic_bar(item.topic, 0, rx.cond(item.share >= 0, item.share, 0), says)


def _attended(item: rx.Var[Attended]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(ui.time_text(item.starts_at, "when")),
        rx.el.td(item.course),
        rx.el.td(ui.t_choice(item.status, STATUS)),
        rx.el.td(t("{n} min", n=item.present_min), class_name="hl-num"),
    )


def attendance() -> rx.Component:
    """Dots, legend and the table behind them."""
    return ui.panel(
        rx.el.h2(
            t("At {there} of {all} lessons", there=Following.present + Following.late, all=Following.dots.length()),
            class_name="hl-h2",
        ),
        ui.attendance_dots(
            Following.dots,
            t(
                "{present} on time, {late} late, {missed} missed",
                present=Following.present,
                late=Following.late,
                missed=Following.missed,
            ),
        ),
        ui.attendance_legend(Following.present, Following.late, Following.missed),
        rx.el.details(
            rx.el.summary(t("Show as table")),
            rx.el.table(
                rx.el.thead(
                    rx.el.tr(*(rx.el.th(head, scope="col") for head in (t("When"), t("Course"), t("Attendance"), t("There for"))))
                ),
                rx.el.tbody(rx.foreach(Following.attended, _attended)),
                class_name="hl-table",
            ),
        ),
    )


def following(title: rx.Var | str, current: str) -> rx.Component:
    """A student's progress as a page."""
    topics = ui.panel(
        rx.el.h2(t("Topics so far"), class_name="hl-h2"),
        ui.quiet(t("Right answers to quick questions in class, of 100."), small=False),
        rx.cond(
            Following.topics.length() > 0,
            ui.topic_bars(rx.foreach(Following.topics, _topic)),
            ui.empty(
                t("Nothing yet"), t("Topics appear here when an instructor has approved the first lesson."), icon_name="book-open"
            ),
        ),
    )
    over_time = slot("student.progress", Following.student.id)
    body = ui.columns([*(ui.panel(part) for part in over_time), topics], [attendance(), rx.foreach(Following.paths, path)], 428)
    return ui.frame(title, ui.when_ready(Following.ready, body), current=current)


PAGES = [
    PageSpec(
        "/progress",
        lambda: following(t("Your progress"), "/progress"),
        "Progress",
        ("student",),
        nav=N_("Progress"),
        icon="trending-up",
        order=3,
        on_load=[Following.load_own],
    ),
    PageSpec(
        "/students/[student_id]",
        lambda: following(Following.student.name, "/students"),
        "Student",
        ("instructor", "coordinator"),
        on_load=[Following.load_student],
    ),
]
