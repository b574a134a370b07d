"""The real thing for tests and benches: every role as its own process, a mail receiver, a data folder.

with Stack(tmp_path, build=frontend.build(), demo=True) as stack:
    page.goto(stack.url)
    stack.kill("worker"); stack.start("worker")
    mail = stack.wait_mail(lambda m: "report" in m["Subject"])
"""

import email
import email.policy
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from core.config import Settings
from hilink_app.logging import READY_PREFIX
from hilink_app.toolchain import ports
from hilink_app.toolchain.paths import ROOT
from hilink_app.toolchain.roles import WEB_BUILD
from hilink_app.toolchain.supervisor import SUPERVISED

ROLES = ("worker", "media", "web", "agents")
STOP_S = 15.0


class StackError(AssertionError):
    """A role did not come up, or a wait ended in vain; the message has the last log lines."""


class MailReceiver:
    """A real SMTP server that keeps what it gets."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self._arrived = threading.Condition()
        self._controller = Controller(self, hostname="127.0.0.1", port=ports.free_tcp())

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self._controller.port}"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        message = email.message_from_bytes(raw, policy=email.policy.default)
        message["X-Envelope-To"] = ", ".join(envelope.rcpt_tos)
        with self._arrived:
            self.mails.append(message)
            self._arrived.notify_all()
        return "250 OK"

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()

    def wait(self, wanted: Callable[[EmailMessage], bool], timeout_s: float = 20) -> EmailMessage:
        """The first mail that `wanted` accepts, past or future. Raises `StackError`."""
        end = time.monotonic() + timeout_s
        with self._arrived:
            while True:
                for mail in self.mails:
                    if wanted(mail):
                        return mail
                if not self._arrived.wait(max(0, end - time.monotonic())):
                    subjects = [mail["Subject"] for mail in self.mails]
                    raise StackError(f"no such mail within {timeout_s} s; there were {subjects}")


class _Child:
    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.from_byte = 0

    def start(self, env: Mapping[str, str]) -> None:
        self.from_byte = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "hilink_app.cli", self.name],
                cwd=ROOT,
                env=dict(env),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def is_ready(self) -> bool:
        if not self.log.exists():
            return False
        with self.log.open("rb") as file:
            file.seek(self.from_byte)
            return READY_PREFIX.encode() + self.name.encode() in file.read()

    def end(self, number: signal.Signals) -> None:
        process = self.process
        if process is None:
            return
        if process.poll() is None:
            os.killpg(process.pid, number)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.stdin:
            process.stdin.close()
        self.process = None


class Stack:
    """Roles on free loopback ports over one data folder (or `database_url`).

    `env`: more settings as HILINK_* variables, e.g. `{"HILINK_EMPTY_GRACE_S": "3"}`.
    Everything is stopped on exit; logs stay in `folder / "logs"`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        build: Path | None = None,
        roles: tuple[str, ...] = ROLES,
        demo: bool = False,
        database_url: str = "",
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.roles = roles
        self.demo = demo
        self.mail = MailReceiver()
        self.boot_s: dict[str, float] = {}
        """Seconds from its start until each role was ready."""
        web, control, media = ports.free_tcp(), ports.free_tcp(), ports.free_udp()
        self.url = f"http://127.0.0.1:{web}"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("HILINK_")}
        self.env = inherited | {
            "HILINK_DATA_DIR": str(folder / "data"),
            "HILINK_DATABASE_URL": database_url,
            "HILINK_HOST": "127.0.0.1",
            "HILINK_PORT": str(web),
            "HILINK_PUBLIC_URL": self.url,
            "HILINK_MEDIA_HOST": "127.0.0.1",
            "HILINK_MEDIA_PORT": str(media),
            "HILINK_MEDIA_CONTROL_URL": f"ws://127.0.0.1:{control}/control",
            "HILINK_SMTP_URL": self.mail.url,
            "HILINK_LOG_FORMAT": "console",
            "PYTHONUNBUFFERED": "1",
            SUPERVISED: "1",
            **({WEB_BUILD: str(build)} if build else {}),
            **(env or {}),
        }
        (folder / "logs").mkdir(parents=True, exist_ok=True)
        self._children = {role: _Child(role, folder / "logs" / f"{role}.log") for role in roles}

    @property
    def settings(self) -> Settings:
        """The settings the roles have, for code under test in this process."""
        known = {name: self.env.get(f"HILINK_{name.upper()}") for name in Settings.model_fields}
        return Settings.model_validate(
            {
                name: json.loads(value) if value.startswith("[") else value
                for name, value in known.items()
                if value is not None
            }
        )

    def __enter__(self) -> "Stack":
        try:
            self.mail.start()
            self.command("migrate")
            if self.demo:
                self.command("demo", "seed")
            self.start(*self.roles)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def command(self, *arguments: str, timeout_s: float = 120) -> str:
        """Run `hilink ARGUMENTS` with this stack's settings; returns its stdout. Raises `StackError`."""
        env = {key: value for key, value in self.env.items() if key != SUPERVISED}
        command = [sys.executable, "-m", "hilink_app.cli", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=timeout_s, check=False
        )
        if done.returncode != 0:
            raise StackError(
                f"hilink {' '.join(arguments)} failed:\n{done.stdout[-1500:]}\n{done.stderr[-2500:]}"
            )
        return done.stdout

    def start(self, *roles: str, timeout_s: float = 45) -> None:
        """Start roles and wait until each says it is ready."""
        began = time.monotonic()
        for role in roles:
            self._children[role].start(self.env)
        waiting = set(roles)
        while waiting:
            for role in sorted(waiting):
                child = self._children[role]
                if child.is_ready():
                    self.boot_s[role] = time.monotonic() - began
                    waiting.discard(role)
                elif child.process is None or child.process.poll() is not None:
                    raise StackError(f"{role} ended while starting:\n{self.tail(role)}")
            if waiting and time.monotonic() - began > timeout_s:
                role = min(waiting)
                raise StackError(f"{role} was not ready within {timeout_s} s:\n{self.tail(role)}")
            time.sleep(0.02)

    def pid(self, role: str) -> int:
        process = self._children[role].process
        if process is None:
            raise StackError(f"{role} is not running")
        return process.pid

    def is_running(self, role: str) -> bool:
        process = self._children[role].process
        return process is not None and process.poll() is None

    def kill(self, role: str) -> None:
        """`kill -9`, with everything the role started."""
        self._children[role].end(signal.SIGKILL)

    def end(self, role: str) -> None:
        """Ask it to stop, as the supervisor does."""
        self._children[role].end(signal.SIGTERM)

    def restart(self, role: str) -> None:
        self.end(role)
        self.start(role)

    def stop(self) -> None:
        """End all roles and the mail receiver; safe to call twice."""
        for role in reversed(self.roles):
            self._children[role].end(signal.SIGTERM)
        if self.mail._controller._thread is not None:  # aiosmtpd has no public "is running"
            self.mail.stop()

    def wait_mail(self, wanted: Callable[[EmailMessage], bool], timeout_s: float = 20) -> EmailMessage:
        return self.mail.wait(wanted, timeout_s)

    def logs(self, role: str) -> str:
        """All a role has written so far."""
        return self._children[role].text()

    def tail(self, role: str, characters: int = 4000) -> str:
        return self.logs(role)[-characters:]

    def errors(self) -> list[str]:
        """Log lines at error level and tracebacks, over all roles; no client's mistake may be among them."""
        signs = ("[error", "[critical", '"level": "error"', "Traceback (most recent call last)")
        return [
            f"{role}: {line}"
            for role in self.roles
            for line in self.logs(role).splitlines()
            if any(sign in line for sign in signs)
        ]
