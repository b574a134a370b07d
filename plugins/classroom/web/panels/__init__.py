"""The four tool panels, linked into the build beside the room's other modules."""

from pathlib import Path

from hilink_app.components.scripts import shared

for _path in sorted(Path(__file__).parent.iterdir()):
    if _path.suffix == ".jsx":
        shared(__name__, _path.name)
