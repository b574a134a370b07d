"""Plans: place many requests at once, see what would change, and accept it or not."""

import reflex as rx

from core.i18n import N_
from core.queries.plans import ItemLine, PlanLine, WeekLine
from core.queries.requests import ProposalCard
from hilink_app import components as ui
from hilink_app.components.page import PageSpec
from hilink_app.pages.requests import tabs
from hilink_app.state.plans import PATH, Plans

t = ui.t

SHOWN = {
    "placed": N_("With a place"),
    "unplaced": N_("Without a place"),
    "booked": N_("Booked"),
    "clashed": N_("Taken meanwhile"),
    "rejected": N_("Rejected"),
    "undone": N_("Taken back"),
}


def _state(plan: rx.Var[PlanLine]) -> rx.Component:
    return rx.match(
        plan.status,
        ("ready", ui.chip(plan.status_words, "warn", icon_name="hourglass")),
        ("accepted", ui.chip(plan.status_words, "ok", icon_name="check")),
        ("failed", ui.chip(plan.status_words, "bad", icon_name="circle-alert")),
        ("rejected", ui.chip(plan.status_words, icon_name="x")),
        ("cancelled", ui.chip(plan.status_words, icon_name="x")),
        ("undone", ui.chip(plan.status_words, icon_name="undo-2")),
        ui.chip(plan.status_words, "info", icon_name="loader"),
    )


def _start() -> rx.Component:
    """From when to when; what waits is counted."""
    return ui.dialog(
        ui.form(
            ui.form_error(Plans.problem),
            rx.el.p(
                ui.tn("{n} request waits for lessons.", "{n} requests wait for lessons.", Plans.waiting),
                " ",
                t("Each is placed for as long as it asks for; the days say which weeks must fit together."),
            ),
            ui.text_field(t("From"), "from_day", kind="date", default_value=Plans.first_day),
            ui.text_field(t("Until"), "until_day", kind="date", default_value=Plans.last_day),
            ui.row(ui.primary(t("Make the plan"), type="submit")),
            on_submit=Plans.start,
        ),
        title=t("Make a plan"),
        note=t("Nothing is booked until you accept it."),
        open=Plans.asking == "start",
        on_close=Plans.ask(""),
    )


def _reject() -> rx.Component:
    return ui.dialog(
        ui.form(
            ui.form_error(Plans.problem),
            ui.area_field(t("Why"), "reason", rows=2, max_length=500, hint=t("Colleagues read it.")),
            ui.row(ui.button(t("Reject the plan"), kind="bad", type="submit")),
            on_submit=Plans.reject,
        ),
        title=t("Reject the plan"),
        note=t("Its requests stay open."),
        open=Plans.asking == "reject",
        on_close=Plans.ask(""),
    )


def _undo() -> rx.Component:
    return ui.confirm_dialog(
        title=t("Take the plan back?"),
        lost=ui.tn(
            "Lessons to come of {n} request are cancelled, and the families are told.",
            "Lessons to come of {n} requests are cancelled, and the families are told.",
            Plans.counts["booked"],
        ),
        confirm=t("Take it back"),
        open=Plans.asking == "undo",
        on_confirm=Plans.undo,
        on_cancel=Plans.ask(""),
    )


def _far() -> rx.Component:
    """Work that goes on without this page."""
    plan = Plans.plan
    making = (plan.status == "waiting") | (plan.status == "solving")
    return ui.long_work(
        plan.status_words,
        plan.share,
        100,
        rx.fragment(plan.phase_words, " ", t("You can leave this page and come back.")),
        rx.cond(making, ui.button(t("Stop"), size="s", on_click=Plans.stop), rx.fragment()),
        figure=t("{n} in 100", n=plan.share),
    )


def _outcome() -> rx.Component:
    """What it came to, in a sentence."""
    plan = Plans.plan
    says = t("{placed} of {asked} lessons a week have a place.", placed=plan.placed, asked=plan.asked)
    near = rx.cond(
        plan.of_bound == 100,
        t("No timetable could be better."),
        t("No timetable could be better by more than {n} in 100.", n=100 - plan.of_bound),
    )
    return rx.fragment(
        rx.cond(plan.asked > 0, rx.el.p(rx.el.b(says), " ", rx.cond(plan.of_bound > 0, ui.quiet(near)))),
        rx.cond(
            plan.reason != "",
            rx.cond(
                plan.status == "rejected",
                rx.el.blockquote(plan.reason, class_name="hl-q"),
                ui.callout("warn", "triangle-alert", plan.reason),
            ),
        ),
    )


def _actions() -> rx.Component:
    plan = Plans.plan
    return ui.row(
        rx.cond(
            (plan.status == "ready") & (Plans.counts["placed"] > 0),
            ui.primary(
                ui.tn("Book {n} line", "Book {n} lines", Plans.ticked),
                on_click=Plans.accept,
                disabled=Plans.ticked == 0,
            ),
        ),
        rx.cond(plan.status == "ready", ui.button(t("Reject"), on_click=Plans.ask("reject"))),
        ui.spacer(),
        rx.cond(
            ((plan.status == "ready") | (plan.status == "accepted")) & (Plans.counts["booked"] > 0),
            ui.button(t("Take it back"), icon="undo-2", on_click=Plans.ask("undo")),
        ),
    )


def _plan() -> rx.Component:
    plan = Plans.plan
    return ui.panel(
        ui.stack(
            ui.row(
                rx.el.h2(plan.days, class_name="hl-h2"),
                rx.cond(plan.status == "ready", ui.draft_mark()),
                ui.spacer(),
                _state(plan),
            ),
            ui.quiet(
                t("asked for by {name}", name=plan.made_by), ", ", ui.time_text(plan.made_at, "relative")
            ),
            rx.cond((Plans.asking == "") & ~Plans.is_open, ui.form_error(Plans.problem)),
            rx.cond(plan.busy, _far(), rx.fragment(_outcome(), _actions())),
            gap=3,
        )
    )


def _week(week: rx.Var[WeekLine]) -> rx.Component:
    return ui.topic_bar(
        week.instructor.name,
        week.before_width,
        week.after_width,
        t(
            "Lessons: {before} now, {after} then. Minutes between: {gap_before} now, {gap_after} then.",
            before=week.before,
            after=week.after,
            gap_before=week.gap_before,
            gap_after=week.gap_after,
        ),
    )


def _weeks() -> rx.Component:
    """Before and after, for those whose week changes most."""
    return rx.cond(
        Plans.weeks.length() > 0,
        ui.panel(
            ui.panel_head(t("Weeks before and after"), note=t("The first week, most new lessons first.")),
            ui.topic_bars(rx.foreach(Plans.weeks, _week)),
            rx.cond(
                Plans.more_weeks > 0,
                ui.quiet(
                    ui.tn(
                        "{n} more instructor gets lessons.",
                        "{n} more instructors get lessons.",
                        Plans.more_weeks,
                    )
                ),
            ),
        ),
    )


def _reasons(words: rx.Var, icon_name: str, tone: str) -> rx.Component:
    return rx.foreach(
        words,
        lambda one: rx.el.li(ui.icon(icon_name, "s"), rx.el.span(one), class_name=f"hl-row hl-g1 {tone}"),
    )


def _times(line: rx.Var[ItemLine]) -> rx.Component:
    return rx.el.p(
        rx.el.b(line.times),
        " ",
        t("in {place}", place=line.place),
        rx.cond(line.yours != "", ui.quiet(" (", t("{time} for you", time=line.yours), ")", small=False)),
        ui.quiet(", ", t("first"), " ", ui.time_text(line.first, "when"), small=False),
    )


def _line(line: rx.Var[ItemLine]) -> rx.Component:
    """a11y: a list item; the box is named by the student and the course."""
    decides = Plans.plan.status == "ready"
    with_place = line.status == "placed"
    who = ui.person(line.student.name, line.course, initials=line.student.initials)
    return rx.el.li(
        ui.row(
            rx.cond(
                decides & with_place,
                ui.check_field(
                    who,
                    "line",
                    checked=~Plans.left_out.contains(line.id),
                    on_change=lambda _: Plans.tick(line.id),
                ),
                who,
            ),
            ui.spacer(),
            rx.cond(
                line.instructor.name != "",
                ui.row(
                    ui.quiet(t("with"), small=False),
                    ui.person(line.instructor.name, initials=line.instructor.initials),
                    wrap=False,
                ),
            ),
            rx.cond(
                decides & (with_place | (line.status == "unplaced") | (line.status == "clashed")),
                ui.button(
                    rx.cond(with_place, t("Change"), t("Look again")),
                    size="s",
                    on_click=Plans.edit(line.id),
                    aria_label=t("Another proposal for {name}", name=line.student.name),
                ),
            ),
        ),
        rx.cond(line.times != "", _times(line)),
        rx.cond(
            with_place | (line.status == "booked"),
            rx.el.ul(_reasons(line.why, "check", "ok"), class_name="hl-reasons hl-sm"),
            rx.foreach(
                line.why,
                lambda one: ui.row(
                    ui.icon("triangle-alert", "s", class_name="hl-t-warn"), rx.el.span(one), wrap=False
                ),
            ),
        ),
        class_name="hl-li hl-col hl-g2",
        custom_attrs={"data-line-id": line.id},
    )


def _lines() -> rx.Component:
    chosen = [
        rx.cond(
            Plans.counts[status] > 0,
            ui.segment(
                rx.fragment(t(words), " ", rx.el.b(Plans.counts[status], class_name="hl-num")),
                current=Plans.shown == status,
                href=rx.Var.create(f"{PATH}?plan=") + Plans.plan.id + f"&show={status}",
            ),
        )
        for status, words in SHOWN.items()
    ]
    all_of_them = ui.plain(
        rx.cond(Plans.left_out.length() > 0, t("Tick all"), t("Tick none")), size="s", on_click=Plans.tick_all
    )
    turns = ui.row(
        ui.button(t("Back"), size="s", disabled=Plans.page == 0, on_click=Plans.turn(-1)),
        ui.button(t("More"), size="s", disabled=~Plans.more, on_click=Plans.turn(1)),
    )
    return ui.stack(
        ui.row(
            ui.segments(*chosen, label=t("Which lines")),
            ui.spacer(),
            rx.cond((Plans.plan.status == "ready") & (Plans.shown == "placed"), all_of_them),
        ),
        ui.panel(
            rx.el.ul(rx.foreach(Plans.lines, _line), class_name="hl-list"),
            rx.cond(Plans.more | (Plans.page > 0), turns),
        ),
        gap=3,
    )


def _card(card: rx.Var[ProposalCard]) -> rx.Component:
    """One proposal. a11y: a radio with the person's name."""
    return ui.panel(
        ui.check_field(
            rx.el.b(card.person.name),
            "proposal",
            kind="radio",
            note=rx.fragment(card.times, " · ", card.place),
            checked=Plans.chosen == card.rank,
            on_change=lambda _: Plans.choose(card.rank),
        ),
        rx.el.ul(
            _reasons(card.met, "check", "ok"),
            _reasons(card.unmet, "triangle-alert", "warn"),
            class_name="hl-reasons hl-sm",
        ),
    )


def _change() -> rx.Component:
    found = rx.cond(
        Plans.cards.length() > 0,
        ui.stack(rx.foreach(Plans.cards, _card), gap=3),
        ui.callout(
            "warn",
            "triangle-alert",
            rx.el.b(t("Nobody can give these lessons as they are asked for.")),
            " ",
            Plans.constraint,
        ),
    )
    return ui.side_dialog(
        ui.form_error(Plans.problem),
        rx.el.div(
            rx.cond(Plans.looking, ui.skeleton(4), found),
            custom_attrs={"aria-live": "polite", "aria-busy": rx.cond(Plans.looking, "true", "false")},
        ),
        title=t("Lessons for {name}", name=Plans.line.student.name),
        note=Plans.line.course,
        open=Plans.is_open,
        on_close=Plans.close,
        foot=[
            ui.spacer(),
            rx.cond(Plans.cards.length() > 0, ui.primary(t("Take this one"), on_click=Plans.change)),
        ],
    )


def _other(plan: rx.Var[PlanLine]) -> rx.Component:
    return rx.el.li(
        rx.el.a(
            plan.days,
            href=rx.Var.create(f"{PATH}?plan=") + plan.id,
            class_name="hl-a hl-strong",
            custom_attrs={"aria-current": rx.cond(plan.id == Plans.plan.id, "true", "false")},
        ),
        rx.el.br(),
        ui.quiet(plan.status_words, ", ", ui.time_text(plan.made_at, "relative")),
        class_name="hl-li",
    )


def _body() -> rx.Component:
    plan = ui.stack(
        _plan(), rx.cond(~Plans.plan.busy, _weeks()), rx.cond(Plans.lines.length() > 0, _lines()), gap=4
    )
    others = ui.panel(
        ui.panel_head(t("All plans")), rx.el.ul(rx.foreach(Plans.plans, _other), class_name="hl-list")
    )
    nothing = ui.panel(
        ui.empty(
            t("No plan yet"),
            t(
                "A plan finds an instructor and times for all open requests at once. You decide what is booked."
            ),
            rx.cond(
                Plans.waiting > 0,
                ui.quiet(
                    ui.tn("{n} request waits for lessons.", "{n} requests wait for lessons.", Plans.waiting)
                ),
                ui.quiet(t("No request waits at the moment.")),
            ),
            icon_name="calendar-check",
        )
    )
    return rx.cond(Plans.plan.id != "", ui.columns(plan, others, 280), nothing)


def plans() -> rx.Component:
    """The page."""
    return rx.fragment(
        ui.frame(
            t("Plans"),
            ui.stack(tabs(rx.Var.create("plans")), ui.when_ready(Plans.ready, _body()), gap=4),
            actions=[ui.primary(t("Make a plan"), icon="plus", on_click=Plans.ask("start"))],
            current="/requests",
        ),
        _start(),
        _reject(),
        _undo(),
        _change(),
    )


PAGES = [PageSpec(PATH, plans, "Plans", ("coordinator",), on_load=[Plans.load])]
