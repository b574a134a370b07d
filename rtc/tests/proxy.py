"""A bad network in one process: a UDP proxy between browsers and the node that cuts, loses and is slow."""

import asyncio
import random

Address = tuple[str, int]
QUEUE_S = 0.3
IP_UDP = 28


class _Upstream(asyncio.DatagramProtocol):
    def __init__(self, proxy: "UdpProxy", client: Address) -> None:
        self.proxy, self.client = proxy, client

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.proxy.down(data, self.client)


class UdpProxy(asyncio.DatagramProtocol):
    """cut: nothing passes. loss, loss_up: share of media packets lost on their way to clients, to the node.

    slow: clients whose downlink has `rate_bps` and a queue of QUEUE_S.
    """

    def __init__(self, node_port: int) -> None:
        self.node_port = node_port
        self.port = 0
        self.cut = False
        self.loss = self.loss_up = 0.0
        self.rate_bps = 0.0
        self.slow: set[Address] = set()
        self._free_at = 0.0
        self.clients: dict[Address, asyncio.DatagramTransport] = {}
        self._listener: asyncio.DatagramTransport | None = None
        self._opening: dict[Address, list[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._random = random.Random(7)

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._listener, _ = await loop.create_datagram_endpoint(lambda: self, ("127.0.0.1", 0))
        self.port = self._listener.get_extra_info("sockname")[1]

    def close(self) -> None:
        for one in [self._listener, *self.clients.values()]:
            if one is not None:
                one.close()

    async def rebind(self) -> None:
        """From now on every client has another address, as behind a router that got a new one."""
        for client, upstream in list(self.clients.items()):
            self._opening[client] = []
            await self._open(client)
            upstream.close()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if self.cut or (_is_media(data) and self._random.random() < self.loss_up):
            return
        upstream = self.clients.get(addr)
        if upstream is not None:
            upstream.sendto(data)
            return
        self._opening.setdefault(addr, []).append(data)
        if len(self._opening[addr]) == 1:
            task = asyncio.create_task(self._open(addr))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def down(self, data: bytes, client: Address) -> None:
        if self.cut or (_is_media(data) and self._random.random() < self.loss):
            return
        if client in self.slow and self.rate_bps:
            loop = asyncio.get_running_loop()
            wait = max(0.0, self._free_at - loop.time())
            if wait < QUEUE_S:
                self._free_at = loop.time() + wait + (len(data) + IP_UDP) * 8 / self.rate_bps
                loop.call_later(wait, self._deliver, data, client)
            return
        self._deliver(data, client)

    def _deliver(self, data: bytes, client: Address) -> None:
        if self._listener is not None and not self._listener.is_closing():
            self._listener.sendto(data, client)

    async def _open(self, client: Address) -> None:
        loop = asyncio.get_running_loop()
        upstream, _ = await loop.create_datagram_endpoint(
            lambda: _Upstream(self, client), remote_addr=("127.0.0.1", self.node_port)
        )
        self.clients[client] = upstream
        for data in self._opening.pop(client):
            upstream.sendto(data)


def _is_media(data: bytes) -> bool:
    return data[0] > 127 and not 192 <= data[1] <= 223
