"""A throw-away Redis for tests: own port, nothing written to disk."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from hilink_app.toolchain.ports import free_tcp


class NoRedisError(RuntimeError):
    """redis-server is missing and could not be installed, or does not start."""


def ensure_binary() -> str:
    """Path of redis-server (or valkey-server), installing the package when root. Raises `NoRedisError`."""
    names = ("redis-server", "valkey-server")
    if found := next(filter(None, map(shutil.which, names)), None):
        return found
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "redis-server"]):
            subprocess.run(command, capture_output=True, timeout=600, env=env, check=False)
        if found := next(filter(None, map(shutil.which, names)), None):
            return found
    raise NoRedisError("Redis is needed for the bus's contract tests: install the package `redis-server`")


class RedisServer:
    """Use as a context manager."""

    def __init__(self) -> None:
        self.port = 0
        self._folder = Path()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> "RedisServer":
        self.port = free_tcp()
        self._folder = Path(tempfile.mkdtemp(prefix="hilink-redis-"))
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        command = [ensure_binary(), *options, "--dir", str(self._folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while time.monotonic() < end and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        self.__exit__()
        raise NoRedisError("redis-server did not start")

    def __exit__(self, *_: object) -> None:
        if self._process and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(10)
        shutil.rmtree(self._folder, ignore_errors=True)
