"""Builds the board alone for the browser tests, without the rest of the front end."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

_TESTS = Path(__file__).parent
_WEB = _TESTS.parent / "web"
_ROOT = _TESTS.parents[2]
_WORK = _ROOT / ".hilink" / "board-page"
_TIMEOUT_S = 240


def built_page() -> Path:
    """The folder with entry.js and entry.css; packages are installed once and kept."""
    _WORK.mkdir(parents=True, exist_ok=True)
    _install()
    for name, source in (("web", _WEB), ("tests/page", _TESTS / "page")):
        shutil.rmtree(_WORK / name, ignore_errors=True)
        shutil.copytree(source, _WORK / name)
    arguments = [
        "tests/page/entry.jsx",
        "--bundle",
        "--format=esm",
        "--splitting",
        "--outdir=dist",
        "--jsx=automatic",
        "--loader:.woff2=empty",
        "--conditions=production",
        '--define:process.env.NODE_ENV="production"',
        '--define:process.env.IS_PREACT="false"',
        "--log-level=error",
    ]
    _run([str(_WORK / "node_modules" / ".bin" / "esbuild"), *arguments])
    return _WORK / "dist"


def _install() -> None:
    wanted = hashlib.sha256((_TESTS / "page" / "package.json").read_bytes()).hexdigest()
    mark = _WORK / "installed"
    if mark.exists() and mark.read_text() == wanted:
        return
    shutil.copy(_TESTS / "page" / "package.json", _WORK / "package.json")
    npm = Path(sys.executable).parent / "npm"
    _run([str(npm), "install", "--legacy-peer-deps", "--no-audit", "--no-fund", "--loglevel=error"])
    mark.write_text(wanted)


def _run(command: list[str]) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(
        command,
        cwd=_WORK,
        env={**os.environ, "PATH": path},
        timeout=_TIMEOUT_S,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed:\n{done.stdout}{done.stderr}")
