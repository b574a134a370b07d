"""Cases: the cards of a queue, and one case in the side dialog. Coordinators and operators share them."""

import reflex as rx

from core.queries.board import CaseLine, NoteLine
from hilink_app import components as ui
from hilink_app.state.case import CaseBox

t = ui.t


def _about(case: rx.Var[CaseLine]) -> rx.Component:
    """Whom and what it is about; names before anything else."""
    lesson = rx.fragment(
        rx.el.b(case.student), " · ", case.course, ", ", ui.time_text(case.starts_at, "when"), " · ",
        t("with {name}", name=case.instructor),
    )  # fmt: skip
    other = rx.cond(
        case.plugin != "",
        t("Plugin: {name}", name=case.plugin),
        rx.cond(case.person != "", case.person, rx.fragment()),
    )
    return rx.cond(case.session_id != "", lesson, other)


def card(case: rx.Var[CaseLine]) -> rx.Component:
    """One card: minutes left, what happened, whose it is, Take and Open."""
    owner = rx.cond(
        case.mine,
        ui.chip(t("Yours"), "acc", icon_name="user-round"),
        rx.cond(
            case.owner != "",
            ui.quiet(t("{name} is on it", name=case.owner)),
            ui.button(
                t("Take it"), size="s", on_click=CaseBox.take(case.id, case.version),
                aria_label=t("Take it: {title}, {name}", title=ui.t_var(case.title), name=case.student),
            ),
        ),
    )  # fmt: skip
    return ui.case_card(
        ui.t_var(case.title),
        _about(case),
        owner,
        ui.plain(
            t("Open"), size="s", on_click=CaseBox.show(case.id),
            aria_label=t("Open: {title}, {name}", title=ui.t_var(case.title), name=case.student),
        ),
        deadline=case.due_at,
        hot=CaseBox.is_open & (CaseBox.case.id == case.id),
    )  # fmt: skip


def _note(note: rx.Var[NoteLine]) -> rx.Component:
    return rx.el.li(
        ui.quiet(rx.el.b(note.by), ", ", ui.time_text(note.at, "when")),
        rx.el.p(note.text),
        class_name="hl-li",
    )


def dialog(*lesson_link: rx.Component) -> rx.Component:
    """What happened, notes for colleagues, and how it was settled. lesson_link: a way to its lesson."""
    case = CaseBox.case
    settled = case.status == "resolved"
    state = rx.cond(
        settled,
        ui.callout("ok", "check", t("Settled: {text}", text=case.resolution)),
        ui.row(
            ui.due(t("Due"), " ", ui.time_text(case.due_at, "when"), hot=case.severity == "urgent"),
            ui.spacer(),
            rx.cond(
                case.owner != "",
                rx.cond(
                    case.mine,
                    ui.chip(t("Yours"), "acc", icon_name="user-round"),
                    t("{name} is on it", name=case.owner),
                ),
                ui.button(t("Take it"), size="s", on_click=CaseBox.take(case.id, case.version)),
            ),
        ),
    )
    notes = rx.el.div(
        rx.el.h3(t("Notes"), class_name="hl-h3"),
        rx.cond(
            CaseBox.notes.length() > 0,
            rx.el.ul(rx.foreach(CaseBox.notes, _note), class_name="hl-list"),
            ui.quiet(t("No notes yet.")),
        ),
    )
    write = ui.form(
        ui.area_field(t("Note for colleagues"), "note", rows=2, error=CaseBox.note_problem),
        ui.row(ui.button(t("Add note"), size="s", type="submit")),
        on_submit=CaseBox.add_note,
        reset_on_submit=True,
    )
    settle = ui.form(
        ui.text_field(
            t("How was it settled?"),
            "resolution",
            hint=t("One sentence; it stays with the case."),
            error=CaseBox.problem,
        ),
        ui.row(ui.primary(t("Settle case"), icon="check", type="submit")),
        on_submit=CaseBox.settle,
    )
    return ui.side_dialog(
        ui.stack(
            rx.el.p(_about(case)),
            rx.el.p(ui.quiet(t("Opened"), " ", ui.time_text(case.opened_at, "when"))),
            rx.cond(
                case.missing.length() > 0,
                rx.el.ul(rx.foreach(case.missing, lambda words: rx.el.li(ui.t_var(words)))),
            ),
            state,
            rx.cond(
                (case.kind == "substitute_needed") & ~settled,
                ui.row(
                    ui.button(
                        t("Who could take it?"), icon="users", size="s", href="/requests?tab=substitutes"
                    )
                ),
            ),
            *lesson_link,
            ui.rule(),
            notes,
            rx.cond(settled, rx.fragment(), rx.fragment(write, ui.rule(), settle)),
        ),
        title=ui.t_var(case.title),
        open=CaseBox.is_open,
        on_close=CaseBox.close,
    )
