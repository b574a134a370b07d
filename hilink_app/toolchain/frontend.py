"""Build the pages once, keep each build as one immutable folder, say which one fits the code.

A build is `.hilink/web/<digest>` with what Reflex needs to serve it (`build/client`, `backend`).
The digest is over everything that can change what a browser gets. It holds no address
(`same_origin`) and no run-time switch, so moving to another port or disabling a plugin rebuilds nothing.
"""

import fcntl
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hilink_app.toolchain.paths import CACHE, ROOT

KEEP_BUILDS = 3
"""Older builds are removed. More than one stays: a running server reads its files from the disk."""

LONGEST_LINE = 300
"""Reflex quotes whole figures in its errors."""

SOURCES = ("hilink_app", "plugins", "assets", "core/i18n.py", "core/i18n", "core/locale", "core/locales")
PACKAGES = "package.json"
FILES = ("requirements.lock", f"reflex.lock/{PACKAGES}", "reflex.lock/package-lock.json", "rxconfig.py")
SUFFIXES = {".py", ".jsx", ".js", ".css", ".json", ".po", ".svg", ".png", ".woff2", ".webmanifest", ".ico"}
SKIPPED_FOLDERS = {"__pycache__", "tests", "migrations", "external", "toolchain", "node_modules"}

Progress = Callable[[str], None]


class FrontendBuildError(RuntimeError):
    """The pages could not be built; the message ends with the tool's own last lines."""


def _inputs(root: Path) -> Iterator[Path]:
    for name in FILES:
        if (root / name).is_file():
            yield root / name
    for name in SOURCES:
        top = root / name
        if top.is_file():
            yield top
        for path in sorted(top.rglob("*")) if top.is_dir() else ():
            inside = path.relative_to(top).parts[:-1]
            if path.suffix in SUFFIXES and path.is_file() and not SKIPPED_FOLDERS.intersection(inside):
                yield path


def installed_plugins() -> list[str]:
    """Third-party plugins with version and sources: their pages are compiled in, also while switched off."""
    found = importlib.metadata.entry_points(group="hilink.plugins")
    return sorted(f"{entry.name}={entry.value}@{_sources_digest(entry)}" for entry in found)


def _sources_digest(entry: importlib.metadata.EntryPoint) -> str:
    sha = hashlib.sha256((entry.dist.version if entry.dist else "").encode())
    spec = importlib.util.find_spec(entry.module.partition(".")[0])
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).rglob("*")):
            if path.suffix in SUFFIXES and "__pycache__" not in path.parts and path.is_file():
                sha.update(path.read_bytes())
    return sha.hexdigest()


def digest(root: Path = ROOT) -> str:
    """16 hex digits that change when the built pages could change."""
    sha = hashlib.sha256("\0".join(installed_plugins()).encode())
    for path in _inputs(root):
        sha.update(b"\0" + str(path.relative_to(root)).encode() + b"\0")
        sha.update(_content(path))
    return sha.hexdigest()[:16]


def _content(path: Path) -> bytes:
    """Reflex writes its package list in another order each time; only what it says counts."""
    content = path.read_bytes()
    return json.dumps(json.loads(content), sort_keys=True).encode() if path.name == PACKAGES else content


def builds_dir(root: Path = ROOT) -> Path:
    return root / CACHE.name / "web"


def find(root: Path = ROOT) -> Path | None:
    """The finished build for the code as it is now, or None."""
    path = builds_dir(root) / digest(root)
    return path if (path / "build" / "client" / "index.html").exists() else None


def node_path() -> str:
    """A PATH on which the npm that pip installed comes first."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


@functools.cache
def npm_registry() -> str:
    """The registry this machine's npm is set up for."""
    command = ["npm", "config", "get", "registry"]
    env = os.environ | {"PATH": node_path()}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip().splitlines()[-1]


def reflex_env(web_dir: Path) -> dict[str, str]:
    """Environment for Reflex: quiet, npm only, and no setting of ours that could be baked into the pages."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HILINK_", "REFLEX_"))}
    return kept | {
        "PATH": node_path(),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
        "REFLEX_WEB_WORKDIR": str(web_dir),
        "REFLEX_USE_NPM": "1",
        "REFLEX_TELEMETRY_ENABLED": "false",
        "REFLEX_CHECK_LATEST_VERSION": "false",
        # Reflex would otherwise probe registries of its own choosing for the fastest.
        "NPM_CONFIG_REGISTRY": npm_registry(),
        "npm_config_omit_lockfile_registry_resolved": "true",
        "npm_config_update_notifier": "false",
        "NO_UPDATE_NOTIFIER": "1",
        "TERM": "dumb",
        "NO_COLOR": "1",
    }


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """One build at a time in a checkout: Reflex has one work folder and links assets into the tree."""
    (root / CACHE.name).mkdir(parents=True, exist_ok=True)
    with (root / CACHE.name / "build.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build(progress: Progress = lambda _line: None, root: Path = ROOT, force: bool = False) -> Path:
    """Return the build for the code as it is now, making it first if need be.

    Safe beside a running server and beside other builds. Raises `FrontendBuildError`.
    """
    if not force and (ready := find(root)):
        return ready
    with _locked(root):
        if not force and (ready := find(root)):
            return ready
        work = root / ".web"
        with _same_packages(root / "reflex.lock" / PACKAGES):
            _export(work, root, progress)
        # Resolving packages may have refreshed reflex.lock, which is part of the digest.
        return _publish(work, builds_dir(root) / digest(root))


@contextmanager
def _same_packages(path: Path) -> Iterator[None]:
    """Leave the file as it was when a build wrote the same in another order: no change without a reason."""
    before = (path.read_bytes(), _content(path)) if path.is_file() else None
    yield
    if before and _content(path) == before[1]:
        path.write_bytes(before[0])


def _export(work: Path, root: Path, progress: Progress) -> None:
    command = [sys.executable, "-m", "reflex", "export", "--no-zip"]
    env = reflex_env(work) | {"PYTHONPATH": str(root)}
    lines: list[str] = []
    with subprocess.Popen(
        command, cwd=root, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        for raw in process.stdout:
            line = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", raw.decode(errors="replace")).strip()
            if line:
                lines.append(line[:LONGEST_LINE])
                progress(line)
    if process.returncode != 0:
        raise FrontendBuildError("building the pages failed:\n" + "\n".join(lines[-40:]))


def _publish(work: Path, target: Path) -> Path:
    if not (work / "build" / "client" / "index.html").exists():
        raise FrontendBuildError(f"the build left no pages in {work / 'build' / 'client'}")
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
    shutil.copytree(work / "build" / "client", staging / "build" / "client", symlinks=False)
    shutil.copytree(work / "backend", staging / "backend")
    for extra in ("routes.json", "reflex.json"):
        if (work / extra).exists():
            shutil.copy2(work / extra, staging / extra)
    staging.chmod(0o755)
    if target.exists():
        shutil.rmtree(target)
    staging.rename(target)
    _prune(target.parent, keep=target)
    return target


def _prune(folder: Path, keep: Path) -> None:
    builds = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    builds.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for old in [path for path in builds if path != keep][KEEP_BUILDS - 1 :]:
        shutil.rmtree(old, ignore_errors=True)
