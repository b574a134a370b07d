"""The plugin loader: strangers are checked, the broken stay out, nobody stops the others."""

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from core.errors import PluginError
from core.hookspecs import HOOK_API, hookimpl
from core.plugins import Plugins, table_owner
from core.testing import plugin

pytestmark = pytest.mark.unit


def load(**extra: Any) -> Plugins:
    return Plugins.load(built_ins=(), third_party=(), extra=extra)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., EntryPoint]]:
    """Writes a package and gives its entry point, as an installed one has."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name: str, source: str, **files: str) -> EntryPoint:
        folder = tmp_path / f"stranger_{name}"
        folder.mkdir()
        (folder / "__init__.py").write_text(source)
        for file, text in files.items():
            (folder / f"{file}.py").write_text(text)
        return EntryPoint(name, f"stranger_{name}", "hilink.plugins")

    yield write
    for name in [name for name in sys.modules if name.startswith("stranger_")]:
        del sys.modules[name]


FINE = f'''"""Counts."""
from hilink import hookimpl
HILINK_API = ({HOOK_API}, {HOOK_API})
@hookimpl
def on_summary(ctx): pass
'''


def third_party(*entries: EntryPoint) -> Plugins:
    return Plugins.load(built_ins=(), third_party=entries)


def test_what_is_known_of_a_plugin() -> None:
    plugins = load(quiz=quiz())
    one = plugins.get("quiz")
    assert (one.title, one.description, one.hooks, one.broken) == (
        "Quiz",
        "quiz for a test.",
        ("on_summary",),
        "",
    )
    assert plugins.names == ("quiz",)
    assert plugins.implements("quiz", "on_summary")
    assert not plugins.implements("quiz", "on_schedule")
    assert not plugins.implements("nobody", "on_summary")
    with pytest.raises(LookupError):
        plugins.get("nobody")


def quiz() -> Any:
    def on_summary(ctx: Any) -> None: ...

    return plugin("quiz", on_summary=on_summary)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (FINE.replace("HILINK_API", "OTHER_API"), "does not say `HILINK_API"),
        (FINE.replace(f"({HOOK_API}, {HOOK_API})", "(7, 9)"), "was written for hook API 7 to 9"),
        (FINE.replace("on_summary", "on_sumary"), "on_sumary"),
        (FINE.replace("(ctx)", "(ctx, sumary)"), "sumary"),
        ("import nothing_like_this", "cannot be imported: ModuleNotFoundError"),
        ("raise SystemError", "cannot be imported: SystemError"),
        (
            FINE + "from pydantic import BaseModel\nclass S(BaseModel):\n  x: int\n"
            "@hookimpl\ndef settings(): return S\n",
            "its settings are not right: x: Field required",
        ),
        (FINE + "@hookimpl\ndef settings(): raise OSError\n", "its settings cannot be built: OSError"),
    ],
)
def test_a_broken_stranger_is_listed_and_left_out(
    package: Callable[..., EntryPoint], source: str, problem: str
) -> None:
    plugins = third_party(package("bad", source), package("fine", FINE))
    assert plugins.names == ("fine",)
    assert problem in plugins.get("bad").broken
    assert not plugins.enabled("bad")
    assert [one.name for one in plugins.all()] == ["bad", "fine"]


@pytest.mark.parametrize("name", ["Quiz", "q", "1quiz", "my-quiz", "person", "class", "seat", "core", "dbos"])
def test_a_name_that_would_clash_is_refused(name: str) -> None:
    with pytest.raises(PluginError, match="name"):
        load(**{name: quiz()})


def test_two_of_one_name(package: Callable[..., EntryPoint]) -> None:
    plugins = load(quiz=quiz())
    with pytest.raises(PluginError, match="two plugins"):
        plugins.add("quiz", quiz())


def test_a_table_without_the_prefix_is_refused(package: Callable[..., EntryPoint]) -> None:
    models = """
from sqlmodel import Field, SQLModel
class Stray(SQLModel, table=True):
    __tablename__ = "stray_row"
    id: int = Field(primary_key=True)
"""
    plugins = third_party(package("tables", FINE, models=models))
    assert plugins.get("tables").broken == "its table 'stray_row' must be named tables_stray_row"
    from sqlmodel import SQLModel

    assert "stray_row" not in SQLModel.metadata.tables


def test_a_broken_models_file_is_named(package: Callable[..., EntryPoint]) -> None:
    plugins = third_party(package("nomodels", FINE, models="import nothing_like_this"))
    assert plugins.get("nomodels").broken.startswith("cannot be imported: ModuleNotFoundError")


def test_a_broken_built_in_is_our_mistake() -> None:
    plugins = Plugins.load(built_ins=("plugins.not_there",), third_party=())
    assert plugins.names == ()
    with pytest.raises(PluginError, match="not_there"):
        plugins.check_built_ins()


def test_one_that_raises_does_not_stop_the_others() -> None:
    def explode() -> list[Any]:
        raise RuntimeError

    def tools() -> list[Any]:
        return [{"id": "tool"}]

    plugins = load(bad=plugin("bad", room_tools=explode), quiz=plugin("quiz", room_tools=tools))
    assert plugins.call("room_tools") == [("quiz", [{"id": "tool"}])]
    with pytest.raises(RuntimeError):
        plugins.call_one("bad", "room_tools")


def test_only_the_arguments_it_asks_for() -> None:
    def export_person(person_id: str) -> dict[str, Any]:
        return {"id": person_id}

    plugins = load(quiz=plugin("quiz", export_person=export_person))
    assert plugins.call("export_person", db=None, person_id="p") == [("quiz", {"id": "p"})]


def test_async_hooks_are_run_to_their_end() -> None:
    seen: list[str] = []

    async def on_summary(change: str) -> None:
        seen.append(change)

    plugins = load(quiz=plugin("quiz", on_summary=on_summary))
    plugins.call_and_wait("quiz", "on_summary", ctx=None, summary=None, change="drafted")
    assert seen == ["drafted"]


def test_switches_are_read_at_most_once_a_second() -> None:
    asked: list[int] = []

    def switches() -> dict[str, bool]:
        asked.append(1)
        return {"quiz": False}

    plugins = load(quiz=quiz(), fine=plugin("fine"))
    assert plugins.enabled("quiz"), "without a database everything is on"
    plugins.read_switches_from(switches)
    assert not plugins.enabled("quiz")
    assert plugins.enabled("fine")
    assert len(asked) == 1
    plugins.forget_switches()
    assert not plugins.enabled("quiz")
    assert len(asked) == 2


def test_hooks_of_a_switched_off_plugin_can_be_left_out() -> None:
    def tools() -> list[Any]:
        return []

    plugins = load(quiz=plugin("quiz", room_tools=tools))
    plugins.read_switches_from(lambda: {"quiz": False})
    assert plugins.call("room_tools", enabled_only=True) == []
    assert plugins.call("room_tools") == [("quiz", [])]


def test_whose_table_it_is() -> None:
    owners = ("quiz", "quiz_pro")
    assert table_owner("quiz_answer", owners) == "quiz"
    assert table_owner("quiz_pro_answer", owners) == "quiz_pro"
    assert table_owner("quizzes", owners) == "core"
    assert table_owner("person", owners) == "core"


def test_a_marker_says_which_hook_a_function_is() -> None:
    module = plugin("quiz")

    @hookimpl(specname="on_summary")
    def approved(change: str) -> None: ...

    module.approved = approved
    assert load(quiz=module).get("quiz").hooks == ("on_summary",)
