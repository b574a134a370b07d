"""`hilink run` as a person uses it: it comes up, mends itself, serves TLS, and stops without leftovers."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hilink_app.toolchain.paths import ROOT
from tests.running import ROLES, Run

pytestmark = pytest.mark.e2e


@pytest.fixture
def start(tmp_path: Path, built_app: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def make(*options: str) -> Run:
        folder = tmp_path / f"run{len(runs)}"
        folder.mkdir()
        runs.append(Run(folder, *options))
        return runs[-1]

    yield make
    for run in runs:
        run.stop()


def get(url: str, context: ssl.SSLContext | None = None) -> int:
    with urllib.request.urlopen(url, timeout=10, context=context) as response:
        return response.status


def test_it_comes_up_mends_itself_and_stops_clean(start: Callable[..., Run]) -> None:
    run = start("--lan")
    url = run.address()
    assert url == f"https://127.0.0.1:{run.port}"
    trusted = ssl.create_default_context(cafile=str(run.folder / "data" / "tls" / "authority.pem"))
    assert get(f"{url}/api/v1/health", trusted) == 200
    assert get(url, trusted) == 200
    before = run.roles()
    assert set(before) == ROLES

    before["worker"].send_signal(signal.SIGKILL)
    run.until(lambda: run.roles().get("worker", before["worker"]).pid != before["worker"].pid)
    run.until(lambda: run.text().count("worker is ready") == 2)
    assert run.roles()["web"].pid == before["web"].pid

    last = run.roles()
    assert run.stop() == 0
    assert not [process for process in last.values() if process.is_running()]
    assert "Traceback" not in run.text()


def test_a_taken_port_is_said_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        env = {**os.environ, "HILINK_PORT": str(port), "HILINK_DATA_DIR": str(tmp_path)}
        command = [sys.executable, "-m", "hilink_app.cli", "run"]
        done = subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 1
    assert f"port {port} is in use" in done.stderr
    assert "Traceback" not in done.stderr
