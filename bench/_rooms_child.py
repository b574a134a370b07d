"""The media node that the rooms bench measures, in a process of its own.

Says one JSON line when it is ready, then answers one line for each `{"op": "memory"}`; ends with its input.
"""

import asyncio
import gc
import json
import sys
from pathlib import Path
from typing import Any

from rtc import loop
from rtc.limits import Limits
from rtc.node import Node

KEY = b"a bench is no secret, 32 bytes.."
LIMITS = Limits(messages_per_s=1_000)


def say(**message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def memory() -> dict[str, int]:
    """Resident bytes and Python objects, after a collection."""
    gc.collect()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return {"resident_kb": int(resident.split()[1]), "objects": len(gc.get_objects())}


async def run() -> None:
    node = Node(["127.0.0.1"], 0, KEY, limits=LIMITS)
    await node.start("127.0.0.1", 0)
    say(control_port=node.control_port, **node.health())
    while await asyncio.to_thread(sys.stdin.readline):
        say(**memory())
    await node.close()


if __name__ == "__main__":
    loop.run(run())
