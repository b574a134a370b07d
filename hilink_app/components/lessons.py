"""Lessons: the next one, rows of a day, the board's rows and the strip of a whole day."""

from typing import Any

import reflex as rx

from hilink_app.components.buttons import icon_button
from hilink_app.components.drawn import DayStrip, StateShape
from hilink_app.components.i18n import t
from hilink_app.components.icons import icon
from hilink_app.components.marks import state_mark
from hilink_app.components.people import avatar
from hilink_app.components.times import clock, countdown, relative_text, time_text
from hilink_app.components.tokens import Child, Event, Text, cls


def next_lesson(
    at: Text,
    *,
    title: Text,
    note: Text,
    initials: Text,
    action: rx.Component,
    label: Text | None = None,
    beside: Child | None = None,
    said: Child | None = None,
    bar: bool = True,
    size_px: int = 96,
) -> rx.Component:
    """The answer to "when, and how do I get in?": clock, relative time, who, and the button beside it.

    ``beside`` follows the relative time (the room is open), ``said`` stands under the button.
    a11y: a region named "Next lesson"; the clock is a ``time`` element.
    """
    left = rx.el.div(
        rx.el.p(t("Next lesson") if label is None else label, class_name="hl-q"),
        clock(at, size_px),
        rx.el.p(
            rx.el.b(relative_text(at, class_name="hl-num hl-first-up")),
            rx.el.span(" · ", beside, class_name="hl-q") if beside is not None else rx.fragment(),
            class_name="hl-cd",
        ),
    )
    right = rx.el.div(
        rx.el.div(
            avatar(initials, "l", "t"),
            rx.el.span(rx.el.b(title, class_name="hl-nt"), rx.el.br(), rx.el.span(note, class_name="hl-q")),
            class_name="hl-row",
            custom_attrs={"style": {"gap": "14px"}},
        ),
        action,
        rx.el.div(said, class_name="hl-q hl-sm hl-said hl-in") if said is not None else rx.fragment(),
        class_name="hl-nr",
    )
    return rx.el.section(
        left,
        right,
        countdown(at) if bar else rx.fragment(),
        class_name="hl-panel hl-join",
        aria_label=t("Next lesson"),
    )


def day_row(
    at: Text,
    state: Text,
    title: Text,
    note: Text,
    *end: Child,
    current: bool | rx.Var = False,
    href: str | rx.Var | None = None,
) -> rx.Component:
    """One lesson of a person's day: time, shape, who, what comes of it (52 px). Put rows in ``day_list``."""
    name = rx.cond(current, "hl-ls next", rx.cond(state == "ended", "hl-ls done", "hl-ls"))
    who = rx.el.span(rx.el.b(title), rx.el.small(note, class_name="hl-q"), class_name="hl-lw")
    return rx.el.li(
        rx.el.span(
            rx.el.b(time_text(at)),
            rx.el.small(rx.cond(state == "ended", t("ended"), relative_text(at)), class_name="hl-q"),
            class_name="hl-tt hl-num",
        ),
        state_mark(state, word=False),
        rx.link(who, href=href, underline="none", class_name="hl-plainlink") if href is not None else who,
        rx.el.span(*end, class_name="hl-end"),
        class_name=name,
    )


def day_list(*rows: Child) -> rx.Component:
    """The list around ``day_row``; takes rows or one ``rx.foreach``."""
    return rx.el.ul(*rows, class_name="hl-day")


def _far(at: Text, state: Text) -> rx.Component:
    """How far away a lesson is, in the words its state needs."""
    return rx.fragment(
        rx.match(
            state,
            ("late", time_text(at, "late")),
            ("live", time_text(at, "elapsed")),
            ("ended", rx.fragment()),
            relative_text(at),
        )
    )


def lesson_row(
    *,
    at: Text,
    state: Text,
    who: Child,
    course: Text,
    topic: Text,
    instructor: Text,
    here: Child,
    steps: Child,
    action: Child,
    relative: Child | None = None,
    selected: bool | rx.Var = False,
    on_click: Event | None = None,
    session_id: Text = "",
) -> rx.Component:
    """One row of the live board, 36 px. Late rows colour their relative time. a11y: a row of a grid."""
    late = rx.Var.create(state) == "late"
    name = rx.cond(selected, "hl-r sel", "hl-r")
    props: dict[str, Any] = {"on_click": on_click} if on_click is not None else {}
    cells: list[tuple[Child, str]] = [
        (state_mark(state, word=False), ""),
        (time_text(at), "hl-tm"),
        (relative if relative is not None else _far(at, state), "hl-rel"),
        (who, "hl-who"),
        (rx.fragment(course, rx.el.i(topic)), "hl-crs"),
        (instructor, "hl-ins"),
        (here, "hl-here"),
        (steps, "hl-steps"),
        (action, "hl-act"),
    ]
    return rx.el.div(
        *(rx.el.span(part, class_name=style, role="gridcell") for part, style in cells),
        class_name=name,
        role="row",
        custom_attrs={"aria-selected": selected, "data-late": late, "data-session-id": session_id},
        **props,
    )


def lane_head(state: Text, label: Text, count: Text, note: Child | None = None) -> rx.Component:
    """The head of a group of rows; stays in sight while its rows scroll. a11y: a heading row of the grid."""
    return rx.el.div(
        rx.el.span(
            StateShape.create(state=state),
            rx.el.b(label),
            rx.el.span(count, class_name="hl-q hl-num"),
            rx.el.span(note, class_name="hl-q hl-sm") if note is not None else rx.fragment(),
            role="gridcell",
            class_name="hl-lane-in",
        ),
        class_name="hl-lane",
        role="row",
    )


def lesson_grid(*rows: Child, foot: Child | None = None) -> rx.Component:
    """The board's table: heads, then ``lane_head`` and ``lesson_row``. a11y: a grid with column names."""
    heads = [
        ("", t("State")), (t("Start"), None), ("", t("How far away")), (t("Student"), None),
        (t("Course"), None),
        (t("Instructor"), None), (t("Who is here"), None), (None, None), ("", t("Open")),
    ]  # fmt: skip
    cells = []
    styles = ("", "", "hl-rel", "", "hl-crs", "hl-ins", "", "hl-steps", "")
    for (word, hidden), style in zip(heads, styles, strict=True):
        if word is None:
            inside: Child = rx.el.span(
                rx.el.span(t("Matched")), rx.el.span(t("Family told")), class_name="hl-thh"
            )
        else:
            inside = rx.el.span(hidden, class_name="hl-sr") if hidden is not None else word
        cells.append(rx.el.span(inside, role="columnheader", class_name=style))
    return rx.el.div(
        rx.el.div(
            rx.el.div(*cells, class_name="hl-h", role="row"),
            rx.el.div(*rows, class_name="hl-body", role="rowgroup"),
            role="grid",
            aria_label=t("Lessons"),
        ),
        rx.el.div(foot, class_name="hl-foot") if foot is not None else rx.fragment(),
        class_name="hl-panel hl-grid clip",
    )


def day_strip(
    slots: rx.Var | list,
    *,
    label: Text,
    caption: Text,
    now_at: rx.Var | float | None = None,
    now_label: Text = "",
    first: rx.Var | int = 0,
    last: rx.Var | int = 0,
    on_span: Event | None = None,
) -> rx.Component:
    """Lessons starting per quarter hour; ``slots`` as in ``kit.jsx``, ``now_at`` 0..1 of the day's width.

    a11y: an image named by ``label`` (the busiest slot in words); offer the same choice as a select.
    """
    extra: dict[str, Any] = {"on_span": on_span} if on_span is not None else {}
    if now_at is not None:
        extra["now_at"] = now_at
    return DayStrip.create(
        slots=slots, label=label, caption=caption, now_label=now_label, first=first, last=last, **extra
    )


def board(main: list[Child], queue: list[Child], *, label: Text, open: rx.Var | bool = False) -> rx.Component:
    """The coordinator's two columns: the list and the queue (368 px, its own scrolling).

    Below 1080 px the queue is a sheet shown while ``open``; put ``queue_button`` in the page head.
    Use inside ``frame(..., flush=True, head=rx.fragment())``. a11y: the queue is a named region.
    """
    return rx.el.div(
        rx.el.div(*main),
        rx.el.aside(*queue, class_name="hl-queue", aria_label=label, custom_attrs={"data-open": open}),
        class_name="hl-board",
    )


def queue_button(label: Text, count: Text, on_click: Event, *, open: rx.Var | bool = False) -> rx.Component:
    """Opens the queue on narrow screens, with its count. a11y: says whether it is open."""
    return rx.el.button(
        rx.el.span(label),
        rx.el.b(count, class_name="hl-num"),
        type="button",
        on_click=on_click,
        class_name="hl-btn hl-qopen",
        custom_attrs={"aria-expanded": open},
    )


def queue_head(title: Text, *end: Child, on_close: Event | None = None) -> rx.Component:
    """Title of the queue, its switch, and a close button that only the sheet shows. a11y: an h2."""
    return rx.el.div(
        rx.el.h2(title, class_name="hl-h2"),
        rx.el.span(class_name="hl-sp"),
        *end,
        rx.el.span(icon_button("x", t("Close"), size="s", on_click=on_close), class_name="hl-qclose")
        if on_close is not None
        else rx.fragment(),
        class_name="hl-qh",
    )


def coming_up(date: Child, month: Child, title: Child, note: Child, *end: Child) -> rx.Component:
    """A future lesson on family pages: date, what with whom, when. A list item."""
    return rx.el.li(
        rx.el.span(rx.el.b(date), rx.el.small(month), class_name="hl-dt"),
        rx.el.span(title, rx.el.br(), rx.el.span(note, class_name="hl-q hl-num")),
        rx.el.span(*end),
        class_name="hl-up",
    )


def story(*steps: tuple[Child, Text]) -> rx.Component:
    """What happened, with times, in words: families read this instead of the thread. a11y: a list."""
    items = [
        rx.el.li(icon("check"), rx.el.b(at, class_name="hl-num"), rx.el.span(says, class_name="hl-q"))
        for at, says in steps
    ]
    return rx.el.ul(*items, class_name=cls("hl-story"))
