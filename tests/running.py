"""`hilink run` as a person starts it, for tests and benches."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from hilink_app.toolchain import ports
from hilink_app.toolchain.paths import ROOT

UP = re.compile(r"HiLink is up: (https?://\S+)")
ROLES = {"web", "media", "worker", "agents"}


class Run:
    """One `hilink run` over its own data folder and ports; `settings` are more HILINK_* variables."""

    def __init__(self, folder: Path, *options: str, **settings: str) -> None:
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
            **settings,
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
        if self.process.poll() is not None:
            return found
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess, IndexError):
                name = child.name().removeprefix("hilink ")  # a forked one has the command line of its parent
                name = name if name in ROLES else child.cmdline()[-1]
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
