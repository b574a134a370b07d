"""Many packets with one system call, where the system has it (Linux), and how it writes addresses.

Called through cffi's ABI mode, which needs no compiler.
"""

import logging
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any

import cffi

from rtc.stun import Address

logger = logging.getLogger(__name__)

DONT_WAIT = 0x40


class Libc:
    """sendmmsg, recvmmsg and the structures they take (64-bit Linux: sendmmsg(2), socket.h)."""

    def __init__(self) -> None:
        self.ffi = cffi.FFI()
        self.ffi.cdef("""
            struct iovec { void *base; size_t size; };
            struct msghdr {
                void *name; unsigned int namelen; struct iovec *iov; size_t iovlen;
                void *control; size_t controllen; int flags;
            };
            struct mmsghdr { struct msghdr header; unsigned int sent; };
            int sendmmsg(int, struct mmsghdr *, unsigned int, int);
            int recvmmsg(int, struct mmsghdr *, unsigned int, int, void *);
        """)
        library: Any = self.ffi.dlopen(None)
        self.send_many: Callable[[int, Any, int, int], int] = library.sendmmsg
        self.receive_many: Callable[[int, Any, int, int, Any], int] = library.recvmmsg
        if self.ffi.sizeof("struct mmsghdr") != 64:
            raise OSError("not a 64-bit system")

    @property
    def errno(self) -> int:
        return self.ffi.errno

    def describe(
        self, headers: memoryview, sizes: memoryview, data: memoryview, slot: int
    ) -> tuple[Any, Any]:
        """Have an array of mmsghdr tell of as many slots of `data`, each `slot` bytes, by an array of iovec.

        Both arrays are memory of 64-bit numbers, 8 and 2 an entry. Returns the headers for a call, and what
        has to be kept as long as they are.
        """
        start, iovecs = self.pointer(data), self.pointer(sizes)
        for at in range(len(headers) // 8):
            sizes[2 * at], sizes[2 * at + 1] = start + at * slot, slot
            headers[8 * at + 2], headers[8 * at + 3] = iovecs + 16 * at, 1
        kept = self.ffi.from_buffer("struct mmsghdr[]", headers)
        return kept, (data, sizes)

    def pointer(self, memory: bytes | memoryview) -> int:
        """Where it lies, as long as somebody keeps it."""
        return int(self.ffi.cast("size_t", self.ffi.from_buffer(memory)))


def _find() -> Libc | None:
    if sys.platform != "linux":
        return None
    try:
        return Libc()
    except (OSError, AttributeError, cffi.FFIError):
        logger.info("no sendmmsg: packets are taken and sent one by one")
        return None


libc: Libc | None = _find()


def unpack_address(packed: bytes) -> Address:
    """The Address that `pack_address` packed, as a socket's recvfrom gives it."""
    port: int = struct.unpack_from("!H", packed, 2)[0]
    if len(packed) == 16:
        return socket.inet_ntop(socket.AF_INET, packed[4:8]), port
    flow, scope = struct.unpack_from("!L", packed, 4)[0], struct.unpack_from("=L", packed, 24)[0]
    return socket.inet_ntop(socket.AF_INET6, packed[8:24]), port, flow, scope


def name_size(family: int) -> int:
    """Bytes of a packed address."""
    return 16 if family == socket.AF_INET else 28


class Destination:
    """Where packets go. memory: the address as the system has it; pointer: where that is, 0 without sendmmsg."""

    __slots__ = ("address", "memory", "pointer")

    def __init__(self, address: Address, family: int) -> None:
        self.address = address
        self.memory = pack_address(address, family)
        self.pointer = 0 if libc is None else libc.pointer(self.memory)


def pack_address(address: Address, family: int) -> bytes:
    """A Linux sockaddr_in or sockaddr_in6."""
    packed = socket.inet_pton(family, address[0].partition("%")[0])
    head = struct.pack("=H", family) + struct.pack("!H", address[1])
    if family == socket.AF_INET:
        return head + packed + bytes(8)
    flow, scope = (address[2], address[3]) if len(address) == 4 else (0, 0)
    return head + struct.pack("!L", flow) + packed + struct.pack("=L", scope)
