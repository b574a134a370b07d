"""How HiLink's own processes sign what they hand each other over HTTP. Light: media nodes import it too."""

import hashlib
import hmac
import time


def sign_internal(key: bytes, at: int, body: bytes) -> str:
    """Hex HMAC-SHA256 over "{unix seconds}\\n{body}" with `settings.derived_key("internal")`."""
    return hmac.new(key, f"{at}\n".encode() + body, hashlib.sha256).hexdigest()


def signed_headers(key: bytes, body: bytes, content_type: str = "application/json") -> dict[str, str]:
    """Headers of an internal request (core.access.rules.signed_body checks them)."""
    at = int(time.time())
    return {
        "x-hilink-time": str(at),
        "x-hilink-signature": sign_internal(key, at, body),
        "content-type": content_type,
    }
