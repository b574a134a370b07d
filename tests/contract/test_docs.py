"""The docs say what is so: every hook and setting is there, every link leads somewhere, every hook is tested."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import hookspecs
from core.config import Settings
from core.plugins import Plugins
from hilink_app.toolchain.paths import ROOT
from tests.run import generated

pytestmark = pytest.mark.contract

PAGES = sorted(
    page
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "plugins/*/*.md",
        "rtc/*.md",
        "tests/plugins/hello/hilink_hello/*.md",
    )
    for page in ROOT.glob(pattern)
)
HOOKS = sorted(name for name, one in vars(hookspecs).items() if hasattr(one, "hilink_spec"))
GENERATED = {
    "docs/settings.md",
    "docs/cli.md",
    "docs/rest.md",
    "docs/plugins/README.md",
    "docs/plugins/hooks.md",
    "docs/plugins/testing.md",
    "docs/architecture/README.md",
    "docs/architecture/data.md",
    "docs/architecture/metrics.md",
}
NOT_SETTINGS = {"HILINK_API"}
"""Constants that begin like a setting."""


def test_the_generated_pages_are_generated() -> None:
    """That they are fresh is checked by `make test` itself (cog --check)."""
    assert set(generated()) >= GENERATED


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_documented(hook: str) -> None:
    text = getattr(hookspecs, hook).__doc__ or ""
    assert "Since hook API" in text
    assert f"### {hook}\n" in (ROOT / "docs/plugins/hooks.md").read_text()


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_tested(hook: str) -> None:
    """Some test implements it, or calls it through the loader."""
    used = re.compile(rf'\b{hook}\s*=|["\']{hook}["\']|def {hook}\(|\.{hook}\(|import .*\b{hook}\b')
    tests = (path for folder in ("tests", "plugins") for path in (ROOT / folder).rglob("test_*.py"))
    own = Path(__file__)
    assert any(used.search(path.read_text()) for path in tests if path != own), f"no test of {hook}"


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if not target.startswith(("http://", "https://", "mailto:")):
                yield page, target


def headings(page: Path) -> set[str]:
    """Anchors as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).strip().replace(" ", "-") for line in found}


def test_links_lead_somewhere() -> None:
    broken: list[str] = []
    for page, target in links():
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists():
            broken.append(f"{page.relative_to(ROOT)} -> {target}")
        elif anchor and there.suffix == ".md" and anchor not in headings(there):
            broken.append(f"{page.relative_to(ROOT)} -> {target} (no such heading)")
    assert broken == []


def test_settings_that_are_mentioned_exist() -> None:
    plugins = Plugins.load(third_party=())
    known = {f"HILINK_{name.upper()}" for name in Settings.model_fields}
    for name in plugins.names:
        kept = plugins.get(name).settings
        if kept is not None:
            prefix = str(type(kept).model_config.get("env_prefix", ""))
            known |= {f"{prefix}{field.upper()}" for field in type(kept).model_fields}
    elsewhere = "".join(path.read_text() for path in (ROOT / "hilink_app").rglob("*.py"))
    wrong: list[str] = []
    for page in PAGES:
        for name in re.findall(r"\bHILINK_[A-Z0-9_]+(?<!_)\b", page.read_text()):
            example = name.startswith("HILINK_HELLO") or name in NOT_SETTINGS
            if not (name in known or example or name in elsewhere or f"{name}_*" in page.read_text()):
                wrong.append(f"{page.relative_to(ROOT)}: {name}")
    assert wrong == []


def test_every_plugin_has_its_readme() -> None:
    for name in Plugins.load(third_party=()).names:
        assert (ROOT / "plugins" / name / "README.md").is_file()


def test_decisions_are_numbered_and_say_why() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("*.md"))
    numbers = [page.name.split("-")[0] for page in pages]
    assert numbers == [f"{number:04}" for number in range(1, len(pages) + 1)]
    for page in pages:
        text = page.read_text()
        assert text.startswith(f"# {page.name.split('-')[0]} ")
        for part in ("**Context.**", "**Decision.**", "**Consequences.**"):
            assert part in text, f"{page.name} has no {part}"
        assert len(text.splitlines()) <= 60, f"{page.name} is longer than a page"


def test_the_readme_has_the_two_commands_and_its_picture() -> None:
    text = (ROOT / "README.md").read_text()
    assert "make run" in text and "make test" in text
