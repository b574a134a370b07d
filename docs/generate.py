"""The generated parts of the docs: tables made from the code they describe. `make docs` writes, `make test` checks.

A page holds `[[[cog from docs import generate; generate.settings() ]]]` between comment marks.
"""

import ast
import inspect
import itertools
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import cog  # pyright: ignore[reportMissingImports] - there while cog runs a page
from pydantic_settings import BaseSettings

ROOT = Path(__file__).resolve().parents[1]
BUILT_INS = ("classroom", "whiteboard", "transcription", "notifications", "analytics")


def out(text: str) -> None:
    cog.out(f"\n{text.strip()}\n\n")


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def first_line(text: str | None) -> str:
    """The first sentence or paragraph of a docstring, on one line."""
    return " ".join((text or "").strip().split("\n\n")[0].split())


def story() -> None:
    """The table of core/lifecycle/__init__.py and a diagram of its events."""
    import core.lifecycle

    rows = [line for line in inspect.getdoc(core.lifecycle).splitlines() if line.startswith("|")]  # type: ignore[union-attr]
    steps = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows if row[2:3].isdigit()]
    links = [f"    s{one[0]} --> s{two[0]}" for one, two in itertools.pairwise(steps)]
    names = [
        f'    s{number}["{"<br/>".join([f"{number} {name}", *event.replace(",", " ").split()])}"]'
        for number, name, _, event, *_ in steps
    ]
    hooks = [f'    s{step[0]} -.-> h{step[0]}(["{step[4]}"])' for step in steps if step[4]]
    linked = [row.replace(f"| {row.split('|')[2].strip()} |", f"| {_file(row)} |", 1) for row in rows]
    diagram = "\n".join(["```mermaid", "flowchart TD", *names, *links, *hooks, "```"])
    out(diagram + "\n\n" + "\n".join(linked))


def _file(row: str) -> str:
    name = row.split("|")[2].strip()
    path = ROOT / "core" / "lifecycle" / f"{name}.py"
    return f"[{name}](../../core/lifecycle/{name}.py)" if path.exists() else name


def layers() -> None:
    """The import contracts of pyproject.toml."""
    import tomllib

    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    parts: list[str] = []
    for contract in linter["contracts"]:
        if contract["type"] == "layers":
            parts.append(f"**{contract['name']}**:\n\n```\n" + "\n".join(contract["layers"]) + "\n```")
        else:
            modules = contract.get("source_modules", contract.get("modules", []))
            never = contract.get("forbidden_modules")
            line = ", ".join(f"`{name}`" for name in modules)
            line += (
                " never reach " + ", ".join(f"`{name}`" for name in never)
                if never
                else " never reach each other"
            )
            parts.append(f"**{contract['name']}**: {line}.")
    out("\n\n".join(parts))


def tree() -> None:
    """One line a package: the first sentence of its docstring."""
    rows: list[tuple[str, ...]] = []
    for folder in ("hilink", "core", "core/*", "plugins/*", "rtc", "hilink_app/*"):
        for package in sorted(ROOT.glob(folder)):
            init = package / "__init__.py"
            if init.exists() and (text := ast.get_docstring(ast.parse(init.read_text()))):
                where = package.relative_to(ROOT)
                rows.append((f"[`{where}/`](../../{where}/)", first_line(text).split(". ")[0].rstrip(".")))
    out(table(("folder", "is"), rows))


def events() -> None:
    """Every domain event with its payload."""
    import core.events as module

    rows: list[tuple[str, ...]] = []
    for one in vars(module).values():
        if not (inspect.isclass(one) and issubclass(one, module.Event) and one.kind):
            continue
        own = [field.name for field in fields(one) if field.name not in ("session_id", "person_id")]
        text = one.__doc__ or ""
        said = "" if text.startswith(f"{one.__name__}(") else first_line(text)
        rows.append((f"`{one.kind}`", ", ".join(f"`{name}`" for name in own), said))
    out(table(("event", "payload", "says"), sorted(rows)))


def hooks() -> None:
    """Every hook with its signature and text, lifecycle hooks first."""
    from core import hookspecs

    found = {name: one for name, one in vars(hookspecs).items() if hasattr(one, "hilink_spec")}
    durable = [name for name in found if name in hookspecs.LIFECYCLE_HOOKS]
    rest = [name for name in found if name not in durable]
    parts: list[str] = []
    for title, names in (("Lifecycle hooks", durable), ("Composition hooks", rest)):
        parts.append(f"## {title}")
        for name in names:
            text = inspect.getdoc(found[name]) or ""
            code = f"{name}{_signature(found[name])}"
            parts.append(f"### {name}\n\n```python\n{code}\n```\n\n{text.replace('``', '`')}")
    out("\n\n".join(parts))


def _signature(function: Any) -> str:
    source = inspect.getsource(function)
    found = re.search(r"def \w+(\(.*?\) -> .*?):\n", source, re.DOTALL)
    text = found.group(1) if found else str(inspect.signature(function))
    return text.replace(
        "Callable[..., Any]", "Callable"
    )  # three closing brackets would end the generated part


def settings() -> None:
    """Core's settings, then each built-in plugin's."""
    from core.config import Settings
    from core.plugins import Plugins

    parts = ["## Core", _settings_table(Settings)]
    plugins = Plugins.load(third_party=())
    for name in plugins.names:
        kept = plugins.get(name).settings
        if kept is not None:
            parts += [f"## Plugin: {name}", _settings_table(type(kept))]
    out("\n\n".join(parts))


def _settings_table(settings: type[BaseSettings]) -> str:
    prefix = str(settings.model_config.get("env_prefix", ""))
    rows = [
        (f"`{prefix}{name.upper()}`", _default(field), field.description or "")
        for name, field in settings.model_fields.items()
    ]
    return table(("name", "default", "means"), rows)


def _default(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    choices = get_args(field.annotation) if "Literal" in str(field.annotation) else ()
    shown = "empty" if value in ("", (), None) else f"`{value}`"
    return shown + (f" ({', '.join(str(choice) for choice in choices)})" if choices else "")


def cli() -> None:
    """Every command with its arguments and options."""
    from typer.main import get_command

    from hilink_app.cli import app

    parts: list[str] = []
    for words, command in _commands(get_command(app), ("hilink",)):
        usage = " ".join([*words, *(_argument(p) for p in command.params if _is_argument(p))])
        rows = [
            (f"`{', '.join(option.opts)}`", " ".join((getattr(option, "help", "") or "").split()))
            for option in command.params
            if not _is_argument(option) and "--help" not in option.opts
        ]
        text = " ".join((command.help or "").split())
        parts.append(f"## {' '.join(words)}\n\n```\n{usage}\n```\n\n{text}")
        if rows:
            parts.append(table(("option", "means"), rows))
    out("\n\n".join(parts))


def _is_argument(parameter: Any) -> bool:
    return parameter.param_type_name == "argument"


def _argument(parameter: Any) -> str:
    name = parameter.name.upper() + ("..." if parameter.nargs == -1 else "")
    return name if parameter.required else f"[{name}]"


def _commands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, inner in getattr(command, "commands", {}).items():
        if hasattr(inner, "commands"):
            yield from _commands(inner, (*words, name))
        elif not inner.hidden:
            yield (*words, name), inner


def rest() -> None:
    """Every route and socket with its rule."""
    from core.plugins import Plugins
    from hilink_app import api

    http = api.build(Plugins.load(third_party=()))
    texts = {
        (",".join(sorted(getattr(route, "methods", None) or ("WEBSOCKET",))), route.path): first_line(
            route.endpoint.__doc__
        )
        for route in _routes(http.routes)
    }
    rows = [
        (methods, f"`{path}`", rule.words if rule else "", texts.get((methods, path), ""))
        for path, methods, rule in api.rules(http.routes)
    ]
    out(table(("method", "path", "who", "what"), sorted(rows, key=lambda row: row[1])))


def metrics() -> None:
    """What each role's /metrics says."""
    from core.plugins import Plugins
    from hilink_app import metrics as roles
    from rtc import metrics as media

    offered = Plugins.load(third_party=()).call("metrics", role="web")
    rooms = tuple(metric for _, offers in offered for metric, _ in offers)
    parts: list[str] = []
    for role, found in (
        ("web", (*roles.WEB, *rooms)),
        ("media", media.METRICS),
        ("worker", roles.WORKER),
        ("agents", roles.AGENTS),
    ):
        rows = [(f"`{one.name}`", one.kind, f"`{one.label}`" if one.label else "", one.says) for one in found]
        parts.append(f"### {role}\n\n" + table(("name", "kind", "label", "says"), rows))
    out("\n\n".join(parts))


def _routes(routes: Any) -> Iterator[Any]:
    for route in routes:
        if (router := getattr(route, "original_router", None)) is not None:
            yield from _routes(router.routes)
        elif hasattr(route, "endpoint"):
            yield route


def quote(path: str) -> None:
    """A file of the repository, whole."""
    source = ROOT / path
    kind = {".py": "python", ".toml": "toml"}.get(source.suffix, "")
    out(f"`{source.name}`:\n\n```{kind}\n{source.read_text().strip()}\n```")
