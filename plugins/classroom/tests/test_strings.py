"""The page hands the room exactly the sentences its JSX asks for."""

from pathlib import Path

import pytest

from core.i18n_extract import javascript_strings
from plugins.classroom.strings import STRINGS

pytestmark = pytest.mark.unit

WEB = Path(__file__).parent.parent / "web"


def test_every_sentence_of_the_jsx_is_handed_over() -> None:
    used = {
        found.id
        for path in WEB.rglob("*.js*")
        for found in javascript_strings(path.read_text(encoding="utf-8"), path.name)
    }
    assert used - set(STRINGS) == set(), "not in strings.py, so never translated"
    assert set(STRINGS) - used == set(), "no longer used"


def test_modules_import_only_what_is_there() -> None:
    """A relative import that misses would only show in the front-end build."""
    for path in WEB.rglob("*.js*"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("import") and '"./' in line or line.startswith("import") and '"../' in line:
                target = line.rsplit('"', 2)[1]
                assert (path.parent / target).resolve().is_file(), f"{path.name}: {target}"
