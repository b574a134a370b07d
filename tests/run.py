"""What `make test`, `lint`, `e2e` and `docs` do. Every check runs; pytest's own line comes last.

Unit and contract tests run two at a time. Those with real media and browsers have the machine to themselves.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
BIN = Path(sys.executable).parent
COG_MARK = "[[[cog"

console = Console(highlight=False, soft_wrap=True)


def tool(name: str, *arguments: str) -> Callable[[], str | None]:
    """A check that is a command; its output is shown when it fails."""

    def check() -> str | None:
        done = subprocess.run(
            [str(BIN / name), *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return None if done.returncode == 0 else done.stdout.decode(errors="replace")

    return check


def generated() -> list[str]:
    """Pages that carry generated parts."""
    pages = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "plugins").rglob("*.md")]
    return [str(page.relative_to(ROOT)) for page in pages if COG_MARK in page.read_text(encoding="utf-8")]


def docs_fresh() -> str | None:
    pages = generated()
    return (
        tool("cog", "--check", "-p", f"import sys; sys.path.insert(0, {str(ROOT)!r})", *pages)()
        if pages
        else None
    )


def browser() -> str | None:
    from hilink_app.toolchain.browser import NoBrowserError, ensure

    try:
        ensure()
    except NoBrowserError as error:
        return str(error)
    return None


def databases() -> str | None:
    from hilink_app.toolchain.postgres import NoPostgresError, ensure_bin
    from hilink_app.toolchain.redis import NoRedisError, ensure_binary

    try:
        ensure_bin()
        ensure_binary()
    except (NoPostgresError, NoRedisError) as error:
        return str(error)
    return None


def relay() -> str | None:
    from hilink_app.toolchain.turn import NoTurnError, ensure_binary

    try:
        ensure_binary()
    except NoTurnError as error:
        return str(error)
    return None


def pages() -> str | None:
    from hilink_app.toolchain.frontend import FrontendBuildError, build

    try:
        build()
    except FrontendBuildError as error:
        return str(error)
    return None


LINT: list[tuple[str, Callable[[], str | None]]] = [
    ("ruff check", tool("ruff", "check", ".")),
    ("ruff format", tool("ruff", "format", "--check", ".")),
    ("codespell", tool("codespell")),
    ("lint-imports", tool("lint-imports")),
    ("generated docs", docs_fresh),
    ("pyright", tool("pyright")),
]
SET_UP: list[tuple[str, Callable[[], str | None]]] = [
    ("browser", browser),
    ("PostgreSQL and Redis", databases),
    ("coturn", relay),
    ("pages", pages),
]


def run(checks: list[tuple[str, Callable[[], str | None]]]) -> list[str]:
    """Names of the checks that failed."""
    failed: list[str] = []
    for name, check in checks:
        started = time.monotonic()
        problem = check()
        sign = "[green]✓[/]" if problem is None else "[red]✗[/]"
        console.print(f"{sign} {name} [dim]{time.monotonic() - started:.1f} s[/]")
        if problem is not None:
            console.print(problem.rstrip(), markup=False)
            failed.append(name)
    return failed


def tests(*arguments: str) -> int:
    sys.stdout.flush()
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=False).returncode


def main(what: str, *arguments: str) -> int:
    if what == "lint":
        return 1 if run(LINT) else 0
    if what == "docs":
        found = generated()
        prologue = f"import sys; sys.path.insert(0, {str(ROOT)!r})"
        problem = tool("cog", "-r", "-p", prologue, *found)() if found else None
        console.print(problem or f"✓ {len(found)} pages generated", markup=False)
        return 1 if problem else 0
    with ThreadPoolExecutor() as pool:  # pyright and the pages each keep one core busy for a minute
        checked = pool.submit(run, LINT if what == "all" else [])
        missing = run(SET_UP)
        failed = checked.result()
    if missing:
        console.print(f"[red]✗ can't run the tests without: {', '.join(missing)}[/]")
        return 1
    if what == "all" and tests("-m", "unit or contract", "-n", "2", *arguments):
        failed.append("unit and contract tests")
    code = tests("-m", "e2e" if what == "e2e" else "media or e2e", *arguments)
    if failed:
        console.print(f"[red]✗ checks that failed: {', '.join(failed)}[/]")
    return code or (1 if failed else 0)


if __name__ == "__main__":
    raise SystemExit(main(*(sys.argv[1:] or ["all"])))
