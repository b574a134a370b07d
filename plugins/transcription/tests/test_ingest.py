"""Handing in: a real local HTTP server that checks signatures and numbers, dies, comes back, and refuses."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from core.internal import sign_internal
from plugins.transcription import ingest as module
from plugins.transcription.ingest import Ingest

pytestmark = pytest.mark.unit
KEY = b"k" * 32


class Web:
    """The taking side as core does it: once per (source, seq), refuses bad signatures."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.seen: dict[str, int] = {}
        self.status = 200
        self.requests = 0
        self.bad = 0

    @contextmanager
    def up(self, port: int = 0) -> Iterator[int]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = outer.take(body, dict(self.headers.items()))
                self.send_response(status)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, format: str, *args: Any) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def take(self, body: bytes, headers: dict[str, str]) -> int:
        self.requests += 1
        given = {name.lower(): value for name, value in headers.items()}
        if given["x-hilink-signature"] != sign_internal(KEY, int(given["x-hilink-time"]), body):
            self.bad += 1
            return 403
        if self.status != 200:
            return self.status
        batch = json.loads(body)
        if batch["seq"] > self.seen.get(batch["source"], 0):
            self.seen[batch["source"]] = batch["seq"]
            self.taken += batch["items"]
        return 200


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GATHER_S", 0.01)
    monkeypatch.setattr(module, "FIRST_RETRY_S", 0.02)
    monkeypatch.setattr(module, "MAX_RETRY_S", 0.05)


def item(number: int) -> dict[str, Any]:
    return {"kind": "transcript.segment", "session_id": "c1", "person_id": "p1", "text": f"wort {number} ß"}


def left(folder: Path) -> list[Path]:
    """What is in the spool."""
    return list(folder.iterdir())


@contextmanager
def stopped(task: "asyncio.Task[None]") -> Iterator[None]:
    try:
        yield
    finally:
        task.cancel()


async def test_items_arrive_in_order_and_the_spool_is_emptied(tmp_path: Path) -> None:
    web = Web()
    with web.up() as port:
        client = Ingest(f"http://127.0.0.1:{port}", KEY, tmp_path)
        with stopped(asyncio.create_task(client.run())):
            for number in range(450):
                client.add(item(number))
            assert await client.drain(10)
    assert [one["text"] for one in web.taken] == [item(n)["text"] for n in range(450)]
    assert web.bad == 0
    assert web.requests >= 3
    assert left(tmp_path) == []


async def test_nothing_is_lost_while_the_web_role_is_away(tmp_path: Path) -> None:
    web = Web()
    with web.up() as port:
        pass
    client = Ingest(f"http://127.0.0.1:{port}", KEY, tmp_path)
    with stopped(asyncio.create_task(client.run())):
        client.add(item(1))
        await asyncio.sleep(0.2)
        client.add(item(2))
        assert not await client.drain(0.2)
        (file,) = left(tmp_path)
        assert file.stat().st_mode & 0o077 == 0
        with web.up(port):
            assert await client.drain(10)
            client.add(item(3))
            assert await client.drain(10)
    assert [one["text"] for one in web.taken] == [item(n)["text"] for n in (1, 2, 3)]
    assert left(tmp_path) == []


@pytest.mark.parametrize("status", [500, 503, 403, 404])
async def test_a_web_role_in_trouble_is_asked_again(tmp_path: Path, status: int) -> None:
    web = Web()
    web.status = status
    with web.up() as port:
        client = Ingest(f"http://127.0.0.1:{port}", KEY, tmp_path)
        with stopped(asyncio.create_task(client.run())):
            client.add(item(1))
            assert not await client.drain(0.2)
            web.status = 200
            assert await client.drain(10)
    assert len(web.taken) == 1


async def test_a_refused_batch_does_not_block_what_follows(tmp_path: Path) -> None:
    web = Web()
    web.status = 422
    with web.up() as port:
        client = Ingest(f"http://127.0.0.1:{port}", KEY, tmp_path)
        with stopped(asyncio.create_task(client.run())):
            client.add(item(1))
            assert await client.drain(10)
            web.status = 200
            client.add(item(2))
            assert await client.drain(10)
    assert [one["text"] for one in web.taken] == [item(2)["text"]]


async def test_a_dead_process_spool_is_delivered_once_and_a_living_ones_left_alone(tmp_path: Path) -> None:
    web = Web()
    host = module._own_source().split("-")[1]
    dead = f"agents-{host}-999999999-1-aa"
    living = module._own_source()
    batches = [json.dumps({"source": dead, "seq": n, "items": [item(n)]}) for n in (1, 2)]
    (tmp_path / f"{dead}.jsonl").write_text("\n".join([*batches, '{"source": "cut of']), encoding="utf-8")
    (tmp_path / f"{living}.jsonl").write_text(batches[0], encoding="utf-8")
    web.seen[dead] = 1  # the first one had arrived before the crash
    with web.up() as port:
        client = Ingest(f"http://127.0.0.1:{port}", KEY, tmp_path)
        with stopped(asyncio.create_task(client.run())):
            client.add(item(3))
            assert await client.drain(10)
    assert [one["text"] for one in web.taken] == [item(n)["text"] for n in (2, 3)]
    assert [path.stem for path in left(tmp_path)] == [living]


async def test_what_is_pending_at_the_end_is_in_the_spool(tmp_path: Path) -> None:
    client = Ingest("http://127.0.0.1:9", KEY, tmp_path)
    task = asyncio.create_task(client.run())
    await asyncio.sleep(0.02)
    client.add(item(1))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    (file,) = left(tmp_path)
    assert item(1)["text"] in file.read_text(encoding="utf-8")
