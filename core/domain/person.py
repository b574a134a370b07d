"""People, their roles, who looks after whom, and how they sign in."""

from datetime import datetime

from sqlmodel import Field, UniqueConstraint

from core.domain.base import Table, UTCDateTime, new_id, utc_now

ROLES = ("student", "instructor", "coordinator", "guardian", "operator")


class Person(Table, table=True):
    """Personal data. A child may have no email: the guardian manages the sign-in.

    is_minor decides who consents and who is written to; adults are their own recipients.
    """

    __tablename__ = "person"
    id: str = Field(default_factory=new_id, primary_key=True)
    name: str
    email: str | None = Field(default=None, unique=True, index=True)
    """Lower case."""
    password_hash: str | None = None
    """argon2id; None = no password, magic link only."""
    tz: str = "UTC"
    lang: str = "en"
    is_minor: bool = False
    active: bool = True
    created_at: datetime = Field(default_factory=utc_now, sa_type=UTCDateTime)
    version: int = 1

    @property
    def first_name(self) -> str:
        return self.name.split()[0]


class PersonRole(Table, table=True):
    __tablename__ = "person_role"
    person_id: str = Field(foreign_key="person.id", primary_key=True)
    role: str = Field(primary_key=True)


class Guardianship(Table, table=True):
    """guardian_id may read about, consent for and is written to about student_id."""

    __tablename__ = "guardianship"
    __table_args__ = (UniqueConstraint("guardian_id", "student_id"),)
    id: str = Field(default_factory=new_id, primary_key=True)
    guardian_id: str = Field(foreign_key="person.id", index=True)
    student_id: str = Field(foreign_key="person.id", index=True)
    relation: str = "guardian"


class Login(Table, table=True):
    """One signed-in browser. The cookie holds a random token; here is its SHA-256."""

    __tablename__ = "login"
    token_hash: str = Field(primary_key=True)
    person_id: str = Field(foreign_key="person.id", index=True)
    created_at: datetime = Field(sa_type=UTCDateTime)
    expires_at: datetime = Field(sa_type=UTCDateTime)


class MagicLink(Table, table=True):
    """A sign-in link sent by email; works once."""

    __tablename__ = "magic_link"
    token_hash: str = Field(primary_key=True)
    person_id: str = Field(foreign_key="person.id", index=True)
    expires_at: datetime = Field(sa_type=UTCDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class SignInAttempt(Table, table=True):
    """Counts failed sign-ins for rate limits. subject: SHA-256 of the address or the account's email."""

    __tablename__ = "sign_in_attempt"
    subject: str = Field(primary_key=True)
    failures: int = 0
    window_at: datetime = Field(sa_type=UTCDateTime)


class Consent(Table, table=True):
    """purpose: transcription | recording | ai_summary. Given by the adult or a minor's guardian; never deleted, withdrawn."""

    __tablename__ = "consent"
    id: str = Field(default_factory=new_id, primary_key=True)
    person_id: str = Field(foreign_key="person.id", index=True)
    purpose: str
    given_by: str = Field(foreign_key="person.id")
    given_at: datetime = Field(sa_type=UTCDateTime)
    withdrawn_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
