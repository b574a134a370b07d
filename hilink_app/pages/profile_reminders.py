"""Two panels of the profile page: when somebody is reminded, and their lessons in their own calendar."""

import reflex as rx

from hilink_app import components as ui
from hilink_app.state.reminders import CalendarAddress, Reminders

t = ui.t


def _error(field: str) -> rx.Var:
    return rx.cond(Reminders.problem_field == field, Reminders.problem, "").to(str)


def _time(item: rx.Var[tuple[str, str, bool]]) -> rx.Component:
    return ui.check_field(
        ui.t_var(item[1]), item[0], default_checked=item[2], key=item[0] + Reminders.round.to(str)
    )


def _clock(label: rx.Var, name: str, value: rx.Var) -> rx.Component:
    return ui.text_field(label, name, kind="time", default_value=value, key=name + Reminders.round.to(str))


def reminders() -> rx.Component:
    """Own times, quiet hours and, where there are several, the way they come."""
    channel = rx.cond(
        Reminders.channels.length() > 1,
        ui.select_field(
            t("Write to me by"),
            "channel",
            Reminders.channels,
            default_value=Reminders.channel,
            error=_error("channels"),
            key="channel-" + Reminders.round.to(str),
        ),
    )
    return ui.panel(
        ui.panel_head(t("Reminders")),
        ui.form(
            rx.el.fieldset(
                rx.el.legend(t("Remind me of a lesson"), class_name="hl-strong", margin_bottom="8px"),
                rx.foreach(Reminders.times, _time),
                ui.error_text(_error("reminders"), "reminders"),
                class_name="hl-col hl-g2",
            ),
            channel,
            ui.row(
                _clock(t("Quiet from"), "quiet_from", Reminders.quiet_from),
                _clock(t("Quiet until"), "quiet_until", Reminders.quiet_until),
                gap=3,
            ),
            ui.error_text(_error("quiet"), "quiet"),
            ui.quiet(t("A reminder that would come in your quiet hours comes shortly before them.")),
            ui.row(
                ui.button(t("Save reminders"), type="submit"),
                rx.cond(
                    Reminders.own, rx.fragment(), ui.quiet(t("Until you save them, these usual times hold."))
                ),
            ),
            on_submit=Reminders.save,
        ),
    )


def calendar() -> rx.Component:
    """The private calendar address: made, shown once, renewed and withdrawn."""
    fresh = ui.callout(
        "acc",
        "calendar-plus",
        ui.stack(
            ui.text_field(
                t("Your address"),
                "calendar_address",
                hint=t(
                    "Add it to your calendar as a calendar from the internet. It is shown only this once."
                ),
                value=CalendarAddress.address,
                read_only=True,
            ),
            ui.row(
                ui.button(
                    t("Copy address"),
                    icon="copy",
                    size="s",
                    on_click=rx.set_clipboard(CalendarAddress.address),
                )
            ),
            gap=2,
        ),
    )
    used = rx.cond(
        CalendarAddress.used_at != "",
        rx.fragment(t("Your calendar last asked for it"), " ", ui.time_text(CalendarAddress.used_at, "when")),
        t("No calendar has asked for it yet."),
    )
    active = ui.stack(
        ui.quiet(t("Made"), " ", ui.time_text(CalendarAddress.created_at, "when"), ". ", used, small=False),
        ui.row(
            ui.button(t("Make a new address"), icon="refresh-cw", size="s", on_click=CalendarAddress.renew),
            ui.button(t("Withdraw address"), kind="bad", size="s", on_click=CalendarAddress.withdraw),
        ),
        gap=2,
    )
    none = ui.row(ui.button(t("Make my address"), icon="calendar-plus", on_click=CalendarAddress.renew))
    return ui.panel(
        ui.panel_head(t("My lessons in my calendar")),
        ui.stack(
            ui.prose(t("Google, Apple, Outlook and others show your lessons and follow every change.")),
            rx.cond(CalendarAddress.address != "", fresh),
            rx.cond(CalendarAddress.active, active, none),
            ui.note("lock", t("Whoever has the address can see your lessons: do not pass it on.")),
        ),
    )
