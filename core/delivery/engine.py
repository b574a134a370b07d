"""The durable engine (DBOS), as small as we use it: put work in a queue inside a transaction, work it off.

The rest of HiLink does not know DBOS. A workflow here is one attempt with ids for arguments; what it does
is idempotent through our own rows (`Delivery.status`, `StepDone`, `ClassSession.chain`), so running it
again after a crash is always right. A pause between attempts is a delayed workflow, not a sleeping thread.
"""

import fcntl
import logging
import threading
import time
import weakref
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlmodel import Session

from core.errors import HiLinkError
from core.services import Services
from core.store.sql import SqlStore

if TYPE_CHECKING:
    from dbos import DBOSClient

logger = logging.getLogger(__name__)

APP_VERSION = "hilink-1"
"""Pinned: by default it is a hash of the code, and work of an older hash stays stuck after an update.
Raise it only when waiting work of the old version must not run on new code."""

QUEUE = "hilink"
DRAFTS = "hilink-drafts"
"""Drafting takes long: with a queue of its own it does not hold up what is quick."""
DELIVER = "deliver_v1"
CHAIN = "chain_v1"
_POLL_S = 0.1
_GIVE_WAY_POLL_S = 0.4
_MAX_RECOVERIES = 10
"""A hook that takes the whole process down with it is given up after this many restarts."""


@dataclass(frozen=True, slots=True)
class Work:
    """One queued or finished piece of work."""

    id: str
    name: str
    arguments: tuple[Any, ...]
    status: str


_clients: "weakref.WeakKeyDictionary[SqlStore, DBOSClient]" = weakref.WeakKeyDictionary()
_clients_lock = threading.Lock()


def client(store: Any) -> "DBOSClient":
    """The way to DBOS's tables from any process; made on first use (the import alone takes a second)."""
    with _clients_lock:
        if (known := _clients.get(store)) is None:
            from dbos import DBOSClient

            known = DBOSClient(system_database_engine=store.system_engine, lazy=True)
            _clients[store] = known
        return known


def enqueue(
    db: Session,
    store: Any,
    name: str,
    work_id: str,
    arguments: Sequence[Any],
    *,
    delay_s: float = 0,
    queue: str = QUEUE,
) -> None:
    """Queue work in the caller's transaction. The same id twice is the same work."""
    options: dict[str, Any] = {
        "workflow_name": name,
        "queue_name": queue,
        "workflow_id": work_id,
        "app_version": APP_VERSION,
    }
    if delay_s > 0:
        options["delay_seconds"] = delay_s
    client(store).enqueue_in_transaction(db, options, *arguments)  # type: ignore[arg-type]


def queued(store: Any, statuses: Iterable[str] = ("ENQUEUED", "DELAYED")) -> list[Work]:
    """Work by status, oldest first."""
    rows = client(store).list_workflows(status=list(statuses), load_output=False)
    return [
        Work(row.workflow_id, row.name, tuple((row.input or {}).get("args", ())), row.status) for row in rows
    ]


def give_way(store: Any, most_s: float) -> None:
    """Wait while quick work stands in the queue, `most_s` at most: for work that takes the processor for long."""
    ends = time.monotonic() + most_s
    while time.monotonic() < ends and client(store).list_workflows(
        status="ENQUEUED", queue_name=QUEUE, limit=1, load_input=False, load_output=False
    ):
        time.sleep(_GIVE_WAY_POLL_S)


def forget(store: Any, work_ids: Sequence[str]) -> None:
    if work_ids:
        client(store).delete_workflows(list(work_ids))


def forget_finished(store: Any, before: datetime, limit: int = 200) -> int:
    """Drop work that ended well before this time; returns how many. What failed stays to be looked at."""
    rows = client(store).list_workflows(
        status="SUCCESS",
        completed_before=before.isoformat(),
        limit=limit,
        load_input=False,
        load_output=False,
    )
    forget(store, [row.workflow_id for row in rows])
    return len(rows)


def take_over(store: Any, executor_ids: Sequence[str]) -> int:
    """Put the unfinished work of dead workers back into the queue; returns how many."""
    if not executor_ids:
        return 0
    rows = client(store).list_workflows(
        status="PENDING", executor_id=list(executor_ids), load_input=False, load_output=False
    )
    for queue in (QUEUE, DRAFTS):
        ids = [row.workflow_id for row in rows if (row.queue_name == DRAFTS) == (queue == DRAFTS)]
        if ids:
            client(store).resume_workflows(ids, queue_name=queue)
    return len(rows)


class Engine:
    """DBOS running in this process. One a process; `slot` must be its own among all live workers."""

    def __init__(self, services: Services, run: Callable[[str, tuple[Any, ...]], None]) -> None:
        self._services, self._run = services, run
        self._held = ExitStack()

    def launch(self) -> None:
        """Take the slot, recover what a former process in it left unfinished, start working."""
        from dbos import DBOS

        settings, store = self._services.settings, self._services.store
        assert isinstance(store, SqlStore)
        executor_id = f"worker-{settings.worker_slot}"
        self._held.callback(_take_slot(store, settings.data_dir, executor_id))
        try:
            DBOS(
                config={
                    "name": "hilink",
                    "system_database_url": store.url,
                    "system_database_engine": store.system_engine,
                    "application_version": APP_VERSION,
                    "executor_id": executor_id,
                    "log_level": "WARNING",
                    "max_executor_threads": (settings.queue_concurrency + settings.draft_concurrency) * 2 + 8,
                }
            )
            _register(DELIVER, self._run)
            _register(CHAIN, self._run)
            DBOS.launch()
            for queue, most in ((QUEUE, settings.queue_concurrency), (DRAFTS, settings.draft_concurrency)):
                DBOS.register_queue(queue, worker_concurrency=most, polling_interval_sec=_POLL_S)
        except BaseException:
            self.shutdown()
            raise

    def shutdown(self, wait_s: int = 5) -> None:
        """Stop taking work, wait for what runs; what does not finish is recovered at the next start."""
        from dbos import DBOS

        DBOS.destroy(workflow_completion_timeout_sec=wait_s, destroy_registry=True)
        self._held.close()


def _register(name: str, run: Callable[[str, tuple[Any, ...]], None]) -> None:
    from dbos import DBOS

    def work(*arguments: Any) -> None:
        run(name, arguments)

    work.__qualname__ = work.__name__ = name
    DBOS.workflow(name=name, max_recovery_attempts=_MAX_RECOVERIES)(work)


def _take_slot(store: SqlStore, data_dir: Path, executor_id: str) -> Callable[[], None]:
    """Two live workers with one id would run each other's work twice. The lock ends with the process."""
    taken = HiLinkError(f"another worker runs as {executor_id}: give each its own HILINK_WORKER_SLOT")
    if store.dialect == "postgresql":
        connection = store.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        key = zlib.crc32(f"hilink.{executor_id}".encode())
        if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar_one():
            connection.close()
            raise taken
        return lambda: (connection.invalidate(), connection.close(), None)[-1]
    data_dir.mkdir(parents=True, exist_ok=True)
    file = (data_dir / f"{executor_id}.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise taken from None
    return file.close
