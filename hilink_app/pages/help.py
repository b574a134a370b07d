"""Help: a few short answers for the reader's own role."""

from dataclasses import dataclass

import reflex as rx

from core.access import SIGNED_IN
from core.i18n import N_
from hilink_app import components as ui
from hilink_app.components.page import PageSpec
from hilink_app.state.reader import Reader

t = ui.t


@dataclass(frozen=True)
class Answer:
    question: str
    says: str


_EVERYBODY = (
    Answer(
        N_("The times look wrong"),
        N_(
            "All times follow the time zone in your profile. Open your profile and choose the place you are in."
        ),
    ),
    Answer(
        N_("I cannot sign in on another device"),
        N_(
            "On the sign-in page, ask for a link by email. It works once, for 15 minutes, and needs no password."
        ),
    ),
)
_JOINING = (
    Answer(
        N_("How do I get into a lesson?"),
        N_("Open Home and press the button of your next lesson. The room opens 15 minutes before it starts."),
    ),
    Answer(
        N_("Nobody sees or hears me"),
        N_(
            "Use the check before you join: it shows your camera and a moving bar when you speak. When the browser "
            "asks, allow camera and microphone."
        ),
    ),
    Answer(
        N_("My connection broke off"),
        N_("Your seat is kept. The room finds you again by itself; if not, load the page again and join."),
    ),
)
ANSWERS: dict[str, tuple[Answer, ...]] = {
    "student": (
        *_JOINING,
        Answer(
            N_("Where is my homework?"),
            N_("On Home, as soon as your instructor has sent the report of the lesson."),
        ),
    ),
    "guardian": (
        Answer(
            N_("When does the report come?"),
            N_(
                "After each lesson the instructor checks and sends it, mostly within the hour. You also get it by email."
            ),
        ),
        Answer(
            N_("Who decides about captions and recordings?"),
            N_("You do. The switches are on Home, and you can change them at any time."),
        ),
        Answer(
            N_("My child cannot come"),
            N_("Please tell your coordinator as early as you can, so that the lesson can be moved."),
        ),
    ),
    "instructor": (
        *_JOINING,
        Answer(
            N_("A summary waits for me"),
            N_(
                "Open Summaries. Press a sentence to see where it comes from, change what is not right, then approve. "
                "Families hear nothing before that."
            ),
        ),
        Answer(
            N_("The draft is wrong"),
            N_("Ask for a new draft and say why, or write it in your own words. Both take a minute."),
        ),
    ),
    "coordinator": (
        Answer(
            N_("What needs me now?"),
            N_(
                "Today shows all lessons as they are, and beside them what needs a person, the most urgent first."
            ),
        ),
        Answer(
            N_("How do I schedule a lesson?"),
            N_(
                "On Today, press Schedule a lesson. Times that clash are refused, with the lesson they clash with."
            ),
        ),
    ),
    "operator": (
        Answer(
            N_("Something is red"),
            N_(
                "Operations shows each part, what failed and how often. Failed work can be tried again there."
            ),
        ),
        Answer(
            N_("A plugin misbehaves"),
            N_(
                "Switch it off under Operations. Its work waits and goes on, or is left out, when you switch it on again."
            ),
        ),
    ),
}


def _answer(item: Answer) -> rx.Component:
    return rx.el.li(
        rx.el.h2(ui.t_var(item.question), class_name="hl-h2"),
        ui.prose(ui.t_var(item.says)),
        class_name="hl-li",
    )


def _answers(items: tuple[Answer, ...]) -> rx.Component:
    return rx.el.ul(*(_answer(item) for item in items), class_name="hl-list")


def help_page() -> rx.Component:
    """The page."""
    cases = [(role, _answers((*items, *_EVERYBODY))) for role, items in ANSWERS.items()]
    return ui.frame(
        t("Help"),
        ui.panel(rx.match(Reader.role, *cases, _answers(_EVERYBODY))),
        ui.panel(
            rx.el.h2(t("Is my connection good enough?"), class_name="hl-h2"),
            ui.prose(t("A minute tells: camera, microphone, sound, and the way to the lesson.")),
            ui.link(t("Check your connection"), "/check"),
        ),
        zone=t("Short answers to what people ask most."),
        current="/help",
    )


PAGES = [PageSpec("/help", help_page, "Help", (SIGNED_IN,))]
