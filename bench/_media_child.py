"""A process whose processor time the media bench measures: `node ADDRESS`, or `relay` (aiortc's MediaRelay).

Says one JSON line when it is ready; the relay then answers one line for each line it gets: offers, and
{"op": "reset"} to close its connections. Both end with their input.
"""

import asyncio
import json
import os
import sys
from typing import Any

from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRelay

from rtc import loop
from rtc.loopback import allow_loopback
from rtc.node import Node, settle_memory
from rtc.realtime import RealTime

KEY = b"a bench is no secret, 32 bytes.."


class Relay:
    """One publisher's decoded tracks, encoded again for every subscriber: what aiortc offers for rooms."""

    def __init__(self) -> None:
        allow_loopback()
        self.relay = MediaRelay()
        self.tracks: list[MediaStreamTrack] = []
        self.connections: list[RTCPeerConnection] = []

    async def answer(self, sdp: str, publishes: bool) -> str:
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.connections.append(connection)
        if publishes:
            connection.on("track", self.tracks.append)
        await connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        if not publishes:
            for track in self.tracks:
                connection.addTrack(self.relay.subscribe(track))
        await connection.setLocalDescription(await connection.createAnswer())
        return connection.localDescription.sdp

    async def reset(self) -> None:
        for connection in self.connections:
            await connection.close()
        self.connections, self.tracks = [], []


def say(**message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


async def run_node(address: str) -> None:
    node = Node([address], 0, KEY)
    await node.start("127.0.0.1", 0)
    settle_memory()
    realtime = os.environ.get("HILINK_MEDIA_REALTIME") != "false" and RealTime().ask()
    say(pid=os.getpid(), control_port=node.control_port, realtime=realtime, **node.health())
    await asyncio.to_thread(sys.stdin.readline)
    await node.close()


async def run_relay() -> None:
    relay = Relay()
    say(pid=os.getpid())
    while line := await asyncio.to_thread(sys.stdin.readline):
        request = json.loads(line)
        if request["op"] == "reset":
            await relay.reset()
            say()
        else:
            say(sdp=await relay.answer(request["sdp"], request["publishes"]))


if __name__ == "__main__":
    if sys.argv[1] == "node":
        loop.run(run_node(sys.argv[2]))
    else:
        asyncio.run(run_relay())
