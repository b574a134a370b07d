"""The tab of the request inbox with lessons that need another instructor."""

import reflex as rx

from core.i18n import N_
from core.queries.substitutes import AskedLine, Candidate, SearchLine
from hilink_app import components as ui
from hilink_app.state.requests_substitutes import Substitutes

t = ui.t

LOAD = Substitutes.load
"""For the page's on_load, or when the tab is chosen."""
REASONS = {
    "away": N_("Away"),
    "shrunk": N_("Changed hours"),
    "left": N_("Left"),
    "asked": N_("Cannot come"),
}
ANSWERS = {
    "declined": N_("cannot"),
    "expired": N_("did not answer"),
    "withdrawn": N_("no longer needed"),
    "accepted": N_("accepted"),
}


def _state(line: rx.Var[SearchLine]) -> rx.Component:
    return rx.match(
        line.status,
        ("escalated", ui.chip(t("Needs you"), "bad", icon_name="triangle-alert")),
        ("offered", ui.chip(t("Being asked"), "info", icon_name="hourglass")),
        ui.chip(t("Looking"), icon_name="search"),
    )


def _asked(one: rx.Var[AskedLine]) -> rx.Component:
    answer = rx.cond(
        one.status == "offered",
        rx.fragment(
            t("has until"), " ", ui.time_text(one.at, "when"), " · ", ui.time_text(one.at, "relative")
        ),
        ui.t_choice(one.status, ANSWERS),
    )
    return rx.el.li(
        ui.avatar(one.initials), rx.el.span(one.name), ui.quiet(answer), class_name="hl-row hl-g2 hl-wrap"
    )


def _candidate(one: rx.Var[Candidate]) -> rx.Component:
    """Who they are, why they fit or not, and what to do about it."""
    why = rx.el.small(one.met, rx.cond(one.unmet != "", rx.el.b(" ", one.unmet)), class_name="hl-q")
    return rx.el.li(
        ui.row(
            ui.avatar(one.person.initials, "m"),
            rx.el.span(rx.el.b(one.person.name), rx.el.br(), why, class_name="hl-min"),
            ui.spacer(),
            rx.cond(
                one.asked,
                ui.chip(t("Being asked"), "info", icon_name="hourglass"),
                rx.cond(
                    one.fits,
                    ui.button(
                        t("Ask"),
                        size="s",
                        on_click=Substitutes.offer(one.person.id),
                        aria_label=t("Ask {name}", name=one.person.name),
                    ),
                ),
            ),
            rx.cond(
                one.can,
                ui.plain(
                    t("Give it to them"),
                    size="s",
                    on_click=Substitutes.give(one.person.id),
                    aria_label=t("Give the lesson to {name}", name=one.person.name),
                ),
            ),
        ),
        class_name="hl-li",
    )


def _choices() -> rx.Component:
    return rx.el.div(
        rx.el.h3(t("Who could take it"), class_name="hl-h3"),
        ui.quiet(t("Best first. Giving it to somebody tells everybody at once: talk to them before.")),
        rx.cond(
            Substitutes.candidates.length() > 0,
            rx.el.ul(rx.foreach(Substitutes.candidates, _candidate), class_name="hl-list"),
            ui.quiet(t("Nobody else is qualified for this course."), small=False),
        ),
        class_name="hl-col hl-g2",
    )


def _line(line: rx.Var[SearchLine]) -> rx.Component:
    """a11y: a list item with the student's name first."""
    shown = Substitutes.chosen == line.id
    return rx.el.li(
        ui.row(
            ui.person(line.student, line.course, initials=line.initials),
            ui.spacer(),
            ui.due(t("Decide by"), " ", ui.time_text(line.due_at, "when"), hot=line.status == "escalated"),
            _state(line),
        ),
        rx.el.p(
            rx.el.b(ui.time_text(line.starts_at, "when")),
            " · ",
            line.instructor,
            ": ",
            ui.t_choice(line.reason, REASONS),
        ),
        rx.cond(line.note != "", rx.el.blockquote(line.note, class_name="hl-q")),
        rx.cond(
            line.asked.length() > 0,
            rx.el.ul(rx.foreach(line.asked, _asked), class_name="hl-plain hl-col hl-g1"),
            ui.quiet(t("Nobody is asked yet.")),
        ),
        ui.row(
            ui.button(
                rx.cond(shown, t("Hide who could take it"), t("Who could take it?")),
                size="s",
                icon="users",
                on_click=Substitutes.choose(line.id),
                custom_attrs={"aria-expanded": shown},
                aria_label=t("Who could take {course} with {name}?", course=line.course, name=line.student),
            ),
            ui.plain(
                t("The instructor comes after all"),
                size="s",
                on_click=Substitutes.stop(line.id),
                aria_label=t("{name} comes after all", name=line.instructor),
            ),
            ui.spacer(),
            ui.button(
                t("Cancel lesson"),
                kind="bad",
                size="s",
                on_click=Substitutes.ask_cancel(line.id),
                aria_label=t("Cancel {course} with {name}", course=line.course, name=line.student),
            ),
        ),
        rx.cond(shown, _choices()),
        class_name="hl-li hl-col hl-g3",
        custom_attrs={"data-substitution-id": line.id},
    )


def substitutes() -> rx.Component:
    """The tab's content."""
    cancelling = Substitutes.cancelling
    return rx.fragment(
        ui.when_ready(
            Substitutes.ready,
            ui.panel(
                ui.form_error(Substitutes.problem),
                rx.cond(
                    Substitutes.lines.length() > 0,
                    rx.el.ul(rx.foreach(Substitutes.lines, _line), class_name="hl-list"),
                    ui.empty(
                        t("Every lesson has its instructor"),
                        t("When somebody cannot come, the search for a substitute stands here."),
                        icon_name="hand-helping",
                    ),
                ),
            ),
        ),
        ui.confirm_dialog(
            title=t("Cancel this lesson?"),
            lost=t(
                "{student} and {instructor} lose their lesson. Their places are freed, their join links end, "
                "and they are told by message. This cannot be undone.",
                student=cancelling.student,
                instructor=cancelling.instructor,
            ),
            confirm=t("Cancel lesson"),
            open=cancelling.id != "",
            on_confirm=Substitutes.cancel,
            on_cancel=Substitutes.keep,
        ),
    )
