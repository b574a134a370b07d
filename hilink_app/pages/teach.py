"""The instructor's start page: whom do I teach next, what do I need to know, what waits for my approval?"""

import reflex as rx

from core.i18n import N_
from core.queries.common import Face, LessonLine
from core.queries.teach import ToApprove
from hilink_app import components as ui
from hilink_app.components.page import PageSpec
from hilink_app.components.slots import slot
from hilink_app.state.i18n import I18n
from hilink_app.state.reader import Reader
from hilink_app.state.teach import Students, Teach

t = ui.t


def _next() -> rx.Component:
    """When, whom, and the way in; the briefing stands beside it."""
    open_room = rx.cond(
        Teach.can_open,
        ui.primary(t("Open the room"), icon="door-open", size="b", href="/room/" + Teach.next.id),
        ui.button(t("Check camera and sound"), icon="camera", size="b", href="/room/" + Teach.next.id),
    )
    their_time = rx.cond(
        Teach.next.student_tz != I18n.tz,
        rx.fragment(
            ui.time_text(Teach.next.starts_at, tz=Teach.next.student_tz),
            " ",
            t("for {name}", name=Teach.next.student),
        ),
        t("the same time for {name}", name=Teach.next.student),
    )
    said = rx.cond(
        Teach.can_open,
        rx.fragment(ui.icon("check", "s"), " ", t("The room is ready.")),
        t("The room opens 15 minutes before."),
    )
    when = rx.el.div(
        rx.el.p(t("Next lesson"), " · ", ui.time_text(Teach.next.starts_at, "near"), class_name="hl-q"),
        ui.clock(Teach.next.starts_at, 72),
        rx.el.p(
            rx.el.b(ui.relative_text(Teach.next.starts_at)), rx.el.span(" · ", their_time, class_name="hl-q")
        ),
        rx.el.div(
            ui.person(
                Teach.next.student,
                rx.fragment(Teach.next.course, rx.cond(Teach.next.topic != "", " · " + Teach.next.topic, "")),
                initials=Teach.next.student_initials,
                size="l",
                tone="t",
            ),
            class_name="hl-hero-who",
        ),
        open_room,
        rx.el.p(said, class_name="hl-q hl-sm"),
        class_name="hl-hero-next",
    )
    return rx.el.section(when, _briefing(), class_name="hl-panel hl-hero", aria_label=t("Next lesson"))


def _offers() -> rx.Component:
    """Somebody is needed; nothing otherwise."""
    return rx.cond(
        Teach.offers > 0,
        ui.callout(
            "acc",
            "hand-helping",
            ui.row(
                rx.el.span(
                    ui.tn(
                        "A lesson needs another instructor. Can you take it?",
                        "{n} lessons need another instructor. Can you take one?",
                        Teach.offers,
                    )
                ),
                ui.spacer(),
                ui.button(t("Answer"), size="s", href="/offers"),
            ),
        ),
    )


def _briefing() -> rx.Component:
    """What to know before the next lesson; written from the last approved summary, so it wears the draft mark."""

    def part(label: rx.Var, items: rx.Var[list[str]]) -> rx.Component:
        said = rx.cond(
            items.length() > 1,
            rx.el.ul(rx.foreach(items, lambda text: rx.el.li(text)), class_name="hl-plain"),
            rx.fragment(items[0]),
        )
        return rx.cond(items.length() > 0, rx.fragment(rx.el.dt(label), rx.el.dd(said)))

    written = rx.el.dl(
        part(t("Last time"), Teach.briefing.last_time),
        part(t("Watch for"), Teach.briefing.watch_for),
        part(t("Planned next"), Teach.briefing.next),
        part(t("Homework"), Teach.briefing.homework),
        part(t("Still open"), Teach.briefing.open_topics),
        class_name="hl-facts hl-in",
    )
    body = rx.cond(
        Teach.has_briefing,
        rx.fragment(
            ui.panel_head(t("Briefing"), t("From the last approved lesson"), mark=ui.draft_mark()),
            rx.el.div(written, custom_attrs={"style": {"marginTop": "12px"}}),
        ),
        rx.fragment(
            ui.panel_head(t("Briefing")),
            ui.empty(
                t("No briefing yet"),
                t("After the first approved summary it says here what was done and what to watch for."),
                icon_name="file-pen-line",
            ),
        ),
    )
    handed = rx.cond(
        Teach.instead_of != "",
        ui.callout(
            "acc",
            "hand-helping",
            t("You teach instead of {former}.", former=Teach.instead_of),
            " ",
            ui.link(t("Read the handover"), "/handover/" + Teach.next.id),
        ),
    )
    return rx.el.div(handed, body, class_name="hl-col hl-g3")


def _day_row(line: rx.Var[LessonLine]) -> rx.Component:
    end = rx.match(
        line.chain,
        ("told", ui.chip(t("Family told"), "ok", icon_name="check")),
        ("drafted", ui.draft_mark(t("Summary to approve"))),
        ui.thread(line.steps, line.at, 104),
    )
    return ui.day_row(
        line.starts_at,
        line.state,
        line.student,
        rx.fragment(line.course, " · ", line.topic),
        end,
        current=line.id == Teach.next.id,
    )


def _to_approve(item: rx.Var[ToApprove]) -> rx.Component:
    return rx.el.li(
        ui.row(
            ui.stack(
                rx.el.b(item.student),
                ui.quiet(item.course, " · ", ui.time_text(item.starts_at, "when")),
                ui.due(t("Due"), " ", ui.time_text(item.due_at, "when")),
                gap=1,
                class_name="hl-min",
            ),
            ui.spacer(),
            ui.button(
                t("Review"),
                size="s",
                href="/summaries/" + item.summary_id,
                aria_label=t("Review {name}", name=item.student),
            ),
            wrap=False,
        ),
        class_name="hl-li",
    )


def teach() -> rx.Component:
    """The page."""
    approve = ui.panel(
        ui.panel_head(t("To approve"), ui.link(t("All summaries"), "/summaries")),
        rx.cond(
            Teach.to_approve.length() > 0,
            rx.el.ul(rx.foreach(Teach.to_approve, _to_approve), class_name="hl-list"),
            ui.empty(t("Nothing waits for you"), t("A draft appears here soon after each lesson.")),
        ),
        rx.el.p(
            ui.quiet(t("Families hear from you only after you approve.")),
            custom_attrs={"style": {"marginTop": "12px"}},
        ),
    )
    week = ui.panel(
        ui.panel_head(t("Last seven days")),
        ui.facts(
            (t("Lessons taught"), Teach.taught),
            (t("Started on time"), t("{n} of {all}", n=Teach.on_time, all=Teach.taught)),
            (t("Summaries in time"), t("{n} of {all}", n=Teach.summaries_in_time, all=Teach.taught)),
            label_px=200,
        ),
    )
    head = ui.panel_head(
        t("Your day"),
        ui.link(t("All lessons"), "/lessons"),
        note=t("{all} lessons, {done} done", all=Teach.day.length(), done=Teach.done_today),
    )
    day = ui.panel(
        rx.el.div(head, custom_attrs={"style": {"padding": "16px 20px 8px"}}),
        rx.cond(
            Teach.day.length() > 0,
            ui.day_list(rx.foreach(Teach.day, _day_row)),
            ui.empty(
                t("No lessons today"),
                t("Lessons appear here as soon as they are set."),
                icon_name="calendar-days",
            ),
        ),
        pad=False,
        class_name="clip",
    )
    hero = rx.cond(
        Teach.next.id != "",
        _next(),
        ui.panel(
            ui.empty(t("No lesson planned"), t("Your next lesson appears here."), icon_name="calendar-plus")
        ),
    )
    return ui.frame(
        t("Hello {name}", name=Reader.first_name),
        ui.when_ready(
            Teach.ready,
            ui.stack(_offers(), ui.columns([hero, day, *slot("instructor.home")], [approve, week])),
            ui.panel(ui.skeleton(shape="panel")),
        ),
        actions=[ui.button(t("Change my hours"), icon="calendar-clock", href="/availability")],
        current="/teach",
    )


def _student(row: rx.Var[tuple[Face, str]]) -> rx.Component:
    return rx.el.li(
        ui.row(
            ui.person(row[0].name, row[1], initials=row[0].initials),
            ui.spacer(),
            ui.button(
                t("Progress"),
                size="s",
                href="/students/" + row[0].id,
                aria_label=t("Progress of {name}", name=row[0].name),
            ),
        ),
        class_name="hl-li",
    )


def students() -> rx.Component:
    """The instructor's students."""
    body = rx.cond(
        Students.rows.length() > 0,
        rx.el.ul(rx.foreach(Students.rows, _student), class_name="hl-list"),
        ui.empty(
            t("No students yet"),
            t("Students appear here when a lesson with them is planned."),
            icon_name="users",
        ),
    )
    return ui.frame(
        t("Students"),
        ui.when_ready(Students.ready, ui.panel(body), ui.panel(ui.skeleton(5))),
        current="/students",
    )


PAGES = [
    PageSpec(
        "/teach", teach, "Home", ("instructor",), nav=N_("Home"), icon="house", order=1, on_load=[Teach.load]
    ),
    PageSpec(
        "/students",
        students,
        "Students",
        ("instructor",),
        nav=N_("Students"),
        icon="users",
        order=4,
        on_load=[Students.load],
    ),
]
