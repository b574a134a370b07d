"""Real-time scheduling: asked for, given up after too long at a stretch, taken again, and never passed on."""

import asyncio
import json
import os
import subprocess
import sys

import pytest

from rtc import realtime
from rtc.realtime import RealTime

pytestmark = pytest.mark.unit

PROGRAM = """
import asyncio, json, os, subprocess, sys, time
from rtc import loop, realtime

realtime.REST_S, realtime.MOST_AT_A_STRETCH_S = 0.3, 0.1
said = []


def note():
    said.append(os.sched_getscheduler(0) & os.SCHED_RR == os.SCHED_RR)


def hold_up():
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        pass


async def main():
    made = realtime.RealTime()
    said.append(made.ask())
    for _ in range(2):
        note()
        hold_up()
        await asyncio.sleep(0.05)
        note()
        await asyncio.sleep(0.5)
    note()
    child = "import os; print(os.sched_getscheduler(0))"
    said.append(int(subprocess.check_output([sys.executable, "-c", child])))
    made.give_up()
    made.give_up()
    note()


loop.run(main())
print(json.dumps(said))
"""


def allowed() -> bool:
    """Whether this system lets a process like this one."""
    program = "import os; os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    return done.returncode == 0


def test_who_works_too_long_lets_others_work_and_comes_back() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    ask, *said, child, last = json.loads(done.stdout)
    assert (child, last) == (0, False), "neither what it starts, nor when it has given up"
    if allowed():
        assert ask and said == [True, False, True, False, True]
    else:
        assert not ask and not any(said)


async def test_where_it_is_not_allowed_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(realtime.os, "sched_setscheduler", refuse)
    made = RealTime()
    assert not made.ask() and not made.on
    made.give_up()
    await asyncio.sleep(0)


async def test_elsewhere_than_on_linux_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realtime.sys, "platform", "darwin")
    monkeypatch.delattr(os, "sched_setscheduler")
    assert not RealTime().ask()
