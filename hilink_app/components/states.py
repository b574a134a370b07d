"""What every page must be able to say: nothing, loading, failed, a part missing, weak network, long work."""

import reflex as rx

from hilink_app.components.drawn import Meter
from hilink_app.components.i18n import number, t
from hilink_app.components.icons import icon
from hilink_app.components.tokens import Child, Text, cls


def empty(title: Text, says: Text, *actions: rx.Component, icon_name: str = "circle-check") -> rx.Component:
    """Nothing here: says what will appear and how to make it happen."""
    return rx.el.div(
        icon(icon_name, "xl"), rx.el.b(title), rx.el.p(says, class_name="hl-q"), *actions, class_name="hl-em"
    )


def failed(title: Text, says: Text, *actions: rx.Component) -> rx.Component:
    """Something went wrong: what happened, what is safe, what to do. a11y: announced when it appears."""
    return rx.el.div(
        icon("circle-alert", "xl"), rx.el.b(title), rx.el.p(says, class_name="hl-q"),
        rx.el.div(*actions, class_name="hl-row hl-wrap") if actions else rx.fragment(),
        class_name="hl-em left", role="alert",
    )  # fmt: skip


def missing(
    title: Text, says: Text, *actions: rx.Component, icon_name: str = "circle-dashed"
) -> rx.Component:
    """A part is not there, the rest goes on: says what is and is not affected."""
    return rx.el.div(
        icon(icon_name, "xl"), rx.el.b(title), rx.el.p(says, class_name="hl-q"),
        rx.el.div(*actions, class_name="hl-row hl-wrap") if actions else rx.fragment(),
        class_name="hl-em left", role="note",
    )  # fmt: skip


_WIDTHS = ((14, 44, 150, 90), (14, 44, 120, 110), (14, 44, 168, 80), (14, 44, 134, 96), (14, 44, 150, 104))


def skeleton(rows: int = 5, *, shape: str = "rows", label: Text | None = None) -> rx.Component:
    """The shape first, no jump: ``shape`` rows, panel or text. a11y: an image named "Loading"."""

    def bar(width: int | str, height: int = 16) -> rx.Component:
        size = f"{width}px" if isinstance(width, int) else width
        return rx.el.i(custom_attrs={"style": {"width": size, "height": f"{height}px"}})

    if shape == "rows":
        inside = [
            rx.el.div(*(bar(w) for w in _WIDTHS[i % len(_WIDTHS)]), class_name="hl-skr") for i in range(rows)
        ]
    elif shape == "text":
        inside = [rx.el.div(bar(f"{92 - 13 * (i % 4)}%"), class_name="hl-skr") for i in range(rows)]
    else:
        inside = [rx.el.div(bar(180, 24), class_name="hl-skr"),
                  rx.el.div(bar("70%", 64), class_name="hl-skr"),
                  rx.el.div(bar("45%"), class_name="hl-skr")]  # fmt: skip
    return rx.el.div(
        *inside, class_name="hl-sk", role="img", aria_label=t("Loading") if label is None else label
    )


def net_sentence(text: Text, *, state: Text = "weak") -> rx.Component:
    """Trouble with the network as an amber sentence. a11y: role status, never a dialog."""
    bars = rx.match(state, ("lost", 0), ("weak", 1), 4)
    return rx.el.p(Meter.create(bars=bars), rx.el.span(text), class_name="hl-net", role="status")


def long_work(
    title: Text,
    done: int | rx.Var,
    total: int | rx.Var,
    says: Child,
    *actions: rx.Component,
    figure: Text | None = None,
) -> rx.Component:
    """Work that takes minutes: what is happening, how far; it can be left. a11y: a real progress bar.

    ``figure``: how far in words, instead of the number of ``done``.
    """
    finished, whole = rx.Var.create(done).to(int), rx.Var.create(total).to(int)
    return rx.el.div(
        rx.el.div(
            rx.el.b(title), rx.el.span(class_name="hl-sp"),
            rx.el.span(number(finished) if figure is None else figure, class_name="hl-num"),
            class_name="hl-row",
        ),
        rx.el.progress(value=finished, max=whole, class_name="hl-pgb", aria_label=title),
        rx.el.p(says, class_name="hl-q"),
        rx.el.div(*actions, class_name="hl-row hl-wrap") if actions else rx.fragment(),
        class_name="hl-em left", custom_attrs={"aria-live": "polite"},
    )  # fmt: skip


def callout(tone: str, icon_name: str, *children: Child) -> rx.Component:
    """A tinted sentence in the flow of a page: ``tone`` info, warn, bad, ok, acc."""
    return rx.el.div(icon(icon_name), rx.el.div(*children), class_name=cls("hl-callout", tone))


def when_ready(ready: rx.Var, body: rx.Component, waiting: rx.Component | None = None) -> rx.Component:
    """The body once ``ready``, its skeleton before; never a blank."""
    return rx.cond(ready, body, skeleton() if waiting is None else waiting)
