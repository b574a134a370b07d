"""Lets aiortc clients work on a machine whose only network is loopback (a laptop without any connection)."""

import aioice.ice

_original = aioice.ice.get_host_addresses


def allow_loopback() -> None:
    """Idempotent. aioice leaves 127.0.0.1 out and has no option for it, so without another address it has no
    candidate at all. Remove when aioice offers one. Machines with a network keep aioice's own answer."""
    aioice.ice.get_host_addresses = _addresses


def _addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    return _original(use_ipv4, use_ipv6) or ["127.0.0.1"]
