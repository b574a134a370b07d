"""The four tool panels, linked into the build beside the room's other modules."""

from pathlib import Path

import reflex as rx

for _path in sorted(Path(__file__).parent.iterdir()):
    if _path.suffix == ".jsx":
        rx.asset(_path.name, shared=True)
