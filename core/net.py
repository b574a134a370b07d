"""Reading addresses that people give us: only public ones, only so much, only so long.

The name is resolved here, once, and the connection goes to the very address that was looked at: a name that answers
differently the second time (DNS rebinding) gains nothing. Each redirect is looked at in the same way.
"""

import ipaddress
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpcore

from core.errors import HiLinkError

MAX_REDIRECTS = 3
_CHUNK = 65_536
_USER_AGENT = "HiLink calendar reader"
_TUNNELS = tuple(
    ipaddress.ip_network(one) for one in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
)
"""NAT64, 6to4 and Teredo: they lead to an IPv4 address that nobody looked at."""
Resolve = Callable[[str, int], Iterable[str]]


class FetchError(HiLinkError):
    """kind: not_allowed | unreachable | too_large | too_slow | redirects | tls | not_text | http_NNN."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(kind)


@dataclass(frozen=True, slots=True)
class Fetched:
    """text: None = unchanged since that etag."""

    text: str | None
    etag: str = ""


def public(address: str) -> bool:
    """Whether it is an address of the internet, and not of this machine, this network or a way around."""
    one = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(one, ipaddress.IPv6Address):
        if one.ipv4_mapped is not None:
            return public(str(one.ipv4_mapped))
        if one.is_site_local or any(one in network for network in _TUNNELS):
            return False
    return one.is_global and not one.is_multicast and not one.is_reserved


def resolve(host: str, port: int) -> list[str]:
    """Every address of a name. OSError when it has none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def fetch_text(
    url: str,
    *,
    limit_bytes: int,
    timeout_s: float,
    etag: str = "",
    private: bool = False,
    resolver: Resolve = resolve,
) -> Fetched:
    """GET an http(s) address as UTF-8 text. Blocking: call from a thread. FetchError.

    limit_bytes: of what comes out, compressed or not. timeout_s: for everything together, redirects included.
    private: allow addresses of private networks. etag: of the last time.
    """
    line = _Line(time.monotonic() + timeout_s, private, resolver)
    headers: dict[str | bytes, str | bytes] = {
        "User-Agent": _USER_AGENT,
        "Accept": "text/calendar, text/*;q=0.5",
        "Accept-Encoding": "gzip",
    }
    if etag:
        headers["If-None-Match"] = etag
    with httpcore.ConnectionPool(ssl_context=ssl.create_default_context(), network_backend=line) as pool:
        for _ in range(MAX_REDIRECTS + 1):
            _check_url(url)
            try:
                with pool.stream("GET", url, headers=headers, extensions=_timeouts(timeout_s)) as response:
                    given = {name.lower(): value.decode("latin-1") for name, value in response.headers}
                    if response.status in (301, 302, 303, 307, 308) and b"location" in given:
                        url = urljoin(url, given[b"location"])
                        continue
                    if response.status == 304 and etag:
                        return Fetched(None, etag)
                    if response.status != 200:
                        raise FetchError(f"http_{response.status}")
                    zipped = given.get(b"content-encoding", "").lower() == "gzip"
                    content = _read(response.iter_stream(), limit_bytes, zipped)
            except (httpcore.TimeoutException, TimeoutError) as error:
                raise FetchError("too_slow") from error
            except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
                raise FetchError("tls" if _of_tls(error) else "unreachable") from error
            return Fetched(_decoded(content), given.get(b"etag", "")[:200])
    raise FetchError("redirects")


def _check_url(url: str) -> None:
    """Also of a redirect, which may lead anywhere."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise FetchError("not_allowed") from error
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.password:
        raise FetchError("not_allowed")


def _timeouts(timeout_s: float) -> dict[str, Any]:
    return {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout_s)}


def _read(chunks: Iterable[bytes], limit: int, zipped: bool) -> bytes:
    """At most `limit` bytes; a bomb is noticed before it is unpacked."""
    unzip = zlib.decompressobj(wbits=31) if zipped else None
    found = bytearray()
    for chunk in chunks:
        try:
            found += unzip.decompress(chunk, limit + 1 - len(found)) if unzip else chunk
        except zlib.error as error:
            raise FetchError("not_text") from error
        if len(found) > limit or (unzip and unzip.unconsumed_tail):
            raise FetchError("too_large")
    return bytes(found)


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FetchError("not_text") from error


def _of_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


class _Line(httpcore.NetworkBackend):
    """Connects to addresses that were looked at, and lets nothing last longer than the whole may."""

    def __init__(self, until: float, private: bool, resolver: Resolve) -> None:
        self._until, self._private, self._resolver = until, private, resolver
        self._real = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = list(self._resolver(host, port))
        except OSError as error:
            raise FetchError("unreachable") from error
        allowed = [one for one in addresses if self._private or public(one)]
        if not allowed:
            raise FetchError("not_allowed")
        stream = self._real.connect_tcp(allowed[0], port, _left(self._until), local_address, socket_options)
        return _Stream(stream, self._until)


class _Stream(httpcore.NetworkStream):
    """Every read and write ends when the whole must: a server that sends a byte now and then gains no time."""

    def __init__(self, real: httpcore.NetworkStream, until: float) -> None:
        self._real, self._until = real, until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._real.read(min(max_bytes, _CHUNK), _left(self._until))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._real.write(buffer, _left(self._until))

    def close(self) -> None:
        self._real.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._real.start_tls(ssl_context, server_hostname, _left(self._until))
        return _Stream(stream, self._until)

    def get_extra_info(self, info: str) -> Any:
        return self._real.get_extra_info(info)


def _left(until: float) -> float:
    """Seconds until that monotonic time; TimeoutError when there are none."""
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds
