"""The web role loads with every built-in plugin whole: one that fails is left out with a log line only."""

import json
import subprocess
import sys

import pytest

from hilink_app.toolchain.paths import ROOT
from hilink_app.toolchain.roles import web_environment

pytestmark = pytest.mark.contract

SCRIPT = """
import json, logging
class Keep(logging.Handler):
    kept = []
    def emit(self, record):
        if record.levelno >= logging.WARNING and record.name.startswith(("core", "hilink_app", "plugins")):
            known = ("plugin", "hook", "fault", "problem")
            facts = {key: str(value) for key, value in vars(record).items() if key in known}
            self.kept.append({"message": record.getMessage(), **facts})
logging.getLogger().addHandler(Keep())
from hilink_app import hilink_app
print(json.dumps({"complaints": Keep.kept, "routes": [spec.route for spec in hilink_app.specs]}))
"""


def test_every_built_in_plugin_contributes_without_a_complaint() -> None:
    from core.config import Settings

    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **web_environment(Settings(), ROOT / ".web")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["complaints"] == []
    assert len(said["routes"]) == len(set(said["routes"])) > 0
