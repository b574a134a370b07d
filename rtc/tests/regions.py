"""Places far apart on one machine: a network namespace each, behind a line that delays. Needs root and iproute2.

The delay is made here and not by `tc netem`, which many kernels come without: each line is two veth pairs, and
frames wait between them.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import itertools
import os
import socket
import struct
import subprocess
from collections.abc import AsyncGenerator
from types import TracebackType

_FRAME = 65_536
_ETH_P_ALL = 3
_SIOCETHTOOL = 0x8946
_ETHTOOL_STXCSUM = 0x17
_numbers = itertools.count(1)


class Region:
    """One namespace. `host` is its only address, `prefix` runs a command in it; `delay_s` each way."""

    def __init__(self, delay_s: float) -> None:
        number = next(_numbers)
        self.name = f"hilink{os.getpid() % 100_000}r{number}"
        self.host = f"10.112.{number}.2"
        self.prefix = ("ip", "netns", "exec", self.name)
        self.delay_s = delay_s
        self._here = f"10.112.{number}.1"
        self._ends = [f"hl{os.getpid() % 100_000}{number}{letter}" for letter in "abcd"]
        self._sockets: list[socket.socket] = []

    async def __aenter__(self) -> "Region":
        here, here_line, there_line, there = self._ends
        _ip("netns", "add", self.name)
        try:
            _ip("link", "add", here, "type", "veth", "peer", "name", here_line)
            _ip("link", "add", there_line, "type", "veth", "peer", "name", there)
            for end in (here, there):
                _checksums_in_full(end)
            _ip("link", "set", there, "netns", self.name)
            _ip("address", "add", f"{self._here}/30", "dev", here)
            _ip("-n", self.name, "address", "add", f"{self.host}/30", "dev", there)
            for end in (here, here_line, there_line):
                _ip("link", "set", end, "up")
            for end in ("lo", there):
                _ip("-n", self.name, "link", "set", end, "up")
            # Media of a lesson goes to people elsewhere: the way back is through here.
            _ip("-n", self.name, "route", "add", "default", "via", self._here)
            self._connect(here_line, there_line)
        except BaseException:
            self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _connect(self, one: str, other: str) -> None:
        loop = asyncio.get_running_loop()
        self._sockets = [_packet_socket(one), _packet_socket(other)]
        for source, target in (self._sockets, reversed(self._sockets)):
            loop.add_reader(source, self._carry, source, target)

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(BlockingIOError):
            while True:
                frame, address = source.recvfrom(_FRAME)
                if address[2] != socket.PACKET_OUTGOING:
                    loop.call_later(self.delay_s, self._deliver, target, frame)

    def _deliver(self, target: socket.socket, frame: bytes) -> None:
        # A full queue loses a frame, as a line does; a line that was taken down carries nothing.
        with contextlib.suppress(OSError):
            target.send(frame)

    def _close(self) -> None:
        loop = asyncio.get_running_loop()
        for one in self._sockets:
            loop.remove_reader(one)
            one.close()
        self._sockets = []
        for end in self._ends[:3]:
            subprocess.run(["ip", "link", "del", end], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, check=False)


@contextlib.asynccontextmanager
async def regions(*delays_s: float) -> AsyncGenerator[list[Region]]:
    """One region a delay, all taken down at the end."""
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Region(delay_s)) for delay_s in delays_s]


def _packet_socket(interface: str) -> socket.socket:
    one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    one.setblocking(False)
    one.bind((interface, 0))
    return one


def _checksums_in_full(interface: str) -> None:
    """A veth leaves UDP checksums to a card that does not exist; read out as a frame, they would be wrong."""
    value = (ctypes.c_uint32 * 2)(_ETHTOOL_STXCSUM, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        fcntl.ioctl(one, _SIOCETHTOOL, struct.pack("16sP", interface.encode(), ctypes.addressof(value)))


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip() or 'needs root'}")
