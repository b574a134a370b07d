"""Taking many datagrams at once, on real sockets, and without recvmmsg."""

import socket
import sys
from collections.abc import Iterator

import pytest

from rtc import inbox as module
from rtc.inbox import COUNT, SLOT, Inbox
from rtc.libc import pack_address, unpack_address

pytestmark = pytest.mark.media

HOSTS = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


class Desk:
    """An inbox, and two who write to it."""

    def __init__(self, family: socket.AddressFamily) -> None:
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.bind((HOSTS[family], 0))
        self.sock.setblocking(False)
        self.inbox = Inbox(self.sock)
        self.senders = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(2)]
        for one in self.senders:
            one.connect(self.sock.getsockname())

    def close(self) -> None:
        for one in (self.sock, *self.senders):
            one.close()


WAYS = ["recvmmsg", "recvfrom"] if sys.platform == "linux" else ["recvfrom"]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The way datagrams are taken; both on Linux."""
    if request.param == "recvfrom":
        monkeypatch.setattr(module, "libc", None)
    else:
        assert module.libc is not None
    return request.param


@pytest.fixture(params=list(HOSTS), ids=["ipv4", "ipv6"])
def desk(request: pytest.FixtureRequest, way: str) -> Iterator[Desk]:
    desk = Desk(request.param)
    yield desk
    desk.close()


def test_datagrams_come_whole_in_order_and_with_their_senders(desk: Desk) -> None:
    assert desk.inbox.take() == []
    expected = [(bytes((number,)) * (40 * number), number % 2) for number in range(COUNT + 3)]
    for data, sender in expected:
        desk.senders[sender].send(data)
    taken = desk.inbox.take()
    assert len(taken) == COUNT, "whoever waits has a turn"
    taken += desk.inbox.take()
    names = [one.getsockname() for one in desk.senders]
    assert taken == [(data, names[sender]) for data, sender in expected]
    assert desk.inbox.take() == []


def test_a_long_datagram_is_cut_and_the_next_is_not(desk: Desk) -> None:
    desk.senders[0].send(bytes(SLOT + 100))
    desk.senders[0].send(b"next")
    assert [len(data) for data, _ in desk.inbox.take()] == [SLOT, 4]


def test_many_strangers_take_no_memory(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_KNOWN", 1)
    for _ in range(3):
        for one in desk.senders:
            one.send(b"x")
    senders = [address for _, address in desk.inbox.take()]
    assert senders == 3 * [one.getsockname() for one in desk.senders]
    assert len(desk.inbox._known) <= 1  # pyright: ignore[reportPrivateUsage]


def test_a_closed_socket_is_no_error(desk: Desk) -> None:
    desk.close()
    assert desk.inbox.take() == []


@pytest.mark.parametrize(
    ("family", "address"),
    [(socket.AF_INET, ("192.0.2.7", 65535)), (socket.AF_INET6, ("2001:db8::7", 9, 0, 3))],
)
def test_addresses_are_read_as_they_are_written(
    family: int, address: tuple[str, int] | tuple[str, int, int, int]
) -> None:
    assert unpack_address(pack_address(address, family)) == address
