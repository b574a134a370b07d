"""`hilink doctor`: what works here, what does not, and what to do about it."""

import subprocess
import sys
from collections.abc import Callable
from urllib.parse import urlsplit

from rich.console import Console

from core.config import Settings
from hilink_app.toolchain import browser, frontend, ports, postgres

Answer = tuple[bool, str]


def python(_: Settings) -> Answer:
    return sys.version_info >= (3, 11), sys.version.split()[0]


def node(_: Settings) -> Answer:
    command = ["node", "--version"]
    env = {"PATH": frontend.node_path()}
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return False, "not found: run `make setup`"
    return True, done.stdout.strip()


def pages(_: Settings) -> Answer:
    build = frontend.find()
    return build is not None, str(build) if build else "not built for this version: run `hilink build`"


def database(settings: Settings) -> Answer:
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError

    engine = create_engine(settings.db_url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        return False, f"{engine.dialect.name}: {type(error).__name__}"
    finally:
        engine.dispose()
    return True, engine.dialect.name


def web_port(settings: Settings) -> Answer:
    free = ports.tcp_free(settings.port)
    return True, f"{settings.port} is {'free' if free else 'in use (by HiLink, if it runs)'}"


def media_ports(settings: Settings) -> Answer:
    control = urlsplit(settings.media_control_url).port or 0
    udp = "free" if ports.udp_free(settings.media_port, settings.media_host) else "in use"
    tcp = "free" if ports.tcp_free(control) else "in use"
    return True, f"UDP {settings.media_port} is {udp}, control {control} is {tcp}"


def mail(settings: Settings) -> Answer:
    if not settings.smtp_url:
        return True, "no HILINK_SMTP_URL: mail stays in the outbox"
    return True, urlsplit(settings.smtp_url).hostname or ""


def test_browser(_: Settings) -> Answer:
    found = browser.find()
    return True, str(found) if found else "none (only the end-to-end tests need one)"


def test_postgres(_: Settings) -> Answer:
    found = postgres.find_bin()
    return True, str(found) if found else "none (only the tests need one)"


CHECKS: dict[str, Callable[[Settings], Answer]] = {
    "Python": python,
    "Node": node,
    "Pages": pages,
    "Database": database,
    "Web port": web_port,
    "Media ports": media_ports,
    "Mail": mail,
    "Browser": test_browser,
    "PostgreSQL": test_postgres,
}


def show(settings: Settings, console: Console) -> bool:
    """Print every check; True when all that HiLink needs works."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    good = True
    for name, check in CHECKS.items():
        works, detail = check(settings)
        good = good and works
        console.print(f"{'[green]✓[/]' if works else '[red]✗[/]'} {name:<12} {detail}", highlight=False)
    return good
