"""Commands forked from one process that has loaded what they share: a role starts sooner, the code is in memory once.

The supervisor holds one end of a socket pair, `python -m hilink_app.toolchain.preload FD` the other. One message a
birth: JSON {"arguments", "environment"}, with the child's stdin and output as file descriptors. Answers: {"born":
pid}, and {"ended": pid, "code"} when it is over. Linux only: elsewhere libraries do not survive a fork. The loaded
process has no threads of its own, because a child may wait for ever for a lock that one of them held.
"""

import asyncio
import compileall
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from hilink_app.toolchain.paths import ROOT

SHARED = ("hilink_app.cli", "hilink_app.bootstrap", "core.lifecycle.wiring")
"""What most roles load; with the plugins. Nothing of Reflex: it reads its environment while it is imported."""

MESSAGE_BYTES = 1 << 20


def possible() -> bool:
    """Whether commands can be forked on this system."""
    return sys.platform == "linux"


class PreloadError(RuntimeError):
    """The process that loads has ended; its own words are on stderr."""

    def __init__(self) -> None:
        super().__init__("the process that starts the others has ended")


@dataclass
class Forked:
    """A command that runs, as a session of its own."""

    pid: int
    code: int = 0
    ended: anyio.Event = field(default_factory=anyio.Event)

    async def wait(self) -> int:
        """Its exit code; -N when signal N ended it."""
        await self.ended.wait()
        return self.code


class Preload:
    """Forks commands; loads at once, and again after `renew` or when it was killed."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._turn = anyio.Lock()
        self._loaded = _Loaded(environment)
        self._former: list[_Loaded] = []

    async def start(
        self, arguments: Sequence[str], environment: Mapping[str, str], stdin: int, output: int
    ) -> Forked:
        """Run `hilink ARGUMENTS`; the two file descriptors stay the caller's. Raises `PreloadError`."""
        async with self._turn:
            if self._loaded.gone:
                self._loaded = _Loaded(self._environment)
            return await self._loaded.bear(arguments, environment, stdin, output)

    def renew(self) -> None:
        """The code or the set of plugins changed: who starts from now on gets the new one."""
        self._loaded.leave()
        self._former = [*(one for one in self._former if not one.gone), self._loaded]
        self._loaded = _Loaded(self._environment)

    async def close(self) -> None:
        """Kill what still runs."""
        for one in (*self._former, self._loaded):
            await one.close()


@asynccontextmanager
async def preloaded(environment: Mapping[str, str]) -> AsyncGenerator[Preload]:
    """A `Preload` for as long as the block runs; children that are left then are killed."""
    made = Preload(environment)
    try:
        yield made
    finally:
        await made.close()


class _Loaded:
    """One process that has loaded, and the children it has."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.gone = False
        self._connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._connection.setblocking(False)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                env={**environment, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        self._children: dict[int, Forked] = {}
        self._born = anyio.Event()
        self._newest: Forked | None = None
        self._reading = asyncio.create_task(self._read())

    async def bear(
        self, arguments: Sequence[str], environment: Mapping[str, str], stdin: int, output: int
    ) -> Forked:
        order = json.dumps({"arguments": list(arguments), "environment": dict(environment)}).encode()
        self._born = anyio.Event()
        try:
            socket.send_fds(self._connection, [order], [stdin, output])
        except OSError:
            raise PreloadError from None
        await self._born.wait()
        if self._newest is None:
            raise PreloadError
        return self._newest

    def leave(self) -> None:
        """No more births; it ends after its last child."""
        if not self.gone:
            self._connection.shutdown(socket.SHUT_WR)

    async def close(self) -> None:
        if not self.gone:
            self._process.kill()
        await self._reading

    async def _read(self) -> None:
        try:
            while answer := await self._receive():
                self._hear(json.loads(answer))
        finally:
            self.gone = True
            self._connection.close()
            self._newest = None
            self._born.set()
            for child in self._children.values():  # nobody will ever know how they end
                _kill(child.pid)
                child.code = -signal.SIGKILL
                child.ended.set()
            self._process.wait()  # it has closed its end: it is ending

    async def _receive(self) -> bytes:
        while True:
            try:
                return self._connection.recv(MESSAGE_BYTES)
            except BlockingIOError:
                await anyio.wait_readable(self._connection)
            except ConnectionResetError:
                return b""

    def _hear(self, answer: Mapping[str, Any]) -> None:
        if pid := answer.get("born"):
            self._newest = self._children[pid] = Forked(pid)
            self._born.set()
        else:
            child = self._children.pop(answer["ended"])
            child.code = answer["code"]
            child.ended.set()


def _kill(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


@contextmanager
def loading() -> Generator[None]:
    """While modules are imported: what they make stays, so looking for garbage is a fifth of the time, for nothing."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # nor is it looked at again; in a child that would copy every page
        gc.enable()


def _load() -> None:
    if sys.dont_write_bytecode:  # else every start of every role would compile all of it again
        for package in ("core", "hilink", "hilink_app", "plugins", "rtc"):
            compileall.compile_dir(ROOT / package, quiet=2)
    with loading():
        for name in SHARED:
            importlib.import_module(name)
        importlib.import_module("core.plugins").Plugins.load()
    if threading.active_count() > 1:
        names = sorted(thread.name for thread in threading.enumerate())
        raise SystemExit(f"threads were started by what was imported, so each role loads for itself: {names}")


def _serve(connection: socket.socket) -> list[str]:
    """Fork for each message. Returns in a child only: its arguments. The parent ends after its last child, when
    the supervisor has closed its end."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    alive: set[int] = set()
    open_ = True
    while open_ or alive:
        ready, _, _ = select.select([woken, *([connection] if open_ else [])], [], [])
        if woken in ready:
            os.read(woken, 512)
            _report_ended(connection, alive)
        if connection in ready:
            order, fds, _, _ = socket.recv_fds(connection, MESSAGE_BYTES, 2)
            if not order:
                open_ = False
                continue
            pid = os.fork()
            if pid == 0:
                for mine in (woken, wake):
                    os.close(mine)
                connection.close()
                return _become(json.loads(order), fds)
            for fd in fds:
                os.close(fd)
            alive.add(pid)
            _tell(connection, {"born": pid})
    raise SystemExit(0)


def _report_ended(connection: socket.socket, alive: set[int]) -> None:
    for pid in sorted(alive):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            alive.discard(pid)
            _tell(connection, {"ended": pid, "code": os.waitstatus_to_exitcode(status)})


def _tell(connection: socket.socket, answer: Mapping[str, int]) -> None:
    try:
        connection.send(json.dumps(answer).encode())
    except OSError:
        return  # the supervisor is gone: the children see it at their stdin


def _become(order: Mapping[str, Any], fds: Sequence[int]) -> list[str]:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    for fd, place in zip([*fds, fds[1]], (0, 1, 2), strict=True):
        os.dup2(fd, place)
    for fd in fds:
        os.close(fd)
    os.environ.clear()
    os.environ.update(order["environment"])
    arguments: list[str] = order["arguments"]
    Path("/proc/self/comm").write_text(f"hilink {arguments[0]}"[:15], encoding="ascii")
    sys.argv = ["hilink", *arguments]
    return arguments


def main() -> None:
    """The loaded process."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    _load()
    arguments = _serve(connection)
    importlib.import_module("hilink_app.cli").app(arguments)


if __name__ == "__main__":
    main()
