"""The room's browser side. Linking the files here puts them beside each other in the build, so that the
modules' relative imports hold: Reflex mirrors the Python package of the module that calls ``rx.asset``.
"""

from pathlib import Path

import reflex as rx

_FOLDER = Path(__file__).parent

CLASSROOM = rx.asset("Classroom.jsx", shared=True)
"""The entry; ``importable_path`` is its module for the build."""

for _path in sorted(_FOLDER.iterdir()):
    if _path.suffix in {".js", ".jsx", ".css"}:
        rx.asset(_path.name, shared=True)
