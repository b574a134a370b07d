"""One front-end build that works on every address it is served from.

Reflex bakes the API's absolute address into the bundle; on https with a localhost name it drops the
port as well. In a production build the server that sent the page is always the server to talk to, so
this plugin makes the browser take scheme, host and port from `location`. The same build then serves
localhost, a LAN address with TLS, a reverse proxy and every free port a test picks.
The development server (two ports) keeps Reflex's own way.
"""

from collections.abc import Callable
from typing import Any

from reflex_base.plugins.base import Plugin

STATE_JS = "utils/state.js"
ANCHOR = "const endpoint = new URL(url_str);"
MARK = "// same origin (HiLink)"
PATCH = f"""{ANCHOR}
  {MARK}
  if (import.meta.env.PROD && typeof window !== "undefined") {{
    const secure = window.location.protocol === "https:";
    endpoint.protocol = endpoint.protocol.startsWith("ws")
      ? secure ? "wss:" : "ws:"
      : secure ? "https:" : "http:";
    endpoint.hostname = window.location.hostname;
    endpoint.port = window.location.port;
    return endpoint;
  }}"""


def patch(source: str) -> str:
    """Insert our branch into `getBackendURL`; unchanged when it is already there.

    Raises `RuntimeError` when Reflex's source no longer has the line we hook: a silent miss would
    give pages that cannot reach their server anywhere but on Reflex's default port.
    """
    if MARK in source:
        return source
    if source.count(ANCHOR) != 1:
        raise RuntimeError("Reflex's utils/state.js has changed: adapt hilink_app/toolchain/same_origin.py")
    return source.replace(ANCHOR, PATCH)


class SameOriginPlugin(Plugin):
    """A Reflex plugin (not a HiLink one)."""

    def pre_compile(self, **context: Any) -> None:
        add_modify_task: Callable[[str, Callable[[str], str]], None] = context["add_modify_task"]
        add_modify_task(STATE_JS, patch)
