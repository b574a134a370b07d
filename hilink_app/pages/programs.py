"""Programs that plan here: which ones, what they may do, when they were last heard of?"""

import reflex as rx

from core.access import SCOPES
from core.i18n import N_
from core.queries.tokens import TokenLine
from hilink_app import components as ui
from hilink_app.components.page import PageSpec
from hilink_app.state.programs import DAYS, PATH, Programs

t = ui.t

FORM = "token-form"


def _state(row: rx.Var[TokenLine]) -> rx.Component:
    return rx.cond(
        row.usable, ui.chip(t("works"), "ok", icon_name="check"), ui.chip(t("ended"), icon_name="power")
    )


def _revoke(row: rx.Var[TokenLine]) -> rx.Component:
    return rx.cond(
        row.usable,
        ui.button(
            t("Revoke"),
            size="s",
            kind="bad",
            on_click=Programs.ask_revoke(row.id),
            aria_label=t("Revoke {name}", name=row.name),
        ),
    )


def _table() -> rx.Component:
    columns = [
        ui.Column(t("Program"), lambda row: rx.el.b(row.name)),
        ui.Column(
            t("May"),
            lambda row: rx.foreach(row.scopes, lambda one: rx.fragment(ui.chip(one), " ")),
            phone=False,
        ),
        ui.Column(t("Made by"), lambda row: row.maker, phone=False),
        ui.Column(
            t("Last used"),
            lambda row: rx.cond(row.used_at != "", ui.time_text(row.used_at, "when"), ui.quiet(t("never"))),
        ),
        ui.Column(t("Until"), lambda row: ui.time_text(row.expires_at, "date"), phone=False),
        ui.Column(t("State"), _state),
        ui.Column(ui.sr_only(t("Action")), _revoke),
    ]
    return ui.data_table(
        columns,
        Programs.rows,
        caption=t("Tokens of programs"),
        nothing=ui.empty(
            t("No program has a token"),
            t("A coordinator makes one for each program that schedules lessons from another system."),
            icon_name="plug",
        ),
    )


def _form() -> rx.Component:
    scopes = [
        ui.check_field(ui.t_var(says), f"scope-{scope}", note=rx.el.code(scope))
        for scope, says in SCOPES.items()
    ]
    return ui.form(
        ui.text_field(
            t("Which program is it for?"),
            "token-name",
            hint=t("For example the platform's booking service."),
            error=Programs.errors["name"],
            max_length=80,
        ),
        rx.el.div(
            ui.radio_group(t("What may it do?"), *scopes),
            ui.error_text(Programs.errors["scopes"], "token-scopes"),
        ),
        ui.select_field(
            t("For how long?"),
            "token-days",
            [(str(days), ui.tn("{n} day", "{n} days", days)) for days in DAYS],
            default_value=str(DAYS[0]),
            error=Programs.errors["days"],
        ),
        id=FORM,
        on_submit=Programs.make,
    )


def _made() -> rx.Component:
    """a11y: the sentence is announced, the token is a field one can select."""
    return ui.stack(
        rx.el.div(
            ui.callout("ok", "key-round", t("This is the token. It is shown this one time: keep it now.")),
            role="status",
        ),
        ui.text_field(t("Token"), "token-made", value=Programs.made, read_only=True),
        ui.button(t("Copy"), icon="copy", on_click=rx.set_clipboard(Programs.made)),
    )


def _dialog() -> rx.Component:
    made = Programs.made != ""
    return ui.side_dialog(
        rx.cond(made, _made(), _form()),
        title=t("A token for a program"),
        note=t("It may do what you may, within what you tick here."),
        open=Programs.is_open,
        on_close=Programs.close,
        foot=[
            ui.spacer(),
            ui.button(rx.cond(made, t("Done"), t("Leave it")), on_click=Programs.close),
            rx.cond(~made, ui.primary(t("Make the token"), type="submit", form=FORM)),
        ],
    )


def programs() -> rx.Component:
    """The page."""
    make = rx.cond(Programs.may_make, ui.primary(t("Make a token"), icon="plus", on_click=Programs.show))
    return rx.fragment(
        ui.frame(
            t("Programs"),
            ui.when_ready(Programs.ready, _table()),
            zone=t("They schedule from other systems, over the API."),
            actions=[make],
            current=PATH,
        ),
        _dialog(),
        ui.confirm_dialog(
            title=t("Revoke this token?"),
            lost=t(
                "{name} cannot come in any more, from now on. This cannot be undone: it would need a new token.",
                name=Programs.revoking_name,
            ),
            confirm=t("Revoke"),
            open=Programs.revoking != "",
            on_confirm=Programs.revoke,
            on_cancel=Programs.keep,
        ),
    )


PAGES = [
    PageSpec(
        PATH,
        programs,
        "Programs",
        ("coordinator", "operator"),
        nav=N_("Programs"),
        icon="plug-zap",
        order=5,
        nav_roles=("operator",),
        on_load=[Programs.load],
    )
]
