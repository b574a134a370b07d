"""Install and remove third-party plugins in this environment."""

import importlib
import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path

GROUP = "hilink.plugins"


class PackageError(RuntimeError):
    """The installer refused; the message has its last lines."""


def _installer() -> list[str]:
    uv = Path(sys.executable).parent / "uv"
    found = str(uv) if uv.exists() else shutil.which("uv")
    return [found, "pip"] if found else [sys.executable, "-m", "pip"]


def _run(*arguments: str) -> None:
    installer = _installer()
    python = (
        ["--python", sys.executable] if installer[-2:-1] != [sys.executable] and "uv" in installer[0] else []
    )
    command = [*installer, arguments[0], *python, *arguments[1:]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode != 0:
        raise PackageError((done.stderr or done.stdout).strip()[-2000:])
    importlib.invalidate_caches()


def installed() -> dict[str, str]:
    """Plugin name -> the distribution that brings it."""
    found = importlib.metadata.entry_points(group=GROUP)
    return {entry.name: entry.dist.name for entry in found if entry.dist}


def install(spec: str) -> list[str]:
    """Install a folder, archive or requirement; returns the plugins that were not there before."""
    before = installed()
    _run("install", spec)
    return sorted(set(installed()) - set(before))


def remove(plugin: str) -> None:
    """Uninstall the distribution of a plugin; its data stays. Raises `PackageError`, `LookupError`."""
    distribution = installed()[plugin]
    arguments = ["uninstall", distribution] if "uv" in _installer()[0] else ["uninstall", "-y", distribution]
    _run(*arguments)
