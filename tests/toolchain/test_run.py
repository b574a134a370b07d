"""`hilink run` as a person uses it: it comes up, mends itself, serves TLS, and stops without leftovers."""

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from hilink_app.toolchain import ports
from hilink_app.toolchain.paths import ROOT

pytestmark = pytest.mark.e2e

UP = re.compile(r"HiLink is up: (https?://\S+)")
ROLES = {"web", "media", "worker", "agents"}


class Run:
    """One `hilink run` over its own data folder and ports."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.port = ports.free_tcp()
        self.log = folder / "run.log"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("HILINK_")}
        env = inherited | {
            "HILINK_DATA_DIR": str(folder / "data"),
            "HILINK_HOST": "127.0.0.1",
            "HILINK_PORT": str(self.port),
            "HILINK_MEDIA_PORT": str(ports.free_udp()),
            "HILINK_MEDIA_CONTROL_URL": f"ws://127.0.0.1:{ports.free_tcp()}/control",
            "COLUMNS": "200",
        }
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "hilink_app.cli", "run", *options],
                cwd=ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def until(self, condition: Callable[[], object], timeout_s: float = 150) -> None:
        end = time.monotonic() + timeout_s
        while not condition():
            assert self.process.poll() is None, f"it ended:\n{self.text()[-3000:]}"
            assert time.monotonic() < end, f"not within {timeout_s} s:\n{self.text()[-3000:]}"
            time.sleep(0.05)

    def roles(self) -> dict[str, psutil.Process]:
        """Role name -> its process."""
        found: dict[str, psutil.Process] = {}
        for child in psutil.Process(self.process.pid).children():
            try:
                name = child.cmdline()[-1]
            except (psutil.NoSuchProcess, IndexError):
                continue
            if name in ROLES:
                found[name] = child
        return found

    def address(self) -> str:
        self.until(lambda: UP.search(self.text()))
        found = UP.search(self.text())
        assert found
        return found.group(1)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            for child in psutil.Process(self.process.pid).children(recursive=True):
                child.kill()
            self.process.kill()
            self.process.wait()
            raise


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
