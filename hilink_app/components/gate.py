"""Draws a page when its door is open, and says in one sentence why when it is not."""

import reflex as rx

from hilink_app.components.buttons import link
from hilink_app.components.drawn import Drawn, Held
from hilink_app.components.frame import bare, frame
from hilink_app.components.i18n import t
from hilink_app.components.page import PageSpec
from hilink_app.components.states import missing, skeleton
from hilink_app.state.gate import DENIED, OFF, OPEN, PageGate
from hilink_app.state.live import Live


def gate(spec: PageSpec) -> rx.Component:
    """a11y: the reason is in main, with a link home."""
    waiting = bare(skeleton(4)) if spec.full_bleed else frame("", skeleton(6), zone=False, current=spec.route)
    page = rx.fragment(spec.component(), Drawn.create(count=Live.sent, on_drawn=Live.drawn))
    verdict = rx.cond(PageGate.route == spec.route, PageGate.verdict, "")
    if spec.stays:
        return Held.create(page, _closed(verdict, waiting), verdict=verdict)
    return rx.cond(verdict == OPEN, page, _closed(verdict, waiting))


def _closed(verdict: rx.Var[str], waiting: rx.Component) -> rx.Component:
    """Why a page is not drawn."""
    return rx.fragment(
        rx.match(
            verdict,
            (
                DENIED,
                bare(
                    missing(
                        t("This page is not for your account"),
                        t("Your sign-in works, but this page belongs to another role."),
                        link(t("Go to your start page"), "/"),
                        icon_name="lock",
                    )
                ),
            ),
            (
                OFF,
                bare(
                    missing(
                        t("This part is switched off"),
                        t(
                            "An operator switched it off. Nothing is lost; it comes back when it is switched on again."
                        ),
                        link(t("Go to your start page"), "/"),
                        icon_name="power",
                    )
                ),
            ),
            waiting,
        )
    )
