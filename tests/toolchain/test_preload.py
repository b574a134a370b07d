"""Commands forked from a process that has loaded: they are whole, and nobody is left behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import anyio
import anyio.to_thread
import psutil
import pytest

from hilink_app.toolchain import ports
from hilink_app.toolchain.paths import ROOT
from hilink_app.toolchain.preload import Forked, Preload, PreloadError, preloaded
from hilink_app.toolchain.supervisor import SUPERVISED

pytestmark = pytest.mark.contract


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HILINK_")}
    return kept | {
        "HILINK_DATA_DIR": str(tmp_path),
        "HILINK_MEDIA_HOST": "127.0.0.1",
        "HILINK_MEDIA_PORT": str(ports.free_udp()),
        "HILINK_MEDIA_CONTROL_URL": f"ws://127.0.0.1:{ports.free_tcp()}/control",
        SUPERVISED: "0",
    }


class Born:
    """A forked command and what it says."""

    def __init__(self, child: Forked, words: int) -> None:
        self.child = child
        self._words = words

    @classmethod
    async def of(cls, loaded: Preload, environment: Mapping[str, str], *arguments: str) -> "Born":
        words, output = os.pipe()
        nothing = os.open(os.devnull, os.O_RDONLY)
        try:
            child = await loaded.start(arguments, environment, nothing, output)
        finally:
            os.close(nothing)
            os.close(output)
        return cls(child, words)

    async def says(self, wanted: str) -> str:
        """Reads until it has said that, or to the end."""
        said = ""
        with anyio.fail_after(30):
            while wanted not in said and (some := await anyio.to_thread.run_sync(os.read, self._words, 4096)):
                said += some.decode()
        return said

    async def end(self) -> int:
        try:
            os.killpg(self.child.pid, signal.SIGTERM)
            with anyio.fail_after(20):
                return await self.child.wait()
        finally:
            os.close(self._words)


async def test_a_command_runs_with_its_own_words_environment_and_session(environment: dict[str, str]) -> None:
    async with preloaded(environment) as loaded:
        version = await Born.of(loaded, environment, "version")
        assert (await version.says("\n")).strip().count(".") == 2
        assert await version.child.wait() == 0
        wrong = await Born.of(loaded, environment, "media", "drain")
        assert "Missing argument" in await wrong.says("Missing argument")
        assert await wrong.child.wait() == 2
        media = await Born.of(loaded, environment, "media")
        assert "hilink-ready media" in await media.says("hilink-ready media")
        assert os.getsid(media.child.pid) == media.child.pid
        process = psutil.Process(media.child.pid)
        assert process.name() == "hilink media"
        bound = {connection.laddr.port for connection in process.net_connections()}
        assert int(environment["HILINK_MEDIA_PORT"]) in bound
        assert await media.end() == 0


async def test_a_killed_child_is_reported_and_its_siblings_live(environment: dict[str, str]) -> None:
    async with preloaded(environment) as loaded:
        first = await Born.of(loaded, environment, "media")
        await first.says("hilink-ready")
        second = await Born.of(loaded, environment | {"HILINK_MEDIA_PORT": str(ports.free_udp())}, "version")
        os.kill(first.child.pid, signal.SIGKILL)
        with anyio.fail_after(10):
            assert await first.child.wait() == -signal.SIGKILL
            assert await second.child.wait() == 0


async def test_when_the_loaded_process_is_killed_its_children_are_too_and_the_next_start_loads_anew(
    environment: dict[str, str],
) -> None:
    async with preloaded(environment) as loaded:
        media = await Born.of(loaded, environment, "media")
        await media.says("hilink-ready")
        parent = psutil.Process(media.child.pid).ppid()
        os.kill(parent, signal.SIGKILL)
        with anyio.fail_after(10):
            assert await media.child.wait() == -signal.SIGKILL
        again = await Born.of(loaded, environment, "version")
        assert await again.child.wait() == 0


async def test_after_renewing_the_old_children_live_on_and_new_ones_have_another_parent(
    environment: dict[str, str],
) -> None:
    async with preloaded(environment) as loaded:
        old = await Born.of(loaded, environment, "media")
        await old.says("hilink-ready")
        loaded.renew()
        other = environment | {
            "HILINK_MEDIA_PORT": str(ports.free_udp()),
            "HILINK_MEDIA_CONTROL_URL": f"ws://127.0.0.1:{ports.free_tcp()}/control",
        }
        new = await Born.of(loaded, other, "media")
        await new.says("hilink-ready")
        assert psutil.Process(old.child.pid).ppid() != psutil.Process(new.child.pid).ppid()
        parent = psutil.Process(psutil.Process(old.child.pid).ppid())
        assert await old.end() == 0
        await anyio.to_thread.run_sync(parent.wait, 10)
        assert await new.end() == 0


async def test_a_process_that_cannot_load_is_an_error_not_a_wait(environment: dict[str, str]) -> None:
    async with preloaded(environment | {"PYTHONPATH": "/nowhere", "PYTHONHOME": "/nowhere"}) as broken:
        with pytest.raises(PreloadError):
            await Born.of(broken, environment, "version")


def test_nothing_is_left_when_the_supervisor_is_killed(environment: dict[str, str]) -> None:
    script = f"""
import anyio, os
from hilink_app.toolchain.paths import ROOT
from hilink_app.toolchain.preload import preloaded
async def main():
    async with preloaded(dict(os.environ)) as loaded:
        stdin, alive = os.pipe()
        child = await loaded.start(["media"], {{**os.environ, "{SUPERVISED}": "1"}}, stdin, 1)
        await child.wait()
anyio.run(main)
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE) as outer:
        assert outer.stdout
        for line in outer.stdout:
            if b"hilink-ready media" in line:
                break
        family = psutil.Process(outer.pid).children(recursive=True)
        assert len(family) == 2
        outer.kill()
    _, left = psutil.wait_procs(family, timeout=15)
    assert not left
