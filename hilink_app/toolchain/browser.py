"""Find a Chromium: the system's, else Playwright's own, else install one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "microsoft-edge")
MAC = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
CHOICE = "HILINK_BROWSER"
"""Environment variable: path of the browser to use."""

SANDBOX_ARGS = ("--no-sandbox",)
"""Chromium refuses to run its sandbox as root, which is what containers give us."""

MEDIA_ARGS = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


class NoBrowserError(RuntimeError):
    """No Chromium was found or could be installed."""

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"no browser for the end-to-end tests ({detail}). Install Chromium, or set {CHOICE} to its path."
        )


def launch_args() -> list[str]:
    """Chromium flags for tests here: fake camera and microphone, no sandbox when we are root."""
    return [*MEDIA_ARGS, *(SANDBOX_ARGS if hasattr(os, "geteuid") and os.geteuid() == 0 else ())]


def find() -> Path | None:
    """A usable Chromium, or None. Nothing is installed."""
    chosen = os.environ.get(CHOICE)
    candidates = [chosen] if chosen else [shutil.which(name) for name in NAMES] + list(MAC)
    for candidate in candidates:
        if candidate and Path(candidate).exists():
            return Path(candidate)
    return _playwrights_own()


def _playwrights_own() -> Path | None:
    script = "from playwright.sync_api import sync_playwright as s\n"
    script += "with s() as p: print(p.chromium.executable_path)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    path = Path(done.stdout.strip() or "/nonexistent")
    return path if done.returncode == 0 and path.exists() else None


def ensure() -> Path:
    """A usable Chromium, installed if need be. Raises `NoBrowserError`."""
    if found := find():
        return found
    attempts = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        attempts += [["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]]
    failures: list[str] = []
    for command in attempts:
        env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, env=env, check=False)
        if done.returncode != 0:
            failures.append(f"{' '.join(command[-3:])}: {(done.stderr or done.stdout).strip()[-200:]}")
        if found := find():
            return found
    raise NoBrowserError("; ".join(failures))
