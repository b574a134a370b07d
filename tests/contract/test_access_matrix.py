"""Every door x everybody: pages, event handlers, routes and sockets of the code, each decision really made.

What is expected comes from the rule each door declares, read by the few lines of `may_pass` here, and from
the hand-written lists below. What lies behind the doors is test_access_never.py's. A new door without a rule
fails; so does a new one that strangers may use and that nobody put on the list.
"""

import inspect
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import reflex as rx
from reflex.event import Event
from reflex.istate.data import RouterData
from reflex_base.registry import RegistrationContext

from core.internal import sign_internal
from hilink_app import api
from hilink_app.state import guard
from hilink_app.state.gate import DENIED, OPEN, PageGate, doors
from tests.contract.world import ANONYMOUS, ROLES, SEAT_LINK, WHO, World, open_socket, world

pytestmark = pytest.mark.contract

PUBLIC_HANDLERS = {
    "PageGate.enter",
    "I18n.choose",
    "I18n.use_browser_zone",
    "Reader.load",
    "SignIn.read_address",
}
"""Everything of ours that somebody who is not signed in may send."""

PUBLIC_ROUTES = {
    "/auth/sign-in",
    "/auth/link",
    "/auth/link/use",
    "/auth/sign-out",
    "/j/{token}",
    "/calendar/{token}.ics",
    "/api/v1/health",
    "/api/v1/openapi.json",
    "/api/v1/boards/assets/fonts/{path:path}",
    *(
        f"/api/v1/rooms/{{session_id}}/{kind}{rest}"
        for kind in ("whip", "whep")
        for rest in ("", "/{program_id}")
    ),
}
"""Of the last, only what a page asks before it asks (OPTIONS) is public."""

PUBLIC_PAGES = {"/sign-in", "/sign-in/link", "/link"}

INTERNAL_ROUTES = {
    "/internal/v1/ingest",
    "/internal/v1/media-nodes",
    "/internal/v1/agent-jobs",
    "/internal/v1/recordings/manifest",
    "/internal/v1/recordings/part",
    "/metrics",
}

STAFF_PAGES = ("/today", "/schedule", "/people", "/cases", "/operations", "/teach", "/students", "/summaries")
NEVER_PAGES = {
    "student": STAFF_PAGES,
    "guardian": (*STAFF_PAGES, "/learn"),
    "instructor": ("/today", "/schedule", "/people", "/operations", "/family", "/learn"),
    "coordinator": ("/operations", "/learn", "/teach"),
    "operator": ("/today", "/schedule", "/people", "/family", "/learn", "/students", "/summaries", "/teach"),
    SEAT_LINK: ("/learn", "/family", "/profile", "/progress", "/lessons", "/teach", "/today", "/operations"),
}
"""Beginnings of routes that open for this role under no rule."""

TOKEN_ROUTES = {
    "/api/v1/people",
    "/api/v1/people/{person_id}",
    "/api/v1/people/{person_id}/availability",
    "/api/v1/people/{person_id}/hours",
    "/api/v1/people/{person_id}/exceptions",
    "/api/v1/people/{person_id}/limits",
    "/api/v1/people/{person_id}/calendar",
    "/api/v1/exceptions/{exception_id}",
    "/api/v1/holidays",
    "/api/v1/holidays/{calendar_id}",
    "/api/v1/courses",
    "/api/v1/courses/{course_id}",
    "/api/v1/sessions",
    "/api/v1/sessions/{session_id}",
    "/api/v1/sessions/{session_id}/readiness",
    "/api/v1/sessions/{session_id}/options",
    "/api/v1/sessions/{session_id}/links",
    "/api/v1/sessions/{session_id}/substitution",
    "/api/v1/series",
    "/api/v1/series/{series_id}",
    "/api/v1/requests",
    "/api/v1/requests/{request_id}",
    "/api/v1/requests/{request_id}/proposals",
    "/api/v1/requests/{request_id}/accept",
    "/api/v1/requests/{request_id}/reject",
    "/api/v1/requests/{request_id}/withdraw",
    "/api/v1/requests/{request_id}/undo",
    "/api/v1/changes",
    "/api/v1/changes/{change_id}",
    "/api/v1/changes/{change_id}/approve",
    "/api/v1/changes/{change_id}/decline",
    "/api/v1/changes/{change_id}/withdraw",
    "/api/v1/plans",
    "/api/v1/plans/{plan_id}",
    "/api/v1/plans/{plan_id}/lines",
    "/api/v1/plans/{plan_id}/accept",
    "/api/v1/plans/{plan_id}/reject",
    "/api/v1/plans/{plan_id}/cancel",
    "/api/v1/plans/{plan_id}/undo",
    "/api/v1/substitutions",
    "/api/v1/substitutions/{substitution_id}",
    "/api/v1/substitutions/{substitution_id}/offers",
    "/api/v1/substitutions/{substitution_id}/withdraw",
    "/api/v1/offers/{offer_id}/accept",
    "/api/v1/offers/{offer_id}/decline",
}
"""For programs: no cookie opens them. What a token opens is test_api_v1.py's."""

RULE_SENTENCES = {"Please sign in first.", "You may not do this with your account."}


@pytest.fixture(scope="module")
def academy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("matrix")) as made:
        yield made


@asynccontextmanager
async def role_running(academy: World) -> AsyncIterator[None]:
    """What plugins keep open in the web role: the rooms and the boards."""
    async with AsyncExitStack() as stack:
        for _, manager in academy.services.plugins.call("lifespan", role="web"):
            if manager is not None:
                await stack.enter_async_context(manager)
        yield


def may_pass(who: str, rule: tuple[str, ...], *, link_counts: bool) -> bool:
    """The one reading of a rule. link_counts: this kind of door knows join links at all."""
    if "public" in rule:
        return True
    if who == ANONYMOUS:
        return False
    if who == SEAT_LINK:
        return link_counts and "seat" in rule
    return who in rule or "signed_in" in rule


def root_state(academy: World, who: str, path: str = "/") -> Any:
    """A real state tree whose connection carries this person's cookies."""
    root: Any = rx.State(_reflex_internal_init=True)  # type: ignore[call-arg]
    headers = {"cookie": academy.cookies[who]}
    root.router = RouterData.from_router_data(
        {
            "headers": headers,
            "pathname": path,
            "asPath": path,
            "query": {},
            "origin": "http://127.0.0.1:34000",
        }
    )
    return root


def handlers() -> dict[str, Any]:
    """The app's event handlers by name, without those that other tests define."""
    found = RegistrationContext.get().event_handlers
    ours = ("hilink_app", "plugins", "reflex", "reflex_base")
    return {name: item for name, item in found.items() if item.states[0].__module__.split(".")[0] in ours}


def own(name: str) -> bool:
    return handlers()[name].states[0].__module__.split(".")[0] in (
        "hilink_app",
        "plugins",
    ) and not name.endswith(".setvar")


def short(name: str) -> str:
    """State class and handler: `Family.load`."""
    return f"{handlers()[name].states[0].__name__}.{name.rpartition('.')[2]}"


async def guarded(academy: World, who: str, name: str) -> bool:
    """Whether the guard lets this person's event through."""
    state = root_state(academy, who)
    return await guard.EventGuard().preprocess(None, state, Event(name=name)) is None  # type: ignore[arg-type]


# Event handlers


def test_every_handler_has_a_rule(academy: World) -> None:
    assert guard.unruled() == []
    assert [name for name in handlers() if own(name)], "the app has handlers"


async def test_the_guard_decides_each_handler_for_everybody_as_its_rule_says(academy: World) -> None:
    wrong: list[str] = []
    for name in handlers():
        rule = guard.rule_of(name)
        for who in WHO:
            expected = rule is not None and may_pass(who, rule, link_counts=False)
            if await guarded(academy, who, name) is not expected:
                wrong.append(f"{who} -> {name}: expected {'in' if expected else 'out'}, rule {rule}")
    assert wrong == []


async def test_a_handler_refuses_again_when_it_runs(academy: World) -> None:
    """Also when something calls it past the guard: a sentence comes back, no state is touched."""
    wrong: list[str] = []
    viewers = {who: academy.viewer(who) if who in ROLES else None for who in WHO}
    for name, registered in handlers().items():
        rule = guard.rule_of(name)
        if rule is None or not own(name):
            continue
        for who in WHO:
            if may_pass(who, rule, link_counts=False):
                continue
            with guard.acting_as(viewers[who]):
                answer = await run(registered.handler.fn)
            if "toast" not in str(answer):
                wrong.append(f"{who} -> {name}: {answer!r}")
    assert wrong == []


async def run(function: Callable[..., Any]) -> Any:
    """The first thing a handler of any kind gives back, with no state and no arguments."""
    answer = function(None)
    if inspect.isasyncgen(answer):
        return await anext(answer)
    if inspect.isgenerator(answer):
        return next(answer)
    return await answer if inspect.isawaitable(answer) else answer


def test_strangers_may_send_only_what_is_listed(academy: World) -> None:
    public = {short(name) for name in handlers() if own(name) and "public" in (guard.rule_of(name) or ())}
    assert public == PUBLIC_HANDLERS


async def test_setters_that_reflex_makes_are_shut_for_everybody(academy: World) -> None:
    setters = [name for name in handlers() if name.endswith(".setvar")]
    assert setters
    assert [(who, name) for name in setters for who in WHO if await guarded(academy, who, name)] == []


async def test_an_event_that_does_not_exist_is_refused(academy: World) -> None:
    for who in WHO:
        assert not await guarded(academy, who, "reflex___state____state.no_such_state.no_such_handler")


# Pages


def test_every_page_has_a_door_with_a_rule(academy: World) -> None:
    from hilink_app import hilink_app as web

    assert {spec.route for spec in web.specs} == set(doors())
    assert all(doors().values())


async def test_the_gate_decides_each_page_for_everybody_as_its_rule_says(academy: World) -> None:
    wrong: list[str] = []
    for route, rule in doors().items():
        for who in WHO:
            verdict, answer = await enter(academy, who, route)
            if may_pass(who, rule, link_counts=True):
                good = verdict == OPEN
            elif who in ROLES:
                good = verdict == DENIED and answer is None
            else:
                good = verdict == "" and "sign-in" in str(answer)
            if not good:
                wrong.append(f"{who} -> {route}: {verdict!r}, rule {rule}")
    assert wrong == []


async def enter(academy: World, who: str, route: str) -> tuple[str, Any]:
    """The gate's verdict, asked as a browser asks: through the guard, with the page's path."""
    root = root_state(academy, who, route)
    name = f"{PageGate.get_full_name()}.enter"
    assert await guard.EventGuard().preprocess(None, root, Event(name=name)) is None  # type: ignore[arg-type]
    gate = root.get_substate(PageGate.get_full_name().split("."))
    answer = PageGate.event_handlers["enter"].fn(gate, route)
    return gate.verdict, answer


async def test_an_unknown_page_stays_shut(academy: World) -> None:
    for who in WHO:
        verdict, answer = await enter(academy, who, "/no/such/page")
        assert (verdict, answer) == (DENIED, None)


def test_pages_that_must_never_open_for_a_role() -> None:
    wrong = [
        (who, route)
        for who, beginnings in NEVER_PAGES.items()
        for route, rule in doors().items()
        if route.startswith(beginnings) and may_pass(who, rule, link_counts=True)
    ]
    assert wrong == []
    assert {route for route, rule in doors().items() if "public" in rule} == PUBLIC_PAGES


async def test_a_page_of_a_plugin_that_is_off_stays_shut(academy: World) -> None:
    academy.services.plugins.read_switches_from(lambda: {"classroom": False})
    try:
        verdict, _ = await enter(academy, "student", "/room/[session_id]")
    finally:
        academy.services.plugins.read_switches_from(dict)
    assert verdict == "off"


# Routes and sockets


def routes(academy: World) -> list[tuple[str, str, tuple[str, ...]]]:
    from hilink_app import hilink_app as web

    found = list(api.rules(web.http.routes))
    assert [path for path, _, rule in found if rule is None] == []
    return [(path, methods, rule.roles) for path, methods, rule in found if rule is not None]


def test_a_route_without_a_rule_stops_the_start() -> None:
    from fastapi import FastAPI

    bare = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @bare.get("/api/v1/forgotten")
    def forgotten() -> None: ...

    with pytest.raises(RuntimeError, match="/api/v1/forgotten"):
        api.check_rules(bare)


def test_routes_for_strangers_and_for_machines_are_the_listed_ones(academy: World) -> None:
    listed = routes(academy)
    assert {path for path, _, rule in listed if "public" in rule} == PUBLIC_ROUTES
    assert {path for path, _, rule in listed if "internal" in rule} == INTERNAL_ROUTES
    assert {path for path, _, rule in listed if "token" in rule} == TOKEN_ROUTES
    assert all(path.startswith("/internal/") or path == "/metrics" for path in INTERNAL_ROUTES)


async def test_http_lets_everybody_in_and_keeps_everybody_out_as_the_rule_says(academy: World) -> None:
    wrong: list[str] = []
    async with role_running(academy):
        for path, methods, rule in routes(academy):
            if methods == "WEBSOCKET":
                continue
            for method in methods.split(","):
                for who in WHO:
                    refused = await refused_by_rule(academy, who, method, path)
                    expected = "internal" in rule or not may_pass(who, rule, link_counts=True)
                    if refused is not expected:
                        wrong.append(f"{who} -> {method} {path}: {'out' if refused else 'in'}, rule {rule}")
    assert wrong == []


async def refused_by_rule(academy: World, who: str, method: str, path: str) -> bool:
    """Whether the door itself said no (401, or 403 with its own sentence), not what is behind it."""
    url = filled(academy, path)
    cookie = academy.cookies[who]
    if path == "/auth/sign-out" and who in academy.people:
        cookie = academy.new_login(academy.people[who])
    async with academy.client() as client:
        answer = await client.request(method, url, headers={"cookie": cookie} if cookie else {})
    assert answer.status_code < 500, (who, method, path, answer.status_code)
    if answer.status_code not in (401, 403):
        return False
    if path in INTERNAL_ROUTES:
        return answer.status_code == 403 and "not signed" in answer.text
    said = answer.json()
    return answer.status_code == 401 or said.get("message") in RULE_SENTENCES


def filled(academy: World, path: str) -> str:
    """The address with this academy's ids in it."""
    values = {
        "{session_id}": academy.mine.session.id,
        "{material_id}": academy.material_id,
        "{token}": "unknown",
        "{file_id}": "unknown",
        "{program_id}": "unknown",
        "{path:path}": "Nunito/none.woff2",
        "{page}": "0",
        "{student_id}": academy.mine.students[0].id,
        "{person_id}": academy.mine.students[0].id,
        "{course_id}": academy.mine.course.id,
        "{exception_id}": "unknown",
        "{series_id}": "unknown",
        "{request_id}": "unknown",
        "{change_id}": "unknown",
        "{plan_id}": "unknown",
        "{substitution_id}": "unknown",
        "{offer_id}": "unknown",
        "{calendar_id}": "unknown",
    }
    for name, value in values.items():
        path = path.replace(name, value)
    assert "{" not in path, f"tell this test what to put into {path}"
    return path


async def test_machines_pass_with_a_signature_and_nobody_else(academy: World) -> None:
    key = academy.services.settings.derived_key("internal")
    async with role_running(academy), academy.client("operator") as client:
        for path, methods, _ in routes(academy):
            if path not in INTERNAL_ROUTES:
                continue
            at = int(time.time())
            for signature, expected in (
                (sign_internal(key, at, b""), False),
                (sign_internal(b"guess", at, b""), True),
            ):
                headers = {"x-hilink-time": str(at), "x-hilink-signature": signature}
                answer = await client.request(methods, path, headers=headers)
                assert (answer.status_code == 403) is expected, (path, answer.status_code)


async def test_sockets_open_with_their_ticket_alone(academy: World) -> None:
    """A cookie opens none of them; a ticket of another kind or another lesson neither."""
    sockets = [(path, rule) for path, methods, rule in routes(academy) if methods == "WEBSOCKET"]
    assert sockets
    assert {rule for _, rule in sockets} == {("ticket",)}, "teach this test about sockets that know cookies"
    student = academy.mine.students[0]
    claims = {
        "session_id": academy.mine.session.id,
        "person_id": student.id,
        "role": "student",
        "draw": True,
        "link": "",
    }
    foreign = academy.services.tickets.issue("something-else", claims)
    async with role_running(academy):
        for path, _ in sockets:
            for who in WHO:
                for ticket in ("", "forged", foreign):
                    said = await open_socket(
                        academy.app,
                        filled(academy, path),
                        f"ticket={ticket}",
                        {"cookie": academy.cookies[who]},
                    )
                    *before, last = [one for one in said if one["type"] != "websocket.accept"]
                    assert last["type"] == "websocket.close", (who, path, ticket, said)
                    assert all(json.loads(one["text"])["type"] == "error" for one in before), (who, path)
