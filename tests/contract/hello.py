"""The third-party plugin `tests/plugins/hello`, installed as a stranger would."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def install(folder: Path) -> Path:
    """Install the plugin into a folder of its own with pip; returns what to put on the path."""
    source, target = folder / "hello-source", folder / "site"
    shutil.copytree(ROOT / "tests" / "plugins" / "hello", source)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*command, "--target", str(target), str(source)], check=True, timeout=120)
    return target


def environment(data_dir: Path, site: Path, **settings: object) -> dict[str, str]:
    """For a HiLink process that sees this installation."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HILINK_")}
    named = {f"HILINK_{key.upper()}": str(value) for key, value in settings.items()}
    path = os.pathsep.join([str(site), str(ROOT)])
    return kept | named | {"PYTHONPATH": path, "HILINK_DATA_DIR": str(data_dir)}


def python(code: str, env: dict[str, str], timeout_s: float = 120) -> str:
    """Run code in a process of its own; its output, or CalledProcessError."""
    return subprocess.run(
        [sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True, timeout=timeout_s
    ).stdout
