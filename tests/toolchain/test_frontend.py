"""When the pages are rebuilt, and that one build fits every address."""

import shutil
from pathlib import Path

import pytest
from reflex_base.constants import Templates

from hilink_app.toolchain import frontend, same_origin
from hilink_app.toolchain.paths import ROOT

pytestmark = pytest.mark.unit


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that looks like ours."""
    (tmp_path / "hilink_app" / "pages").mkdir(parents=True)
    (tmp_path / "hilink_app" / "pages" / "today.py").write_text("x = 1\n")
    (tmp_path / "plugins" / "board" / "web").mkdir(parents=True)
    (tmp_path / "plugins" / "board" / "tests").mkdir()
    (tmp_path / "plugins" / "board" / "web" / "board.jsx").write_text("export const x = 1;\n")
    shutil.copy(ROOT / "rxconfig.py", tmp_path)
    (tmp_path / "requirements.lock").write_text("a==1\n")
    return tmp_path


def test_the_same_code_has_the_same_build(checkout: Path) -> None:
    assert frontend.digest(checkout) == frontend.digest(checkout)


@pytest.mark.parametrize(
    "name",
    ["hilink_app/pages/today.py", "plugins/board/web/board.jsx", "requirements.lock", "rxconfig.py"],
)
def test_what_a_browser_gets_changes_the_build(checkout: Path, name: str) -> None:
    before = frontend.digest(checkout)
    (checkout / name).write_text("changed\n")
    assert frontend.digest(checkout) != before


def test_a_new_page_changes_the_build_and_a_test_does_not(checkout: Path) -> None:
    before = frontend.digest(checkout)
    (checkout / "plugins" / "board" / "tests" / "test_board.py").write_text("y = 2\n")
    assert frontend.digest(checkout) == before
    (checkout / "plugins" / "board" / "ui.py").write_text("y = 2\n")
    assert frontend.digest(checkout) != before


def test_an_installed_plugin_changes_the_build(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = frontend.digest(checkout)
    monkeypatch.setattr(frontend, "installed_plugins", lambda: ["hello=hilink_hello@1"])
    assert frontend.digest(checkout) != before


def test_an_unfinished_build_is_not_found(checkout: Path) -> None:
    folder = frontend.builds_dir(checkout) / frontend.digest(checkout)
    (folder / "build" / "client").mkdir(parents=True)
    assert frontend.find(checkout) is None
    (folder / "build" / "client" / "index.html").write_text("<html>")
    assert frontend.find(checkout) == folder


def test_no_setting_of_ours_reaches_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frontend, "npm_registry", lambda: "")
    monkeypatch.setenv("HILINK_PUBLIC_URL", "http://elsewhere.example")
    monkeypatch.setenv("REFLEX_API_URL", "http://elsewhere.example")
    env = frontend.reflex_env(Path("web"))
    assert not [key for key in env if key.startswith("HILINK_")]
    assert "REFLEX_API_URL" not in env


def test_reflexs_own_source_still_takes_the_same_origin_branch() -> None:
    source = (Path(Templates.Dirs.WEB_TEMPLATE) / same_origin.STATE_JS).read_text()
    patched = same_origin.patch(source)
    assert same_origin.MARK in patched
    assert same_origin.patch(patched) == patched


def test_a_reflex_that_changed_is_noticed() -> None:
    with pytest.raises(RuntimeError, match=r"state\.js has changed"):
        same_origin.patch("const other = 1;")


def test_the_order_of_the_package_list_is_no_change(checkout: Path) -> None:
    packages = checkout / "reflex.lock" / "package.json"
    packages.parent.mkdir()
    packages.write_text('{"a": 1, "b": 2}')
    before = frontend.digest(checkout)
    packages.write_text('{"b":2,"a":1}')
    assert frontend.digest(checkout) == before
    packages.write_text('{"b":3,"a":1}')
    assert frontend.digest(checkout) != before
