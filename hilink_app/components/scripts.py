"""Put a component's scripts into the build. Use this instead of `rx.asset(..., shared=True)`.

Reflex's function finds its caller by `inspect.stack()`, which reads the source of every frame and walks
all loaded modules: 0.1 to 0.5 s a call in an app of this size, two thirds of the web role's start.
Here the caller says who it is. Folders inside `path` are kept, so that relative imports hold.
"""

import os
import sys
import uuid
from pathlib import Path

from reflex.assets import AssetPathStr
from reflex_base.environment import EnvironmentVariables


def shared(module: str, path: str) -> AssetPathStr:
    """Link `path` (relative to the module's file) into the build; `importable_path` is its module there.

    module: the caller's `__name__`. Only links where pages may be compiled, not while serving.
    Raises `FileNotFoundError`.
    """
    source = Path(str(sys.modules[module].__file__)).parent / path
    if not source.is_file():
        raise FileNotFoundError(source)
    relative = f"external/{module.replace('.', '/')}/{path}"
    if not EnvironmentVariables.REFLEX_BACKEND_ONLY.get():
        _link(Path.cwd() / "assets" / relative, source)
    return AssetPathStr(f"/{relative}")


def _link(target: Path, source: Path) -> None:
    """Several builds may run at once: make the link elsewhere, then move it into place."""
    if target.is_symlink() and target.resolve() == source.resolve():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = target.with_name(f".{uuid.uuid4().hex}.tmp")
    staged.symlink_to(source)
    os.replace(staged, target)
