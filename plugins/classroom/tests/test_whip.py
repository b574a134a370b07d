"""WHIP and WHEP over real HTTP: every status, who may, and that what ends is gone. The media node is a fake."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from core import services as installed
from core.access import SYSTEM
from core.domain import AuditEntry, Consent, JoinLink, Seat
from core.lifecycle.end import end_session
from core.ports import MediaEvent
from core.testing import FakeMediaServer
from plugins.classroom.server import fragments
from plugins.classroom.server.fragments import Fragment
from plugins.classroom.tests.conftest import House, School, eventually, serving

pytestmark = pytest.mark.unit

OFFER = "\r\n".join(
    (
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "a=mid:0",
        "a=ice-ufrag:theirs",
        "a=ice-pwd:0123456789012345678901",
        "a=candidate:1 1 udp 1 192.0.2.9 5000 typ host",
        "a=sendonly",
        "m=video 9 UDP/TLS/RTP/SAVPF 96",
        "a=mid:1",
        "a=ice-ufrag:theirs",
        "a=ice-pwd:0123456789012345678901",
        "a=sendonly",
        "m=video 9 UDP/TLS/RTP/SAVPF 96",
        "a=mid:2",
        "a=sendonly",
        "",
    )
)
RESTART = "a=ice-ufrag:newer\r\na=ice-pwd:1234567890123456789012\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n"
TRICKLE = (
    "a=ice-ufrag:theirs\r\na=ice-pwd:0123456789012345678901\r\na=candidate:1 1 udp 1 192.0.2.9 5 typ host\r\n"
)


def answer(ufrag: str, direction: str = "recvonly") -> dict[str, Any]:
    lines = (
        "v=0",
        "a=group:BUNDLE 0",
        "a=ice-lite",
        "m=audio 7882 UDP/TLS/RTP/SAVPF 111",
        "a=mid:0",
        f"a=ice-ufrag:{ufrag}",
        "a=ice-pwd:ours",
        "a=candidate:1 1 udp 1 192.0.2.1 7882 typ host",
        "a=rtpmap:111 opus/48000/2",
        f"a={direction}",
        "",
    )
    return {"type": "answer", "sdp": "\r\n".join(lines), "mids": {"0": "screen_audio"}}


class Client:
    """A program with a token, and how it asks."""

    def __init__(self, house: House, token: str, kind: str = "whip") -> None:
        self.house, self.token, self.kind = house, token, kind
        self.path = f"/api/v1/rooms/{house.school.session_id}/{kind}"

    async def ask(
        self, method: str, path: str = "", body: str | bytes = b"", **headers: str
    ) -> httpx.Response:
        known = {"authorization": f"Bearer {self.token}"} if self.token else {}
        given = known | {name.replace("_", "-"): value for name, value in headers.items()}
        async with httpx.AsyncClient(base_url=self.house.base, trust_env=False) as client:
            return await client.request(method, path or self.path, content=body, headers=given)

    async def offer(self, body: str | bytes = OFFER, query: str = "", **headers: str) -> httpx.Response:
        given = {"content_type": "application/sdp"} | headers
        return await self.ask("POST", self.path + query, body, **given)

    async def patch(self, location: str, body: str, **headers: str) -> httpx.Response:
        given = {"content_type": "application/trickle-ice-sdpfrag"} | headers
        return await self.ask("PATCH", location, body, **given)


async def token_of(
    house: House, person_id: str, kind: str = "whip", whose: str = "", cookie: dict[str, str] | None = None
) -> httpx.Response:
    path = f"/api/v1/rooms/{house.school.session_id}/{kind}-token"
    headers = cookie or house.school.login(person_id)
    async with httpx.AsyncClient(base_url=house.base, headers=headers, trust_env=False) as client:
        return await client.post(path, json={"person_id": whose} if whose else {})


async def client_of(house: House, person_id: str, kind: str = "whip") -> Client:
    """With a node that answers."""
    house.school.media.answers = [answer("ours1", "recvonly" if kind == "whip" else "sendonly")]
    return Client(house, (await token_of(house, person_id, kind)).json()["token"], kind)


def audited(school: School) -> list[str]:
    rows = school.rows(
        lambda db: list(db.exec(select(AuditEntry).where(AuditEntry.subject_id == school.session_id)))
    )
    return [row.action for row in rows if row.action in ("room.program", "room.publish", "room.watch")]


def at_node(house: House) -> dict[str, Any]:
    return house.school.media.rooms.get(house.school.session_id, {})


async def test_an_offer_makes_a_connection_that_everybody_sees_as_the_persons_screen(house: House) -> None:
    teacher, sam, _ = await house.everybody()
    person_id = house.school.lesson.instructor.id
    client = await client_of(house, person_id)
    made = await client.offer()
    assert made.status_code == 201 and made.text.startswith("v=0")
    assert made.headers["content-type"].startswith("application/sdp")
    assert made.headers["etag"] == '"ours1"' and made.headers["cache-control"] == "no-store"
    assert made.headers["accept-patch"] == "application/trickle-ice-sdpfrag"
    assert made.headers["access-control-allow-origin"] == "*"
    location = made.headers["location"]
    program_id = location.rpartition("/")[2]
    assert location == f"{client.path}/{program_id}"
    assert program_id.partition(".")[0] == teacher.welcome["participant_id"]

    room_id, participant_id, message = house.school.media.signalled[-1]
    assert (room_id, participant_id) == (house.school.session_id, program_id)
    assert message["kind"] == "publisher" and message["sdp"] == OFFER
    assert message["tracks"] == [
        {"mid": "0", "source": "screen_audio", "muted": False},
        {"mid": "1", "source": "screen", "muted": False},
    ]
    rights = at_node(house)[program_id]
    assert rights.publish == ("screen", "screen_audio") and not rights.subscribe
    assert not rights.agents_allowed and not rights.recording_allowed

    report(house, program_id, "published", source="screen", kind="video", codec="h264")
    shown = await person(sam, program=program_id, screen=True)
    assert shown["person_id"] == person_id and shown["participant_id"] == teacher.welcome["participant_id"]
    await eventually(lambda: audited(house.school) == ["room.program", "room.publish"])


def report(house: House, program_id: str, event: str, /, **data: Any) -> None:
    house.school.media.report(MediaEvent(event, house.school.session_id, program_id, data))


async def person(caller: Any, **wanted: Any) -> dict[str, Any]:
    """The next `person` frame that says this."""
    while True:
        found = (await caller.next("person"))["person"]
        if all(found.get(key) == value for key, value in wanted.items()):
            return found


async def test_what_http_says_to_what_is_wrong(house: House) -> None:
    await house.everybody()
    school = house.school
    client = await client_of(house, school.lesson.instructor.id)
    nobody, forged = Client(house, ""), Client(house, "forged")
    viewer = Client(house, (await token_of(house, school.lesson.instructor.id, "whep")).json()["token"])
    for one, marker in (
        (nobody, "Bearer"),
        (forged, 'Bearer error="invalid_token"'),
        (viewer, "Bearer error"),
    ):
        refused = await one.offer()
        assert refused.status_code == 401 and refused.headers["www-authenticate"].startswith(marker)
        assert (await one.ask("DELETE", client.path + "/x")).status_code == 401
        assert (await one.patch(client.path + "/x", TRICKLE)).status_code == 401
    other = client.path.replace(school.session_id, "another")
    assert (await client.ask("POST", other, OFFER, content_type="application/sdp")).status_code == 403
    assert (await client.offer(content_type="application/json")).status_code == 415
    assert (await client.offer(b"\xff\xfe")).status_code == 400
    assert (await client.offer("v=0\r\n" + "a=x\r\n" * 20_000)).status_code == 413
    assert (await client.offer(query="?source=everything")).status_code == 422
    assert (await client.ask("GET")).status_code == 405
    assert (await client.patch(client.path + "/unknown", TRICKLE, if_match='"x"')).status_code == 404
    assert (await client.ask("DELETE", client.path + "/unknown")).status_code == 404
    said = (await client.ask("DELETE", client.path + "/unknown", accept_language="de")).json()
    assert set(said) == {"error", "message"}
    assert not [one for one in at_node(house) if "." in one]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("malformed", 400),
        ("codec", 406),
        ("too_large", 413),
        ("too_many", 429),
        ("unavailable", 503),
        ("internal", 503),
        ("not_allowed", 400),
        ("something new", 400),
    ],
)
async def test_a_refused_offer_changes_nothing(house: House, kind: str, status: int) -> None:
    await house.everybody()
    client = await client_of(house, house.school.lesson.instructor.id)
    first = (await client.offer()).headers["location"].rpartition("/")[2]
    house.school.media.answers = [{"type": "error", "kind": kind, "detail": "", "re": "offer"}]
    refused = await client.offer()
    assert refused.status_code == status and refused.json()["message"]
    assert ("retry-after" in refused.headers) is (status in (429, 503))
    await eventually(lambda: [one for one in at_node(house) if "." in one] == [first])
    house.school.media.answers = [answer("ours1")]
    assert (await client.patch(f"{client.path}/{first}", RESTART, if_match="*")).status_code == 200


async def test_an_offer_with_nothing_to_send_is_refused(house: House) -> None:
    await house.everybody()
    client = await client_of(house, house.school.lesson.instructor.id)
    house.school.media.answers = [answer("ours", "inactive")]
    assert (await client.offer()).status_code == 400
    await eventually(lambda: not [one for one in at_node(house) if "." in one])


async def test_without_a_media_node_there_is_a_sentence(school: School) -> None:
    bare = replace(school.app, media=None)
    async with serving(School(bare, school.lesson)) as house:
        await house.join(school.lesson.instructor.id)
        token = (await token_of(house, school.lesson.instructor.id)).json()["token"]
        refused = await Client(house, token).offer()
        assert refused.status_code == 503 and "media server" in refused.json()["message"]


async def test_ice_restarts_and_candidates(house: House) -> None:
    await house.everybody()
    client = await client_of(house, house.school.lesson.instructor.id)
    location = (await client.offer()).headers["location"]
    program_id = location.rpartition("/")[2]
    assert (await client.patch(location, TRICKLE)).status_code == 428
    assert (await client.patch(location, TRICKLE, if_match='"older"')).status_code == 412
    assert (await client.patch(location, TRICKLE, if_match='"ours1"')).status_code == 204
    assert (await client.patch(location, "hello", if_match='"ours1"')).status_code == 400
    assert (await client.patch(location, TRICKLE, if_match="*", content_type="text/plain")).status_code == 415
    report(house, program_id, "muted", source="screen", muted=True)
    house.school.media.answers = [answer("ours2")]
    await eventually(lambda: muted(house, program_id))
    restarted = await client.patch(location, RESTART, if_match="*")
    assert restarted.status_code == 200 and restarted.headers["etag"] == '"ours2"'
    assert restarted.headers["content-type"].startswith("application/trickle-ice-sdpfrag")
    assert restarted.text.splitlines() == [
        "a=group:BUNDLE 0",
        "a=ice-lite",
        "m=audio 7882 UDP/TLS/RTP/SAVPF 111",
        "a=mid:0",
        "a=ice-ufrag:ours2",
        "a=ice-pwd:ours",
        "a=candidate:1 1 udp 1 192.0.2.1 7882 typ host",
    ]
    message = house.school.media.signalled[-1][2]
    assert message["seq"] == 2 and message["connection"] == house.school.media.signalled[0][2]["connection"]
    assert "ice-ufrag:theirs" not in message["sdp"] and message["sdp"].count("a=ice-ufrag:newer") == 2
    assert message["tracks"][1] == {"mid": "1", "source": "screen", "muted": True}
    assert (await client.patch(location, TRICKLE, if_match='"ours1"')).status_code == 412


def muted(house: House, program_id: str) -> bool:
    opened = house.hub.rooms.get(house.school.session_id)
    program = opened.room.programs.get(program_id) if opened is not None else None
    return program is not None and program.sources.get("screen") is True


async def test_what_the_node_says_before_its_answer_counts(school: School) -> None:
    class Hasty(FakeMediaServer):
        """Reports what is published, and only then answers."""

        async def signal(
            self, room_id: str, participant_id: str, message: Mapping[str, Any]
        ) -> list[dict[str, Any]]:
            data = {"source": "screen", "kind": "video", "codec": "vp8"}
            self.report(MediaEvent("published", room_id, participant_id, data))
            while not self._events.empty():  # noqa: ASYNC110 - until it was heard
                await asyncio.sleep(0)
            return await super().signal(room_id, participant_id, message)

    hasty = Hasty()
    hasty.answers = [answer("ours1")]
    async with serving(school, media=hasty) as house:
        await house.join(school.lesson.instructor.id)
        sam = await house.join(school.lesson.students[0].id)
        token = (await token_of(house, school.lesson.instructor.id)).json()["token"]
        assert (await Client(house, token).offer()).status_code == 201
        assert (await person(sam, screen=True))["program"]


async def test_a_newer_connection_takes_the_place_of_the_older(house: House) -> None:
    await house.everybody()
    client = await client_of(house, house.school.lesson.instructor.id)
    first = (await client.offer()).headers["location"]
    second = (await client.offer(query="?source=camera")).headers["location"]
    assert (await client.ask("DELETE", first)).status_code == 404
    names = [one for one in at_node(house) if "." in one]
    await eventually(lambda: [one for one in at_node(house) if "." in one] == [second.rpartition("/")[2]])
    assert at_node(house)[names[-1]].publish == ("camera", "microphone")


async def test_deleting_it_frees_everything(house: House) -> None:
    _, sam, _ = await house.everybody()
    client = await client_of(house, house.school.lesson.instructor.id)
    location = (await client.offer()).headers["location"]
    program_id = location.rpartition("/")[2]
    report(house, program_id, "published", source="screen", kind="video", codec="vp8")
    await person(sam, screen=True)
    assert (await client.ask("DELETE", location)).status_code == 200
    shown = await person(sam, program=None)
    assert shown["screen"] is False
    await eventually(lambda: program_id not in at_node(house))
    assert (await client.ask("DELETE", location)).status_code == 404


async def test_only_its_own_person_may_touch_it(house: House) -> None:
    await house.everybody()
    school = house.school
    client = await client_of(house, school.lesson.instructor.id)
    location = (await client.offer()).headers["location"]
    stranger = await client_of(house, school.lesson.students[0].id)
    assert (await stranger.ask("DELETE", location)).status_code == 404
    assert (await stranger.patch(location, RESTART, if_match="*")).status_code == 404
    assert (await client.ask("DELETE", location)).status_code == 200


async def test_publishing_needs_a_browser_in_the_room(house: House) -> None:
    client = await client_of(house, house.school.lesson.instructor.id)
    refused = await client.offer()
    assert refused.status_code == 409 and "browser" in refused.json()["message"]
    teacher = await house.join(house.school.lesson.instructor.id)
    location = (await client.offer()).headers["location"]
    await teacher.send("leave")
    await eventually(lambda: not [one for one in at_node(house) if "." in one])
    assert (await client.ask("DELETE", location)).status_code == 404


async def test_it_goes_on_while_its_person_reloads_the_page(house: House) -> None:
    _, sam, _ = await house.everybody()
    client = await client_of(house, house.school.lesson.instructor.id)
    location = (await client.offer()).headers["location"]
    again = await house.join(house.school.lesson.instructor.id, resume="")
    shown = await person(sam, participant_id=again.welcome["participant_id"])
    assert shown["program"] == location.rpartition("/")[2]
    assert (await client.ask("DELETE", location)).status_code == 200


async def test_what_the_node_closed_is_gone(house: House) -> None:
    await house.everybody()
    client = await client_of(house, house.school.lesson.instructor.id)
    for event, data in (("disconnected", {"reason": "lost"}), ("message", {"type": "moved"})):
        location = (await client.offer()).headers["location"]
        report(house, location.rpartition("/")[2], event, **data)
        await eventually(lambda: not [one for one in at_node(house) if "." in one])
        assert (await client.ask("DELETE", location)).status_code == 404


async def test_an_instructor_stops_a_students_program(house: House) -> None:
    teacher, _, _ = await house.everybody()
    student = house.school.lesson.students[0]
    client = await client_of(house, student.id)
    program_id = (await client.offer()).headers["location"].rpartition("/")[2]
    await teacher.send("mute", person_id=student.id, source="screen")
    for source in ("screen", "screen_audio"):
        key = (house.school.session_id, program_id, source)
        await eventually(lambda key=key: house.school.media.muted.get(key) is True)
    await teacher.send("remove", person_id=student.id)
    await eventually(lambda: program_id not in at_node(house))
    assert (await client.offer()).status_code == 409


async def test_consent_of_its_person_counts(house: House) -> None:
    await house.everybody()
    school = house.school
    person_id = school.lesson.students[0].id
    client = await client_of(house, person_id)
    program_id = (await client.offer()).headers["location"].rpartition("/")[2]
    now = school.app.clock.now()
    with school.app.store.write() as db:
        for purpose in ("transcription", "recording"):
            db.add(Consent(person_id=person_id, purpose=purpose, given_by=person_id, given_at=now))
    await eventually(lambda: at_node(house)[program_id].recording_allowed)
    assert at_node(house)[program_id].agents_allowed


async def test_a_lesson_that_ends_ends_its_programs(house: House) -> None:
    teacher, _, _ = await house.everybody()
    client = await client_of(house, house.school.lesson.instructor.id)
    watching = await client_of(house, house.school.lesson.coordinator.id, "whep")
    house.school.media.answers = [answer("ours1")]
    location = (await client.offer()).headers["location"]
    house.school.media.answers = [answer("ours1", "sendonly")]
    assert (await watching.offer()).status_code == 201
    await teacher.next("session")
    end_session(SYSTEM, house.school.session_id)
    await teacher.next("ended")
    assert not at_node(house)
    assert (await client.ask("DELETE", location)).status_code == 404
    assert (await client.offer()).status_code == 409
    assert (await watching.offer()).status_code == 409


async def test_who_gets_a_token(house: House) -> None:
    lesson = house.school.lesson
    given = await token_of(house, lesson.instructor.id)
    assert given.status_code == 200 and given.json()["url"].endswith(
        f"/api/v1/rooms/{lesson.session.id}/whip"
    )
    assert given.json()["expires_at"].endswith("Z") and given.headers["cache-control"] == "no-store"
    statuses = {
        (who, kind): (await token_of(house, person_id, kind)).status_code
        for who, person_id in (
            ("student", lesson.students[0].id),
            ("coordinator", lesson.coordinator.id),
            ("instructor", lesson.instructor.id),
            ("guardian", lesson.guardians[0].id),
        )
        for kind in ("whip", "whep")
    }
    assert statuses == {
        ("student", "whip"): 200,
        ("student", "whep"): 403,
        ("coordinator", "whip"): 403,
        ("coordinator", "whep"): 200,
        ("instructor", "whip"): 200,
        ("instructor", "whep"): 200,
        ("guardian", "whip"): 403,
        ("guardian", "whep"): 403,
    }
    for who, whose, status in (
        (lesson.coordinator.id, lesson.instructor.id, 200),
        (lesson.coordinator.id, lesson.guardians[0].id, 422),
        (lesson.instructor.id, lesson.students[0].id, 403),
    ):
        assert (await token_of(house, who, "whip", whose)).status_code == status
    assert (await token_of(house, lesson.coordinator.id, "whep", lesson.instructor.id)).status_code == 403


async def test_a_token_ends_with_the_seat_the_link_and_its_time(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.everybody()
    school = house.school
    sam, tim = school.lesson.students
    cookie, _ = school.seat_cookie(sam.id)
    by_link = Client(house, (await token_of(house, "", cookie=cookie)).json()["token"])
    by_seat = await client_of(house, tim.id)
    assert (await by_link.offer()).status_code == 201
    location = (await by_seat.offer()).headers["location"]
    with school.app.store.write() as db:
        for link in db.exec(select(JoinLink)):
            link.revoked_at = school.app.clock.now()
            db.add(link)
        seat = db.exec(select(Seat).where(Seat.person_id == tim.id)).one()
        seat.active = False
        db.add(seat)
    assert (await by_link.offer()).status_code == 403
    assert (await by_seat.offer()).status_code == 403
    await eventually(lambda: location.rpartition("/")[2] not in at_node(house))
    client = await client_of(house, school.lesson.instructor.id)
    later = time.time() + house.hub.settings.program_token_s + 10
    monkeypatch.setattr(time, "time", lambda: later)
    assert (await client.offer()).status_code == 401


async def test_watching_needs_no_browser_and_is_seen_by_those_who_oversee(house: House) -> None:
    school = house.school
    client = await client_of(house, school.lesson.coordinator.id, "whep")
    made = await client.offer()
    program_id = made.headers["location"].rpartition("/")[2]
    assert made.status_code == 201 and at_node(house)[program_id].subscribe
    assert at_node(house)[program_id].publish == ()
    message = school.media.signalled[-1][2]
    assert message["kind"] == "subscriber" and message["follow"] is True and "tracks" not in message
    teacher, sam, _ = await house.everybody()
    listed = [one for one in teacher.welcome["people"] if one["participant_id"] == program_id]
    assert [(one["role"], one["name"]) for one in listed] == [("observer", school.lesson.coordinator.name)]
    assert program_id not in [one["participant_id"] for one in sam.welcome["people"]]
    second = (await client.offer()).headers["location"].rpartition("/")[2]
    assert (await person(teacher, participant_id=second))["role"] == "observer"
    assert (await client.ask("DELETE", made.headers["location"])).status_code == 200
    await teacher.next("gone", person_id=f"program:{program_id}")
    assert program_id not in [frame.get("person_id", "")[8:] for frame in await sam.sync()]
    await eventually(lambda: audited(school).count("room.watch") == 2)
    assert len(school.intervals()) == 3


async def test_who_may_not_oversee_any_more_does_not_watch(house: House) -> None:
    school = house.school
    client = await client_of(house, school.lesson.instructor.id, "whep")
    program_id = (await client.offer()).headers["location"].rpartition("/")[2]
    with school.app.store.write() as db:
        seat = db.exec(select(Seat).where(Seat.person_id == school.lesson.instructor.id)).one()
        seat.active = False
        db.add(seat)
    await eventually(lambda: program_id not in at_node(house))


async def test_no_more_watch_than_a_room_takes(school: School) -> None:
    async with serving(school, max_watchers=1) as house:
        client = await client_of(house, school.lesson.coordinator.id, "whep")
        location = (await client.offer()).headers["location"]
        full = await client.offer()
        assert full.status_code == 503 and full.headers["retry-after"]
        assert (await client.ask("DELETE", location)).status_code == 200
        assert (await client.offer()).status_code == 201


async def test_too_many_requests_are_refused(house: House) -> None:
    await house.everybody()
    client = await client_of(house, house.school.lesson.instructor.id)
    statuses = [(await client.offer()).status_code for _ in range(12)]
    assert statuses[0] == 201 and statuses[-1] == 429
    other = await client_of(house, house.school.lesson.students[0].id)
    assert (await other.offer()).status_code == 201


@pytest.mark.parametrize("kind", ["whip", "whep"])
async def test_pages_of_other_sites_may_ask_first(house: House, kind: str) -> None:
    client = Client(house, "", kind)
    endpoint = await client.ask("OPTIONS", origin="https://elsewhere.example")
    assert endpoint.status_code == 204 and endpoint.headers["accept-post"] == "application/sdp"
    session = await client.ask("OPTIONS", client.path + "/some")
    assert session.headers["access-control-allow-methods"] == "PATCH, DELETE, OPTIONS"
    for one in (endpoint, session):
        assert one.headers["access-control-allow-origin"] == "*"
        assert "If-Match" in one.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in one.headers


async def test_relays_are_named_in_link_headers(school: School) -> None:
    relayed = school.app.settings.model_copy(update={"turn_urls": "turn:t.example", "turn_secret": "s"})
    with installed.using(replace(school.app, settings=relayed)):
        async with serving(school) as house:
            await house.join(school.lesson.instructor.id)
            made = await (await client_of(house, school.lesson.instructor.id)).offer()
    links = made.headers.get_list("link", split_commas=True)
    assert [one.partition(";")[0] for one in links] == [
        "<turn:t.example?transport=udp>",
        "<turn:t.example?transport=tcp>",
    ]
    assert all('rel="ice-server"; username="' in one and 'credential-type="password"' in one for one in links)


def test_a_restarted_offer_is_the_same_but_for_ice() -> None:
    again = fragments.restarted(OFFER, Fragment("newer", "1" * 22))
    assert (
        fragments.sections(again)
        == fragments.sections(OFFER)
        == [("audio", "0"), ("video", "1"), ("video", "2")]
    )
    assert "candidate" not in again and fragments.ufrag(again) == "newer"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "a=ice-ufrag:abcd\r\n",
        "a=ice-pwd:1234567890123456789012\r\n",
        "a=ice-ufrag:ab\r\na=ice-pwd:1234567890123456789012\r\n",
        "a=ice-ufrag:abcd evil\r\na=ice-pwd:1234567890123456789012\r\n",
        "a=ice-ufrag:" + "a" * 300 + "\r\na=ice-pwd:1234567890123456789012\r\n",
    ],
)
def test_what_is_no_fragment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"ICE"):
        fragments.read_fragment(text)


@given(
    st.text(max_size=400)
    | st.lists(st.sampled_from(RESTART.splitlines() + OFFER.splitlines()), max_size=30).map("\n".join)
)
def test_any_text_is_read_or_refused(text: str) -> None:
    fragments.sections(text)
    fragments.fragment_of(text)
    try:
        found = fragments.read_fragment(text)
    except ValueError:
        return
    if found.ufrag:
        assert fragments.ufrag(fragments.restarted(OFFER, found)) == found.ufrag
