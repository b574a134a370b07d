"""What has come for one socket: one system call for many datagrams (recvmmsg), where the system has it."""

import socket
from typing import Any

from rtc.libc import DONT_WAIT, Libc, libc, name_size, unpack_address
from rtc.stun import Address

COUNT = 16
"""At most so many before everything else that waits has its turn: 50 listeners make 800 packets of them."""
SLOT = 2048
_NAME = 32
_MAX_KNOWN = 4096


class Inbox:
    """Fixed memory for COUNT datagrams; longer ones than SLOT are cut."""

    __slots__ = ("_data", "_headers", "_keep", "_known", "_libc", "_name_size", "_names", "_sizes", "_sock")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._libc = libc
        self._known: dict[bytes, Address] = {}
        self._name_size = name_size(sock.family)
        if self._libc is not None:
            self._prepare(self._libc)

    def take(self) -> list[tuple[bytes, Address]]:
        """What is there, at most COUNT, in the order of its coming. Fewer: that was all."""
        return self._take_each() if self._libc is None else self._take_many(self._libc)

    def _take_many(self, libc: Libc) -> list[tuple[bytes, Address]]:
        count = libc.receive_many(self._sock.fileno(), self._headers, COUNT, DONT_WAIT, libc.ffi.NULL)
        taken: list[tuple[bytes, Address]] = []
        data, names, known, size = self._data, self._names, self._known, self._name_size
        for at in range(count):
            name = bytes(names[_NAME * at : _NAME * at + size])
            address = known.get(name)
            if address is None:
                address = self._learn(name)
            start = SLOT * at
            taken.append((bytes(data[start : start + self._sizes[16 * at + 14]]), address))
        return taken

    def _take_each(self) -> list[tuple[bytes, Address]]:
        taken: list[tuple[bytes, Address]] = []
        while len(taken) < COUNT:
            try:
                taken.append(self._sock.recvfrom(SLOT))
            except OSError:
                # Nothing left, or an ICMP error of an earlier send: neither concerns a later packet.
                break
        return taken

    def _learn(self, name: bytes) -> Address:
        if len(self._known) >= _MAX_KNOWN:
            # Strangers; whoever is here is known again with the next packet.
            self._known.clear()
        address = self._known[name] = unpack_address(name)
        return address

    def _prepare(self, libc: Libc) -> None:
        headers = memoryview(bytearray(COUNT * 64)).cast("Q")
        # Of each mmsghdr (64 bytes) the fifteenth 32-bit number says how many bytes came.
        self._sizes = headers.cast("B").cast("I")
        self._data, self._names = memoryview(bytearray(COUNT * SLOT)), memoryview(bytearray(COUNT * _NAME))
        iovecs = memoryview(bytearray(COUNT * 16)).cast("Q")
        kept: Any
        self._headers, kept = libc.describe(headers, iovecs, self._data, SLOT)
        start = libc.pointer(self._names)
        for at in range(COUNT):
            headers[8 * at], headers[8 * at + 1] = start + at * _NAME, self._name_size
        self._keep = kept
