"""The request inbox: who asks for lessons, and who could give them?"""

import reflex as rx

from core.i18n import N_
from core.queries.requests import ProposalCard, RequestLine
from hilink_app import components as ui
from hilink_app.components.page import PageSpec
from hilink_app.pages import requests_changes, requests_substitutes
from hilink_app.state.requests import PATH, Requests

t = ui.t

STATUSES = {
    "open": N_("Waiting"),
    "placed": N_("Placed"),
    "rejected": N_("Rejected"),
    "withdrawn": N_("Withdrawn"),
}


def _wanted(line: rx.Var[RequestLine]) -> rx.Component:
    """How many, how long, and when."""
    return rx.fragment(
        rx.cond(line.per_week == 1, t("once a week"), t("{n} times a week", n=line.per_week)),
        ", ",
        t("{n} minutes", n=line.minutes),
        " · ",
        rx.foreach(line.windows, lambda words: rx.fragment(rx.el.span(words), " ")),
        t("in {place}", place=line.place),
    )


def _line(line: rx.Var[RequestLine]) -> rx.Component:
    """a11y: a list item; the button's name says whose request it opens."""
    return rx.el.li(
        ui.row(
            ui.person(line.student.name, line.course, initials=line.student.initials),
            ui.spacer(),
            rx.cond(
                line.status == "open",
                ui.quiet(t("Answer by"), " ", ui.time_text(line.due_at, "when")),
                rx.cond(line.rule != "", ui.chip(t("Placed by the rule"), "info", icon_name="scale")),
            ),
            ui.button(
                rx.cond(line.status == "open", t("Find an instructor"), t("Look")),
                size="s",
                on_click=Requests.show(line.id),
                aria_label=t("The request for {name}", name=line.student.name),
            ),
        ),
        rx.el.p(_wanted(line)),
        ui.quiet(t("asked by {name}", name=line.asked_by), ", ", ui.time_text(line.asked_at, "relative")),
        rx.cond(line.reason != "", rx.el.blockquote(line.reason, class_name="hl-q")),
        class_name="hl-li hl-col hl-g2",
        custom_attrs={"data-request-id": line.id},
    )


def _reasons(words: rx.Var, icon_name: str, tone: str) -> rx.Component:
    return rx.foreach(
        words,
        lambda one: rx.el.li(ui.icon(icon_name, "s"), rx.el.span(one), class_name=f"hl-row hl-g1 {tone}"),
    )


def _card(card: rx.Var[ProposalCard]) -> rx.Component:
    """One proposal. a11y: a radio with the person's name; what speaks for and against it is its note."""
    fit = rx.cond(
        card.meets == card.wishes,
        rx.cond(card.wishes > 0, t("Meets every wish"), ""),
        t("Meets {n} of {all} wishes", n=card.meets, all=card.wishes),
    )
    return rx.el.section(
        ui.row(
            ui.check_field(
                rx.fragment(rx.el.b(card.rank), " ", rx.el.b(card.person.name)),
                "proposal",
                kind="radio",
                note=rx.fragment(card.place, " · ", t("{n} of 100 hours full", n=card.load)),
                checked=Requests.chosen == card.rank,
                on_change=lambda _: Requests.choose(card.rank),
            ),
            ui.spacer(),
            ui.quiet(fit),
        ),
        rx.el.p(
            rx.el.b(card.times),
            rx.cond(
                card.theirs != "",
                ui.quiet(" (", t("{time} in {place}", time=card.theirs, place=card.place), ")", small=False),
            ),
        ),
        ui.quiet(
            t("{n} lessons", n=card.lessons),
            rx.cond(card.left_out > 0, rx.fragment(", ", t("{n} dates fall out", n=card.left_out))),
        ),
        rx.el.ul(
            _reasons(card.met, "check", "ok"),
            _reasons(card.unmet, "triangle-alert", "warn"),
            class_name="hl-plain hl-reasons",
        ),
        class_name=rx.cond(Requests.chosen == card.rank, "hl-panel pad on", "hl-panel pad"),
        custom_attrs={"data-rank": card.rank},
    )


def _ruled_out() -> rx.Component:
    return rx.cond(
        Requests.ruled_out.length() > 0,
        rx.el.details(
            rx.el.summary(t("Ruled out, and why")),
            rx.el.ul(
                rx.foreach(Requests.ruled_out, lambda one: rx.el.li(rx.el.b(one[0]), " ", one[1])),
                class_name="hl-plain",
            ),
        ),
    )


def _proposals() -> rx.Component:
    found = rx.cond(
        Requests.cards.length() > 0,
        ui.stack(
            ui.row(rx.el.h3(t("Proposals"), class_name="hl-h3"), ui.draft_mark(), gap=2),
            rx.foreach(Requests.cards, _card),
            gap=3,
        ),
        ui.callout(
            "warn",
            "triangle-alert",
            rx.el.b(t("Nobody can give these lessons as they are asked for.")),
            " ",
            Requests.constraint,
        ),
    )
    return rx.el.div(
        rx.cond(Requests.looking, ui.skeleton(4), ui.stack(found, _ruled_out(), gap=4)),
        custom_attrs={"aria-live": "polite", "aria-busy": rx.cond(Requests.looking, "true", "false")},
    )


def _reject() -> rx.Component:
    return ui.form(
        ui.area_field(
            t("What the family reads"),
            "reason",
            rows=2,
            max_length=500,
            hint=t("Say why, and what is possible."),
        ),
        ui.row(
            ui.button(t("Reject the request"), kind="bad", size="s", type="submit"),
            ui.plain(t("Leave it"), size="s", on_click=Requests.toggle_reject),
        ),
        on_submit=Requests.reject,
    )


def _dialog() -> rx.Component:
    line = Requests.line
    waits = line.status == "open"
    return ui.side_dialog(
        ui.form_error(Requests.problem),
        ui.stack(
            rx.el.p(rx.el.b(line.course), " · ", _wanted(line)),
            ui.row(
                rx.cond(line.language != "", ui.chip(line.language, icon_name="languages")),
                rx.cond(line.wished != "", ui.chip(line.wished, icon_name="user")),
                rx.cond(line.same_instructor, ui.chip(t("Somebody they know"), icon_name="repeat")),
            ),
            rx.cond(line.note != "", rx.el.blockquote(line.note, class_name="hl-q")),
            rx.cond(waits, _proposals()),
            rx.cond(waits & Requests.rejecting, _reject()),
            gap=4,
        ),
        title=t("Lessons for {name}", name=line.student.name),
        note=t("asked by {name}", name=line.asked_by),
        open=Requests.is_open,
        on_close=Requests.close,
        foot=[
            rx.cond(waits, ui.button(t("Reject"), on_click=Requests.toggle_reject)),
            rx.cond(
                (line.status == "placed"),
                ui.button(t("Take it back"), on_click=Requests.undo(line.id, line.version)),
            ),
            ui.spacer(),
            rx.cond(
                waits & (Requests.cards.length() > 0),
                ui.primary(t("Book these lessons"), on_click=Requests.accept),
            ),
        ],
    )


def _inbox() -> rx.Component:
    statuses = [
        ui.segment(
            t(words),
            current=Requests.status == status,
            href=f"{PATH}?status={status}",
        )
        for status, words in STATUSES.items()
    ]
    nothing = ui.empty(
        t("Nobody waits for an answer"),
        t("When a family asks for lessons, it waits here with proposals."),
        icon_name="inbox",
    )
    return ui.stack(
        ui.segments(*statuses, label=t("Filter by state")),
        rx.cond(Requests.rule != "", ui.callout("info", "scale", Requests.rule)),
        ui.panel(
            rx.cond(
                Requests.lines.length() > 0,
                rx.el.ul(rx.foreach(Requests.lines, _line), class_name="hl-list"),
                nothing,
            )
        ),
        gap=3,
    )


def tabs(current: rx.Var) -> rx.Component:
    """What waits before lessons, one tab a kind; `plans` is a page of its own."""
    return ui.segments(
        ui.segment(t("Lessons"), current=current == "requests", href=PATH),
        ui.segment(t("Changes"), current=current == "changes", href=f"{PATH}?tab=changes"),
        ui.segment(t("Substitutes"), current=current == "substitutes", href=f"{PATH}?tab=substitutes"),
        ui.segment(t("Plans"), current=current == "plans", href="/plans"),
        label=t("What is asked for"),
    )


def requests() -> rx.Component:
    """The page."""
    body = rx.match(
        Requests.tab,
        ("changes", requests_changes.changes()),
        ("substitutes", requests_substitutes.substitutes()),
        _inbox(),
    )
    return rx.fragment(
        ui.frame(
            t("Requests"),
            ui.stack(tabs(Requests.tab), ui.when_ready(Requests.ready, body), gap=4),
            actions=[ui.button(t("Ask for lessons"), icon="plus", href="/ask")],
            current=PATH,
        ),
        _dialog(),
    )


PAGES = [
    PageSpec(
        PATH,
        requests,
        "Requests",
        ("coordinator",),
        nav=N_("Requests"),
        icon="inbox",
        order=3,
        on_load=[Requests.load],
    )
]
