"""A person's own settings: name, time zone, language, password. What they may decide about their own data."""

from dataclasses import dataclass
from zoneinfo import available_timezones

from sqlmodel import Session, col, delete, select

from core import services
from core.access import Viewer, hash_token, set_password
from core.access.signin import check_password
from core.delivery import audit
from core.domain import Consent, Login, Person
from core.errors import InvalidInput, NotFound
from core.i18n import LANGUAGES
from core.lifecycle.consent import PURPOSES
from core.lifecycle.reminders import set_timers_of

MAX_NAME = 100
_REGIONS = ("Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")


@dataclass(frozen=True, slots=True)
class Profile:
    """consents: (purpose, given), empty for a child: the family decides. has_password: False = links by email alone."""

    name: str
    email: str
    tz: str
    lang: str
    has_password: bool
    consents: list[tuple[str, bool]]


def zones() -> list[str]:
    """IANA zones named after places, and UTC."""
    return ["UTC", *sorted(name for name in available_timezones() if name.split("/")[0] in _REGIONS)]


def own(viewer: Viewer) -> Profile:
    """What the viewer may see and change about themselves."""
    with services.current().store.read() as db:
        person = _person(db, viewer)
        given = set(
            db.exec(
                select(Consent.purpose).where(
                    Consent.person_id == person.id, col(Consent.withdrawn_at).is_(None)
                )
            )
        )
        speaks = viewer.has("student", "instructor") and not person.is_minor
        return Profile(
            name=person.name,
            email=person.email or "",
            tz=person.tz,
            lang=person.lang,
            has_password=person.password_hash is not None,
            consents=[(purpose, purpose in given) for purpose in PURPOSES] if speaks else [],
        )


def change_profile(viewer: Viewer, name: str, tz: str, lang: str) -> None:
    """One's own name, zone and language. InvalidInput for an empty or long name, an unknown zone or language."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= MAX_NAME or not any(c.isalpha() for c in name):
        raise InvalidInput("name", "Please write your name, in at most {most} characters.", most=MAX_NAME)
    if tz not in available_timezones():
        raise InvalidInput("tz", "We do not know this time zone. Please choose one from the list.")
    if lang not in LANGUAGES:
        raise InvalidInput("lang", "We do not speak this language yet. Please choose one from the list.")
    with services.current().store.write() as db:
        person = _person(db, viewer)
        changed = [
            what
            for what, old, new in (
                ("name", person.name, name),
                ("tz", person.tz, tz),
                ("lang", person.lang, lang),
            )
            if old != new
        ]
        if not changed:
            return
        person.name, person.tz, person.lang = name, tz, lang
        person.version += 1
        db.add(person)
        audit(db, viewer.person_id, "profile.change", person.id, person.id, changed=",".join(changed))
        if "tz" in changed:
            db.flush()
            set_timers_of(db, person.id)


def change_password(viewer: Viewer, old: str, new: str, keep_token: str = "") -> None:
    """Asks for the old one; ends every other sign-in of this person. InvalidInput, TooMany.

    keep_token: the sign-in that goes on, the one of the browser that asked.
    """
    check_password(viewer.person_id, old)
    with services.current().store.write() as db:
        set_password(db, viewer.person_id, new)
        db.exec(
            delete(Login).where(
                col(Login.person_id) == viewer.person_id, col(Login.token_hash) != hash_token(keep_token)
            )
        )
        audit(db, viewer.person_id, "password.change", viewer.person_id, viewer.person_id)


def _person(db: Session, viewer: Viewer) -> Person:
    person = db.get(Person, viewer.person_id)
    if person is None:
        raise NotFound()
    return person
