"""The handover: what somebody who steps into a lesson needs to know, on one page."""

import reflex as rx

from core.i18n import N_
from core.queries.handover import Gap, PastLesson, StudentPast
from hilink_app import components as ui
from hilink_app.components.page import PageSpec
from hilink_app.pages.progress import STATUS
from hilink_app.state.handover import Handover

t = ui.t

_GAPS = {"to_come": N_("Not begun"), "started": N_("Begun"), "weak": N_("Few right answers")}


def _past(lesson: rx.Var[PastLesson]) -> rx.Component:
    return rx.el.li(
        ui.row(
            rx.el.b(ui.time_text(lesson.starts_at, "date")),
            ui.quiet(lesson.topic, " · ", t("with {name}", name=lesson.instructor)),
            ui.spacer(),
            ui.chip(ui.t_choice(lesson.status, STATUS)),
        ),
        rx.cond(
            lesson.said.length() > 0,
            rx.el.ul(rx.foreach(lesson.said, lambda text: rx.el.li(text)), class_name="hl-plain"),
            ui.quiet(t("No report of this lesson.")),
        ),
        rx.cond(lesson.homework != "", rx.el.p(rx.el.b(t("Homework")), ": ", lesson.homework)),
        class_name="hl-li hl-col hl-g2",
    )


def _gap(gap: rx.Var[Gap]) -> rx.Component:
    return rx.el.li(
        ui.row(
            rx.el.span(gap.topic),
            ui.spacer(),
            rx.match(
                gap.state,
                ("weak", ui.chip(t("{n} in 100 right", n=gap.share), "warn", icon_name="triangle-alert")),
                ("started", ui.chip(t("Begun"), "info", icon_name="circle-dot")),
                ui.quiet(ui.t_choice(gap.state, _GAPS)),
            ),
        ),
        class_name="hl-li",
    )


def _student(one: rx.Var[StudentPast]) -> rx.Component:
    """a11y: a region with the student's name as its heading."""
    past = rx.cond(
        one.past.length() > 0,
        rx.el.ul(rx.foreach(one.past, _past), class_name="hl-list"),
        ui.quiet(t("This is the first lesson in this course."), small=False),
    )
    gaps = rx.cond(
        one.gaps.length() > 0,
        rx.el.ul(rx.foreach(one.gaps, _gap), class_name="hl-list"),
        ui.quiet(t("Every topic is covered."), small=False),
    )
    return ui.panel(
        ui.panel_head(
            one.person.name,
            note=t("{n} lessons, there in {attended}", n=one.lessons, attended=one.attended),
        ),
        ui.stack(
            ui.stack(rx.el.h3(t("Last lessons"), class_name="hl-h3"), past, gap=2),
            ui.stack(rx.el.h3(t("Still open"), class_name="hl-h3"), gaps, gap=2),
            gap=5,
        ),
    )


def _lesson() -> rx.Component:
    """Which lesson it is, and instead of whom."""
    line = Handover.line
    return ui.panel(
        rx.cond(
            Handover.instead_of != "",
            ui.callout(
                "acc", "hand-helping", t("You teach instead of {former}.", former=Handover.instead_of)
            ),
        ),
        ui.row(
            ui.stack(
                rx.el.b(ui.time_text(line.starts_at, "day"), ", ", ui.time_text(line.starts_at)),
                ui.quiet(
                    ui.relative_text(line.starts_at),
                    " · ",
                    ui.tn("{n} minute", "{n} minutes", Handover.minutes),
                    " · ",
                    line.course,
                    rx.cond(line.topic != "", rx.fragment(" · ", line.topic)),
                ),
                gap=1,
            ),
            ui.spacer(),
            ui.button(t("To the room"), icon="door-open", href="/room/" + line.id),
        ),
        class_name="hl-col hl-g3",
    )


def _watch_for() -> rx.Component:
    brief = Handover.briefing

    def part(label: rx.Var, items: rx.Var[list[str]]) -> rx.Component:
        return rx.cond(
            items.length() > 0,
            rx.fragment(
                rx.el.dt(label),
                rx.el.dd(rx.el.ul(rx.foreach(items, lambda text: rx.el.li(text)), class_name="hl-plain")),
            ),
        )

    return rx.cond(
        (brief.watch_for.length() > 0) | (brief.next.length() > 0) | (brief.homework.length() > 0),
        ui.panel(
            ui.panel_head(t("Briefing"), mark=ui.draft_mark()),
            rx.el.dl(
                part(t("Watch for"), brief.watch_for),
                part(t("Planned next"), brief.next),
                part(t("Homework"), brief.homework),
                class_name="hl-facts hl-in",
            ),
        ),
    )


def _materials() -> rx.Component:
    return ui.panel(
        ui.panel_head(t("Materials")),
        rx.cond(
            Handover.materials.length() > 0,
            rx.el.ul(
                rx.foreach(
                    Handover.materials,
                    lambda item: rx.el.li(
                        ui.link(item[1], "/api/v1/materials/" + item[0].to(str), is_external=False)
                    ),
                ),
                class_name="hl-list",
            ),
            ui.quiet(t("No files for this lesson or course."), small=False),
        ),
    )


def handover() -> rx.Component:
    """The page."""
    closed = ui.panel(
        ui.empty(
            t("This handover is closed"),
            t("It is open to who teaches the lesson, until the lesson is over."),
            icon_name="lock",
        )
    )
    body = ui.columns(
        [_lesson(), rx.foreach(Handover.students, _student)],
        [_watch_for(), _materials()],
    )
    return ui.frame(
        t("Handover"),
        ui.when_ready(Handover.ready, rx.cond(Handover.closed, closed, body), ui.panel(ui.skeleton(6))),
        current="/lessons",
    )


PAGES = [
    PageSpec(
        "/handover/[session_id]",
        handover,
        "Handover",
        ("instructor", "coordinator"),
        on_load=[Handover.load],
    )
]
