"""Fixtures every suite may use: databases, a browser, the built pages, the real processes."""

import itertools
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from core.config import Settings
from hilink_app.toolchain import browser as browsers
from hilink_app.toolchain import frontend
from hilink_app.toolchain.postgres import Postgres
from hilink_app.toolchain.redis import RedisServer
from tests.stack import Stack

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """One PostgreSQL for the run."""
    with Postgres() as server:
        yield server


@pytest.fixture
def pg_url(postgres_server: Postgres) -> Iterator[str]:
    """A new, empty database; dropped afterwards with whoever is still connected."""
    name = f"t{next(_numbers)}"
    yield postgres_server.create(name)
    postgres_server.drop(name)


@pytest.fixture(scope="session")
def _migrated_template(postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    from core.plugins import Plugins
    from core.store.migrate import upgrade

    url = postgres_server.create("hilink_template")
    upgrade(Settings(data_dir=tmp_path_factory.mktemp("template"), database_url=url), Plugins.load())
    # A template must have no connections; what migrating left behind goes with FORCE on use.
    postgres_server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'hilink_template'"
    )
    return "hilink_template"


@pytest.fixture
def pg_migrated_url(postgres_server: Postgres, _migrated_template: str) -> Iterator[str]:
    """A new database with the current schema."""
    name = f"m{next(_numbers)}"
    yield postgres_server.create(name, template=_migrated_template)
    postgres_server.drop(name)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A new SQLite file."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def db_url(request: pytest.FixtureRequest) -> str:
    """Both databases, one after the other, empty."""
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "pg_url")


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """One Redis for the run; tests use keys of their own."""
    with RedisServer() as server:
        yield server.url


@pytest.fixture(scope="session")
def built_app() -> Path:
    """The built pages, made once."""
    return frontend.build()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium with a fake camera. Module scope: Playwright's loop must be gone before async tests run."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=browsers.ensure(), args=browsers.launch_args())
        yield launched
        launched.close()


@pytest.fixture
def new_context(browser: Browser) -> Generator[Callable[..., BrowserContext]]:
    """Makes browser contexts (one person each) that are closed at the end."""
    made: list[BrowserContext] = []

    def make(**options: object) -> BrowserContext:
        context = browser.new_context(ignore_https_errors=True, **options)  # pyright: ignore[reportArgumentType]
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()


@pytest.fixture(scope="session")
def hilink_stack(built_app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All roles with the demo academy, on free ports, with an SMTP receiver."""
    with Stack(tmp_path_factory.mktemp("stack"), build=built_app, demo=True) as stack:
        yield stack
