"""Make `.venv` and install the locked versions. Runs on the system's bare Python: standard library only."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
STAMP = VENV / "hilink-installed"
MINIMUM = (3, 11)
LAYOUT = 2
"""Raise it when this file installs differently."""


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def fail(text: str) -> None:
    sys.stderr.write(f"✗ {text}\n")
    raise SystemExit(1)


def wanted() -> str:
    """Changes when another installation is needed."""
    sha = hashlib.sha256(repr((LAYOUT, sys.version_info[:2], str(ROOT))).encode())
    for name in ("requirements.lock", "pyproject.toml"):
        sha.update((ROOT / name).read_bytes())
    return sha.hexdigest()


def step(text: str, *command: str) -> None:
    """Run `command`; its output is shown only when it fails."""
    started = time.monotonic()
    say(f"  {text} ...")
    env = dict(os.environ, PIP_DISABLE_PIP_VERSION_CHECK="1", UV_NO_PROGRESS="1", UV_LINK_MODE="copy")
    env.pop("VIRTUAL_ENV", None)
    done = subprocess.run(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode != 0:
        sys.stderr.write(done.stdout.decode(errors="replace")[-4000:])
        fail(f"{text} failed (exit code {done.returncode})")
    say(f"✓ {text} {time.monotonic() - started:.1f} s")


def locked(package: str) -> str:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return next((line.split(";")[0].strip() for line in lines if line.startswith(f"{package}==")), package)


def main() -> None:
    if sys.version_info < MINIMUM:
        version = sys.version.split()[0]
        fail(f"HiLink needs Python 3.11 or newer; this is {version}. Try: make run PYTHON=python3.12")
    if STAMP.exists() and STAMP.read_text() == wanted():
        return
    say("Setting up (once; later runs start at once)")
    python = str(VENV / "bin" / "python")
    if not Path(python).exists():
        if VENV.exists():
            shutil.rmtree(VENV)
        try:
            import ensurepip
        except ImportError:
            fail("this Python can't make virtual environments: install python3-venv (Debian, Ubuntu)")
        else:
            del ensurepip
        step("Virtual environment", sys.executable, "-m", "venv", str(VENV))
    step("Installer", python, "-m", "pip", "install", "-q", locked("uv"))
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "-q", "--python", python]
    # Compiled now: where Python may not write bytecode later, every start of every role would compile it all.
    step("Libraries", *uv, "--compile-bytecode", "-r", "requirements.lock")
    step("HiLink", *uv, "--no-deps", "-e", ".")
    STAMP.write_text(wanted())


if __name__ == "__main__":
    main()
