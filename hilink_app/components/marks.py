"""Marks: states, chips, drafts, seats and the thread. Shape and word carry the meaning, colour only helps."""

import reflex as rx

from core.i18n import N_
from hilink_app.components.drawn import Meter, StateShape
from hilink_app.components.drawn import Thread as _Thread
from hilink_app.components.i18n import t, t_choice
from hilink_app.components.icons import icon
from hilink_app.components.tokens import Child, Text, Tone, cls

STATES = {
    "expected": N_("Expected"),
    "waiting": N_("Waiting"),
    "live": N_("Live"),
    "late": N_("Late"),
    "ended": N_("Ended"),
}
STOPS = (
    N_("Matched"), N_("Room ready"), N_("Reminded"), N_("Joined"), N_("Ended"), N_("Summary"),
    N_("Family told"),
)  # fmt: skip
COVERAGE = {
    "covered": N_("covered"),
    "started": N_("started"),
    "missed": N_("not reached"),
    "added": N_("added"),
}


def state_mark(state: Text, *, word: bool = True) -> rx.Component:
    """The shape of a lesson's state (expected, waiting, live, late, ended) and its word.

    a11y: with ``word=False`` the word is still there for screen readers.
    """
    said = t_choice(state, STATES)
    return rx.el.span(
        StateShape.create(state=state),
        rx.el.span(said) if word else rx.el.span(said, class_name="hl-sr"),
        class_name="hl-state",
    )


def thread(done: int | rx.Var, at: Text = "now", width: int = 112) -> rx.Component:
    """Seven stops: matched, room ready, reminded, joined, ended, summary, family told.

    ``done``: stops finished, 0 to 7. ``at``: "now", "failed" or "" for the stop after them.
    a11y: an image named by one sentence: "3 of 7 done, next: Joined".
    """
    count, state = rx.Var.create(done).to(int), rx.Var.create(at)
    following = t_choice(count.to(str), {str(place): word for place, word in enumerate(STOPS)})
    label = rx.cond(
        count >= len(STOPS),
        t("All seven steps done"),
        rx.cond(
            state == "failed",
            t("{n} of 7 steps done, stopped at: {step}", n=count, step=following),
            t("{n} of 7 steps done, next: {step}", n=count, step=following),
        ),
    )
    return _Thread.create(done=done, at=at, width=width, label=label)


def chip(label: Text, tone: Tone = "", *, icon_name: str = "", mark: Child | None = None) -> rx.Component:
    """A word with meaning on a tint: ``tone`` ok, warn, bad, info, acc or "" (grey), with an icon beside."""
    sign = icon(icon_name, "s") if icon_name else mark
    return rx.el.span(
        sign if sign is not None else rx.fragment(), rx.el.span(label), class_name=cls("hl-chip", tone)
    )


def draft_mark(label: Text | None = None) -> rx.Component:
    """Dashed: something a program wrote and no person has accepted yet."""
    return rx.el.span(
        icon("pencil-line", "s"), rx.el.span(t("Draft") if label is None else label), class_name="hl-draft"
    )


def coverage_chip(topic: Text, state: Text, note: Text | None = None) -> rx.Component:
    """A topic of the plan: covered, started, missed or added. a11y: the icon's meaning is said in words."""
    said = t_choice(state, COVERAGE)

    def look(tone: Tone, name: str) -> rx.Component:
        words = rx.fragment(": ", said, ", ", note) if note is not None else rx.fragment(": ", said)
        tail = rx.el.span(words, class_name="hl-sr") if tone == "ok" and note is None else words
        return rx.el.span(icon(name, "s"), rx.el.span(topic, tail), class_name=cls("hl-chip m", tone))

    return rx.fragment(
        rx.match(
            state,
            ("covered", look("ok", "check")),
            ("started", look("warn", "circle-dashed")),
            ("added", look("acc", "plus")),
            look("", "minus"),
        )
    )


def seat(label: Text, state: Text = "here") -> rx.Component:
    """Who is here: ``state`` here, partly, missing or weak, with the words beside."""
    return rx.fragment(
        rx.match(
            state,
            ("missing", rx.el.span(icon("user-round-x"), rx.el.span(label), class_name="hl-seat no")),
            ("weak", rx.el.span(Meter.create(bars=1), rx.el.span(label), class_name="hl-seat weak")),
            ("partly", rx.el.span(icon("user-round-check"), rx.el.span(label), class_name="hl-seat")),
            ("none", rx.el.span(label, class_name="hl-seat")),
            rx.el.span(Meter.create(bars=4), rx.el.span(label), class_name="hl-seat"),
        )
    )


seats = seat


def meter(bars: int | rx.Var, label: Text) -> rx.Component:
    """Connection of one person: 0 to 4 bars and a word."""
    return rx.el.span(Meter.create(bars=bars), rx.el.span(label), class_name="hl-seat")


def kbd(key: str) -> rx.Component:
    """A key to press."""
    return rx.el.kbd(key, class_name="hl-kbd")
