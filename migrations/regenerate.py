"""Write revisions from the models: `migrations/regenerate.py OWNER [MESSAGE]` (owner: core or a plugin).

Without a message the owner's whole history is replaced by one first revision: only before a release has it.
With a message a further revision is added, to be read and corrected before it is committed.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from core.config import Settings
from core.plugins import Plugins
from core.store import migrate


def main(owner: str, message: str = "") -> None:
    plugins = Plugins.load()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), database_url="")
        if not message:
            for old in migrate.versions(plugins, owner).glob("*.py"):
                old.unlink()
        migrate.upgrade(settings, plugins)
        written = migrate.revision(settings, plugins, owner, message or f"{owner}: first tables")
        migrate.upgrade(settings, plugins)
        problem = migrate.check(settings, plugins, owner)
        sys.stdout.write(f"{written}\n{problem}")


if __name__ == "__main__":
    main(*sys.argv[1:])
