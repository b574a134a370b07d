"""What forwarding costs: our node beside Janus's videoroom and aiortc's MediaRelay, in one run.

120 and 320 A/V streams (8 people to 15, 16 to 20) over UDP, DTLS and SRTP on one machine, with live RTCP (sender
and receiver reports, REMB, a NACK a second from each subscriber) and everything the node does switched on. Both
servers get the same packets from the same load generator, agree on the same SRTP profile, are ICE-lite, and are not
pinned to a core. Janus is as Debian ships it; the node asks for real-time scheduling, as it does wherever it may
(HILINK_MEDIA_REALTIME=false: without). Where it is allowed to (as root), everything runs at nice -10, so that other
work on the machine matters less. Rounds are interleaved and begin with the other server each time. Cost is the
processor time of the server's process by the system's account, a packet that reached a subscriber; age is from a
publisher's send to its coming to a subscriber's socket by the system's clock: what the load generator is late in
looking is not the servers'. Nor does it interrupt them: where subscribers are other machines, nobody who takes a
packet stops the next one's being sent (SCHED_BATCH). Peers report at times of their own. The relay has one publisher
and two subscribers, because it decodes and encodes for each.

cpu_vs_janus_120, _320   median over the rounds of node / Janus, microseconds a packet
relay_vs_cpu             how many times dearer a packet of the relay is than the node's at 120 streams
delivery                 share of packets that came through the node, all rounds together
p50_vs_janus, p99_vs_janus  ages, node / Janus: median over the rounds, the worse of the two loads
p99_pooled                  the same of all rounds' ages together, which one bad round decides; stolen_s: processor
                            time that the machine's host gave to others, by server and load

HILINK_BENCH_ROUNDS and HILINK_BENCH_ROUND_S make it shorter or longer. Without Janus nothing is compared with it
and the run does not hold; `load` then says how to install it.
"""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from aiortc import RTCSessionDescription

from bench import _media_janus as janus
from bench._media_child import KEY
from bench._media_load import Load, RelayLoad, Room
from bench._media_net import enter
from bench._media_peer import Peer
from bench.harness import Context, Result, Target, median, percentile
from core.ports import MediaRights
from rtc.loopback import allow_loopback
from rtc.media_client import MediaClient

LOADS = {120: (8, 15), 320: (16, 20)}
RELAY_SUBSCRIBERS = 2
ROUNDS = int(os.environ.get("HILINK_BENCH_ROUNDS", "7"))
ROUND_S = float(os.environ.get("HILINK_BENCH_ROUND_S", "4"))
SETTLE_S = 12.0
SMALLEST_BUFFER = 4 << 20
NICE = -10
AUTOGROUP = Path("/proc/self/autogroup")
KEPT_SAMPLES = 400
SHARES = {"p50": 0.5, "p99": 0.99}
TARGETS: dict[str, Target] = {
    "cpu_vs_janus_120": ("<=", 0.6),
    "cpu_vs_janus_320": ("<=", 0.7),
    "relay_vs_cpu": (">=", 100.0),
    "delivery": (">=", 0.999),
    "p50_vs_janus": ("<=", 1.0),
    "p99_vs_janus": ("<=", 1.5),
}


class SmallBuffersError(RuntimeError):
    """The system's limits make this a measurement of lost packets."""

    def __init__(self, sizes: dict[str, int]) -> None:
        super().__init__(
            f"socket buffers below {SMALLEST_BUFFER} bytes: {sizes}; raise net.core.rmem_max and wmem_max"
        )


@dataclass
class Child:
    """A process of bench._media_child."""

    process: Process
    hello: dict[str, Any] = field(default_factory=dict[str, Any])

    @classmethod
    async def start(cls, *what: str) -> "Child":
        command = (sys.executable, "-m", "bench._media_child", *what)
        self = cls(await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE))
        self.hello = await self._line()
        return self

    async def ask(self, **request: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        return await self._line()

    async def close(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def _line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        return json.loads(await asyncio.wait_for(self.process.stdout.readline(), 60))


@dataclass
class Server:
    """A measured server and its rooms by number of streams."""

    name: str
    pid: int
    rooms: dict[int, Room] = field(default_factory=dict[int, Room])

    def cpu_s(self) -> float:
        """User and system time of all its threads so far."""
        times = psutil.Process(self.pid).cpu_times()
        return times.user + times.system


@dataclass
class Measured:
    """Raw numbers of the whole run, by name."""

    samples: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    ages_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    sent: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    received: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    load: dict[str, object] = field(default_factory=dict[str, object])


async def connect(
    address: str,
    streams: int,
    publish: Callable[[int, Peer], Awaitable[str]],
    subscribe: Callable[[int, Peer, int], Awaitable[str]],
) -> Room:
    """A room of peers, everything negotiated. publish and subscribe return the server's description."""
    publishers, subscribers = ([Peer(address) for _ in range(count)] for count in LOADS[streams])
    remote = [await publish(at, peer) for at, peer in enumerate(publishers)]
    await _connect_all(publishers, remote)
    remote = [await subscribe(at, peer, len(publishers)) for at, peer in enumerate(subscribers)]
    await _connect_all(subscribers, remote)
    return Room(publishers, subscribers)


async def _connect_all(peers: list[Peer], remote: list[str]) -> None:
    pairs = zip(peers, remote, strict=True)
    await asyncio.gather(*(asyncio.to_thread(peer.connect, one) for peer, one in pairs))


async def connect_node(media: MediaClient, address: str, streams: int) -> Room:
    room_id = f"bench{streams}"

    async def signal(name: str, kind: str, sdp: str, **more: Any) -> str:
        await media.join(room_id, name, MediaRights(subscribe=kind == "subscriber"))
        offer = {"type": "offer", "kind": kind, "connection": name, "seq": 1, "sdp": sdp, **more}
        answer = (await media.signal(room_id, name, offer))[0]
        if answer["type"] != "answer":
            raise RuntimeError(f"the node refused: {answer}")
        return answer["sdp"]

    async def publish(at: int, peer: Peer) -> str:
        tracks = [
            {"mid": str(mid), "source": source, "muted": False}
            for mid, source in enumerate(("microphone", "camera"))
        ]
        offer = peer.offer(["audio", "video"], True)
        return await signal(f"publisher{at}", "publisher", offer, tracks=tracks)

    async def subscribe(at: int, peer: Peer, publishers: int) -> str:
        offer = peer.offer(["audio", "video"] * publishers, False)
        return await signal(f"subscriber{at}", "subscriber", offer)

    return await connect(address, streams, publish, subscribe)


async def connect_janus(server: janus.Janus, address: str, streams: int) -> Room:
    feeds: list[int] = []

    async def publish(at: int, peer: Peer) -> str:
        answer, feed = await server.publish(streams, peer.offer(["audio", "video"], True))
        feeds.append(feed)
        return answer

    async def subscribe(at: int, peer: Peer, publishers: int) -> str:
        if not at:
            # A publisher can be subscribed to only when its media is up on Janus's side too.
            await asyncio.sleep(1.0)
        handle, offer = await server.subscribe(streams, feeds)
        await server.begin(handle, peer.answer(offer))
        return offer

    await server.create_room(streams, LOADS[streams][0])
    return await connect(address, streams, publish, subscribe)


async def measure(load: Load, server: Server, streams: int, measured: Measured) -> None:
    """One round. Nothing is under way when it begins, and everything may still arrive when it ends."""
    room, name = server.rooms[streams], f"{server.name}_{streams}"
    await load.settle(room, SETTLE_S)
    await load.quiet(room)
    sent, received, before, stolen = room.expected, room.received, server.cpu_s(), stolen_s()
    load.counting, load.active = True, room
    await asyncio.sleep(ROUND_S)
    await load.quiet(room)
    # Not before: a server that is behind still has to work for what it was sent.
    cpu_s = server.cpu_s() - before
    load.counting = False
    sent, received = room.expected - sent, room.received - received
    measured.sent[name] += sent
    measured.received[name] += received
    measured.samples[f"us_{name}"].append(1e6 * cpu_s / max(1, received))
    measured.samples[f"delivery_{name}"].append(received / max(1, sent))
    ages = [1000 * age for peer in room.subscribers for age in peer.ages_s]
    for peer in room.subscribers:
        peer.ages_s.clear()
    measured.ages_ms[name] += ages
    for share, of in SHARES.items():
        measured.samples[f"age_{share}_ms_{name}"].append(percentile(ages, of))
    measured.samples[f"stolen_s_{name}"].append(stolen_s() - stolen)


def stolen_s() -> float:
    """Processor time that the host of a virtual machine gave to others, all cores, since it started."""
    return getattr(psutil.cpu_times(), "steal", 0.0)


async def measure_relay(relay: Child, measured: Measured) -> None:
    load = RelayLoad()
    try:
        for number in range(1 + RELAY_SUBSCRIBERS):
            connection = load.add(publishes=not number)
            await connection.setLocalDescription(await connection.createOffer())
            answer = await relay.ask(op="offer", sdp=connection.localDescription.sdp, publishes=not number)
            await connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
            await asyncio.sleep(1.0)
        await load.begin()
        await asyncio.sleep(2.0)
        server = Server("relay", relay.hello["pid"])
        received, before = await load.received(), server.cpu_s()
        await asyncio.sleep(ROUND_S)
        cpu_s = server.cpu_s() - before
        received = await load.received() - received
        measured.samples["us_relay"].append(1e6 * cpu_s / max(1, received))
    finally:
        await load.stop()
        await relay.ask(op="reset")


async def start_servers(ctx: Context, stack: AsyncExitStack, load: Load, measured: Measured) -> list[Server]:
    address, network = enter()
    measured.load["network"] = network
    node = await Child.start("node", address)
    stack.push_async_callback(node.close)
    media = MediaClient(f"ws://127.0.0.1:{node.hello['control_port']}/control", KEY)
    stack.push_async_callback(media.close)
    await media.wait_connected()
    measured.load["node_realtime"] = node.hello["realtime"]
    servers = [Server("node", node.hello["pid"])]
    for streams in LOADS:
        load.add(await connect_node(media, address, streams))
    servers[0].rooms = dict(zip(LOADS, load.rooms, strict=True))
    if janus.find() is None:
        ctx.say(f"Janus is not installed ({janus.INSTALL}): nothing is compared with it")
        measured.load["janus"] = f"missing: {janus.INSTALL}"
    else:
        peer = janus.Janus(address)
        stack.push_async_callback(peer.close)
        await peer.start()
        servers.append(Server("janus", peer.pid))
        for streams in LOADS:
            load.add(await connect_janus(peer, address, streams))
        servers[1].rooms = dict(zip(LOADS, load.rooms[len(LOADS) :], strict=True))
        measured.load["janus"] = await janus.version()
    peers = [peer for server in servers for room in server.rooms.values() for peer in room.peers]
    profiles = {peer.profile for peer in peers}
    if len(profiles) != 1:
        raise RuntimeError(f"the servers agreed on different SRTP profiles: {sorted(profiles)}")
    buffers = {
        "node_receive_buffer": node.hello["receive_buffer"],
        "node_send_buffer": node.hello["send_buffer"],
        "peer_receive_buffer": min(peer.buffer for peer in peers),
    }
    ctx.say(f"SRTP profile {profiles}, buffers {buffers}")
    if min(buffers.values()) < SMALLEST_BUFFER:
        raise SmallBuffersError(buffers)
    measured.load.update(buffers, srtp_profile=profiles.pop(), pinned="no server is pinned to a core")
    return servers


def raise_priority() -> int:
    """Of this process and all that it starts; the nice value it has then."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
        # Where sessions share the processor as groups, nice values count within a session only (sched(7)).
        if AUTOGROUP.exists():
            AUTOGROUP.write_text(str(NICE))
    except OSError:
        # Only root may.
        pass
    return os.getpriority(os.PRIO_PROCESS, 0)


async def gather(ctx: Context) -> Measured:
    measured = Measured(load={"nice": raise_priority()})
    allow_loopback()
    async with AsyncExitStack() as stack:
        load = Load()
        stack.callback(load.stop)
        servers = await start_servers(ctx, stack, load, measured)
        relay = await Child.start("relay")
        stack.push_async_callback(relay.close)
        for turn in range(ROUNDS):
            for streams in LOADS:
                for server in servers if turn % 2 == 0 else servers[::-1]:
                    await measure(load, server, streams, measured)
            await measure_relay(relay, measured)
            last = {key: round(values[-1], 4) for key, values in measured.samples.items()}
            ctx.say(f"round {turn + 1} of {ROUNDS}: {last}")
        measured.samples["late"] = [float(load.late)]
        measured.load["answered_nacks"] = {
            f"{server.name}_{streams}": sum(one.repaired for one in room.subscribers)
            for server in servers
            for streams, room in server.rooms.items()
        }
    return measured


def against_janus(samples: Mapping[str, list[float]], what: str, streams: int) -> float:
    """Median over the rounds of node / Janus."""
    pairs = zip(samples[f"{what}_node_{streams}"], samples[f"{what}_janus_{streams}"], strict=True)
    return median([node / peer for node, peer in pairs])


def figures(measured: Measured) -> dict[str, float]:
    samples = measured.samples
    found = {key: median(values) for key, values in samples.items() if key.startswith("us_")}
    found["relay_vs_cpu"] = found["us_relay"] / found["us_node_120"]
    for server in ("node", "janus"):
        names = [name for name in measured.sent if name.startswith(server)]
        if names:
            received = sum(measured.received[one] for one in names)
            found["delivery" if server == "node" else "janus_delivery"] = received / max(
                1, sum(measured.sent[one] for one in names)
            )
    for name, values in samples.items():
        if name.startswith(("age_", "stolen_")):
            found[name] = median(values)
    if "us_janus_120" in found:
        for streams in LOADS:
            found[f"cpu_vs_janus_{streams}"] = against_janus(samples, "us", streams)
        for share in SHARES:
            found[f"{share}_vs_janus"] = max(against_janus(samples, f"age_{share}_ms", one) for one in LOADS)
        pooled = {name: percentile(values, SHARES["p99"]) for name, values in measured.ages_ms.items()}
        found["p99_pooled"] = max(pooled[f"node_{one}"] / pooled[f"janus_{one}"] for one in LOADS)
    return found


def run(ctx: Context) -> Result:
    measured = asyncio.run(gather(ctx))
    found = figures(measured)
    for name, values in measured.ages_ms.items():
        measured.samples[f"age_ms_{name}"] = values[:: max(1, len(values) // KEPT_SAMPLES)]
    return Result(
        measured.samples,
        found,
        TARGETS,
        {"streams": list(LOADS), "rounds": ROUNDS, "round_s": ROUND_S, **measured.load},
        {"janus": str(measured.load["janus"])},
    )
