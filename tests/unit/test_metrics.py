"""Numbers for Prometheus: names, labels, who may read, and the small server of roles without one."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from core.clock import set_timer
from core.config import Settings
from core.domain import ExceptionCase
from core.metrics import Metric, Tally, exposition, may_read, tally
from core.plugins import Plugins
from core.queries import numbers
from core.testing import services
from hilink_app import metrics
from hilink_app.toolchain import ports
from rtc.metrics import METRICS as MEDIA

pytestmark = pytest.mark.unit

LABELS = {"status", "outcome", "reason", "kind", "source", "tick", "agent", "role"}
"""Each has few values that are known beforehand."""
UNITS = ("_total", "_seconds", "_bytes")
TOKEN = "a-token-for-the-scraper"


def own() -> list[Metric]:
    offered = Plugins.load(third_party=()).call("metrics", role="web")
    rooms = [metric for _, offers in offered for metric, _ in offers]
    return [*metrics.WEB, *rooms, *MEDIA, *metrics.WORKER, *metrics.AGENTS]


def read(text: bytes) -> dict[str, float]:
    """{name or name{label}: value}, as Prometheus' own parser has it."""
    return {
        sample.name + ("{" + ",".join(sample.labels.values()) + "}" if sample.labels else ""): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


@pytest.mark.parametrize("metric", own(), ids=lambda metric: metric.name)
def test_names_follow_prometheus_and_labels_are_few(metric: Metric) -> None:
    assert metric.name.startswith("hilink_")
    assert (metric.kind == "counter") == metric.name.endswith("_total")
    assert "_ms" not in metric.name and "_bps" not in metric.name, "base units"
    assert metric.says.endswith(".") and metric.label in {"", *LABELS}


def test_each_name_is_given_once() -> None:
    names = [metric.name for metric in own()]
    assert len(names) == len(set(names))


def test_what_is_counted_comes_out_in_prometheus_format() -> None:
    counts = Tally()
    counts.count("hilink_a_total", 2)
    counts.count("hilink_a_total")
    counts.count("hilink_b_total", label="lost")
    counts.put("hilink_c", 1.5)
    offered = [
        Metric("hilink_a_total", "counter", "A."),
        Metric("hilink_b_total", "counter", "B.", "reason"),
        Metric("hilink_c", "gauge", "C."),
        Metric("hilink_d_total", "counter", "Never counted."),
        Metric("hilink_e", "gauge", "Never put."),
    ]
    found = read(exposition(offered, counts.values()))
    assert found["hilink_a_total"] == 3 and found["hilink_b_total{lost}"] == 1 and found["hilink_c"] == 1.5
    assert found["hilink_d_total"] == 0 and "hilink_e" not in found
    with pytest.raises(ValueError, match="hilink_x"):
        exposition(offered, {"hilink_x": 1})


@pytest.mark.parametrize(
    ("token", "header", "may"),
    [
        (TOKEN, f"Bearer {TOKEN}", True),
        (TOKEN, f"bearer {TOKEN}", False),
        (TOKEN, "Bearer other", False),
        (TOKEN, "Bearer ü", False),
        (TOKEN, None, False),
        ("", "Bearer ", False),
        ("", None, False),
    ],
)
def test_only_the_token_reads_and_no_token_reads_nothing(token: str, header: str | None, may: bool) -> None:
    assert may_read(token, header) is may


def test_requests_and_sockets_are_counted() -> None:
    async def fine(request: Any) -> PlainTextResponse:
        return PlainTextResponse("ok")

    before = tally.values().get("hilink_web_requests_total", {})
    app = metrics.Counted(Starlette(routes=[Route("/", fine)]), lambda: 0.0)
    with TestClient(app) as client:
        client.get("/")
        client.get("/nowhere")
    after = tally.values()["hilink_web_requests_total"]
    assert isinstance(before, dict) and isinstance(after, dict)
    assert after["2xx"] == before.get("2xx", 0) + 1 and after["4xx"] == before.get("4xx", 0) + 1


def test_the_worker_says_how_much_work_there_is(tmp_path: Path) -> None:
    with services(tmp_path) as app:
        with app.store.write() as db:
            now = app.clock.now()
            set_timer(db, "bell", "s1", now - timedelta(seconds=40))
            db.add(ExceptionCase(kind="no_show", queue="coordinator", dedupe="x", due_at=now, opened_at=now))
        found = read(metrics.reading("worker", metrics.WORKER, numbers.of_work(app), app.plugins))
    assert found["hilink_timers_due"] == 1 and found["hilink_timer_lag_seconds"] == 40
    assert found["hilink_cases_open{no_show}"] == 1
    assert found["hilink_message_lag_seconds"] == 0 and found["hilink_deliveries{failed}"] == 0
    assert found["hilink_messages{queued}"] == 0 and "process_cpu_seconds_total" in found


def test_a_plugin_that_fails_hides_nobody_elses_numbers() -> None:
    class Offers:
        def call(self, hook: str, **arguments: Any) -> list[tuple[str, Any]]:
            good = (Metric("hilink_good", "gauge", "Good."), lambda: 1)
            bad = (Metric("hilink_bad", "gauge", "Bad."), lambda: 1 / 0)
            return [("bad", [bad]), ("good", [good])]

    plugins: Any = Offers()
    found = read(metrics.reading("web", metrics.WEB, {"hilink_web_sockets": 2}, plugins))
    assert found["hilink_good"] == 1 and found["hilink_web_sockets"] == 2 and "hilink_bad" not in found


@pytest.fixture
def port() -> Iterator[int]:
    settings = Settings(metrics_token=TOKEN)
    with metrics.serving(settings, ports.free_tcp(), lambda: b"hilink_x 1\n") as listening:
        yield listening


def get(url: str, token: str = "") -> tuple[int, bytes]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, b""


def test_roles_without_a_server_get_a_small_one(port: int) -> None:
    assert get(f"http://127.0.0.1:{port}/metrics", TOKEN) == (200, b"hilink_x 1\n")
    assert get(f"http://127.0.0.1:{port}/metrics")[0] == 403
    assert get(f"http://127.0.0.1:{port}/metrics", "wrong")[0] == 403
    assert get(f"http://127.0.0.1:{port}/else", TOKEN)[0] == 404


@pytest.mark.parametrize("settings", [Settings(), Settings(metrics_token="")])
def test_without_a_token_nothing_listens(settings: Settings) -> None:
    with metrics.serving(settings, ports.free_tcp(), lambda: b"") as listening:
        assert listening == 0
