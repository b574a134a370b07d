"""Sign-in, sign-in by a mailed link, and what is wrong with a join link. Plain forms: they work before any script."""

import reflex as rx

from core.access import PUBLIC
from hilink_app import components as ui
from hilink_app.components.frame import ROLE_WORDS
from hilink_app.components.page import PageSpec
from hilink_app.demo.people import ACCOUNTS, PASSWORD
from hilink_app.state.sign_in import SignIn

t = ui.t


def _why() -> rx.Component:
    """The reason the last try did not work; a sentence, in the reader's language."""
    return rx.cond(
        SignIn.problem != "",
        ui.form_error(
            rx.match(
                SignIn.problem,
                ("not_signed_in", t("The email or the password is not right.")),
                (
                    "too_many",
                    t("Too many tries. Please wait ten minutes, or ask for a sign-in link by email."),
                ),
                (
                    "not_allowed",
                    t("This sign-in link has expired or was used already. Please ask for a new one."),
                ),
                ("invalid_input", t("Please enter an email address.")),
                t("That did not work. Please try again."),
            )
        ),
    )


def _demo_note() -> rx.Component:
    """One account of each role, so that a first look needs no searching."""
    accounts = [
        (ui.t_choice(role, ROLE_WORDS), rx.el.span(email, class_name="hl-num")) for role, email in ACCOUNTS
    ]
    return rx.cond(
        SignIn.demo,
        ui.panel(
            rx.el.h2(t("This is a demo"), class_name="hl-h2"),
            rx.el.p(
                t("One account of each role; the password is always {password}", password=PASSWORD),
                class_name="hl-q",
            ),
            rx.el.div(ui.facts(*accounts, label_px=96), custom_attrs={"style": {"marginTop": "10px"}}),
            custom_attrs={"style": {"marginTop": "16px"}},
        ),
    )


def sign_in() -> rx.Component:
    """One question: who are you?"""
    return ui.bare(
        ui.panel(
            ui.stack(
                rx.el.div(
                    rx.el.h1(t("Sign in"), class_name="hl-h1"),
                    rx.el.p(SignIn.organisation, class_name="hl-q"),
                ),
                _why(),
                rx.cond(
                    SignIn.sent,
                    ui.callout(
                        "ok",
                        "mail",
                        t("If we know this address, a sign-in link is on its way. It works for 15 minutes."),
                    ),
                ),
                gap=4,
                custom_attrs={"style": {"marginBottom": "16px"}},
            ),
            ui.post_form(
                ui.text_field(t("Email"), "email", kind="email", auto_complete="username", required=True),
                ui.text_field(
                    t("Password"),
                    "password",
                    kind="password",
                    auto_complete="current-password",
                    required=True,
                ),
                rx.el.input(type="hidden", name="then", value=SignIn.then, read_only=True),
                ui.primary(t("Sign in"), type="submit", wide=True, size="b"),
                action="/auth/sign-in",
            ),
            rx.el.div(ui.rule(), custom_attrs={"style": {"margin": "20px 0"}}),
            ui.post_form(
                ui.text_field(
                    t("Or get a link by email"),
                    "link_email",
                    kind="email",
                    auto_complete="username",
                    required=True,
                ),
                ui.button(t("Send me a link"), type="submit", icon="mail", wide=True),
                action="/auth/link",
            ),
        ),
        _demo_note(),
    )


def use_link() -> rx.Component:
    """A mailed link is used with one press, so that mail scanners that open it do not use it up."""
    return ui.bare(
        ui.panel(
            rx.el.h1(t("Welcome back"), class_name="hl-h1"),
            rx.el.p(
                t("Press the button to sign in on this device."),
                custom_attrs={"style": {"margin": "6px 0 16px"}},
            ),
            ui.post_form(
                rx.el.input(type="hidden", name="token", value=SignIn.token, read_only=True),
                ui.primary(t("Sign in"), type="submit", wide=True, size="b"),
                action="/auth/link/use",
            ),
        )
    )


def link_problem() -> rx.Component:
    """What is wrong with a join link, what is safe, what to do."""
    return ui.bare(
        ui.missing(
            t("This link does not open a lesson"),
            ui.t_choice(SignIn.problem, {sentence: sentence for sentence in _SENTENCES}, _OTHER),
            ui.button(t("Sign in instead"), href="/sign-in"),
            icon_name="link-2-off",
        )
    )


_OTHER = "Please use the newest link we sent you, or sign in."
_SENTENCES = (
    "This link is not one of ours. Please use the newest link we sent you.",
    "This lesson was cancelled.",
    "This link was withdrawn. Please use the newest link we sent you.",
    "This link has expired: the lesson is over.",
    "This link belongs to somebody else. Sign out first, or use your own link.",
)
"""Sentences of core.lifecycle.join, which marks them for translation."""

PAGES = [
    PageSpec("/sign-in", sign_in, "Sign in", (PUBLIC,), full_bleed=True, on_load=[SignIn.read_address]),
    PageSpec("/sign-in/link", use_link, "Sign in", (PUBLIC,), full_bleed=True, on_load=[SignIn.read_address]),
    PageSpec("/link", link_problem, "Link", (PUBLIC,), full_bleed=True, on_load=[SignIn.read_address]),
]
