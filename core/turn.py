"""Relays for networks that block UDP: addresses and credentials a browser is handed with its ticket.

The TURN REST scheme (draft-uberti-behave-turn-rest): coturn with `use-auth-secret` checks a user name that says
until when it is good, and its HMAC-SHA1. Nothing in it says who somebody is: relays keep logs.
"""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Any

from core.config import Settings

TTL_S = 6 * 3_600
"""Longer than any lesson: a relay asks again while a call goes on."""


def credentials(secret: str, now: datetime, ttl_s: int = TTL_S) -> tuple[str, str]:
    """(user name, password), good for `ttl_s` from now."""
    username = f"{int(now.timestamp()) + ttl_s}:{secrets.token_hex(8)}"
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return username, base64.b64encode(digest).decode()


def ice_servers(settings: Settings, now: datetime, ttl_s: int = TTL_S) -> list[dict[str, Any]]:
    """RTCIceServer dictionaries (W3C WebRTC 4.2.4); empty when no relay is configured.

    An address without `?transport=` is offered over UDP and TCP: some networks let only the latter out.
    """
    urls = [one for url in settings.turn_urls.split(",") if url.strip() for one in _both(url.strip())]
    if not urls:
        return []
    if not settings.turn_secret:
        return [{"urls": urls}]
    username, credential = credentials(settings.turn_secret, now, ttl_s)
    return [{"urls": urls, "username": username, "credential": credential}]


def _both(url: str) -> list[str]:
    if url.startswith("turn:") and "?" not in url:
        return [f"{url}?transport=udp", f"{url}?transport=tcp"]
    return [url]
