"""Migrations, on both databases: two starters, lost guards, plugins that come and go."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlmodel import select

from core.config import Settings
from core.domain import DomainEvent
from core.errors import StoreError
from core.plugins import BUILT_INS, Plugins
from core.store import constraints, migrate
from core.store.engines import migration_engine
from core.store.sql import SqlStore
from core.testing import seed, services
from tests.contract import hello

pytestmark = pytest.mark.contract

MIGRATE = """
from core.config import Settings
from core.plugins import Plugins
from core.store import migrate
migrate.upgrade(Settings(_env_file=None), Plugins.load(built_ins=()))
"""


@pytest.fixture
def settings(db_url: str, tmp_path: Path) -> Settings:
    url = "" if db_url.startswith("sqlite") else db_url
    return Settings(_env_file=None, data_dir=tmp_path, database_url=url, secret="for tests")  # pyright: ignore[reportCallIssue]


@pytest.fixture
def nobody() -> Plugins:
    return Plugins.load(built_ins=(), third_party=())


def test_core_and_every_built_in_have_exactly_their_models(settings: Settings) -> None:
    plugins = Plugins.load(built_ins=BUILT_INS, third_party=())
    plugins.check_built_ins()
    migrate.upgrade(settings, plugins)
    differences = {owner: migrate.check(settings, plugins, owner) for owner in ("core", *plugins.names)}
    assert differences == dict.fromkeys(differences, "")


def test_migrating_again_changes_nothing(settings: Settings, nobody: Plugins) -> None:
    migrate.upgrade(settings, nobody)
    with services_on(settings, nobody) as made, made.store.write() as db:
        session_id = seed.lesson(db).session.id
    migrate.upgrade(settings, nobody)
    with services_on(settings, nobody) as made, made.store.read() as db:
        assert db.exec(select(seed.ClassSession.id)).all() == [session_id]


def services_on(settings: Settings, plugins: Plugins):
    return services(settings.data_dir, plugins=plugins, database_url=settings.database_url, migrated=True)


def test_starters_at_the_same_time(settings: Settings, nobody: Plugins) -> None:
    env = hello.environment(settings.data_dir, settings.data_dir, database_url=settings.database_url)
    starters = [
        subprocess.Popen([sys.executable, "-c", MIGRATE], env=env, stderr=subprocess.PIPE) for _ in range(3)
    ]
    errors = [starter.communicate(timeout=200)[1].decode() for starter in starters]
    assert [starter.returncode for starter in starters] == [0, 0, 0], errors
    assert migrate.check(settings, nobody) == ""


def rebuild(settings: Settings, change: Callable[[Operations], None]) -> None:
    """What a later revision with a batch operation does to the `seat` table."""
    engine = migration_engine(settings.db_url)
    with engine.begin() as connection:
        change(Operations(MigrationContext.configure(connection)))
    engine.dispose()


def test_guards_lost_in_a_rebuilt_table_are_noticed_and_put_back(
    sqlite_url: str, tmp_path: Path, nobody: Plugins
) -> None:
    """SQLite recreates the table in a batch operation, and its triggers are gone without a word."""
    settings = Settings(_env_file=None, data_dir=tmp_path, secret="for tests")  # pyright: ignore[reportCallIssue]
    migrate.upgrade(settings, nobody)
    with services_on(settings, nobody) as made, made.store.write() as db:
        seats = len(seed.seats_of(db, seed.lesson(db)))

    def widen(op: Operations) -> None:
        with op.batch_alter_table("seat", recreate="always") as batch:
            batch.add_column(sa.Column("extra", sa.Integer(), nullable=True))

    rebuild(settings, widen)
    store = SqlStore(settings)
    with pytest.raises(StoreError, match="ex_seat_person_insert"):
        store.verify()
    migrate.upgrade(settings, nobody)
    store.verify()
    with store.read() as db:
        assert db.connection().exec_driver_sql("SELECT count(*) FROM seat").scalar_one() == seats
    store.close()


def test_a_rebuilt_table_keeps_the_rows_that_point_to_it(
    sqlite_url: str, tmp_path: Path, nobody: Plugins
) -> None:
    """With foreign keys on, dropping the old table would cascade."""
    settings = Settings(_env_file=None, data_dir=tmp_path, secret="for tests")  # pyright: ignore[reportCallIssue]
    migrate.upgrade(settings, nobody)
    with services_on(settings, nobody) as made, made.store.write() as db:
        seats = len(seed.seats_of(db, seed.lesson(db)))

    def widen(op: Operations) -> None:
        with op.batch_alter_table("class_session", recreate="always") as batch:
            batch.add_column(sa.Column("extra", sa.Integer(), nullable=True))

    rebuild(settings, widen)
    with services_on(settings, nobody) as made, made.store.read() as db:
        assert db.connection().exec_driver_sql("SELECT count(*) FROM seat").scalar_one() == seats


def test_an_unmigrated_database_is_not_started_on(settings: Settings) -> None:
    store = SqlStore(settings)
    with pytest.raises(StoreError, match="hilink migrate"):
        store.verify()
    store.close()


def test_events_restored_into_a_younger_cluster_are_seen(
    pg_url: str, tmp_path: Path, nobody: Plugins
) -> None:
    """Their transaction ids may be ahead of the new cluster's counter; readers would wait for years."""
    from core.delivery import emit
    from core.events import RoomProvisioned

    with services(tmp_path, database_url=pg_url) as made:
        with made.store.write() as db:
            emit(db, RoomProvisioned(session_id="s1"))
        with made.store.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE domain_event SET xid = 9000000000000")
            constraints.apply(connection)
        with made.store.read() as db:
            assert db.exec(select(DomainEvent.xid)).all() == [0]


def test_a_strangers_plugin_comes_and_goes(tmp_path: Path) -> None:
    """Installed with pip, removed, started without, installed again: its rows are still there."""
    site = hello.install(tmp_path)
    env = hello.environment(tmp_path / "data", site)
    names = MIGRATE + "print(Plugins.load(built_ins=()).names)"
    count = (
        names
        + """
from core.store.sql import SqlStore
with SqlStore(Settings(_env_file=None)).engine.begin() as connection:
    connection.exec_driver_sql("INSERT INTO hello_note (session_id, what, people) VALUES ('s', 'moved', 2)")
    print(connection.exec_driver_sql("SELECT count(*) FROM hello_note").scalar_one())
"""
    )
    assert hello.python(count, env).split() == ["('hello',)", "1"]
    site.rename(tmp_path / "removed")
    assert hello.python(names, env).strip() == "()"
    (tmp_path / "removed").rename(site)
    assert hello.python(count, env).split() == ["('hello',)", "2"]


def test_the_stranger_keeps_the_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.testing.contract import check_plugin

    monkeypatch.syspath_prepend(str(hello.ROOT / "tests" / "plugins" / "hello"))
    check_plugin("hilink_hello", tmp_path)
