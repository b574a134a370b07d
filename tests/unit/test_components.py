"""Components draw what they promise; the rail, the words and the event guard hold their rules."""

import asyncio
import inspect
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import reflex as rx
from reflex.event import Event
from reflex_base.registry import RegistrationContext

from core.access import Viewer, sign_in, sign_out
from core.access.signin import set_password
from core.errors import NotFound
from core.testing import seed, services
from hilink_app import components as ui
from hilink_app.components.nav import NavEntry, nav_for, register_nav
from hilink_app.state import guard
from hilink_app.state.base import BaseState
from hilink_app.state.guard import EventGuard, acting_as, allow, wrong_shape
from hilink_app.state.i18n import I18n
from hilink_app.state.reader import Reader, initials

pytestmark = pytest.mark.unit

CORA = Viewer("p1", "Cora", ("coordinator",), "Europe/London", "de")
SAM = Viewer("p2", "Sam", ("student",), "Europe/London", "en")


class Probe(BaseState):
    """Handlers of every kind, one without a rule."""

    seen: str = ""

    @rx.event
    @allow("coordinator")
    def assign(self, to: str) -> None:
        self.seen = to

    @rx.event
    @allow("coordinator")
    async def later(self) -> None:
        raise NotFound("We could not find that.")

    @rx.event
    @allow("public")
    def steps(self) -> Iterator[Any]:
        yield None
        raise NotFound("We could not find that.")

    @rx.event
    def forgotten(self) -> None:
        self.seen = "should never run"


PREFIX = Probe.get_full_name()


def drawn(component: rx.Component) -> str:
    return str(component.render())


def state(cookie: str = "") -> Any:
    """What the guard reads of a Reflex state: the headers of its connection."""
    return SimpleNamespace(router=SimpleNamespace(headers=SimpleNamespace(cookie=cookie)))


async def passes(name: str, cookie: str = "") -> bool:
    update = await EventGuard().preprocess(SimpleNamespace(), state(cookie), Event(name=name))  # type: ignore[arg-type]
    return update is None


@pytest.fixture(scope="module")
def cookies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Sign-in cookies of two coordinators and a guardian on a real database; one is for signing out."""
    with services(tmp_path_factory.mktemp("guard")) as made:
        with made.store.write() as db:
            people = [
                seed.person(db, "Cora Lind", "coordinator"),
                seed.person(db, "Gale Sato", "guardian"),
                seed.person(db, "Lea Vogt", "coordinator"),
            ]
            for one in people:
                set_password(db, one.id, "correct horse battery")
            mails = [str(one.email) for one in people]
        tokens = [sign_in(mail, "correct horse battery", "127.0.0.1")[0] for mail in mails]
        names = ("coordinator", "guardian", "leaving")
        yield {name: f"hilink_login={token}" for name, token in zip(names, tokens, strict=True)}


async def test_only_the_role_of_the_rule_may_send_an_event(cookies: dict[str, str]) -> None:
    name = f"{PREFIX}.assign"
    assert await passes(name, cookies["coordinator"])
    assert not await passes(name, cookies["guardian"])
    assert not await passes(name)
    assert not await passes(name, "hilink_login=made-up")


async def test_a_revoked_sign_in_ends_at_once(cookies: dict[str, str]) -> None:
    name = f"{PREFIX}.assign"
    assert await passes(name, cookies["leaving"])
    sign_out(cookies["leaving"].partition("=")[2])
    assert not await passes(name, cookies["leaving"])


@pytest.mark.parametrize(
    "name", [f"{PREFIX}.forgotten", f"{PREFIX}.setvar", "reflex___state____state.setvar", "no.such"]
)
async def test_events_without_a_rule_are_refused(cookies: dict[str, str], name: str) -> None:
    assert not await passes(name, cookies["coordinator"])


async def test_what_reflex_itself_sends_passes_and_still_exists() -> None:
    known = RegistrationContext.get().event_handlers
    for name in guard._REFLEX_OWN:
        assert name in known
        assert await passes(name)


def test_every_handler_of_ours_has_a_rule() -> None:
    assert [name for name in guard.unruled() if not name.startswith(PREFIX)] == []


def test_the_handler_checks_again() -> None:
    probe: Any = SimpleNamespace(seen="")
    handler = Probe.event_handlers["assign"].fn
    with acting_as(SAM):
        assert isinstance(handler(probe, to="x"), rx.event.EventSpec)
    assert probe.seen == ""
    with acting_as(CORA):
        assert handler(probe, to="x") is None
    assert probe.seen == "x"


def test_a_users_error_becomes_a_sentence_in_their_language() -> None:
    with acting_as(CORA):
        answer = asyncio.run(Probe.event_handlers["later"].fn(SimpleNamespace()))
    assert "Das haben wir nicht gefunden." in str(answer.args)
    assert inspect.isgeneratorfunction(Probe.event_handlers["steps"].fn)
    with acting_as(None):
        assert "We could not find that." in str(
            list(Probe.event_handlers["steps"].fn(SimpleNamespace()))[-1].args
        )


def test_a_rule_names_somebody() -> None:
    with pytest.raises(ValueError, match="needs a role"):
        allow()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("text", "not an object"),
        ({"name": 3}, "unknown event"),
        ({"name": "no.such"}, "unknown event"),
        ({"name": f"{PREFIX}.assign", "payload": {"wrong": 1}}, "wrong payload"),
        ({"name": f"{PREFIX}.assign", "payload": []}, "wrong payload"),
        ({"name": f"{PREFIX}.assign", "payload": {"to": "x"}, "router_data": 1}, "wrong payload"),
        (
            {"name": "reflex___state____state.hydrate_and_load", "payload": {"vars": {"gone.state.x": 1}}},
            "unknown var",
        ),
        ({"name": f"{PREFIX}.assign", "payload": {"to": "x"}}, None),
        ({"name": "reflex___state____state.hydrate_and_load", "payload": {}}, None),
    ],
)
def test_messages_that_are_no_events_are_told_apart(data: object, reason: str | None) -> None:
    assert wrong_shape(data) == reason


def test_words_follow_the_reader() -> None:
    var = ui.t("In {n} min", n=Reader.name)
    assert str(I18n.lang) in str(var)
    assert '"In {n} min"' in str(var)
    data = var._get_all_var_data()
    assert data is not None
    assert I18n.get_full_name() in data.state or any("context" in str(hook).lower() for hook in data.hooks)


def test_the_rail_holds_six_entries_and_no_more() -> None:
    entries = [NavEntry(f"/test-{n}", "Test", "house", ("tester",), n) for n in range(6)]
    register_nav(*reversed(entries))
    assert [one.route for one in nav_for("tester")] == [f"/test-{n}" for n in range(6)]
    register_nav(entries[0])
    assert len(nav_for("tester")) == 6
    register_nav(NavEntry("/test-7", "Test", "house", ("tester",), 7))
    with pytest.raises(ValueError, match="at most 6"):
        nav_for("tester")


def test_an_icon_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ValueError, match="no such icon"):
        ui.icon("no-such-icon")


def test_icon_buttons_and_images_have_names() -> None:
    assert "Close" in drawn(ui.icon_button("x", "Close"))
    assert "aria-hidden" in drawn(ui.icon("check"))
    assert "steps done" in drawn(ui.thread(3, "failed"))


def test_a_field_with_an_error_is_described_by_it() -> None:
    text = drawn(ui.text_field("Email", "email", error="This address has no @ in it.", hint="Yours"))
    assert "email-hint email-error" in text
    assert "aria-invalid" in text
    assert "htmlFor" in text


def test_initials_are_two_letters_at_most() -> None:
    assert initials("Maria da Silva") == "MS"
    assert initials("Yuki") == "Y"
    assert initials("") == ""


@pytest.mark.parametrize("name", ui.__all__)
def test_every_component_says_what_it_is(name: str) -> None:
    found = getattr(ui, name)
    assert inspect.getdoc(found), f"{name} needs a line that says what it is"
