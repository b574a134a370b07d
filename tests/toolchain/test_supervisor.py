"""The supervisor keeps real child processes running, and takes them along when it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from hilink_app.toolchain.paths import ROOT
from hilink_app.toolchain.supervisor import REBUILD_EXIT, Role, Supervisor

pytestmark = pytest.mark.contract

CHILD = """
import os, signal, sys, time
from pathlib import Path
from hilink_app.toolchain.supervisor import end_with_parent
end_with_parent(grace_s=1)
name, folder, how = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
with (folder / name).open("a") as file:
    file.write(f"{os.getpid()}\\n")
starts = len((folder / name).read_text().split())
if how == "rude":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("hilink-ready " + name, flush=True)
if how == "crash" and starts < 3:
    sys.exit(3)
if how == "rebuild" and starts == 1:
    sys.exit(75)
while True:
    time.sleep(0.05)
"""


def role(folder: Path, name: str, how: str = "calm", grace_s: float = 5) -> Role:
    return Role(name, (sys.executable, "-c", CHILD, name, str(folder), how), grace_s=grace_s)


def pids(folder: Path, name: str) -> list[int]:
    path = folder / name
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "zombie" not in Path(f"/proc/{pid}/status").read_text() if Path("/proc").exists() else True


def supervisor(roles: list[Role], lines: list[str], **options: object) -> Supervisor:
    def environment() -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT)}

    return Supervisor(roles, lambda name, line: lines.append(f"{name}: {line}"), environment, **options)  # pyright: ignore[reportArgumentType]


async def until(condition: object, timeout_s: float = 20) -> None:
    assert callable(condition)
    with anyio.fail_after(timeout_s):
        while not condition():  # noqa: ASYNC110 - it looks at files other processes write
            await anyio.sleep(0.02)


async def test_a_role_that_crashes_comes_back_and_the_others_stay(tmp_path: Path) -> None:
    lines: list[str] = []
    ready: list[bool] = []
    roles = [role(tmp_path, "worker"), role(tmp_path, "media", "crash")]
    under_test = supervisor(roles, lines, on_ready=lambda: ready.append(True))
    async with anyio.create_task_group() as group:
        group.start_soon(under_test.run)
        await until(lambda: len(pids(tmp_path, "media")) == 3)
        assert len(pids(tmp_path, "worker")) == 1
        await until(lambda: ready)
        under_test.stop()
    assert ready == [True]
    assert not any(alive(pid) for name in ("worker", "media") for pid in pids(tmp_path, name))
    assert any("media ended (code 3)" in line for line in lines)


async def test_a_role_that_ignores_the_request_is_ended_after_its_grace(tmp_path: Path) -> None:
    lines: list[str] = []
    under_test = supervisor([role(tmp_path, "agents", "rude", grace_s=0.3)], lines)
    async with anyio.create_task_group() as group:
        group.start_soon(under_test.run)
        await until(lambda: any("is ready" in line for line in lines))
        under_test.stop()
    assert not alive(pids(tmp_path, "agents")[0])
    assert any("did not stop within" in line for line in lines)


async def test_asking_for_a_rebuild_builds_once_and_restarts_every_role(tmp_path: Path) -> None:
    lines: list[str] = []
    built: list[int] = []

    async def rebuild() -> None:
        built.append(1)

    under_test = supervisor(
        [role(tmp_path, "web", "rebuild"), role(tmp_path, "worker")], lines, rebuild=rebuild
    )
    async with anyio.create_task_group() as group:
        group.start_soon(under_test.run)
        await until(lambda: len(pids(tmp_path, "worker")) == 2 and len(pids(tmp_path, "web")) >= 2)
        under_test.stop()
    assert built == [1]
    assert REBUILD_EXIT == 75


async def test_a_marker_file_asks_for_a_rebuild_too_and_a_failed_build_restarts_nothing(
    tmp_path: Path,
) -> None:
    lines: list[str] = []
    marker = tmp_path / "rebuild"

    async def rebuild() -> None:
        raise RuntimeError("npm has no network")

    under_test = supervisor([role(tmp_path, "web")], lines, rebuild=rebuild, marker=marker)
    async with anyio.create_task_group() as group:
        group.start_soon(under_test.run)
        await until(lambda: any("is ready" in line for line in lines))
        marker.touch()
        await until(lambda: any("npm has no network" in line for line in lines))
        under_test.stop()
    assert len(pids(tmp_path, "web")) == 1
    assert not marker.exists()


@pytest.fixture
def outer(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    script = f"""
import os, sys, anyio
from hilink_app.toolchain.supervisor import Role, Supervisor
role = Role("web", (sys.executable, "-c", {CHILD!r}, "web", {str(tmp_path)!r}, "calm"))
rude = Role("agents", (sys.executable, "-c", {CHILD!r}, "agents", {str(tmp_path)!r}, "rude"))
anyio.run(Supervisor([role, rude], lambda *_: None, lambda: dict(os.environ)).run)
"""
    process = subprocess.Popen([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(ROOT)})
    end = time.monotonic() + 20
    while not (pids(tmp_path, "web") and pids(tmp_path, "agents")):
        assert time.monotonic() < end
        time.sleep(0.05)
    yield process
    for pid in (process.pid, *pids(tmp_path, "web"), *pids(tmp_path, "agents")):
        if alive(pid):
            os.kill(pid, signal.SIGKILL)
    process.wait(5)


def gone(pid_list: list[int], within_s: float) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if not any(alive(pid) for pid in pid_list):
            return True
        time.sleep(0.05)
    return False


def test_no_child_survives_a_killed_supervisor(tmp_path: Path, outer: subprocess.Popen[bytes]) -> None:
    outer.send_signal(signal.SIGKILL)
    outer.wait(5)
    assert gone([*pids(tmp_path, "web"), *pids(tmp_path, "agents")], within_s=6)


def test_ctrl_c_twice_ends_a_child_that_ignores_it(tmp_path: Path, outer: subprocess.Popen[bytes]) -> None:
    outer.send_signal(signal.SIGINT)
    time.sleep(0.4)
    outer.send_signal(signal.SIGINT)
    assert outer.wait(8) == 0
    assert gone([*pids(tmp_path, "web"), *pids(tmp_path, "agents")], within_s=2)
