"""`python -m rtc.fuzz NAME --seconds N`: let atheris look for bytes that break a reader.

Needs `pip install 'hilink[fuzz]'`. What breaks is written to `crash-*` in this folder; put it into
`rtc/fuzz/corpus/NAME/` with the fix, where the tests find it.
"""

import argparse
import importlib
import sys
import tempfile
from collections.abc import Iterator
from types import FunctionType
from typing import Any

from rtc import fuzz


def ours() -> Iterator[FunctionType]:
    """Functions and methods of the media plane: coverage of those is what the search follows."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] != "rtc" or name.startswith("rtc.fuzz"):
            continue
        for value in vars(module).values():
            inside = vars(value).values() if isinstance(value, type) else (value,)
            for one in inside:
                if isinstance(one, FunctionType) and one.__module__ == name:
                    yield one


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m rtc.fuzz", description=__doc__)
    parser.add_argument("name", choices=sorted(fuzz.TARGETS))
    parser.add_argument("--seconds", type=int, default=60)
    chosen = parser.parse_args()
    try:
        atheris: Any = importlib.import_module("atheris")
    except ImportError:
        sys.stderr.write("atheris is not installed: pip install 'hilink[fuzz]'\n")
        return 2
    target = fuzz.TARGETS[chosen.name]
    folder = fuzz.CORPUS / chosen.name
    folder.mkdir(parents=True, exist_ok=True)
    for function in ours():
        atheris.instrument_func(function)
    # New inputs go to a folder of the run's own: the kept corpus stays small.
    with tempfile.TemporaryDirectory() as found:
        arguments = [sys.argv[0], f"-max_total_time={chosen.seconds}", "-max_len=4096", "-timeout=5"]
        atheris.Setup([*arguments, found, str(folder)], target)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
