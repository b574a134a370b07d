"""The event loop of a process that forwards media: uvloop where it can be had, else asyncio's own.

Between two packets a node sleeps, and what it does next runs from cold caches: a loop that is little code counts
there more than one that is fast when it is warm (ADR 0017).
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


def run(main: Coroutine[Any, Any, None]) -> None:
    """`asyncio.run` on that loop."""
    with asyncio.Runner(loop_factory=_factory()) as runner:
        runner.run(main)


def _factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # not on Windows
    except ImportError:
        return None
    return uvloop.new_event_loop
