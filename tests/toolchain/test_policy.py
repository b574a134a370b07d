"""The house rules for tests hold: an unmarked file stops the run, a skipped test fails it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hilink_app.toolchain.paths import ROOT

pytestmark = pytest.mark.unit

MARKED = "import pytest\npytestmark = pytest.mark.unit\n"


def run(folder: Path, **sources: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text('pytest_plugins = ["tests.policy"]\n')
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  unit\n  contract\n  media\n  e2e\n")
    for name, source in sources.items():
        (folder / f"test_{name}.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False
    )


def test_files_without_exactly_one_kind_stop_the_run(tmp_path: Path) -> None:
    two_kinds = "import pytest\npytestmark = [pytest.mark.unit, pytest.mark.e2e]\n"
    body = "def test_one(): pass\n"
    done = run(tmp_path, good=MARKED + body, none=body, two=two_kinds + body)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "needs exactly one" in said
    assert "test_none.py" in said and "test_two.py" in said and "test_good.py" not in said


def test_every_way_to_skip_is_a_failure(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        passes=MARKED + "def test_one(): pass\n",
        call=MARKED + "def test_one(): pytest.skip('no browser')\n",
        mark=MARKED + "@pytest.mark.skip(reason='no browser')\ndef test_one(): pass\n",
        fixture=MARKED + "@pytest.fixture\ndef browser(): pytest.skip('none')\ndef test_one(browser): pass\n",
    )
    assert "1 passed" in done.stdout
    assert done.stdout.count("a skipped test counts as failed") >= 3
    assert "skipped," not in done.stdout and done.returncode == 1


@pytest.mark.parametrize(
    "body",
    [
        "pytest.skip('no browser', allow_module_level=True)\n",
        "no = pytest.importorskip('no_such_module_anywhere')\n",
    ],
)
def test_a_file_that_skips_itself_is_a_failure(tmp_path: Path, body: str) -> None:
    done = run(tmp_path, it=MARKED + body + "def test_one(): pass\n")
    assert done.returncode != 0
    assert "a skipped test counts as failed" in done.stdout
