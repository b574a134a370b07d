"""The measured processes of the recording bench: `node FOLDER`, or `peer FILE` (aiortc's MediaRecorder).

JSON lines: the node says where it is; the peer answers each offer on its standard input. Both end with it.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRecorder

from rtc import loop
from rtc.loopback import allow_loopback
from rtc.node import Node
from rtc.recording.recorder import Options

KEY = b"0123456789abcdef0123456789abcdef"


async def node(folder: str) -> None:
    """A node with a recorder that keeps everything in its spool."""
    made = Node(["127.0.0.1"], 0, KEY, recording=Options(Path(folder)))
    await made.start("127.0.0.1", 0)
    say(control=made.control_port, media=made.endpoint.port.port)
    await asyncio.to_thread(sys.stdin.read)
    await made.close()


async def peer(file: str) -> None:
    """Decodes what it gets and encodes it again: what recording costs without care."""
    allow_loopback()
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    recorder = MediaRecorder(file, format="webm")
    connection.on("track", recorder.addTrack)
    offer = json.loads(await asyncio.to_thread(sys.stdin.readline))
    await connection.setRemoteDescription(RTCSessionDescription(offer["sdp"], "offer"))
    await connection.setLocalDescription(await connection.createAnswer())
    say(sdp=connection.localDescription.sdp)
    await recorder.start()
    await asyncio.to_thread(sys.stdin.read)
    await recorder.stop()
    await connection.close()


def say(**message: Any) -> None:
    """One line."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "node":
        loop.run(node(sys.argv[2]))
    else:
        asyncio.run(peer(sys.argv[2]))
