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
        t("{n} in 100", n=item.share),
        rx.cond(item.state == "covered", t("finished"), t("started")),
    )
    return ui.topic_bar(item.topic, 0, rx.cond(item.share >= 0, item.share, 0), says)


def _attended(item: rx.Var[Attended]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(ui.time_text(item.starts_at, "short")),
        rx.el.td(item.course),
        rx.el.td(ui.t_choice(item.status, STATUS)),
        rx.el.td(t("{n} min", n=item.present_min), class_name="hl-right hl-num"),
    )


def attendance_panel(
    dots: rx.Var[list[str]],
    present: rx.Var[int],
    late: rx.Var[int],
    missed: rx.Var[int],
    *behind: rx.Component,
) -> rx.Component:
    """Finding, dots and legend of the last lessons; `behind` stands below."""
    said = t("{present} on time, {late} late, {missed} missed", present=present, late=late, missed=missed)
    return ui.panel(
        rx.cond(
            dots.length() > 0,
            ui.stack(
                rx.el.h2(
                    t("At {there} of the last {all} lessons", there=present + late, all=dots.length()),
                    class_name="hl-h2",
                ),
                ui.attendance_dots(dots, said),
                ui.attendance_legend(present, late, missed),
                *behind,
                gap=2,
            ),
            ui.empty(
                t("No lesson yet"),
                t("After the first lesson it says here who was there and when."),
                icon_name="calendar-check",
            ),
        )
    )


def _attendance_table() -> rx.Component:
    heads = [(t("When"), ""), (t("Course"), ""), (t("Attendance"), ""), (t("There for"), "hl-right")]
    table = rx.el.table(
        rx.el.caption(t("Attendance"), class_name="hl-sr"),
        rx.el.thead(rx.el.tr(*(rx.el.th(head, scope="col", class_name=name) for head, name in heads))),
        rx.el.tbody(rx.foreach(Following.attended, _attended)),
        class_name="hl-table tight",
    )
    return rx.el.details(
        rx.el.summary(t("Show as table"), class_name="hl-a"),
        rx.el.div(table, class_name="hl-scroll", tab_index=0, role="region", aria_label=t("Attendance")),
    )


def progress_body() -> rx.Component:
    """The progress of whoever `Following` holds."""
    topics = ui.panel(
        rx.el.h2(t("Topics so far"), class_name="hl-h2"),
        ui.quiet(t("Right answers to quick questions in class, of 100."), small=False),
        rx.cond(
            Following.topics.length() > 0,
            ui.topic_bars(rx.foreach(Following.topics, _topic)),
            ui.empty(
                t("Nothing yet"),
                t("Topics appear here when an instructor has approved the first lesson."),
                icon_name="book-open",
            ),
        ),
    )
    over_time = [ui.panel(part) for part in slot("student.progress", Following.student.id)]
    dots = attendance_panel(
        Following.dots, Following.present, Following.late, Following.missed, _attendance_table()
    )
    return ui.columns([*over_time, topics], [dots, rx.fragment(rx.foreach(Following.paths, path))], 428)


def following(title: rx.Var | str, current: str) -> rx.Component:
    """A student's progress as a page."""
    waiting = ui.panel(ui.skeleton(shape="panel"))
    return ui.frame(
        title, ui.when_ready(Following.ready, progress_body(), waiting), wide=True, current=current
    )


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
