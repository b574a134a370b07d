"""The student's start page: when is my next lesson, and how do I get in?"""

import reflex as rx

from core.i18n import N_
from core.queries.common import LessonLine
from core.queries.learn import CoursePath, Homework, Step
from hilink_app import components as ui
from hilink_app.components.page import PageSpec
from hilink_app.components.slots import slot
from hilink_app.state.learn import Learn
from hilink_app.state.reader import Reader

t = ui.t


def _next() -> rx.Component:
    join = rx.cond(
        Learn.can_join,
        ui.primary(t("Join lesson"), icon="log-in", size="b", wide=True, href="/room/" + Learn.next.id),
        ui.button(
            t("Check camera and sound"), icon="camera", size="b", wide=True, href="/room/" + Learn.next.id
        ),
    )
    return ui.next_lesson(
        Learn.next.starts_at,
        label=rx.fragment(t("Next lesson"), " · ", ui.time_text(Learn.next.starts_at, "near")),
        title=Learn.next.course,
        note=rx.fragment(
            t("with {name}", name=Learn.next.instructor),
            rx.cond(Learn.next.topic != "", " · " + Learn.next.topic, ""),
        ),
        initials=Learn.next_initials,
        beside=rx.cond(Learn.can_join, t("the room is open"), t("the room opens 15 minutes before")),
        action=join,
    )


def _nothing_planned() -> rx.Component:
    return ui.panel(
        ui.empty(
            t("No lesson planned yet"),
            t("When your next lesson is set, it shows here with a Join button."),
            icon_name="calendar-plus",
        )
    )


def _homework(item: rx.Var[Homework]) -> rx.Component:
    return rx.el.li(
        rx.el.b(item.text),
        rx.el.br(),
        ui.quiet(item.course, " · ", t("from"), " ", ui.time_text(item.from_at, "near"), small=False),
        class_name="hl-li",
    )


def path(course: rx.Var[CoursePath]) -> rx.Component:
    """A course's topics as a path, with how far the student is."""

    def step(one: rx.Var[Step]) -> rx.Component:
        return ui.path_step(one.topic, rx.match(one.state, ("covered", "done"), ("to_come", ""), one.state))

    return ui.panel(
        rx.el.h2(
            t(
                "{course}: {done} of {all} topics",
                course=course.course,
                done=course.covered,
                all=course.total,
            ),
            class_name="hl-h2",
        ),
        ui.path_steps(rx.foreach(course.steps, step)),
    )


def coming_line(line: rx.Var[LessonLine]) -> rx.Component:
    """One lesson to come: when, what, with whom."""
    return rx.el.li(
        rx.el.b(ui.time_text(line.starts_at, "near")),
        ui.time_text(line.starts_at),
        rx.el.span(line.course, rx.el.br(), ui.quiet(line.instructor)),
        class_name="hl-li hl-wk",
    )


def learn() -> rx.Component:
    """The page."""
    week = ui.panel(
        ui.panel_head(t("Coming up"), ui.link(t("All lessons"), "/lessons")),
        rx.cond(
            Learn.coming.length() > 0,
            rx.el.ul(rx.foreach(Learn.coming, coming_line), class_name="hl-list"),
            ui.quiet(t("Nothing else is planned."), small=False),
        ),
    )
    homework = ui.panel(
        ui.panel_head(t("Homework")),
        rx.cond(
            Learn.homework.length() > 0,
            rx.el.ul(rx.foreach(Learn.homework, _homework), class_name="hl-list"),
            ui.quiet(t("No homework. Your instructor writes it here after a lesson."), small=False),
        ),
    )
    materials = rx.cond(
        Learn.materials.length() > 0,
        ui.panel(
            ui.panel_head(t("For your next lesson")),
            rx.el.ul(
                rx.foreach(
                    Learn.materials,
                    lambda item: rx.el.li(
                        ui.link(item[1], "/api/v1/materials/" + item[0].to(str), is_external=False)
                    ),
                ),
                class_name="hl-list",
            ),
        ),
    )
    body = ui.stack(
        rx.cond(Learn.next.id != "", _next(), _nothing_planned()),
        ui.columns([homework, rx.foreach(Learn.paths, path), *slot("student.home")], [week, materials], 360),
    )
    return ui.frame(
        t("Hi {name}", name=Reader.first_name),
        ui.when_ready(Learn.ready, body, ui.panel(ui.skeleton(shape="panel"))),
        current="/learn",
    )


PAGES = [
    PageSpec(
        "/learn", learn, "Home", ("student",), nav=N_("Home"), icon="house", order=1, on_load=[Learn.load]
    )
]
