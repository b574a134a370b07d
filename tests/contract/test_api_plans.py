"""Plans for programs, on both databases: started once, read until ready, accepted or rejected by version."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.access import SCOPES
from core.domain import AvailabilityHours, Qualification
from core.lifecycle import planning, requests, tokens
from core.lifecycle.requests import NewRequest
from core.scheduling.wish import WishWindow
from core.services import using
from core.testing import seed
from tests.contract.world import World, world

pytestmark = pytest.mark.contract


@dataclass
class Program:
    """A client with a token, at an academy where one instructor works on Mondays from 16:00 to 18:00."""

    academy: World
    token: str

    async def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        async with self.academy.client() as client:
            return await client.request(method, f"/api/v1{path}", headers=headers, **more)

    def work(self) -> None:
        """What the worker does, here."""
        with using(self.academy.services):
            while (plan_id := planning.claim(self.academy.services)) is not None:
                planning.work(plan_id)

    @property
    def monday(self) -> date:
        today = self.academy.services.clock.now().date()
        return today + timedelta(days=14 - today.weekday())

    @property
    def days(self) -> dict[str, str]:
        return {
            "from_day": self.monday.isoformat(),
            "until_day": (self.monday + timedelta(days=27)).isoformat(),
        }

    def ask(self) -> str:
        coordinator = self.academy.viewer("coordinator")
        assert coordinator is not None
        with self.academy.services.store.write() as db:
            student = seed.person(db, "New Student", "student")
        window = WishWindow(0, time(16), time(17))
        course_id = self.academy.mine.course.id
        new = NewRequest(student.id, course_id, (window,), "UTC", self.monday, lessons=4, length_min=60)
        return requests.ask(coordinator, new)


def token(academy: World, *scopes: str) -> Program:
    maker = academy.viewer("coordinator")
    assert maker is not None
    return Program(academy, tokens.create_token(maker, "Test", scopes or tuple(SCOPES), 365).token)


@pytest.fixture(params=["sqlite", "postgresql"])
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Program]:
    url = "" if request.param == "sqlite" else request.getfixturevalue("pg_url")
    with world(tmp_path, database_url=url) as academy:
        teacher = academy.mine.instructor.id
        with academy.services.store.write() as db:
            db.add(Qualification(instructor_id=teacher, course_id=academy.mine.course.id))
            hours = {"weekday": 0, "starts": time(16), "ends": time(18), "tz": "UTC"}
            db.add(AvailabilityHours(person_id=teacher, **hours))
        yield token(academy)


async def test_a_plan_is_started_read_and_accepted(program: Program) -> None:
    asked = [program.ask() for _ in range(2)]
    started = await program.call("POST", "/plans", json=program.days)
    plan = started.json()
    assert (started.status_code, plan["status"], started.headers["etag"]) == (202, "waiting", '"1"')
    path = f"/plans/{plan['id']}"
    program.work()
    ready = await program.call("GET", path)
    assert ready.json()["status"] == "ready"
    assert (ready.json()["lessons_placed"], ready.json()["lessons_asked"]) == (1, 2)

    first = (await program.call("GET", f"{path}/lines", params={"limit": 1})).json()
    rest = (await program.call("GET", f"{path}/lines", params={"limit": 1, "cursor": first["next"]})).json()
    found = {line["status"]: line for line in (*first["items"], *rest["items"])}
    assert rest["next"] is None and {line["request_id"] for line in found.values()} == set(asked)
    assert found["placed"]["instructor_id"] == program.academy.mine.instructor.id
    assert found["unplaced"]["reasons"] == ["others"] and found["unplaced"]["why"][0].endswith(".")

    chosen = {"line_ids": [found["placed"]["id"]]}
    tag = {"if-match": ready.headers["etag"]}
    accepted = await program.call("POST", f"{path}/accept", json=chosen, headers=tag)
    assert (accepted.status_code, accepted.json()["status"]) == (202, "booking")
    late = await program.call("POST", f"{path}/accept", json={}, headers=tag)
    assert (late.status_code, late.json()["error"]) == (409, "conflict")
    program.work()
    done = await program.call("GET", path)
    assert (done.json()["status"], done.json()["lines"]["booked"]) == ("accepted", 1)
    tag = {"if-match": done.headers["etag"]}
    assert (await program.call("POST", f"{path}/undo", headers=tag)).json()["status"] == "undoing"
    program.work()
    assert (await program.call("GET", path)).json()["status"] == "undone"


async def test_a_key_starts_one_plan_however_often_it_is_sent(program: Program) -> None:
    program.ask()
    key = {"idempotency-key": "the plan of March"}
    first = await program.call("POST", "/plans", json=program.days, headers=key)
    again = await program.call("POST", "/plans", json=program.days, headers=key)
    assert first.json() == again.json() and again.headers["idempotency-replayed"] == "true"
    other = await program.call("POST", "/plans", json=program.days)
    assert (other.status_code, other.json()["message"][:12]) == (409, "Another plan")
    path = f"/plans/{first.json()['id']}"
    assert (await program.call("POST", f"{path}/cancel")).json()["status"] == "cancelled"


async def test_a_plan_is_rejected_with_a_reason(program: Program) -> None:
    program.ask()
    path = f"/plans/{(await program.call('POST', '/plans', json=program.days)).json()['id']}"
    program.work()
    tag = {"if-match": (await program.call("GET", path)).headers["etag"]}
    for body in ({}, {"reason": ""}, {"reason": "x", "more": 1}):
        assert (await program.call("POST", f"{path}/reject", json=body, headers=tag)).status_code == 422
    assert (await program.call("POST", f"{path}/reject", json={"reason": "x"})).status_code == 422
    rejected = await program.call("POST", f"{path}/reject", json={"reason": "Too late."}, headers=tag)
    assert (rejected.json()["status"], rejected.json()["reason"]) == ("rejected", "Too late.")


async def test_bad_plans_are_refused_with_a_sentence(program: Program) -> None:
    empty = await program.call("POST", "/plans", json=program.days)
    assert (empty.status_code, empty.json()["field"]) == (422, "request_ids")
    program.ask()
    backwards = {"from_day": program.days["until_day"], "until_day": program.days["from_day"]}
    for body in (backwards, {}, {**program.days, "request_ids": []}, {**program.days, "from_day": "soon"}):
        assert (await program.call("POST", "/plans", json=body)).status_code == 422
    for method, path in (
        ("GET", "/plans/none"),
        ("GET", "/plans/none/lines"),
        ("POST", "/plans/none/cancel"),
    ):
        assert (await program.call(method, path)).status_code == 404


async def test_scopes_open_their_own_routes(program: Program) -> None:
    program.ask()
    reader, other = token(program.academy, "plans:read"), token(program.academy, "sessions:read")
    assert (await reader.call("POST", "/plans", json=program.days)).status_code == 403
    path = f"/plans/{(await program.call('POST', '/plans', json=program.days)).json()['id']}"
    assert (await reader.call("GET", path)).status_code == 200
    assert (await other.call("GET", path)).status_code == 403
