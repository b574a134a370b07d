"""The `hilink` command. Commands import what they need when they run, so `hilink version` stays instant."""

import importlib
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from core.config import Settings
from hilink_app import logging as hilink_logging

if TYPE_CHECKING:
    from core.delivery.operate import Backlog
    from core.services import Services

app = typer.Typer(no_args_is_help=True, add_completion=False, help="HiLink: everything behind a live lesson.")
plugin_app = typer.Typer(
    no_args_is_help=True, help="List plugins, switch them on and off, install and remove them."
)
demo_app = typer.Typer(no_args_is_help=True, help="The demo academy.")
media_app = typer.Typer(help="Run a media node (this role alone); list the nodes and drain one.")
app.add_typer(plugin_app, name="plugin")
app.add_typer(media_app, name="media")
app.add_typer(demo_app, name="demo")
person_app = typer.Typer(no_args_is_help=True, help="Hand out or erase what is kept about a person.")
app.add_typer(person_app, name="person")

console = Console(stderr=False)
logger = logging.getLogger(__name__)


def _fail(message: object) -> typer.Exit:
    Console(stderr=True).print(f"[red]✗[/] {escape(str(message))}", highlight=False)
    return typer.Exit(1)


def _settings(role: str) -> Settings:
    settings = Settings()
    hilink_logging.configure(role, settings.log_format)
    return settings


@app.command()
def run(
    lan: Annotated[
        bool, typer.Option(help="Serve the local network, with TLS from an authority of this machine.")
    ] = False,
    demo: Annotated[bool, typer.Option(help="Seed the demo academy and show its accounts.")] = False,
) -> None:
    """Start all roles on this machine and keep them running."""
    from hilink_app.toolchain.frontend import FrontendBuildError
    from hilink_app.toolchain.launch import Launch, StartError

    try:
        Launch(_settings("hilink"), console, lan=lan, demo=demo).run()
    except (StartError, FrontendBuildError) as error:
        raise _fail(error) from None


def _role(name: str) -> None:
    from hilink_app.toolchain.roles import ROLES, NotBuiltError
    from hilink_app.toolchain.supervisor import end_with_parent

    end_with_parent()
    try:
        ROLES[name](_settings(name))
    except NotBuiltError as error:
        raise _fail(error) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@app.command()
def web() -> None:
    """Serve pages, API and room server (this role alone)."""
    _role("web")


@media_app.callback(invoke_without_command=True)
def media(context: typer.Context) -> None:
    """Run a media node (this role alone); with a command: list the nodes, drain one."""
    if context.invoked_subcommand is None:
        _role("media")


@media_app.command("list")
def media_list() -> None:
    """Show every media node: its region, how it is, what is on it."""
    from core.queries.operate import node_lines

    for node in node_lines(_services()):
        load = f"{node.rooms} rooms, {node.participants} people, {node.load} % of a core"
        console.print(f"{node.name:<28} {node.region:<18} {node.state:<10} {load}", soft_wrap=True)


@media_app.command("drain")
def media_drain(
    name: Annotated[str, typer.Argument(help="The node's name, as `hilink media list` shows it.")],
    off: Annotated[bool, typer.Option("--off", help="Give it new rooms again.")] = False,
) -> None:
    """Give a media node no new rooms; lessons that are on it stay there to their end."""
    from core.errors import NotFound
    from core.lifecycle.media import drain

    services = _services()
    try:
        with services.store.write() as db:
            drain(db, name, not off, None)
    except NotFound:
        raise _fail(f"no media node named {name}: see `hilink media list`") from None
    console.print(f"[green]✓[/] {name} gets {'new rooms again' if off else 'no new rooms'}")


@app.command()
def worker() -> None:
    """Run the chain after a lesson, timers and mail (this role alone)."""
    _role("worker")


@app.command()
def agents() -> None:
    """Run the agents that join lessons, such as the transcriber (this role alone)."""
    _role("agents")


@app.command()
def build(force: Annotated[bool, typer.Option(help="Build again although nothing changed.")] = False) -> None:
    """Build the pages if they changed; the last line is the folder they are in."""
    from hilink_app.toolchain import frontend

    errors = Console(stderr=True)
    try:
        folder = frontend.build(
            lambda line: errors.print(line, style="dim", highlight=False, markup=False), force=force
        )
    except frontend.FrontendBuildError as error:
        raise _fail(error) from None
    typer.echo(folder)


def _migrate(settings: Settings) -> None:
    from core.plugins import Plugins
    from core.store.migrate import upgrade

    upgrade(settings, Plugins.load())


@app.command()
def migrate() -> None:
    """Bring the database to this version; safe to run twice and from two places at once."""
    _migrate(_settings("migrate"))
    console.print("[green]✓[/] Database migrated")


@app.command(hidden=True)
def prepare(demo: bool = False) -> None:
    """Migrate, seed the demo if asked to, print its accounts as JSON: `hilink run` does this first."""
    settings = _settings("prepare")
    _migrate(settings)
    accounts: list[tuple[str, str, str]] = []
    if demo:
        academy = importlib.import_module("hilink_app.demo.academy")
        academy.seed(settings)
        accounts = academy.accounts(settings)
    typer.echo(json.dumps(accounts))


@demo_app.command("seed")
def demo_seed() -> None:
    """Fill the database with the demo academy; what is there already stays."""
    importlib.import_module("hilink_app.demo.academy").seed(_settings("demo"))
    console.print("[green]✓[/] Demo academy ready")


@demo_app.command("soon")
def demo_soon() -> None:
    """Make a demo lesson start in two minutes."""
    importlib.import_module("hilink_app.demo.academy").soon(_settings("demo"))
    console.print("[green]✓[/] A lesson starts in two minutes")


@plugin_app.command("list")
def plugin_list() -> None:
    """Show every plugin, where it comes from and whether it is on."""
    services = _services()
    for plugin in services.plugins.all():
        enabled = services.plugins.enabled(plugin.name)
        state = "[red]broken[/]" if plugin.broken else "[green]on[/]" if enabled else "[yellow]off[/]"
        origin = "built in" if plugin.builtin else plugin.package
        console.print(
            f"{plugin.name:<16} {state:<18} {origin:<24} {plugin.broken or plugin.version}", soft_wrap=True
        )


@plugin_app.command("enable")
def plugin_enable(
    name: str,
    skip: Annotated[
        bool, typer.Option(help="Forget what was held while it was off, instead of catching up.")
    ] = False,
) -> None:
    """Switch a plugin on; running processes notice within a second."""
    _switch(name, True, "skip" if skip else "replay")


@plugin_app.command("disable")
def plugin_disable(name: str) -> None:
    """Switch a plugin off; its deliveries are held until it is on again."""
    _switch(name, False, "replay")


@plugin_app.command("install")
def plugin_install(
    spec: Annotated[str, typer.Argument(help="A folder, an archive or a requirement.")],
) -> None:
    """Install a plugin; a running `hilink run` rebuilds the pages and restarts by itself."""
    from hilink_app.toolchain import launch, packages

    try:
        added = packages.install(spec)
    except packages.PackageError as error:
        raise _fail(error) from None
    launch.request_rebuild(_settings("plugin"))
    console.print(f"[green]✓[/] Installed: {', '.join(added) or 'no plugin that was not there already'}")


@plugin_app.command("uninstall")
def plugin_uninstall(name: str) -> None:
    """Remove a third-party plugin; what it stored stays."""
    from hilink_app.toolchain import launch, packages

    try:
        packages.remove(name)
    except LookupError:
        raise _fail(f"{name} is built in or not installed") from None
    except packages.PackageError as error:
        raise _fail(error) from None
    launch.request_rebuild(_settings("plugin"))
    console.print(f"[green]✓[/] Removed {name}")


@person_app.command("export")
def person_export(
    person: Annotated[str, typer.Argument(help="The person's email or id.")],
    out: Annotated[Path, typer.Option(help="File to write; it must not exist yet.")] = Path("person.json"),
) -> None:
    """Write everything that is kept about a person as JSON, what plugins keep included."""
    from core.access import SYSTEM
    from core.errors import UserError
    from core.lifecycle import privacy

    _services("person")
    try:
        found = privacy.export(SYSTEM, person)
        with out.open("x", encoding="utf-8") as file:
            json.dump(found, file, ensure_ascii=False, indent=2, default=str)
    except UserError as error:
        raise _fail(str(error)) from None
    except OSError as error:
        raise _fail(f"cannot write {out}: {error.strerror}") from None
    out.chmod(0o600)
    console.print(f"[green]✓[/] Written to {escape(str(out))}, readable by you alone")


@person_app.command("erase")
def person_erase(
    person: Annotated[str, typer.Argument(help="The person's email or id.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase what is kept about a person, in all tables and plugins. It cannot be undone."""
    from core.access import SYSTEM
    from core.errors import UserError
    from core.lifecycle import privacy

    _services("person")
    if not yes and typer.prompt("This cannot be undone. Type the email or id again") != person:
        raise _fail("not the same: nothing was erased")
    try:
        privacy.erase(SYSTEM, person)
    except UserError as error:
        raise _fail(str(error)) from None
    console.print("[green]✓[/] Erased")


def _services(role: str = "plugin") -> "Services":
    from core.services import install

    services = importlib.import_module("hilink_app.bootstrap").build(_settings(role), "cli")
    install(services)
    services.plugins.read_switches_from(services.store)
    return services


def _switch(name: str, enabled: bool, backlog: "Backlog") -> None:
    from core.delivery.operate import switch_plugin
    from core.errors import NotFound

    services = _services()
    try:
        with services.store.write() as db:
            switch_plugin(db, name, enabled, None, backlog)
    except NotFound:
        raise _fail(f"no plugin named {name}: see `hilink plugin list`") from None
    console.print(f"[green]✓[/] {name} is {'on' if enabled else 'off'}")


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="Name of a file in bench/; `list` shows them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Last line on stdout is one JSON object.")] = False,
) -> None:
    """Measure one thing; exit code 1 when a target is missed."""
    from bench import harness

    if name == "list":
        for line in harness.names():
            typer.echo(line)
        return
    try:
        report = harness.run(name)
    except harness.UnknownBenchError as error:
        raise _fail(error) from None
    if as_json:
        typer.echo(json.dumps(report))
    else:
        harness.show(report, console)
    raise typer.Exit(0 if report["holds"] else 1)


@app.command()
def doctor() -> None:
    """Say what of the set-up works here and what does not."""
    from hilink_app.toolchain import doctor as checks

    raise typer.Exit(0 if checks.show(Settings(), console) else 1)


@app.command()
def screenshots(
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("screenshots"),
) -> None:
    """Write every page at three widths, light and dark, from a demo academy of its own."""
    from tests import screenshots as pictures

    try:
        pictures.write(out, lambda line: console.print(line, highlight=False, markup=False))
    except pictures.ScreenshotError as error:
        raise _fail(error) from None


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as of

    typer.echo(of("hilink"))


def main() -> None:
    """Console script."""
    app()


if __name__ == "__main__":
    sys.exit(main())
