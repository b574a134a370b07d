"""The loop a node runs on: uvloop, and asyncio's own where there is none."""

import asyncio
import sys

import pytest

from rtc import loop

pytestmark = pytest.mark.unit


def which() -> str:
    """The module of the loop that `run` runs on."""
    seen: list[str] = []

    async def look() -> None:
        seen.append(type(asyncio.get_running_loop()).__module__)

    loop.run(look())
    return seen[0]


def test_a_node_runs_on_uvloop() -> None:
    assert which() == "uvloop"


def test_without_uvloop_asyncio_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert which().startswith("asyncio")
