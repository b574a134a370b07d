"""Load, check, list and call plugins. Built-ins come through the same door as anybody else's.

A plugin is a package whose module carries `@hookimpl` functions, a docstring (shown to admins) and
`HILINK_API = (oldest, newest)`, the hook API versions it was written for. Third parties announce it under
the entry point group `hilink.plugins`. One that cannot be loaded is listed as broken, with the reason, and
HiLink starts without it.
"""

import asyncio
import importlib
import inspect
import logging
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy
from pydantic import ValidationError
from sqlmodel import SQLModel, select

import core.domain  # so that core's tables are known before a plugin's
from core import hookspecs
from core.domain.event import PluginSwitch
from core.errors import PluginError, fault
from core.hookspecs import HOOK_API, LIFECYCLE_HOOKS
from core.ports import Store

logger = logging.getLogger(__name__)

BUILT_INS = (
    "plugins.classroom",
    "plugins.whiteboard",
    "plugins.transcription",
    "plugins.notifications",
    "plugins.analytics",
)
ENTRY_POINT_GROUP = "hilink.plugins"
SWITCH_CACHE_S = 1.0

_NAME = re.compile(r"[a-z][a-z0-9_]{1,30}")
_RESERVED = frozenset({"alembic", "core", "dbos", "hilink", "workflow", "operation", "notifications_dbos"})
_HOOKS = tuple(name for name in vars(hookspecs) if hasattr(getattr(hookspecs, name), "hilink_spec"))


@dataclass(frozen=True, slots=True)
class Plugin:
    """One loaded or broken plugin. broken: why it is not running, "" when it is."""

    name: str
    package: str
    title: str = ""
    description: str = ""
    version: str = ""
    builtin: bool = False
    hooks: tuple[str, ...] = ()
    settings: Any = None
    broken: str = ""
    folder: Path | None = field(default=None, compare=False)

    @property
    def migrations(self) -> Path | None:
        """Its own Alembic revisions, or None when it keeps no tables."""
        versions = self.folder / "migrations" / "versions" if self.folder else None
        return versions if versions and versions.is_dir() else None

    @property
    def readme(self) -> str:
        file = self.folder / "README.md" if self.folder else None
        return file.read_text(encoding="utf-8") if file and file.is_file() else ""


class Plugins:
    """Every plugin of this process, in a fixed order: built-ins first, then third parties by name."""

    def __init__(self) -> None:
        self._manager = _manager()
        self._plugins: dict[str, Plugin] = {}
        self._callers: dict[tuple[str, str], Callable[..., list[Any]]] = {}
        self._switches: Callable[[], Mapping[str, bool]] | None = None
        self._cached: tuple[float, Mapping[str, bool]] = (float("-inf"), {})
        self._lock = threading.Lock()

    @classmethod
    def load(
        cls,
        *,
        built_ins: Iterable[str] = BUILT_INS,
        third_party: Iterable[EntryPoint] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> "Plugins":
        """Load everything. third_party: None = what is installed. extra: name -> module or object (tests).

        A broken plugin is listed with the reason and left out; `check_built_ins` raises for one of ours.
        """
        plugins = cls()
        for package in built_ins:
            plugins._load_built_in(package)
        if third_party is None:
            third_party = entry_points(group=ENTRY_POINT_GROUP)
        for entry in sorted(third_party, key=lambda entry: entry.name):
            plugins._load_third_party(entry)
        for name, module in (extra or {}).items():
            plugins.add(name, module)
        return plugins

    def check_built_ins(self) -> None:
        """PluginError when one of HiLink's own is broken: our mistake, it must not go live."""
        for plugin in self._plugins.values():
            if plugin.builtin and plugin.broken:
                raise PluginError(plugin.name, plugin.broken)

    @property
    def names(self) -> tuple[str, ...]:
        """Loaded plugins, whether switched on or off."""
        return tuple(name for name, plugin in self._plugins.items() if not plugin.broken)

    def all(self) -> tuple[Plugin, ...]:
        """For the operators' page: loaded and broken ones."""
        return tuple(self._plugins.values())

    def get(self, name: str) -> Plugin:
        """LookupError for a name that is not installed."""
        return self._plugins[name]

    def implements(self, name: str, hook: str) -> bool:
        return name in self.names and hook in self._plugins[name].hooks

    def implementing(self, hook: str) -> tuple[str, ...]:
        """Loaded plugins with this hook, in call order."""
        return tuple(name for name in self.names if hook in self._plugins[name].hooks)

    def read_switches_from(self, source: Store | Callable[[], Mapping[str, bool]]) -> None:
        """Where `enabled` looks: the database, or any function. Processes with neither: everything is on."""
        self._switches = source if callable(source) else lambda: _stored_switches(source)
        self.forget_switches()

    def forget_switches(self) -> None:
        """Look again at the next `enabled`, instead of up to a second later."""
        self._cached = (float("-inf"), {})

    def enabled(self, name: str) -> bool:
        """Loaded and not switched off; at most a second old."""
        if name not in self.names:
            return False
        if self._switches is None:
            return True
        with self._lock:
            read_at, switches = self._cached
            if time.monotonic() - read_at > SWITCH_CACHE_S:
                switches = self._switches()
                self._cached = (time.monotonic(), switches)
        return switches.get(name, True)

    def call(self, hook: str, *, enabled_only: bool = False, **arguments: Any) -> list[tuple[str, Any]]:
        """Call a composition hook of every plugin; (plugin, result) of those that answered.

        One that raises is logged and left out; the others still answer. Lifecycle hooks go through
        core.delivery instead.
        """
        answers: list[tuple[str, Any]] = []
        for name in self.implementing(hook):
            if enabled_only and not self.enabled(name):
                continue
            try:
                answers += [(name, result) for result in self.call_one(name, hook, **arguments)]
            except Exception as error:  # border: one plugin's mistake must not take the others down
                logger.error(
                    "Plugin failed in a hook", extra={"plugin": name, "hook": hook, "fault": fault(error)}
                )
        return answers

    def call_one(self, name: str, hook: str, **arguments: Any) -> list[Any]:
        """Call one plugin's implementation; raises what it raises. Coroutines come back un-awaited."""
        caller = self._callers.get((name, hook))
        if caller is None:
            others = [plugin for other, plugin in self._manager.list_name_plugin() if other != name]
            caller = self._manager.subset_hook_caller(hook, others)
            self._callers[name, hook] = caller
        return caller(**arguments)

    def call_and_wait(self, name: str, hook: str, **arguments: Any) -> None:
        """Call one plugin's implementation and, when it is async, run it to its end. In threads only."""
        for answer in self.call_one(name, hook, **arguments):
            if inspect.isawaitable(answer):
                asyncio.run(_await(answer))

    def add(
        self, name: str, module: Any, *, builtin: bool = False, distribution: str | None = None
    ) -> Plugin:
        """Check one plugin and register it. PluginError says what is wrong with it."""
        if name in self._plugins and not self._plugins[name].broken:
            raise PluginError(name, "two plugins have this name")
        _check_name(name)
        _check_api(name, module)
        _check_hooks(name, module)
        package = module.__name__ if isinstance(module, ModuleType) else type(module).__module__
        if isinstance(module, ModuleType):
            _import_models(name, package)
            _check_tables(name, package)
        hooks = tuple(hook for hook in _HOOKS if _implements(module, hook))
        plugin = Plugin(
            name=name,
            package=package,
            title=name.replace("_", " ").capitalize(),
            description=inspect.cleandoc(module.__doc__ or ""),
            version=_version(distribution),
            builtin=builtin,
            hooks=hooks,
            settings=_settings(name, module),
            folder=_folder(module),
        )
        self._manager.register(module, name)
        self._plugins[name] = plugin
        self._callers.clear()
        return plugin

    def _load_built_in(self, package: str) -> None:
        name = package.rpartition(".")[2]
        self._try(name, package, "hilink", lambda: importlib.import_module(package), builtin=True)

    def _load_third_party(self, entry: EntryPoint) -> None:
        distribution = entry.dist.name if entry.dist else None
        self._try(entry.name, entry.value.partition(":")[0], distribution, entry.load)

    def _try(
        self,
        name: str,
        package: str,
        distribution: str | None,
        load: Callable[[], Any],
        builtin: bool = False,
    ) -> None:
        try:
            self.add(name, load(), builtin=builtin, distribution=distribution)
        except PluginError as error:
            problem = error.problem
        except Exception as error:  # border: a module may raise anything while it is imported
            problem = f"cannot be imported: {fault(error)}"
        else:
            return
        _forget_tables(package)
        logger.error("Plugin is broken and stays off", extra={"plugin": name, "problem": problem})
        self._plugins.setdefault(
            name, Plugin(name, package, name, version=_version(distribution), builtin=builtin, broken=problem)
        )


def core_tables() -> set[str]:
    """Names of the tables that core's own models describe."""
    ours = [mapper for mapper in _mappers() if mapper.class_.__module__.startswith("core.")]
    return {mapper.local_table.description for mapper in ours}


def table_owner(table: str, plugins: Iterable[str]) -> str:
    """Whose table this is by its prefix: the longest matching plugin name, else "core"."""
    owners = [name for name in plugins if table.startswith(f"{name}_")]
    return max(owners, key=len, default="core")


async def _await(answer: Awaitable[Any]) -> None:
    await answer


def _manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager("hilink")
    manager.add_hookspecs(hookspecs)
    return manager


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise PluginError(name, "a name is 2 to 31 small letters, digits and underscores")
    if name in _RESERVED or any(table == name or table.startswith(f"{name}_") for table in core_tables()):
        raise PluginError(name, "this name is taken by core's own tables; choose another one")


def _check_api(name: str, module: Any) -> None:
    match getattr(module, "HILINK_API", None):
        case (int(oldest), int(newest)) if oldest <= HOOK_API <= newest:
            return
        case (int(oldest), int(newest)):
            raise PluginError(
                name, f"was written for hook API {oldest} to {newest}, this HiLink has {HOOK_API}"
            )
        case _:
            raise PluginError(
                name, f"does not say `HILINK_API = ({HOOK_API}, {HOOK_API})`, the hook API it is for"
            )


def _check_hooks(name: str, module: Any) -> None:
    """On a manager of its own, so that a misspelt hook never reaches the real one."""
    trial = _manager()
    try:
        trial.register(module, name)
        trial.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(name, str(error).replace("\n", " ")) from error


def _check_tables(name: str, package: str) -> None:
    for mapper in _mappers():
        table = mapper.local_table.description
        if f"{mapper.class_.__module__}.".startswith(f"{package}.") and not table.startswith(f"{name}_"):
            raise PluginError(name, f"its table {table!r} must be named {name}_{table}")


def _forget_tables(package: str) -> None:
    """Tables of a plugin that stays off must not look like core's when migrations are written."""
    for mapper in _mappers():
        table = mapper.local_table
        if f"{mapper.class_.__module__}.".startswith(f"{package}.") and table.description in table.metadata:
            table.metadata.remove(table)


def _mappers() -> list[Any]:
    registry: Any = SQLModel._sa_registry  # pyright: ignore[reportPrivateUsage]
    return list(registry.mappers)


def _import_models(name: str, package: str) -> None:
    """Its tables must be known before migrations run, also when no hook imports them."""
    try:
        importlib.import_module(f"{package}.models")
    except ModuleNotFoundError as error:
        if error.name not in (package, f"{package}.models"):
            raise PluginError(name, f"cannot be imported: {fault(error)}") from error


def _implements(module: Any, hook: str) -> bool:
    for name, value in inspect.getmembers(module, callable):
        marks: dict[str, Any] | None = getattr(value, "hilink_impl", None)
        if marks is not None and (marks.get("specname") or name) == hook:
            return True
    return False


def _settings(name: str, module: Any) -> Any:
    if not _implements(module, "settings"):
        return None
    try:
        return module.settings()()
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise PluginError(name, f"its settings are not right: {wrong}") from None  # values may be secrets
    except Exception as error:  # border: the hook may do anything
        raise PluginError(name, f"its settings cannot be built: {fault(error)}") from error


def _folder(module: Any) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file).parent if file else None


def _version(distribution: str | None) -> str:
    try:
        return version(distribution) if distribution else ""
    except PackageNotFoundError:
        return ""


def _stored_switches(store: Store) -> dict[str, bool]:
    with store.read() as db:
        return {row.plugin: row.enabled for row in db.exec(select(PluginSwitch))}


assert set(LIFECYCLE_HOOKS) <= set(_HOOKS), core.domain
