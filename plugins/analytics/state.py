"""What the charts over time show."""

import asyncio
from typing import Any

import plotly.graph_objects as go
import reflex as rx

from hilink_app.state.base import BaseState
from hilink_app.state.guard import SIGNED_IN, allow
from plugins.analytics.queries import Week, weeks

_PINE, _SAND = "#0a6c5f", "#e0a100"


class OverTime(BaseState):
    """rows: one a week, also the table behind the charts. share: lessons attended in 100 over all weeks."""

    rows: list[Week] = []
    share: int = 0
    covered: int = 0
    attendance: go.Figure = go.Figure()
    taking_part: go.Figure = go.Figure()

    @rx.event
    @allow(SIGNED_IN)
    async def load(self, student_id: str) -> None:
        """For one student; who may is checked where the rows are read."""
        self.rows = await asyncio.to_thread(weeks, self._viewer(), student_id)
        lessons = sum(row.lessons for row in self.rows)
        self.share = round(100 * sum(row.attended for row in self.rows) / lessons) if lessons else 0
        self.covered = sum(row.topics_covered for row in self.rows)
        mondays = [row.monday for row in self.rows]
        self.attendance = _figure(
            go.Bar(x=mondays, y=[row.attended for row in self.rows], marker_color=_PINE, name=self._t("there")),
            go.Bar(x=mondays, y=[row.missed for row in self.rows], marker_color=_SAND, name=self._t("missed")),
        )
        right: list[Any] = [row.right if row.right >= 0 else None for row in self.rows]
        self.taking_part = _figure(
            go.Scatter(x=mondays, y=right, mode="lines+markers", line_color=_PINE, name=self._t("right answers in 100")),
        )


def _figure(*traces: Any) -> go.Figure:
    """Quiet axes in the page's own type; the colours work on light and dark."""
    figure = go.Figure(list(traces))
    figure.update_layout(
        barmode="stack",
        margin={"l": 32, "r": 8, "t": 8, "b": 28},
        height=220,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "Atkinson Hyperlegible Next, system-ui, sans-serif", "size": 13, "color": "#7b8783"},
        showlegend=len(traces) > 1,
        legend={"orientation": "h", "y": 1.15},
    )
    figure.update_xaxes(type="category", showgrid=False)
    figure.update_yaxes(rangemode="tozero", gridcolor="rgba(128,140,135,.25)")
    return figure
