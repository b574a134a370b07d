"""Real services for a test: a fresh database made from the models, a moved clock, recorded mail."""

import atexit
import os
import shutil
import tempfile
import zlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
from sqlalchemy import URL, make_url
from sqlmodel import SQLModel

import core.domain
from core.config import Settings
from core.delivery import engine as queue
from core.delivery import run
from core.plugins import Plugins
from core.services import Services, using
from core.store import constraints, migrate
from core.store.blobs import DiskBlobs
from core.store.bus import MemoryBus
from core.store.engines import is_sqlite, migration_engine
from core.store.sql import SqlStore
from core.testing.fakes import FakeClock, FakeMediaServer, RecordingMailer
from core.tickets import Tickets

_templates: dict[frozenset[str], Path] = {}
_pg_templates: set[URL] = set()


def plugin(name: str, **hooks: Any) -> Any:
    """A plugin made of functions: `plugin("bad", on_schedule=explode)`. Hook markers are put on here."""
    from core.hookspecs import HOOK_API, hookimpl

    module: Any = ModuleType(name, f"{name} for a test.")
    module.HILINK_API = (HOOK_API, HOOK_API)
    for hook, function in hooks.items():
        setattr(module, hook, hookimpl(function))
    return module


@contextmanager
def services(
    tmp_path: Path,
    *,
    database_url: str = "",
    plugins: Plugins | Mapping[str, Any] | None = None,
    built_ins: tuple[str, ...] = (),
    migrated: bool = False,
    **overrides: Any,
) -> Generator[Services]:
    """Services on a fresh database in `tmp_path`, in force (`core.services.current()`) inside the `with`.

    plugins: a loader, or name -> module/object to load beside `built_ins`; nothing else is loaded.
    migrated: run the migrations, instead of making the tables from the models (slower).
    database_url: an empty PostgreSQL database instead of SQLite. overrides: any field of Settings.
    The ports are FakeClock, MemoryBus, RecordingMailer, FakeMediaServer and DiskBlobs.
    """
    settings = Settings(
        _env_file=None,  # pyright: ignore[reportCallIssue] - a pydantic-settings keyword
        data_dir=tmp_path,
        database_url=database_url,
        secret="secret for tests only",
        **overrides,
    )
    if not isinstance(plugins, Plugins):
        plugins = Plugins.load(built_ins=built_ins, third_party=(), extra=plugins)
    if migrated:
        migrate.upgrade(settings, plugins)
    else:
        create_tables(settings.db_url)
    store = SqlStore(settings)
    plugins.read_switches_from(store)
    made = Services(
        role="test",
        settings=settings,
        store=store,
        bus=MemoryBus(),
        clock=FakeClock(),
        blobs=DiskBlobs(tmp_path / "blobs", settings.blob_quota),
        mailer=RecordingMailer(),
        tickets=Tickets(settings.derived_key("ticket"), settings.public_url),
        plugins=plugins,
        media=FakeMediaServer(),
    )
    try:
        with using(made):
            yield made
    finally:
        store.close()


def create_tables(url: str) -> None:
    """All tables of all imported models, with guards and queue: a copy of a template that is made once.

    The contract tests hold the migrations to exactly these tables.
    """
    assert core.domain
    tables = frozenset(SQLModel.metadata.tables)
    if not is_sqlite(url):
        _copy_postgres(url, tables)
        return
    if tables not in _templates:
        folder = Path(tempfile.mkdtemp(prefix="hilink-test-"))
        _build(f"sqlite:///{folder / 'template.db'}")
        _templates[tables] = folder / "template.db"
    target = Path(url.removeprefix("sqlite:///"))
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(_templates[tables], target)


def work_off(made: Services, *, delayed: bool = True, limit: int = 1_000) -> int:
    """Work off everything queued (deliveries, stages of the chain) in this thread; returns how many pieces.

    Stands in for the worker in tests of what the work does. delayed: also what waits for a later try.
    """
    statuses = ("ENQUEUED", "DELAYED") if delayed else ("ENQUEUED",)
    done = 0
    while work := queue.queued(made.store, statuses):
        for piece in work:
            run(made, piece.name, piece.arguments)
        queue.forget(made.store, [piece.id for piece in work])
        done += len(work)
        if done > limit:
            raise AssertionError(f"more than {limit} pieces of work: something queues itself for ever")
    return done


def _copy_postgres(url: str, tables: frozenset[str]) -> None:
    """Replace the empty database by a copy of a template that is made once for a server and process."""
    target = make_url(url)
    template = f"hilink_test_{os.getpid()}_{zlib.crc32(repr(sorted(tables)).encode())}"
    key = target.set(database=template)
    admin = target.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(admin, autocommit=True) as connection:
        if key not in _pg_templates:
            connection.execute(f'CREATE DATABASE "{template}"')  # pyright: ignore[reportCallIssue, reportArgumentType]
            _build(key.render_as_string(hide_password=False))
            _pg_templates.add(key)
            atexit.register(_drop_template, admin, template)
        connection.execute(f'DROP DATABASE "{target.database}" WITH (FORCE)')  # pyright: ignore[reportCallIssue, reportArgumentType]
        connection.execute(f'CREATE DATABASE "{target.database}" TEMPLATE "{template}"')  # pyright: ignore[reportCallIssue, reportArgumentType]


def _drop_template(admin: str, template: str) -> None:
    with suppress(psycopg.OperationalError), psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{template}" WITH (FORCE)')  # pyright: ignore[reportCallIssue, reportArgumentType]


def _build(url: str) -> None:
    engine = migration_engine(url)
    try:
        with engine.begin() as connection:
            SQLModel.metadata.create_all(connection)
            constraints.apply(connection)
        migrate.create_queue_tables(url)
    finally:
        engine.dispose()
