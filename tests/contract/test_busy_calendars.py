"""Calendars kept elsewhere: read as their programs write them, and no stranger's server can hurt us."""

import gzip
import threading
import time as clock
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlmodel import select

from core import net
from core.access import Viewer
from core.domain import BusyCalendar, BusyTime, ExceptionCase
from core.lifecycle import availability, calendars
from core.net import FetchError, fetch_text
from core.scheduling import busy
from core.scheduling.busy import CalendarError, busy_windows, read_apart
from core.scheduling.windows import Window, span
from core.services import Services
from core.testing import FakeClock, seed, services

pytestmark = pytest.mark.contract

HOUR = timedelta(hours=1)
MONDAY = datetime(2026, 11, 30, tzinfo=UTC)
WEEKS = span(MONDAY, timedelta(days=28))
Answer = Callable[[BaseHTTPRequestHandler], None]


def book(*events: str, zones: str = "") -> str:
    lines = "".join(
        f"BEGIN:VEVENT\r\nUID:{n}\r\nDTSTAMP:20260101T000000Z\r\n{one}\r\nEND:VEVENT\r\n"
        for n, one in enumerate(events)
    )
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//x//EN\r\n{zones}{lines}END:VCALENDAR\r\n"


def starts(text: str, tz: str = "UTC", within: Window = WEEKS) -> list[str]:
    return [f"{one.starts_at:%d %H:%M}-{one.ends_at:%H:%M}" for one in busy_windows(text, within, tz)]


def test_events_recur_with_their_exceptions() -> None:
    weekly = "DTSTART:20261130T160000Z\r\nDTEND:20261130T170000Z\r\nRRULE:FREQ=WEEKLY;COUNT=4\r\nEXDATE:20261207T160000Z"
    moved = "DTSTART:20261215T100000Z\r\nDTEND:20261215T110000Z\r\nRECURRENCE-ID:20261214T160000Z"
    text = book(weekly, moved).replace("UID:1", "UID:0")
    assert starts(text) == ["30 16:00-17:00", "15 10:00-11:00", "21 16:00-17:00"]


def test_whole_days_and_times_without_a_zone_are_where_their_owner_lives() -> None:
    text = book(
        "DTSTART;VALUE=DATE:20261201\r\nDTEND;VALUE=DATE:20261202",
        "DTSTART:20261203T090000\r\nDURATION:PT30M",
    )
    assert starts(text, "Asia/Kathmandu") == ["30 18:15-18:15", "03 03:15-03:45"]


def test_a_series_stays_at_its_wall_clock_over_a_clock_change() -> None:
    text = book(
        "DTSTART;TZID=Europe/Berlin:20261019T160000\r\nDTEND;TZID=Europe/Berlin:20261019T170000\r\nRRULE:FREQ=WEEKLY;COUNT=2"
    )
    within = span(datetime(2026, 10, 18, tzinfo=UTC), timedelta(days=14))
    assert starts(text, within=within) == ["19 14:00-15:00", "26 15:00-16:00"]


def test_names_of_zones_as_outlook_writes_them() -> None:
    text = book(
        "DTSTART;TZID=W. Europe Standard Time:20261201T160000\r\nDTEND;TZID=W. Europe Standard Time:20261201T170000"
    )
    assert starts(text) == ["01 15:00-16:00"]


def test_what_is_free_or_cancelled_makes_nobody_busy() -> None:
    when = "DTSTART:20261201T160000Z\r\nDTEND:20261201T170000Z"
    assert (
        starts(book(f"{when}\r\nTRANSP:TRANSPARENT", f"{when}\r\nSTATUS:CANCELLED", when.replace("17", "16")))
        == []
    )


def test_a_rule_without_an_end_is_followed_only_so_far() -> None:
    text = book("DTSTART:20200101T160000Z\r\nDTEND:20200101T163000Z\r\nRRULE:FREQ=DAILY")
    assert len(busy_windows(text, WEEKS, "UTC")) == 28


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<html>", "not_a_calendar"),
        ("", "not_a_calendar"),
        (book("DTSTART:20261201T160000Z\r\nDTEND:20261201T160001Z\r\nRRULE:FREQ=SECONDLY"), "too_hard"),
        (book(*["DTSTART:20261201T160000Z\r\nDTEND:20261201T170000Z"] * 20), "too_many_events"),
    ],
)
def test_what_cannot_be_read(text: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(busy, "MOST_EVENTS", 10)
    with pytest.raises(CalendarError) as told:
        busy_windows(text, WEEKS, "UTC")
    assert told.value.kind == kind


def test_in_a_process_of_its_own_it_is_the_same() -> None:
    text = book("DTSTART:20261201T160000Z\r\nDTEND:20261201T170000Z")
    assert read_apart(text, WEEKS, "UTC") == busy_windows(text, WEEKS, "UTC")
    with pytest.raises(CalendarError):
        read_apart("nothing", WEEKS, "UTC")


@pytest.fixture
def server() -> Iterator[Callable[[Answer], str]]:
    """Serves one answer on loopback; returns its address."""
    running: list[ThreadingHTTPServer] = []

    def serve(answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        one = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        one.daemon_threads = True
        running.append(one)
        threading.Thread(target=one.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{one.server_port}/a.ics"

    yield serve
    for one in running:
        one.shutdown()
        one.server_close()


def sent(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def kind_of(url: str, **how: object) -> str:
    options: dict[str, object] = {"limit_bytes": 10_000, "timeout_s": 2.0, "private": True, **how}
    with pytest.raises(FetchError) as told:
        fetch_text(url, **options)  # pyright: ignore[reportArgumentType]
    return told.value.kind


def test_a_calendar_is_fetched_and_the_next_time_only_when_it_changed(
    server: Callable[[Answer], str],
) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.headers.get("If-None-Match") == '"1"':
            sent(handler, b"", 304)
        else:
            sent(handler, gzip.compress("süß".encode()), Content_Encoding="gzip", ETag='"1"')

    url = server(answer)
    first = fetch_text(url, limit_bytes=100, timeout_s=5, private=True)
    assert (first.text, first.etag) == ("süß", '"1"')
    assert fetch_text(url, limit_bytes=100, timeout_s=5, private=True, etag=first.etag).text is None


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "::1", "fe80::1%eth0",
     "fc00::1", "fec0::1", "::ffff:10.0.0.1", "::10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "240.0.0.1"],
)  # fmt: skip
def test_addresses_that_are_not_of_the_internet(address: str) -> None:
    assert not net.public(address)


def test_addresses_of_the_internet() -> None:
    assert net.public("1.1.1.1") and net.public("2606:4700:4700::1111")


def test_private_networks_are_not_asked(server: Callable[[Answer], str]) -> None:
    asked: list[str] = []
    url = server(lambda handler: asked.append(handler.path))
    assert kind_of(url, private=False) == "not_allowed"
    assert kind_of("http://localhost:9/", private=False) == "not_allowed"
    assert asked == []


def test_a_redirect_into_a_private_network_is_not_followed(server: Callable[[Answer], str]) -> None:
    asked: list[str] = []
    inside = server(lambda handler: asked.append(handler.path))
    first = True

    def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"] if host == "outside.example" else ["10.0.0.1"]

    def public(address: str) -> bool:
        return address == "127.0.0.1" and first

    outside = server(
        lambda handler: sent(handler, b"", 302, Location=inside.replace("127.0.0.1", "inside.example"))
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(net, "public", public)
        url = outside.replace("127.0.0.1", "outside.example")
        assert kind_of(url, private=False, resolver=resolve) == "not_allowed"
    assert asked == []


def test_a_name_is_resolved_once_for_each_connection(server: Callable[[Answer], str]) -> None:
    url = server(lambda handler: sent(handler, b"text"))
    names: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        names.append(host)
        return ["127.0.0.1"]

    rebinding = url.replace("127.0.0.1", "rebinding.example")
    assert fetch_text(rebinding, limit_bytes=100, timeout_s=5, private=True, resolver=resolve).text == "text"
    assert names == ["rebinding.example"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda handler: sent(handler, b"x" * 20_000), "too_large"),
        (lambda handler: sent(handler, gzip.compress(b"0" * 10_000_000), Content_Encoding="gzip"), "too_large"),
        (lambda handler: sent(handler, b"x" * 100, Content_Encoding="gzip"), "not_text"),
        (lambda handler: sent(handler, b"\xff\xfe\x00"), "not_text"),
        (lambda handler: sent(handler, b"", 302, Location="/again"), "redirects"),
        (lambda handler: sent(handler, b"", 302, Location="file:///etc/passwd"), "not_allowed"),
        (lambda handler: sent(handler, b"", 404), "http_404"),
        (lambda handler: handler.wfile.write(b"no http at all\r\n\r\n"), "unreachable"),
        (lambda handler: handler.connection.close(), "unreachable"),
    ],
    ids=["huge", "bomb", "not-gzip", "binary", "endless-redirect", "other-scheme", "missing", "no-http", "hangs-up"],
)  # fmt: skip
def test_what_a_hostile_server_gets(server: Callable[[Answer], str], answer: Answer, kind: str) -> None:
    assert kind_of(server(answer)) == kind


def test_a_server_that_drips_is_left_in_time(server: Callable[[Answer], str]) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(100):
            try:
                handler.wfile.write(f"X-{number}: y\r\n".encode())
                handler.wfile.flush()
            except OSError:
                return
            clock.sleep(0.1)

    began = clock.monotonic()
    assert kind_of(server(drip), timeout_s=0.5) == "too_slow"
    assert clock.monotonic() - began < 5


@pytest.fixture
def made(db_url: str, tmp_path: Path) -> Iterator[Services]:
    url = "" if db_url.startswith("sqlite") else db_url
    with services(tmp_path, database_url=url, calendar_private_networks=True) as made:
        yield made


def subscribed(made: Services, url: str) -> str:
    with made.store.write() as db:
        one = seed.lesson(db)
        who = Viewer(one.instructor.id, one.instructor.name, ("instructor",))
    availability.set_busy_calendar(who, one.instructor.id, url)
    return one.instructor.id


def state(made: Services) -> tuple[BusyCalendar, list[BusyTime]]:
    with made.store.read() as db:
        return db.exec(select(BusyCalendar)).one(), list(db.exec(select(BusyTime)))


def tomorrow(made: Services) -> str:
    at = made.clock.now() + timedelta(days=1)
    return book(f"DTSTART:{at:%Y%m%dT%H%M%SZ}\r\nDURATION:PT1H")


def test_the_worker_reads_and_keeps_busy_times(made: Services, server: Callable[[Answer], str]) -> None:
    subscribed(made, server(lambda handler: sent(handler, tomorrow(made).encode())))
    assert calendars.read_due(made) == 1
    row, times = state(made)
    assert (row.status, row.failures, len(times)) == ("ok", 0, 1)
    assert times[0].starts_at == (made.clock.now() + timedelta(days=1)).replace(microsecond=0)
    assert calendars.read_due(made) == 0, "not due yet"


def test_a_calendar_that_fails_keeps_its_times_and_becomes_a_case(
    made: Services, server: Callable[[Answer], str]
) -> None:
    works = True
    person = subscribed(
        made, server(lambda handler: sent(handler, tomorrow(made).encode(), 200 if works else 500))
    )
    calendars.read_due(made)
    works = False
    for _ in range(calendars.CASE_AFTER):
        assert isinstance(made.clock, FakeClock)
        made.clock.advance(hours=13)
        assert calendars.read_due(made) == 1
    row, times = state(made)
    assert (row.status, row.problem, len(times)) == ("failed", "http_500", 1)
    with made.store.read() as db:
        case = db.exec(select(ExceptionCase)).one()
    assert (case.kind, case.person_id) == ("busy_calendar_failed", person)
