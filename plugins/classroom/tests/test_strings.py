"""The page hands the room exactly the sentences its JSX asks for."""

import re
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
        for target in re.findall(
            r'^import .*?"(\.{1,2}/[^"]+)"', path.read_text(encoding="utf-8"), re.MULTILINE
        ):
            assert (path.parent / target).resolve().is_file(), f"{path.name}: {target}"
