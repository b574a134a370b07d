"""Charts: the finding is the title, the unit stands below it, the table is one click away."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import reflex as rx

from hilink_app.components.i18n import t
from hilink_app.components.icons import icon
from hilink_app.components.tokens import ACCENT, LINE, NEUTRAL, SERIES, TEXT_2, Text


@dataclass(frozen=True)
class Series:
    """One line or set of bars: the key in each row, its word, its colour (by order when empty)."""

    key: str
    label: Text
    color: str = ""
    dashed: bool = False


def _table(data: rx.Var, x: str, x_label: Text, series: Sequence[Series], title: Text) -> rx.Component:
    return rx.el.div(
        rx.el.table(
            rx.el.caption(title, class_name="hl-sr"),
            rx.el.thead(
                rx.el.tr(
                    rx.el.th(x_label, scope="col"),
                    *(rx.el.th(one.label, scope="col", class_name="hl-right") for one in series),
                )
            ),
            rx.el.tbody(
                rx.foreach(
                    data,
                    lambda item: rx.el.tr(
                        rx.el.td(item[x].to(str)),
                        *(rx.el.td(item[one.key].to(str), class_name="hl-right hl-num") for one in series),
                    ),
                )
            ),
            class_name="hl-table tight",
        ),
        class_name="hl-scroll",
        tab_index=0,
        role="region",
        aria_label=title,
    )


def _beside(word: str) -> rx.Var:
    """A recharts label under the left end of its line."""
    spec = {"value": word, "position": "insideTopLeft", "fill": TEXT_2, "fontSize": 12}
    return rx.Var(_js_expr=json.dumps(spec), _var_type=str)


def chart_frame(title: Text, unit: Text, drawing: rx.Component, table: rx.Component) -> rx.Component:
    """Any drawing with its finding, unit and table. a11y: the drawing is hidden, the table is read.

    The table opens with a native disclosure, so it needs no state and works without scripts.
    """
    return rx.el.figure(
        rx.el.figcaption(rx.el.b(title, class_name="hl-h3"), rx.el.span(unit, class_name="hl-q hl-sm")),
        rx.el.div(drawing, class_name="hl-chart", custom_attrs={"aria-hidden": "true"}),
        rx.el.details(
            rx.el.summary(
                icon("table-2"), rx.el.span(t("Show as table"), class_name="hl-sr"), title=t("Show as table")
            ),
            table,
            class_name="hl-behind",
        ),
        class_name="hl-fig",
    )


def chart(
    data: rx.Var | list[dict[str, Any]],
    series: Sequence[Series],
    *,
    x: str,
    title: Text,
    unit: Text,
    x_label: Text,
    kind: Literal["line", "bar", "area"] = "line",
    height: int = 170,
    reference: tuple[float, str] | None = None,
) -> rx.Component:
    """Lines, bars or areas over ``x`` from rows (dicts); ``reference``: a dashed level with its word.

    ``title`` says the finding ("Families hear after 38 min, down from 61"), ``unit`` what is counted.
    """
    rows = rx.Var.create(data).to(list[dict[str, Any]])
    axis = {"axis_line": False, "tick_line": False, "stroke": "var(--text-2)"}
    marks: list[rx.Component] = []
    for place, one in enumerate(series):
        color = one.color or SERIES[place % len(SERIES)]
        if kind == "bar":
            marks.append(
                rx.recharts.bar(
                    data_key=one.key, name=one.label, fill=color, radius=3, is_animation_active=False
                )
            )
        elif kind == "area":
            marks.append(
                rx.recharts.area(
                    data_key=one.key,
                    name=one.label,
                    stroke=color,
                    fill=color,
                    fill_opacity=0.14,
                    is_animation_active=False,
                )
            )
        else:
            dash: dict[str, Any] = {"stroke_dasharray": "4 4"} if one.dashed else {}
            marks.append(
                rx.recharts.line(
                    data_key=one.key,
                    name=one.label,
                    stroke=color,
                    stroke_width=2 if color == ACCENT else 1.6,
                    dot=False,
                    is_animation_active=False,
                    type_="linear",
                    **dash,
                )
            )
    if reference is not None:
        marks.append(
            rx.recharts.reference_line(
                y=rx.Var.create(reference[0]).to(int),
                label=_beside(reference[1]),
                stroke=NEUTRAL,
                stroke_dasharray="3 4",
            )
        )
    maker = {"line": rx.recharts.line_chart, "bar": rx.recharts.bar_chart, "area": rx.recharts.area_chart}[
        kind
    ]
    drawing = maker(
        rx.recharts.cartesian_grid(horizontal=True, vertical=False, stroke=LINE),
        rx.recharts.x_axis(data_key=x, **axis),
        rx.recharts.y_axis(width=36, **axis),
        rx.recharts.graphing_tooltip(is_animation_active=False),
        *marks,
        data=rows,
        custom_attrs={"accessibilityLayer": False},
        width="100%",
        height=height,
        margin={"top": 8, "right": 12, "left": 0, "bottom": 0},
    )
    return chart_frame(title, unit, drawing, _table(rows, x, x_label, series, title))


def figure(
    plot: rx.Var[Any], *, title: Text, unit: Text, table: rx.Component, height: str = "240px"
) -> rx.Component:
    """Plotly's JSON (a Var of it) in the same frame; ``table`` is what stands behind it."""
    from plotly.graph_objects import Figure  # only where pages are built

    return chart_frame(
        title,
        unit,
        rx.plotly(data=plot.to(Figure), width="100%", height=height, config={"displayModeBar": False}),
        table,
    )
