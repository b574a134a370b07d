"""Keep the roles of one machine running: start in order, restart with back-off, stop cleanly.

A child has its own session, so Ctrl-C reaches only the supervisor, and a pipe as stdin whose other
end only the supervisor holds: when the supervisor dies, however it dies, the child reads EOF and stops
(`end_with_parent`).
"""

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import anyio

from hilink_app.logging import READY_PREFIX

REBUILD_EXIT = 75
"""A role that exits with this code asks for: build the pages again, then restart every role."""

STEADY_S = 30.0
"""A role that was up this long starts with a fresh back-off."""

FIRST_BACKOFF_S = 0.5
LAST_BACKOFF_S = 30.0
SUPERVISED = "HILINK_SUPERVISED"

READ_BYTES = 1 << 16

Output = Callable[[str, str], None]
"""Gets (role or "hilink", line)."""


class Child(Protocol):
    """A process that runs, as a session of its own."""

    @property
    def pid(self) -> int: ...

    async def wait(self) -> int:
        """Its exit code; -N when signal N ended it."""
        ...


@dataclass(frozen=True)
class Role:
    """One child process and how to treat it."""

    name: str
    argv: tuple[str, ...]
    grace_s: float = 10.0
    """Between SIGTERM and SIGKILL."""


Start = Callable[[Role, Mapping[str, str], int, int], Awaitable[Child]]
"""Gets (role, environment, its stdin, its stdout and stderr); the file descriptors stay the caller's."""


async def as_program(role: Role, environment: Mapping[str, str], stdin: int, output: int) -> Child:
    """The plain way: the role is a program that loads everything itself."""
    return await anyio.open_process(
        role.argv, stdin=stdin, stdout=output, stderr=output, start_new_session=True, env=environment
    )


@dataclass
class _Running:
    process: Child | None = None
    ready: anyio.Event = field(default_factory=anyio.Event)
    started: float = 0.0
    restarts: int = 0


class Supervisor:
    """Runs `roles` until SIGINT, SIGTERM or `stop()`.

    `rebuild` is awaited when a role exits with `REBUILD_EXIT` or the file `marker` appears; then every role
    is restarted. `environment` is asked anew for each start, so that a restarted role sees a new build.
    """

    def __init__(
        self,
        roles: list[Role],
        output: Output,
        environment: Callable[[], Mapping[str, str]],
        rebuild: Callable[[], Awaitable[None]] | None = None,
        marker: Path | None = None,
        on_ready: Callable[[], None] | None = None,
        start: Start = as_program,
    ) -> None:
        self._roles = roles
        self._output = output
        self._environment = environment
        self._rebuild = rebuild
        self._marker = marker
        self._on_ready = on_ready
        self._start = start
        self._running = {role.name: _Running() for role in roles}
        self._stopping = anyio.Event()
        self._rebuild_wanted = anyio.Event()

    def stop(self) -> None:
        """Ask every role to end; `run` returns when they have."""
        self._stopping.set()

    def pid(self, name: str) -> int | None:
        """Process id of a role, None while it is down."""
        process = self._running[name].process
        return process.pid if process else None

    async def run(self) -> None:
        async with anyio.create_task_group() as outer:
            outer.start_soon(self._signals)
            outer.start_soon(self._announce)
            outer.start_soon(self._rebuilds)
            async with anyio.create_task_group() as children:
                for role in self._roles:
                    children.start_soon(self._keep, role)
            outer.cancel_scope.cancel()

    async def _signals(self) -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
            async for number in received:
                if self._stopping.is_set():
                    self._output("hilink", "second signal: ending at once")
                    for running in self._running.values():
                        _signal(running.process, signal.SIGKILL)
                else:
                    self._output("hilink", f"{signal.Signals(number).name}: stopping all roles")
                    self._stopping.set()

    async def _announce(self) -> None:
        for running in self._running.values():
            await running.ready.wait()
        if self._on_ready:
            self._on_ready()

    async def _rebuilds(self) -> None:
        while self._rebuild is not None:
            while not self._rebuild_wanted.is_set():
                if self._marker and self._marker.exists():
                    self._marker.unlink(missing_ok=True)
                    self._rebuild_wanted.set()
                await anyio.sleep(0.5)
            self._rebuild_wanted = anyio.Event()
            self._output("hilink", "rebuilding the pages, then restarting; everything runs on meanwhile")
            try:
                await self._rebuild()
            except Exception as error:
                # Border: whatever breaks a build must not take the running lessons down.
                self._output("hilink", f"the rebuild failed, the old pages stay: {error}")
                continue
            for running in self._running.values():
                _signal(running.process, signal.SIGTERM)

    async def _keep(self, role: Role) -> None:
        running = self._running[role.name]
        failures = 0
        while not self._stopping.is_set():
            running.started = time.monotonic()
            code = await self._run_once(role, running)
            if self._stopping.is_set():
                return
            if code == REBUILD_EXIT:
                self._rebuild_wanted.set()
            failures = 0 if time.monotonic() - running.started > STEADY_S else failures + 1
            running.restarts += 1
            delay = min(LAST_BACKOFF_S, FIRST_BACKOFF_S * 2 ** max(0, failures - 1)) * random.uniform(
                0.8, 1.2
            )
            self._output("hilink", f"{role.name} ended (code {code}), again in {delay:.1f} s")
            with anyio.move_on_after(delay):
                await self._stopping.wait()

    async def _run_once(self, role: Role, running: _Running) -> int:
        stdin, alive = os.pipe()
        written, output = os.pipe()
        try:
            environment = {**self._environment(), "PYTHONUNBUFFERED": "1", SUPERVISED: "1"}
            try:
                process = await self._start(role, environment, stdin, output)
            finally:
                os.close(stdin)
                os.close(output)
            running.process = process
            async with anyio.create_task_group() as group:
                group.start_soon(self._copy_output, role, running, written)
                group.start_soon(self._end_on_stop, role, process)
                code = await process.wait()
                await anyio.sleep(0.05)  # the last lines are still in the pipe
                group.cancel_scope.cancel()
        finally:
            running.process = None
            os.close(alive)
            os.close(written)
        return code

    async def _copy_output(self, role: Role, running: _Running, written: int) -> None:
        rest = b""
        while True:
            await anyio.wait_readable(written)
            if not (chunk := os.read(written, READ_BYTES)):
                break
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._line(role, running, line.decode(errors="replace"))
        if rest:
            self._line(role, running, rest.decode(errors="replace"))

    def _line(self, role: Role, running: _Running, line: str) -> None:
        if not line.startswith(READY_PREFIX):
            self._output(role.name, line)
            return
        running.ready.set()
        self._output("hilink", f"{role.name} is ready after {time.monotonic() - running.started:.1f} s")

    async def _end_on_stop(self, role: Role, process: Child) -> None:
        await self._stopping.wait()
        _signal(process, signal.SIGTERM)
        await anyio.sleep(role.grace_s)
        self._output("hilink", f"{role.name} did not stop within {role.grace_s:.0f} s, ending it")
        _signal(process, signal.SIGKILL)


def _signal(process: Child | None, number: signal.Signals) -> None:
    if process is None:
        return
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def end_with_parent(grace_s: float = 10.0) -> None:
    """In a supervised child: stop when the supervisor is gone. Does nothing when started by hand."""
    if os.environ.get(SUPERVISED) != "1":
        return

    def watch() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace_s)
        sys.stderr.flush()
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()
