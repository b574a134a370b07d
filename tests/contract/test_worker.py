"""A real worker process: killed, frozen out of its slot, sharing work; what it does happens once."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import col, func, select

from core.clock import SILENT_S
from core.delivery import emit, engine
from core.domain import Delivery
from core.events import SessionScheduled
from core.plugins import Plugins
from core.services import Services
from core.testing import seed, services
from tests.contract import hello

pytestmark = pytest.mark.contract

WORKER = """
import logging, sys
logging.basicConfig(level="INFO", stream=sys.stderr)
from core.config import Settings
from hilink_app.worker import main
main(Settings(_env_file=None))
"""
SUBJECTS = 12


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hello.install(tmp_path_factory.mktemp("hello"))


class Workers:
    """Worker processes on one database, ended with the test."""

    def __init__(self, env: dict[str, str], log: Path) -> None:
        self._env, self._log = env, log
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, slot: int = 0) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", WORKER],
                env=self._env | {"HILINK_WORKER_SLOT": str(slot)},
                stderr=log,
            )
        self.running.append(process)
        return process

    @property
    def log(self) -> str:
        return self._log.read_text()

    def end(self) -> None:
        for process in self.running:
            process.kill()
            process.wait(10)


@pytest.fixture
def made(db_url: str, tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """The web role's side: the same database, the same plugin, no worker."""
    monkeypatch.syspath_prepend(str(site))
    plugins = Plugins.load(built_ins=())
    assert "hello" in plugins.names
    url = "" if db_url.startswith("sqlite") else db_url
    with services(tmp_path, plugins=plugins, database_url=url, migrated=True) as made:
        yield made


@pytest.fixture
def workers(made: Services, tmp_path: Path, site: Path) -> Iterator[Workers]:
    env = hello.environment(
        tmp_path, site, database_url=made.settings.database_url, hello_pause_s=0.5, queue_concurrency=4
    )
    workers = Workers(env, tmp_path / "worker.log")
    yield workers
    workers.end()


def wait_for(what: Callable[[], bool], workers: Workers, timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline, workers.log[-4_000:]
        time.sleep(0.1)


def schedule(made: Services) -> None:
    with made.store.write() as db:
        for _ in range(SUBJECTS):
            lesson = seed.lesson(db)
            emit(db, SessionScheduled(session_id=lesson.session.id, change="scheduled", version=1))


def notes(made: Services) -> int:
    with made.store.read() as db:
        return db.exec(text("SELECT count(*) FROM hello_note")).scalar_one()  # pyright: ignore[reportCallIssue, reportArgumentType]


def done(made: Services) -> int:
    with made.store.read() as db:
        return db.exec(select(func.count()).select_from(Delivery).where(Delivery.status == "done")).one()


def test_a_killed_worker_neither_loses_nor_doubles_a_delivery(made: Services, workers: Workers) -> None:
    schedule(made)
    first = workers.start()
    wait_for(lambda: notes(made) >= 3, workers)
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    assert done(made) < SUBJECTS, "it was too quick to be killed in the middle"
    workers.start()
    wait_for(lambda: done(made) == SUBJECTS, workers)
    assert notes(made) == SUBJECTS
    with made.store.read() as db:
        assert not db.exec(select(Delivery).where(col(Delivery.attempts) != 1)).all()
    assert engine.forget_finished(made.store, datetime.now(UTC) - timedelta(days=1)) == 0
    wait_for(lambda: not engine.queued(made.store, ("PENDING", "ENQUEUED")), workers)
    assert engine.forget_finished(made.store, datetime.now(UTC) + timedelta(days=1)) == SUBJECTS


def test_sigterm_ends_it_cleanly(made: Services, workers: Workers) -> None:
    process = workers.start()
    wait_for(lambda: "ready" in workers.log, workers)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0, workers.log
    assert "Traceback" not in workers.log, workers.log


def test_a_slot_has_one_worker(made: Services, workers: Workers) -> None:
    workers.start()
    wait_for(lambda: "ready" in workers.log, workers)
    second = workers.start()
    assert second.wait(60) != 0
    assert "give each its own HILINK_WORKER_SLOT" in workers.log


def test_another_worker_takes_over_from_a_dead_one(made: Services, workers: Workers) -> None:
    """The dead one's slot stays empty: nobody restarts it."""
    schedule(made)
    first = workers.start(slot=0)
    wait_for(lambda: notes(made) >= 3, workers)
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    with made.store.write() as db:
        db.exec(text("UPDATE worker_heartbeat SET at = '2020-01-01 00:00:00'"))  # pyright: ignore[reportCallIssue, reportArgumentType]
    workers.start(slot=1)
    wait_for(lambda: done(made) == SUBJECTS, workers, timeout_s=120 + SILENT_S)
    assert notes(made) == SUBJECTS
