"""What the charts over time show."""

import asyncio
from datetime import date
from typing import Any

import reflex as rx
from babel.dates import format_skeleton

from core.i18n import locale
from hilink_app.state.base import BaseState
from hilink_app.state.guard import SIGNED_IN, allow
from plugins.analytics.queries import Week, weeks

_PINE, _SAND = "#12957f", "#e0a100"
HEIGHT = 200
"""Pixels of a chart."""


class OverTime(BaseState):
    """rows: one a week, also the table behind the charts. The numbers are sums over all weeks.

    right: right answers in 100 over all weeks, -1 without answers; talk_min: minutes spoken a lesson.
    """

    ready: bool = False
    rows: list[Week] = []
    lessons: int = 0
    there: int = 0
    covered: int = 0
    right: int = -1
    talk_min: int = 0
    attendance: dict[str, Any] = {}
    answers: dict[str, Any] = {}
    taking_part: dict[str, Any] = {}
    coverage: dict[str, Any] = {}

    @rx.event
    @allow(SIGNED_IN)
    async def load(self, student_id: str) -> None:
        """For one student; who may is checked where the rows are read."""
        if not student_id:
            return
        rows = await asyncio.to_thread(weeks, self._viewer(), student_id)
        self.rows, self.ready = rows, True
        self.lessons = sum(row.lessons for row in rows)
        self.there = sum(row.attended for row in rows)
        self.covered = sum(row.topics_covered for row in rows)
        self.talk_min = round(sum(row.talk_min * row.attended for row in rows) / max(1, self.there))
        answered = [row.right for row in rows if row.right >= 0]
        self.right = round(sum(answered) / len(answered)) if answered else -1
        self._draw(rows)

    def _draw(self, rows: list[Week]) -> None:
        import plotly.graph_objects as go  # a third of a second: for whoever opens the charts, not for every start

        days = locale(self._viewer().lang)
        at = [format_skeleton("MMMd", date.fromisoformat(row.monday), locale=days) for row in rows]
        right: list[Any] = [row.right if row.right >= 0 else None for row in rows]
        self.attendance = _figure(
            go.Bar(x=at, y=[row.attended for row in rows], marker_color=_PINE, name=self._t("there")),
            go.Bar(x=at, y=[row.missed for row in rows], marker_color=_SAND, name=self._t("missed")),
        )
        self.answers = _figure(go.Scatter(x=at, y=right, mode="lines+markers", line_color=_PINE), top=105)
        self.taking_part = _figure(
            go.Bar(
                x=at, y=[row.talk_min for row in rows], marker_color=_PINE, name=self._t("minutes spoken")
            ),
            go.Bar(x=at, y=[row.hands for row in rows], marker_color=_SAND, name=self._t("raised hands")),
            beside=True,
        )
        self.coverage = _figure(go.Bar(x=at, y=[row.topics_covered for row in rows], marker_color=_PINE))


def _figure(*traces: Any, top: int = 0, beside: bool = False) -> dict[str, Any]:
    """Quiet axes in the page's own type; the colours work on light and dark. top: a fixed end of the scale."""
    from plotly.graph_objects import Figure

    figure = Figure(list(traces))
    few = max((len(trace.x) for trace in traces), default=0) < 6
    figure.update_layout(
        barmode="group" if beside else "stack",
        bargap=0.75 if few else 0.35,
        margin={"l": 28, "r": 8, "t": 8, "b": 28},
        height=HEIGHT,
        autosize=True,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "Atkinson Hyperlegible Next, system-ui, sans-serif", "size": 13, "color": "#7b8783"},
        showlegend=len(traces) > 1,
        legend={"orientation": "h", "y": 1.2, "traceorder": "normal"},
    )
    figure.update_xaxes(type="category", showgrid=False)
    whole = max((max((y or 0 for y in trace.y), default=0) for trace in traces), default=0) < 6
    figure.update_yaxes(
        rangemode="tozero",
        gridcolor="rgba(128,140,135,.25)",
        dtick=1 if whole and not top else None,
        range=[0, top] if top else None,
    )
    return figure.to_plotly_json()
