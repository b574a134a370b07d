"""What a browser is told about relays: until when, and nothing about who it is."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest

from core.config import Settings
from core.turn import TTL_S, credentials, ice_servers

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def test_credentials_say_until_when_and_not_who() -> None:
    username, password = credentials("secret", NOW)
    until, opaque = username.split(":")
    assert int(until) == NOW.timestamp() + TTL_S and len(opaque) == 16
    assert base64.b64decode(password) == hmac.new(b"secret", username.encode(), hashlib.sha1).digest()
    assert credentials("secret", NOW) != (username, password)


def test_addresses_are_offered_over_udp_and_tcp() -> None:
    settings = Settings(turn_urls="turn:a.example:3478, turns:b.example:5349?transport=tcp", turn_secret="s")
    (server,) = ice_servers(settings, NOW)
    assert server["urls"] == [
        "turn:a.example:3478?transport=udp",
        "turn:a.example:3478?transport=tcp",
        "turns:b.example:5349?transport=tcp",
    ]
    assert {"username", "credential"} <= server.keys()


def test_without_a_relay_or_a_secret() -> None:
    assert ice_servers(Settings(), NOW) == []
    assert ice_servers(Settings(turn_urls="stun:c.example"), NOW) == [{"urls": ["stun:c.example"]}]
