"""The family's pages: how is my child doing, what happened today? Plain words, one child at a time."""

import reflex as rx

from core.i18n import N_
from core.queries.common import Face, LessonLine
from core.queries.learn import Report, TopicProgress
from hilink_app import components as ui
from hilink_app.components.page import PageSpec
from hilink_app.pages.lessons import lessons_body
from hilink_app.pages.progress import attendance_panel, progress_body
from hilink_app.state.family import Family, ReportPage
from hilink_app.state.learn import Following, Lessons
from hilink_app.state.reader import Reader

t = ui.t

CONSENTS = {
    "transcription": N_("Captions and a written record"),
    "recording": N_("Recordings of lessons"),
    "ai_summary": N_("A first draft of the report by a program"),
}
CONSENTS_WHY = {
    "transcription": N_(
        "What is said in class is written down, so that it can be read along and looked up later."
    ),
    "recording": N_("Lessons may be recorded, so that they can be watched again."),
    "ai_summary": N_(
        "A program drafts the report from the written record. The instructor checks and sends it."
    ),
}


def _facts(report: rx.Var[Report]) -> rx.Component:
    """What happened when, in words. Only what is so."""

    def fact(at: rx.Var, says: rx.Var) -> rx.Component:
        return rx.cond(
            at != "",
            rx.el.li(
                ui.icon("check"),
                rx.el.b(ui.time_text(at), class_name="hl-num"),
                rx.el.span(says, class_name="hl-q"),
            ),
        )

    return rx.el.ul(
        fact(report.joined_at, rx.cond(report.status == "late", t("Joined late"), t("Joined on time"))),
        fact(
            report.left_at,
            rx.cond(
                report.status == "left_early",
                t("Left early, after {n} minutes", n=report.present_min),
                t("Finished, {n} minutes", n=report.present_min),
            ),
        ),
        fact(report.told_at, t("Report sent by {name}", name=report.instructor)),
        class_name="hl-story",
    )


def report_body(report: rx.Var[Report], *, level: int = 2) -> rx.Component:
    """One report in the family's words."""
    heading = rx.el.h1 if level == 1 else rx.el.h2
    return rx.fragment(
        ui.quiet(
            ui.time_text(report.starts_at, "near"),
            ", ",
            t("{course} with {name}", course=report.course, name=report.instructor),
            small=False,
        ),
        heading(
            rx.cond(report.headline != "", report.headline, t("{name} had a lesson.", name=report.student)),
            class_name="hl-big",
            custom_attrs={"style": {"margin": "6px 0 10px"}},
        ),
        ui.stack(rx.foreach(report.sentences, lambda text: ui.prose(text)), gap=1),
        rx.cond(
            report.homework != "",
            ui.note("notebook-pen", rx.el.b(t("For next time:")), " ", report.homework),
        ),
        _facts(report),
    )


def _switcher(*also: rx.event.EventHandler) -> rx.Component:
    """Which child; only when there is a choice."""

    def tab(child: rx.Var[Face]) -> rx.Component:
        return ui.child_tab(
            child.name.split(" ")[0],
            child.initials,
            current=child.id == Family.child.id,
            on_click=[Family.choose(child.id), *also],
        )

    return rx.cond(Family.children.length() > 1, ui.child_tabs(rx.foreach(Family.children, tab)))


def _no_child() -> rx.Component:
    return ui.panel(
        ui.empty(
            t("No child is linked to your account yet"),
            t("Your school links you to your child. Write to the office if this takes longer than a day."),
            icon_name="users",
        )
    )


def coming_item(line: rx.Var[LessonLine]) -> rx.Component:
    """A lesson to come on family pages."""
    return ui.coming_up(
        ui.time_text(line.starts_at, "near"),
        ui.time_text(line.starts_at),
        rx.fragment(rx.el.b(line.course), " ", t("with {name}", name=line.instructor)),
        rx.fragment(
            ui.time_text(line.starts_at),
            " – ",
            ui.time_text(line.ends_at),
            " · ",
            ui.relative_text(line.starts_at),
        ),
    )


def _earlier(report: rx.Var[Report]) -> rx.Component:
    return rx.el.li(
        ui.link(report.headline, "/family/report/" + report.id),
        rx.el.br(),
        ui.quiet(ui.time_text(report.starts_at, "near"), " · ", report.course, small=False),
        class_name="hl-li",
    )


def _consent(item: rx.Var[tuple[str, bool]]) -> rx.Component:
    return ui.switch_field(
        rx.el.b(ui.t_choice(item[0], CONSENTS)),
        "consent-" + item[0],
        note=ui.t_choice(item[0], CONSENTS_WHY),
        checked=item[1],
        on_change=lambda _: Family.decide(item[0], ~item[1]),
    )


def _topic(item: rx.Var[TopicProgress]) -> rx.Component:
    return ui.topic_bar(item.topic, 0, item.share, t("{n} in 100", n=item.share))


def _news() -> rx.Component:
    return ui.panel(
        rx.cond(
            Family.report.id != "",
            rx.fragment(
                report_body(Family.report),
                ui.button(
                    t("Open the whole report"), icon="file-text", href="/family/report/" + Family.report.id
                ),
            ),
            ui.empty(
                t("No report yet"),
                t(
                    "After each lesson the instructor writes what happened and what comes next. It appears here."
                ),
                icon_name="file-text",
            ),
        )
    )


def family() -> rx.Component:
    """The page."""
    topics = ui.panel(
        ui.panel_head(t("How it is going"), ui.link(t("All progress"), "/family/progress")),
        ui.quiet(t("Right answers to quick questions in class, of 100."), small=False),
        rx.cond(
            Family.topics.length() > 0,
            ui.topic_bars(rx.foreach(Family.topics, _topic)),
            ui.empty(
                t("Nothing to show yet"),
                t("Topics appear here after the first lessons."),
                icon_name="trending-up",
            ),
        ),
    )
    earlier = rx.cond(
        Family.earlier.length() > 0,
        ui.panel(
            ui.panel_head(t("Earlier reports")),
            rx.el.ul(rx.foreach(Family.earlier, _earlier), class_name="hl-list"),
        ),
    )
    coming = ui.panel(
        ui.panel_head(t("Coming up"), ui.link(t("All lessons"), "/family/lessons")),
        rx.cond(
            Family.coming.length() > 0,
            rx.el.ul(rx.foreach(Family.coming, coming_item)),
            ui.empty(
                t("No lesson planned yet"),
                t("New lessons appear here as soon as they are set."),
                icon_name="calendar-plus",
            ),
        ),
        ui.note("calendar-clock", t("Cannot make one? Move or cancel it under All lessons.")),
    )
    consents = ui.panel(
        ui.panel_head(t("What we may do with {name}’s lessons", name=Family.child_first)),
        ui.stack(rx.foreach(Family.consents, _consent), gap=4),
        ui.note(
            "info", t("You decide, and you can change it at any time. It holds from the next spoken word.")
        ),
    )
    body = rx.cond(
        Family.child.id != "",
        ui.columns(
            [_news(), topics, earlier],
            [coming, attendance_panel(Family.dots, Family.present, Family.late, Family.missed), consents],
            428,
        ),
        _no_child(),
    )
    return ui.frame(
        t("Hello {name}", name=Reader.first_name),
        ui.when_ready(Family.ready, body, ui.panel(ui.skeleton(shape="panel"))),
        actions=[_switcher()],
        wide=True,
        current="/family",
    )


def report() -> rx.Component:
    """One report on its own page: the link in the family's email."""
    body = rx.cond(
        ReportPage.found,
        ui.panel(report_body(ReportPage.report, level=1)),
        ui.panel(
            ui.missing(
                t("We could not find this report"),
                t("It may belong to another account, or the link is not complete. Nothing is lost."),
                ui.link(t("Go to your start page"), "/"),
                icon_name="file-question",
            )
        ),
    )
    back = rx.el.p(
        ui.link(t("Back to your start page"), "/"), custom_attrs={"style": {"marginBottom": "12px"}}
    )
    return ui.frame(
        "",
        ui.when_ready(ReportPage.ready, body, ui.panel(ui.skeleton(shape="panel"))),
        head=back,
        current="/family",
    )


def family_lessons() -> rx.Component:
    """The child's lessons, drawn as the student sees them."""
    return ui.frame(
        t("Lessons of {name}", name=Family.child_first),
        ui.when_ready(Lessons.ready, rx.cond(Family.child.id != "", lessons_body(), _no_child())),
        actions=[ui.button(t("Ask for lessons"), icon="plus", href="/ask"), _switcher(Lessons.load_child)],
        wide=True,
        current="/family/lessons",
    )


def family_progress() -> rx.Component:
    """The child's progress, drawn as the student sees it."""
    return ui.frame(
        t("Progress of {name}", name=Family.child_first),
        ui.when_ready(Following.ready, rx.cond(Family.child.id != "", progress_body(), _no_child())),
        actions=[_switcher(Following.load_child)],
        wide=True,
        current="/family/progress",
    )


PAGES = [
    PageSpec(
        "/family", family, "Home", ("guardian",), nav=N_("Home"), icon="house", order=1, on_load=[Family.load]
    ),
    PageSpec(
        "/family/lessons",
        family_lessons,
        "Lessons",
        ("guardian",),
        nav=N_("Lessons"),
        icon="calendar-days",
        order=2,
        on_load=[Lessons.load_child],
    ),
    PageSpec(
        "/family/progress",
        family_progress,
        "Progress",
        ("guardian",),
        nav=N_("Progress"),
        icon="trending-up",
        order=3,
        on_load=[Following.load_child],
    ),
    PageSpec(
        "/family/report/[report_id]",
        report,
        "Report",
        ("guardian", "student", "coordinator"),
        on_load=[ReportPage.load],
    ),
]
