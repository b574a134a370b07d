"""`hilink run`: pages, database, demo, then all roles under one supervisor, with something to look at."""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from core.config import Settings
from hilink_app.toolchain import frontend, ports, tls
from hilink_app.toolchain.preload import Preload, PreloadError, possible, preloaded
from hilink_app.toolchain.preparing import preparing
from hilink_app.toolchain.roles import TLS_CERT, TLS_KEY, WEB_BUILD
from hilink_app.toolchain.supervisor import Child, Role, Start, Supervisor, as_program

COLORS = {"web": "cyan", "media": "magenta", "worker": "green", "agents": "blue", "hilink": "bold"}
REBUILD_MARKER = "rebuild"
"""File in the data folder: whoever installs a plugin touches it, the supervisor rebuilds and restarts."""


class StartError(RuntimeError):
    """HiLink can't start here; the message says what to do."""


@dataclass
class Launch:
    """One run: the settings as given, and what the run decided on top of them (`env`)."""

    settings: Settings
    console: Console
    lan: bool = False
    demo: bool = True
    env: dict[str, str] = field(default_factory=dict)
    certificate: tls.Certificate | None = None
    accounts: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    """(role, login, password) of the demo academy."""

    def run(self) -> None:
        """Prepare and supervise until Ctrl-C. Raises `StartError`, `frontend.FrontendBuildError`."""
        anyio.run(self._run)

    async def _run(self) -> None:
        async with AsyncExitStack() as stack:
            loaded = await stack.enter_async_context(preloaded(dict(os.environ))) if possible() else None
            self._choose_addresses()
            self.env[WEB_BUILD] = str(self._build())
            settings = self._effective()
            start = _forking(loaded) if loaded else as_program
            supervisor = self._supervisor(settings, start, loaded)
            failures: list[StartError] = []

            async def prepare() -> None:
                try:
                    await self._prepare(settings, start)
                except StartError as error:
                    failures.append(error)
                    supervisor.stop()

            async with anyio.create_task_group() as group:
                group.start_soon(prepare)
                await supervisor.run()
            for error in failures:
                raise error
            self.console.print("Stopped.")

    async def _prepare(self, settings: Settings, start: Start) -> None:
        """The roles load meanwhile."""
        command = role("prepare", *(["--demo"] if self.demo else []))
        with preparing(settings.data_dir), self.step("Database ready"):
            self.accounts = json.loads((await self._said(start, command)).splitlines()[-1])

    async def _said(self, start: Start, command: Role) -> str:
        """What a command prints. StartError with its words when it fails."""
        written, output = os.pipe()
        nothing = os.open(os.devnull, os.O_RDONLY)
        try:
            child = await start(command, self._environment(), nothing, output)
        finally:
            os.close(nothing)
            os.close(output)
        with os.fdopen(written, "rb") as words:
            said = (await anyio.to_thread.run_sync(words.read)).decode(errors="replace").strip()
        if await child.wait():
            raise StartError(f"`hilink {command.name}`: {said[-800:]}")
        return said

    @contextmanager
    def step(self, done: str) -> Iterator[None]:
        """Show that something is going on, then how long it took."""
        started = time.monotonic()
        with self.console.status(f"{done} ..."):
            yield
        self.console.print(f"[green]✓[/] {done} [dim]{time.monotonic() - started:.1f} s[/]")

    def _choose_addresses(self) -> None:
        settings, given = self.settings, self.settings.model_fields_set
        host = settings.host
        if self.lan:
            host = settings.host if "host" in given else "0.0.0.0"
            address = ports.local_ip() if host == "0.0.0.0" else host
            self.certificate = tls.ensure(settings.data_dir / "tls", [address])
            self.env |= {
                TLS_CERT: str(self.certificate.cert.resolve()),
                TLS_KEY: str(self.certificate.key.resolve()),
                "SSL_CERT_FILE": str(self.certificate.bundle.resolve()),
                "HILINK_HOST": host,
                "HILINK_INTERNAL_URL": settings.internal_url or f"https://127.0.0.1:{settings.port}",
            }
            if "media_host" not in given:
                self.env["HILINK_MEDIA_HOST"] = host
            if "media_ips" not in given:
                self.env["HILINK_MEDIA_IPS"] = address
            if "public_url" not in given:
                self.env["HILINK_PUBLIC_URL"] = f"https://{address}:{settings.port}"
        elif "public_url" not in given:
            self.env["HILINK_PUBLIC_URL"] = f"http://localhost:{settings.port}"
        if not ports.tcp_free(settings.port, host):
            raise StartError(
                f"port {settings.port} is in use; choose another: HILINK_PORT={settings.port + 1} make run"
            )
        self._choose_media_ports()

    def _choose_media_ports(self) -> None:
        settings, given = self.settings, self.settings.model_fields_set
        if not ports.udp_free(settings.media_port, settings.media_host):
            if "media_port" in given:
                raise StartError(f"UDP port {settings.media_port} (HILINK_MEDIA_PORT) is in use")
            self.env["HILINK_MEDIA_PORT"] = str(ports.free_udp(settings.media_host))
        control = urlsplit(settings.media_control_url)
        if not ports.tcp_free(control.port or 0, control.hostname or "127.0.0.1"):
            if "media_control_url" in given:
                raise StartError(f"port {control.port} (HILINK_MEDIA_CONTROL_URL) is in use")
            self.env["HILINK_MEDIA_CONTROL_URL"] = f"ws://127.0.0.1:{ports.free_tcp()}{control.path}"

    def _effective(self) -> Settings:
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        self.settings.data_dir.chmod(0o700)  # the database of children's lessons is in there
        os.environ.update(self.env | {"HILINK_DATA_DIR": str(self.settings.data_dir.resolve())})
        if self.demo:
            os.environ["HILINK_DEMO"] = "true"
        return Settings()

    def _build(self) -> Path:
        if ready := frontend.find():
            self.console.print("[green]✓[/] Pages are up to date")
            return ready
        started = time.monotonic()
        with self.console.status("Building the pages (the first time takes a minute) ...") as status:
            built = frontend.build(
                lambda line: status.update(f"Building the pages: [dim]{escape(line[:70])}[/]")
            )
        self.console.print(f"[green]✓[/] Pages built [dim]{time.monotonic() - started:.1f} s[/]")
        return built

    def _supervisor(self, settings: Settings, start: Start, loaded: Preload | None) -> Supervisor:
        marker = settings.data_dir / REBUILD_MARKER
        marker.unlink(missing_ok=True)

        async def rebuild() -> None:
            # In processes of their own: this one does not see a package that was installed after it started.
            self.env[WEB_BUILD] = (await self._command("build")).splitlines()[-1]
            await self._command("migrate")
            if loaded:
                loaded.renew()

        return Supervisor(
            roles(),
            self._print_line,
            self._environment,
            rebuild=rebuild,
            marker=marker,
            on_ready=lambda: self._print_welcome(settings),
            start=start,
        )

    async def _command(self, *arguments: str) -> str:
        """Run `hilink ARGUMENTS` in a process of its own, to stay small; returns its stdout."""
        done = await anyio.run_process([*HILINK, *arguments], env=self._environment(), check=False)
        if done.returncode != 0:
            raise StartError(
                f"`hilink {' '.join(arguments)}`: {done.stderr.decode(errors='replace').strip()[-800:]}"
            )
        return done.stdout.decode().strip()

    def _environment(self) -> Mapping[str, str]:
        return os.environ | self.env

    def _print_line(self, name: str, line: str) -> None:
        color = COLORS.get(name, "white")
        self.console.print(
            f"[dim]{time.strftime('%H:%M:%S')}[/] [{color}]{name:<6}[/] {escape(line)}",
            soft_wrap=True,
            highlight=False,
        )

    def _print_welcome(self, settings: Settings) -> None:
        table = Table.grid(padding=(0, 2))
        for _ in range(3):
            table.add_column(overflow="fold")
        for role, login, password in self.accounts:
            table.add_row(role, f"[bold]{escape(login)}[/]", escape(password))
        if self.certificate:
            table.add_row("authority", str(self.certificate.authority), "install it on the other devices")
            table.add_row("SHA-256", self.certificate.fingerprint.replace(":", " "), "")
        title = f"HiLink is up: [link={settings.public_url}]{settings.public_url}[/link]"
        self.console.print(Panel(table, title=title, subtitle="Ctrl-C stops it", expand=False))


HILINK = (sys.executable, "-m", "hilink_app.cli")


def role(name: str, *options: str) -> Role:
    """`hilink NAME OPTIONS` as a child."""
    return Role(name, (*HILINK, name, *options))


def roles() -> list[Role]:
    """The roles of one machine; those that need another's answer ask until they get it."""
    return [role("web"), role("worker"), role("agents"), role("media")]


def _forking(loaded: Preload) -> Start:
    async def start(role: Role, environment: Mapping[str, str], stdin: int, output: int) -> Child:
        try:
            return await loaded.start(role.argv[len(HILINK) :], environment, stdin, output)
        except PreloadError:
            return await as_program(role, environment, stdin, output)

    return start


def request_rebuild(settings: Settings) -> None:
    """Ask a running `hilink run` to rebuild the pages and restart; harmless when none runs."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    (settings.data_dir / REBUILD_MARKER).touch()
