"""The house rules for tests hold: an unmarked file stops the run, a skipped test fails it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hilink_app.toolchain.paths import ROOT

pytestmark = pytest.mark.unit

MARKED = "import pytest\npytestmark = pytest.mark.unit\n"


def run(folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text('pytest_plugins = ["tests.policy"]\n')
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  unit\n  contract\n  media\n  e2e\n")
    (folder / "test_it.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_marked_file_passes(tmp_path: Path) -> None:
    assert run(tmp_path, MARKED + "def test_one(): pass\n").returncode == 0


@pytest.mark.parametrize("head", ["", "import pytest\npytestmark = [pytest.mark.unit, pytest.mark.e2e]\n"])
def test_a_file_without_one_kind_stops_the_run(tmp_path: Path, head: str) -> None:
    done = run(tmp_path, head + "def test_one(): pass\n")
    assert done.returncode != 0
    assert "needs exactly one" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "body",
    [
        "def test_one(): pytest.skip('no browser')\n",
        "@pytest.mark.skip(reason='no browser')\ndef test_one(): pass\n",
        "pytest.skip('no browser', allow_module_level=True)\n",
        "no_such = pytest.importorskip('no_such_module_anywhere')\n",
    ],
)
def test_a_skip_is_a_failure(tmp_path: Path, body: str) -> None:
    done = run(tmp_path, MARKED + body)
    assert done.returncode != 0
    assert "a skipped test counts as failed" in done.stdout
