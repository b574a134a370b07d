"""Signing in: password (argon2id) or a link by email. Rate-limited by account and by address; says little."""

import secrets
from datetime import timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlmodel import Session, select

from core import services
from core.access.viewer import Viewer, hash_token, viewer_for
from core.delivery import audit
from core.domain import Login, MagicLink, Message, Person, SignInAttempt
from core.errors import InvalidInput, NotAllowed, NotSignedIn, TooMany

MAX_FAILURES = 8
WINDOW = timedelta(minutes=10)
_WRONG = "The email or the password is not right."


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


def hash_password(password: str) -> str:
    return _hasher().hash(password)


@cache
def _decoy() -> str:
    """Verified against when there is no account, so that the answer takes as long."""
    return hash_password(secrets.token_hex(8))


def sign_in(email: str, password: str, address: str) -> tuple[str, Viewer]:
    """A new login token for the cookie, and who it is. NotSignedIn or TooMany; failures are counted.

    address: the client's network address, for the rate limit.
    """
    email = email.strip().lower()
    subjects = (hash_token(f"address:{address}"), hash_token(f"account:{email}"))
    _check_rate(subjects)
    with services.current().store.read() as db:
        person = db.exec(select(Person).where(Person.email == email)).first()
    known = person.password_hash if person and person.active and person.password_hash else None
    try:
        _hasher().verify(known or _decoy(), password)
    except (VerifyMismatchError, InvalidHashError):
        known = None
    if known is None or person is None:
        _count_failure(subjects)
        raise NotSignedIn(_WRONG)
    with services.current().store.write() as db:
        for subject in subjects:
            if row := db.get(SignInAttempt, subject):
                db.delete(row)
        return _open_login(db, person.id, "password")


def sign_out(token: str) -> None:
    """Ends this login everywhere it is used. Idempotent."""
    with services.current().store.write() as db:
        if row := db.get(Login, hash_token(token)):
            audit(db, row.person_id, "login.end", row.person_id)
            db.delete(row)


def request_magic_link(email: str, address: str) -> None:
    """Queue a sign-in mail if the account exists. Says nothing about whether it does; rate-limited all the same."""
    service = services.current()
    email = email.strip().lower()
    if "@" not in email:
        raise InvalidInput("email", "Please enter an email address.")
    subjects = (hash_token(f"magic:{address}"), hash_token(f"magic:{email}"))
    _check_rate(subjects)
    _count_failure(subjects)
    now = service.clock.now()
    with service.store.write() as db:
        person = db.exec(select(Person).where(Person.email == email)).first()
        if person is None or not person.active:
            return
        token = secrets.token_urlsafe(32)
        db.add(
            MagicLink(
                token_hash=hash_token(token),
                person_id=person.id,
                expires_at=now + timedelta(seconds=service.settings.magic_link_ttl_s),
            )
        )
        db.add(
            Message(
                kind="magic_link",
                to_person_id=person.id,
                params={"token": token},
                dedupe=f"magic:{hash_token(token)}",
                due_at=now,
            )
        )


def redeem_magic_link(token: str) -> tuple[str, Viewer]:
    """A login for the link's person. Works once; NotAllowed with a sentence when used, expired or unknown."""
    service = services.current()
    now = service.clock.now()
    with service.store.write() as db:
        link = db.get(MagicLink, hash_token(token), with_for_update=True)
        if link is None or link.used_at is not None or link.expires_at <= now:
            raise NotAllowed("This sign-in link has expired or was used already. Please ask for a new one.")
        link.used_at = now
        db.add(link)
        return _open_login(db, link.person_id, "link")


def check_password(person_id: str, password: str) -> None:
    """InvalidInput unless it is this person's password; TooMany after too many wrong ones. None set: nothing to check."""
    with services.current().store.read() as db:
        known = db.get_one(Person, person_id).password_hash
    if known is None:
        return
    subjects = (hash_token(f"password:{person_id}"),)
    _check_rate(subjects)
    try:
        _hasher().verify(known, password)
    except (VerifyMismatchError, InvalidHashError):
        _count_failure(subjects)
        raise InvalidInput("old", "The password you have now is not right.") from None


def set_password(db: Session, person_id: str, password: str) -> None:
    """At least ten characters; nothing else is asked (NIST SP 800-63B)."""
    if len(password) < 10:
        raise InvalidInput("password", "A password needs at least 10 characters.")
    person = db.get_one(Person, person_id)
    person.password_hash = hash_password(password)
    db.add(person)


def _open_login(db: Session, person_id: str, way: str) -> tuple[str, Viewer]:
    service = services.current()
    viewer = viewer_for(db, person_id)
    if viewer is None:
        raise NotSignedIn(_WRONG)
    token = secrets.token_urlsafe(32)
    now = service.clock.now()
    db.add(
        Login(
            token_hash=hash_token(token),
            person_id=person_id,
            created_at=now,
            expires_at=now + timedelta(seconds=service.settings.login_ttl_s),
        )
    )
    audit(db, person_id, f"login.{way}", person_id)
    return token, viewer


def _check_rate(subjects: tuple[str, ...]) -> None:
    service = services.current()
    with service.store.read() as db:
        for subject in subjects:
            row = db.get(SignInAttempt, subject)
            if row and row.failures >= MAX_FAILURES and row.window_at + WINDOW > service.clock.now():
                raise TooMany("Too many tries. Please wait ten minutes, or ask for a sign-in link by email.")


def _count_failure(subjects: tuple[str, ...]) -> None:
    service = services.current()
    now = service.clock.now()
    with service.store.write() as db:
        for subject in subjects:
            row = db.get(SignInAttempt, subject, with_for_update=True)
            if row is None or row.window_at + WINDOW <= now:
                row = row or SignInAttempt(subject=subject, window_at=now)
                row.failures, row.window_at = 0, now
            row.failures += 1
            db.add(row)
