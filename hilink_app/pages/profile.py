"""The person's own page: name, time zone, language, password, reminders, calendar, and what they agreed to."""

import reflex as rx

from core.access import SIGNED_IN
from core.i18n import LANGUAGES, N_
from hilink_app import components as ui
from hilink_app.components.page import PageSpec
from hilink_app.pages.profile_reminders import calendar, reminders
from hilink_app.state.profile import ProfilePage
from hilink_app.state.reminders import CalendarAddress, Reminders

t = ui.t

CONSENTS = {
    "transcription": N_("Captions and a written record of what I say"),
    "recording": N_("Recordings of my lessons"),
    "ai_summary": N_("A first draft of reports by a program"),
}
CONSENTS_WHY = {
    "transcription": N_(
        "What you say in class is written down, so that it can be read along and looked up later."
    ),
    "recording": N_("Your lessons may be recorded, so that they can be watched again."),
    "ai_summary": N_(
        "A program drafts the report from the written record. The instructor checks and sends it."
    ),
}


def _error(field: str) -> rx.Var:
    """The sentence beside `field`, empty when it is fine."""
    return rx.cond(ProfilePage.problem_field == field, ProfilePage.problem, "").to(str)


def _about() -> rx.Component:
    return ui.panel(
        ui.panel_head(t("About you")),
        ui.form(
            ui.text_field(
                t("Name"),
                "name",
                default_value=ProfilePage.name,
                auto_complete="name",
                max_length=100,
                required=True,
                error=_error("name"),
                key="name-" + ProfilePage.round.to(str),
            ),
            ui.select_field(
                t("Time zone"),
                "tz",
                ProfilePage.zones,
                hint=t("All times on your pages and in your emails follow it."),
                default_value=ProfilePage.tz,
                error=_error("tz"),
                key="tz-" + ProfilePage.round.to(str),
            ),
            ui.select_field(
                t("Language"),
                "lang",
                list(LANGUAGES.items()),
                default_value=ProfilePage.lang,
                error=_error("lang"),
                key="lang-" + ProfilePage.round.to(str),
            ),
            rx.el.div(ui.primary(t("Save settings"), type="submit")),
            on_submit=ProfilePage.save,
        ),
    )


def _sign_in() -> rx.Component:
    password = ui.form(
        ui.text_field(
            t("Password you have now"),
            "old",
            kind="password",
            auto_complete="current-password",
            required=True,
            error=_error("old"),
            key="old-" + ProfilePage.round.to(str),
        ),
        ui.text_field(
            t("New password"),
            "new",
            kind="password",
            auto_complete="new-password",
            hint=t("At least 10 characters. A short sentence is easy to remember."),
            required=True,
            error=_error("password"),
            key="new-" + ProfilePage.round.to(str),
        ),
        rx.el.div(ui.button(t("Change password"), type="submit")),
        on_submit=ProfilePage.change_password,
    )
    return ui.panel(
        ui.panel_head(t("Signing in")),
        ui.stack(
            rx.cond(
                ProfilePage.email != "",
                ui.facts((t("Email"), ProfilePage.email)),
                ui.quiet(t("Your family keeps your sign-in."), small=False),
            ),
            rx.cond(
                ProfilePage.has_password,
                password,
                ui.callout("info", "mail", t("You sign in with a link by email. You have no password.")),
            ),
        ),
    )


def _consent(item: rx.Var[tuple[str, bool]]) -> rx.Component:
    return ui.switch_field(
        rx.el.b(ui.t_choice(item[0], CONSENTS)),
        "consent-" + item[0],
        note=ui.t_choice(item[0], CONSENTS_WHY),
        checked=item[1],
        on_change=lambda _: ProfilePage.decide(item[0], ~item[1]),
    )


def profile() -> rx.Component:
    """The page."""
    consents = rx.cond(
        ProfilePage.consents.length() > 0,
        ui.panel(
            ui.panel_head(t("What you agree to")),
            ui.stack(rx.foreach(ProfilePage.consents, _consent), gap=4),
            ui.note("info", t("You can change this at any time. It holds from the next spoken word.")),
        ),
    )
    lessons = rx.cond(
        Reminders.shown,
        rx.fragment(rx.cond(ProfilePage.email != "", reminders()), calendar()),
    )
    body = ui.columns([_about(), lessons], [_sign_in(), consents], 428)
    return ui.frame(
        t("Profile and settings"),
        ui.when_ready(ProfilePage.ready, body, ui.panel(ui.skeleton(shape="panel"))),
        current="/profile",
    )


PAGES = [
    PageSpec(
        "/profile",
        profile,
        "Profile",
        (SIGNED_IN,),
        on_load=[ProfilePage.load, Reminders.load, CalendarAddress.load],
    )
]
