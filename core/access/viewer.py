"""A viewer: the person behind a request, read fresh from the database each time (a revoked login ends at once)."""

import hashlib
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from sqlmodel import Session, col, select

from core import services
from core.domain import ClassSession, Guardianship, JoinLink, Login, Person, PersonRole, Seat

LOGIN_COOKIE = "hilink_login"
SEAT_COOKIE = "hilink_seat"


@dataclass(frozen=True, slots=True)
class Viewer:
    """roles: what this sign-in may act as. seat_id: set when the way in was a join link; such a viewer
    may enter that one room and nothing else, and `roles` is empty."""

    person_id: str
    name: str
    roles: tuple[str, ...] = ()
    tz: str = "UTC"
    lang: str = "en"
    seat_id: str | None = None
    session_id: str | None = None

    def has(self, *roles: str) -> bool:
        return any(role in self.roles for role in roles)


@dataclass(frozen=True, slots=True)
class System:
    """The actor of what nobody asked for: timers, the chain, plugins."""

    person_id: None = None
    roles: tuple[str, ...] = ("system",)

    def has(self, *roles: str) -> bool:
        return True


SYSTEM = System()
Actor = Viewer | System


def hash_token(token: str) -> str:
    """SHA-256 in hex: enough for random tokens, which cannot be guessed from their hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def cookie_value(header: str | None, name: str) -> str:
    """One value of a Cookie header; "" when absent or malformed."""
    try:
        morsel = SimpleCookie(header or "").get(name)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def viewer_for(db: Session, person_id: str) -> Viewer | None:
    """The viewer this person would be when signed in, or None when unknown or switched off."""
    person = db.get(Person, person_id)
    if person is None or not person.active:
        return None
    roles = db.exec(select(PersonRole.role).where(PersonRole.person_id == person_id)).all()
    return Viewer(person.id, person.name, tuple(sorted(roles)), person.tz, person.lang)


def viewer_from_cookie(cookie_header: str | None) -> Viewer | None:
    """The signed-in viewer of a Cookie header, or None."""
    token = cookie_value(cookie_header, LOGIN_COOKIE)
    if not token:
        return None
    service = services.current()
    with service.store.read() as db:
        login = db.get(Login, hash_token(token))
        if login is None or login.expires_at <= service.clock.now():
            return None
        return viewer_for(db, login.person_id)


def seat_viewer_from_cookie(cookie_header: str | None) -> Viewer | None:
    """The viewer of a join link's cookie, or None: unknown, revoked, expired, seat taken away or lesson cancelled."""
    token = cookie_value(cookie_header, SEAT_COOKIE)
    if not token:
        return None
    service = services.current()
    with service.store.read() as db:
        link = db.get(JoinLink, hash_token(token))
        if link is None or link.revoked_at is not None or link.expires_at <= service.clock.now():
            return None
        seat = db.get(Seat, link.seat_id)
        if seat is None or not seat.active or db.get_one(ClassSession, seat.session_id).status == "cancelled":
            return None
        person = db.get_one(Person, seat.person_id)
        return Viewer(person.id, person.name, (), person.tz, person.lang, seat.id, seat.session_id)


def children_of(db: Session, guardian_id: str) -> list[Person]:
    """The students this guardian looks after."""
    query = (
        select(Person)
        .join(Guardianship, col(Guardianship.student_id) == Person.id)
        .where(Guardianship.guardian_id == guardian_id)
        .order_by(col(Person.name))
    )
    return list(db.exec(query))
