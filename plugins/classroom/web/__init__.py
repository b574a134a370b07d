"""The room's browser side. Linking the files here puts them beside each other in the build, so that the
modules' relative imports hold: the build mirrors the Python package.
"""

from pathlib import Path

from hilink_app.components.scripts import shared

_FOLDER = Path(__file__).parent

CLASSROOM = shared(__name__, "Classroom.jsx")
"""The entry; ``importable_path`` is its module for the build."""

CHECK = shared(__name__, "Check.jsx")
"""The connection check."""

PLAYER = shared(__name__, "Player.jsx")
"""A recorded lesson."""

for _path in sorted(_FOLDER.iterdir()):
    if _path.suffix in {".js", ".jsx", ".css"}:
        shared(__name__, _path.name)
