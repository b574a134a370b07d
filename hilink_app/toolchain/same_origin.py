"""One front-end build that works on every address it is served from.

Reflex writes the API's absolute address into the bundle. We build with a placeholder and replace it
by an expression over `location`, so the same build serves localhost, a LAN address with TLS, a
reverse proxy and every free port a test picks. On https Reflex would otherwise drop the port.
"""

import re
from pathlib import Path

from reflex_base.plugins.base import Plugin

PLACEHOLDER_HOST = "same-origin.invalid"
PLACEHOLDER_URL = f"http://{PLACEHOLDER_HOST}"

_LITERAL = re.compile(rf"""(["'`])(http|ws)://{re.escape(PLACEHOLDER_HOST)}(/[^"'`$\\]*)?\1""")


def _expression(match: re.Match[str]) -> str:
    path = match.group(3) or ""
    if match.group(2) == "ws":
        return f'(location.origin.replace(/^http/,"ws")+"{path}")'
    return f'(location.origin+"{path}")'


def rewrite(static_dir: Path) -> int:
    """Replace the placeholder in every script below `static_dir`; returns how many files changed.

    Raises `RuntimeError` when a placeholder would survive: such a page could never reach its server.
    """
    changed = 0
    for script in static_dir.rglob("*.js"):
        text = script.read_text(encoding="utf-8")
        if PLACEHOLDER_HOST not in text:
            continue
        text = _LITERAL.sub(_expression, text)
        if PLACEHOLDER_HOST in text:
            raise RuntimeError(f"the API address in {script.name} has a form we do not know")
        script.write_text(text, encoding="utf-8")
        changed += 1
    return changed


class SameOriginPlugin(Plugin):
    """Runs after the production build and before compression."""

    def post_build(self, **context: object) -> None:
        if rewrite(Path(str(context["static_dir"]))) == 0:
            raise RuntimeError("no API address found in the built pages: has the bundle's layout changed?")
