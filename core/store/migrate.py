"""Bring the database up to date: core's tables, each plugin's, DBOS's own, and the guards on top.

Every owner has its own history and version table (`alembic_version_core`, `alembic_version_<plugin>`): with a
shared one, uninstalling a plugin would stop HiLink from starting. Two starters at the same time are safe:
the second waits and finds nothing to do.
"""

import io
import logging
import re
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import text
from sqlalchemy.engine import Connection, Engine, make_url

from core.config import Settings
from core.errors import StoreError
from core.store import constraints
from core.store.engines import is_sqlite, migration_engine

logger = logging.getLogger(__name__)


class _Plugin(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def broken(self) -> str: ...
    @property
    def folder(self) -> Path | None: ...
    @property
    def migrations(self) -> Path | None: ...


class Plugins(Protocol):
    """What migrating needs of `core.plugins.Plugins`."""

    @property
    def names(self) -> Sequence[str]: ...
    def all(self) -> Sequence[_Plugin]: ...


CORE = "core"
MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
_LOCK_KEY = 72_001
_LOCK_WAIT_S = 300.0


def upgrade(settings: Settings, plugins: Plugins) -> None:
    """Migrate everything to the newest revision and re-create the guards. Idempotent; before any role starts.

    StoreError when rows point to nothing afterwards. A plugin whose migration fails leaves its own tables as
    they were and stops the upgrade: better not started than started on half a schema.
    """
    url = settings.db_url
    if is_sqlite(url) and (file := make_url(url).database):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    engine = migration_engine(url)
    try:
        with _one_at_a_time(engine):
            for owner, versions in _owners(plugins):
                _upgrade_owner(engine, plugins, owner, versions)
            create_queue_tables(url)
    finally:
        engine.dispose()


def check(settings: Settings, plugins: Plugins, owner: str = CORE) -> str:
    """ "" when the newest revision of this owner describes exactly its models, else what differs."""
    engine = migration_engine(settings.db_url)
    try:
        with engine.begin() as connection:
            command.check(_config(connection, plugins, owner))
    except CommandError as error:
        return str(error)
    finally:
        engine.dispose()
    return ""


def revision(settings: Settings, plugins: Plugins, owner: str, message: str) -> Path:
    """Write a revision of this owner's models against an upgraded database; returns the file to review."""
    folder = versions(plugins, owner)
    folder.mkdir(parents=True, exist_ok=True)
    before = set(folder.glob("*.py"))
    engine = migration_engine(settings.db_url)
    try:
        with engine.begin() as connection:
            command.revision(_config(connection, plugins, owner), message=message, autogenerate=True)
    finally:
        engine.dispose()
    written = next(iter(set(folder.glob("*.py")) - before))
    body = re.sub(r" *# ### .*\n", "", written.read_text(encoding="utf-8"))
    written.write_text(re.sub(r"\n{3,}(?! *def|\n)", "\n\n", body).rstrip() + "\n", encoding="utf-8")
    return written


def _owners(plugins: Plugins) -> list[tuple[str, Path]]:
    found = [(CORE, MIGRATIONS / "versions")]
    kept = [plugin for plugin in plugins.all() if not plugin.broken]
    return found + [(plugin.name, plugin.migrations) for plugin in kept if plugin.migrations]


def _upgrade_owner(engine: Engine, plugins: Plugins, owner: str, versions: Path) -> None:
    if not any(versions.glob("*.py")):
        return
    with engine.begin() as connection:
        command.upgrade(_config(connection, plugins, owner), "head")
        if connection.dialect.name == "sqlite":
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            if broken:
                tables = sorted({str(row[0]) for row in broken})
                raise StoreError(f"migrating {owner} left rows that point to nothing in {', '.join(tables)}")
        if owner == CORE:
            constraints.apply(connection)


def create_queue_tables(url: str) -> None:
    """DBOS makes its tables when a worker launches; web may have to queue work before that."""
    from dbos import DBOS

    logging.getLogger("dbos").setLevel(logging.WARNING)
    DBOS.migrate(url)


def _config(connection: Connection, plugins: Plugins, owner: str) -> Config:
    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(versions(plugins, owner)).replace("%", "%%"))
    config.attributes.update(connection=connection, owner=owner, plugins=tuple(plugins.names))
    return config


def versions(plugins: Plugins, owner: str) -> Path:
    """Where an owner's revisions are."""
    if owner == CORE:
        return MIGRATIONS / "versions"
    for plugin in plugins.all():
        if plugin.name == owner and plugin.folder:
            return plugin.folder / "migrations" / "versions"
    raise StoreError(f"there is no plugin {owner} with a folder to keep migrations in")


@contextmanager
def _one_at_a_time(engine: Engine) -> Generator[None]:
    """PostgreSQL: one advisory lock around everything, asked for again and again: a session that *waits* for
    it would be an open snapshot, and DBOS's CREATE INDEX CONCURRENTLY would wait for that one for ever.
    SQLite: each transaction begins IMMEDIATE, so the second starter waits by itself."""
    if engine.dialect.name == "sqlite":
        yield
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        deadline = time.monotonic() + _LOCK_WAIT_S
        while not connection.execute(
            text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK_KEY}
        ).scalar_one():
            if time.monotonic() > deadline:
                raise StoreError("another process has been migrating this database for five minutes")
            time.sleep(0.2)
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK_KEY})
