"""coturn for tests: a real TURN server on loopback that wants time-limited credentials.

Debian's package `coturn`; installed when root, else somebody has to.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from hilink_app.toolchain.ports import free_tcp


class NoTurnError(RuntimeError):
    """turnserver is missing and could not be installed, or does not start."""


def ensure_binary() -> str:
    """Path of turnserver, installing the package when root. Raises `NoTurnError`."""
    if found := shutil.which("turnserver"):
        return found
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "coturn"]):
            subprocess.run(command, capture_output=True, timeout=600, env=env, check=False)
        if found := shutil.which("turnserver"):
            return found
    raise NoTurnError("coturn is needed for the relay's tests: install the package `coturn`")


class TurnServer:
    """Use as a context manager. It relays to loopback, which a TURN server for others must never do."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.port = 0
        self._folder = Path()
        self._process: subprocess.Popen[bytes] | None = None

    def urls(self, transport: str) -> str:
        """transport: udp | tcp, between the browser and this server."""
        return f"turn:127.0.0.1:{self.port}?transport={transport}"

    def __enter__(self) -> "TurnServer":
        self.port = free_tcp()
        self._folder = Path(tempfile.mkdtemp(prefix="hilink-turn-"))
        options = {
            "listening-ip": "127.0.0.1",
            "relay-ip": "127.0.0.1",
            "listening-port": str(self.port),
            "realm": "hilink.test",
            "static-auth-secret": self.secret,
            "log-file": str(self._folder / "log"),
            "pidfile": str(self._folder / "pid"),
            "userdb": str(self._folder / "db"),
        }
        flags = (
            "use-auth-secret",
            "no-tls",
            "no-dtls",
            "no-cli",
            "allow-loopback-peers",
            "simple-log",
            "verbose",
        )
        command = [ensure_binary(), "-n", *(f"--{flag}" for flag in flags)]
        command += [f"--{name}={value}" for name, value in options.items()]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while time.monotonic() < end and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        log = self.log()[-500:]
        self.__exit__()
        raise NoTurnError(f"turnserver did not start: {log}")

    def log(self) -> str:
        """What it has written so far."""
        return "".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("log*")))

    def __exit__(self, *_: object) -> None:
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
