"""Can you take this lesson? What an instructor is asked to step into."""

import reflex as rx

from core.i18n import N_
from core.queries.common import LessonLine
from core.queries.substitutes import OfferLine
from hilink_app import components as ui
from hilink_app.components.page import PageSpec
from hilink_app.state.offers import PATH, Offers

t = ui.t


def _offer(line: rx.Var[OfferLine]) -> rx.Component:
    """When is the question; everything else stands beside it. a11y: a region named by the lesson."""
    whom = rx.cond(
        line.group > 1,
        t("{name} and {n} others", name=line.student, n=line.group - 1),
        line.student,
    )
    when = rx.el.div(
        rx.el.p(ui.time_text(line.starts_at, "day"), class_name="hl-q"),
        ui.clock(line.starts_at, 56),
        rx.el.p(
            rx.el.b(ui.relative_text(line.starts_at)),
            rx.el.span(" · ", ui.tn("{n} minute", "{n} minutes", line.minutes), class_name="hl-q"),
        ),
    )
    what = rx.el.div(
        rx.el.p(
            rx.el.b(line.course, class_name="hl-nt"),
            rx.cond(line.topic != "", rx.fragment(rx.el.br(), ui.quiet(line.topic, small=False))),
        ),
        rx.el.p(t("with {name}", name=whom)),
        rx.cond(
            line.reasons.length() > 0,
            ui.row(
                ui.sr_only(t("Why you are asked:")),
                rx.foreach(line.reasons, lambda words: ui.chip(words, "acc")),
            ),
        ),
        ui.due(
            t("Open until"),
            " ",
            ui.time_text(line.expires_at, "when"),
            " · ",
            ui.time_text(line.expires_at, "relative"),
        ),
        ui.row(
            ui.primary(
                t("Accept"),
                icon="check",
                size="b",
                busy=Offers.busy == line.id,
                on_click=Offers.accept(line.id),
                aria_label=t("Accept {course} with {name}", course=line.course, name=line.student),
            ),
            ui.button(
                t("Decline"),
                size="b",
                busy=Offers.busy == line.id,
                on_click=Offers.decline(line.id),
                aria_label=t("Decline {course} with {name}", course=line.course, name=line.student),
            ),
        ),
        class_name="hl-col hl-g3",
    )
    return rx.el.section(
        when,
        what,
        class_name="hl-panel hl-join",
        aria_label=t("{course} with {name}", course=line.course, name=line.student),
        custom_attrs={"data-offer-id": line.id},
    )


def _taken(line: rx.Var[LessonLine]) -> rx.Component:
    return ui.day_row(
        line.starts_at,
        line.state,
        line.student,
        rx.fragment(line.course, " · ", ui.time_text(line.starts_at, "near")),
        ui.button(
            t("Handover"),
            icon="notebook-text",
            size="s",
            href="/handover/" + line.id,
            aria_label=t("Handover of {course} with {name}", course=line.course, name=line.student),
        ),
    )


def offers() -> rx.Component:
    """The page."""
    asked = rx.cond(
        Offers.open.length() > 0,
        ui.stack(
            ui.quiet(
                t("Others are asked too: whoever accepts first has the lesson. You may always decline."),
                small=False,
            ),
            rx.foreach(Offers.open, _offer),
        ),
        ui.panel(
            ui.empty(
                t("Nobody needs you to step in"),
                t("When a lesson needs another instructor and you are free, we ask you here and by email."),
                icon_name="hand-helping",
            )
        ),
    )
    taken = rx.cond(
        Offers.taken.length() > 0,
        ui.panel(
            rx.el.div(
                ui.panel_head(t("Lessons you took over")),
                custom_attrs={"style": {"padding": "16px 20px 8px"}},
            ),
            ui.day_list(rx.foreach(Offers.taken, _taken)),
            pad=False,
            class_name="clip",
        ),
    )
    return ui.frame(
        t("Can you take this lesson?"),
        ui.when_ready(Offers.ready, ui.stack(asked, taken), ui.panel(ui.skeleton(shape="panel"))),
        current=PATH,
    )


PAGES = [
    PageSpec(
        PATH,
        offers,
        "Offers",
        ("instructor",),
        nav=N_("Offers"),
        icon="hand-helping",
        order=6,
        on_load=[Offers.load],
    )
]
