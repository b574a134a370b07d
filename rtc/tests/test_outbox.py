"""Sending many packets at once, on real sockets; where the system stops early; and without sendmmsg."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pylibsrtp's constants come out of a C binding that has no types.

import errno
import os
import socket
import struct
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from pylibsrtp import Policy, Session

from rtc import outbox as module
from rtc import rtp, srtp_fast
from rtc.libc import Destination, Libc
from rtc.outbox import COUNT, MEDIA_HEAD, Counters, Outbox, media_packet
from rtc.stun import Address

pytestmark = pytest.mark.media

PROFILE = Policy.SRTP_PROFILE_AEAD_AES_128_GCM
HOSTS = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


class Desk:
    """An outbox, and receivers that open what it sends."""

    def __init__(self, family: socket.AddressFamily = socket.AF_INET, receivers: int = 1) -> None:
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.bind((HOSTS[family], 0))
        self.sock.setblocking(False)
        self.receivers = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(receivers)]
        for one in self.receivers:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            one.bind((HOSTS[family], 0))
            one.settimeout(2)
        self.addresses: list[Address] = [one.getsockname() for one in self.receivers]
        self.family = family
        self.counters = Counters()
        self.began = 0
        self.outbox = Outbox(self.sock, self.counters, self.count)
        key = os.urandom(28)
        self.stream = srtp_fast.engine.open(Policy(key, Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILE))
        self.session = Session(Policy(key, Policy.SSRC_ANY_INBOUND, srtp_profile=PROFILE))

    def count(self, outbox: Outbox) -> None:
        self.began += 1

    def put(self, number: int, size: int = 100, to: int = 0) -> None:
        packet = struct.pack("!BBHLL", 0x80, 96, number, 5, 77) + bytes(size)
        self.outbox.put(self.stream, packet, self.destination(to))

    def destination(self, to: int = 0) -> Destination:
        return Destination(self.addresses[to], self.family)

    def take(self, to: int = 0) -> int:
        clear = self.session.unprotect(self.receivers[to].recv(2048))
        return int.from_bytes(clear[2:4], "big")

    def close(self) -> None:
        for one in (self.sock, *self.receivers):
            one.close()


@pytest.fixture(params=["sendmmsg", "sendto"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The way packets leave; both on Linux."""
    if request.param == "sendto":
        monkeypatch.setattr(module, "libc", None)
    elif sys.platform != "linux":
        pytest.skip("sendmmsg is Linux's")
    else:
        assert module.libc is not None
    return request.param


@pytest.fixture
def desk(way: str) -> Iterator[Desk]:
    desk = Desk(receivers=3)
    yield desk
    desk.close()


def test_packets_arrive_whole_in_order_and_at_their_addresses(desk: Desk) -> None:
    for number in range(30):
        desk.put(number, size=number * 40, to=number % 3)
    assert desk.began == 1 and desk.counters.packets_out == 0
    desk.outbox.flush()
    assert desk.counters.packets_out == 30
    assert [desk.take(number % 3) for number in range(30)] == list(range(30))
    desk.outbox.flush()
    assert desk.counters.packets_out == 30, "an empty box sends nothing"


def test_a_full_box_does_not_wait(desk: Desk) -> None:
    for number in range(COUNT + 1):
        desk.put(number)
    assert desk.counters.packets_out == COUNT
    assert desk.began == 2, "the one that is left needs a flush again"
    desk.outbox.flush()
    assert [desk.take() for _ in range(COUNT + 1)] == list(range(COUNT + 1))


def test_an_oversized_packet_is_dropped_and_the_next_one_is_not(desk: Desk) -> None:
    most = srtp_fast.engine.max_packet
    desk.put(1, size=most)
    desk.put(2, size=most - 12)
    desk.outbox.flush()
    assert (desk.counters.dropped_out, desk.take()) == (1, 2)


def test_an_address_that_cannot_be_reached_costs_only_its_own_packets(desk: Desk) -> None:
    # Not allowed without SO_BROADCAST: the system refuses this one packet.
    desk.addresses[1] = ("255.255.255.255", 9)
    for number in range(9):
        desk.put(number, to=1 if number in (0, 4, 8) else 0)
    desk.outbox.flush()
    assert [desk.take() for _ in range(6)] == [1, 2, 3, 5, 6, 7]
    assert (desk.counters.packets_out, desk.counters.dropped_out) == (6, 3)


def test_a_closed_socket_is_no_error(desk: Desk) -> None:
    desk.put(1)
    desk.close()
    desk.outbox.flush()


def test_ipv6(way: str) -> None:
    desk = Desk(socket.AF_INET6)
    for number in range(5):
        desk.put(number)
    desk.outbox.flush()
    assert [desk.take() for _ in range(5)] == list(range(5))
    desk.close()


class Reluctant(Libc):
    """Really sends, but no more than `most` at a time, and fails where it is told to."""

    def __init__(self, most: int, failures: dict[int, int]) -> None:
        super().__init__()
        self.calls = 0
        self.code = 0
        really = self.send_many

        def send_many(number: int, headers: Any, count: int, flags: int) -> int:
            self.calls += 1
            if self.calls in failures:
                self.code = failures[self.calls]
                return -1
            return really(number, headers, min(most, count), flags)

        self.send_many = send_many

    @property
    def errno(self) -> int:
        return self.code


@pytest.mark.skipif(sys.platform != "linux", reason="sendmmsg is Linux's")
@pytest.mark.parametrize(
    ("most", "failures", "arrive"),
    [
        (3, {}, list(range(10))),
        (10, {1: errno.EINTR}, list(range(10))),
        (4, {2: errno.EAGAIN}, [0, 1, 2, 3]),
        (4, {2: errno.ENOBUFS}, [0, 1, 2, 3]),
        (4, {2: errno.EPERM, 3: errno.ENETUNREACH}, [0, 1, 2, 3, 6, 7, 8, 9]),
    ],
)
def test_what_the_system_does_not_take_at_once(
    most: int, failures: dict[int, int], arrive: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "libc", Reluctant(most, failures))
    desk = Desk()
    for number in range(10):
        desk.put(number)
    desk.outbox.flush()
    assert [desk.take() for _ in arrive] == arrive
    assert (desk.counters.packets_out, desk.counters.dropped_out) == (len(arrive), 10 - len(arrive))
    desk.put(10)
    monkeypatch.undo()
    desk.outbox.flush()
    desk.close()


def test_a_refused_packet_is_not_sent_in_the_clear(desk: Desk) -> None:
    desk.outbox.put(desk.stream, b"\x80\x60", desk.destination())
    assert (desk.outbox.count, desk.counters.dropped_out) == (0, 1)


def test_media_is_written_where_it_is_protected(desk: Desk) -> None:
    """Head, extension and picture id as they are told; between ordinary packets and over a full box."""
    for number in range(COUNT + 5):
        payload = bytes((0x90, 0x80, 0x80, 0)) + os.urandom(number * 38)
        parts = (0x9060, number, 5, (77 << 32) | 0xBEDE0001, 0x32000000 | number, payload)
        picture = (2, 0x8000 | 300 + number) if number % 2 else (0, 0)
        to = number % 3
        if number % 4:
            desk.outbox.put_media(desk.stream, desk.destination(to), *parts, *picture)
        else:
            desk.outbox.put(desk.stream, media_packet(*parts, *picture), desk.destination(to))
        if number % 10 == 9:
            desk.outbox.flush()
    desk.outbox.flush()
    for number in range(COUNT + 5):
        packet = rtp.parse(desk.session.unprotect(desk.receivers[number % 3].recv(2048)))
        assert (packet.payload_type, packet.marker, packet.sequence) == (96, 0, number)
        assert (packet.timestamp, packet.ssrc, packet.profile) == (5, 77, 0xBEDE)
        assert rtp.extension_values(packet.profile, packet.extensions) == {3: bytes((0, 0, number))}
        expected = struct.pack("!H", 0x8000 | 300 + number) if number % 2 else b"\x80\0"
        assert packet.payload[2:4] == expected and len(packet.payload) == 4 + number * 38


def test_media_that_is_too_long_is_dropped(desk: Desk) -> None:
    most = srtp_fast.engine.max_packet - MEDIA_HEAD
    for size in (1480, most + 1, most):
        head = (0x9060, size, 5, (77 << 32) | 0xBEDE0001, 0x32000000)
        desk.outbox.put_media(desk.stream, desk.destination(), *head, bytes(size), 0, 0)
    desk.outbox.flush()
    assert (desk.counters.too_large, desk.take()) == (2, most)
