"""When people may be booked: weekly hours where they live, dates away and extra, limits, calendars they keep elsewhere."""

from datetime import date, datetime, time
from typing import Any

from sqlalchemy import JSON, Index
from sqlmodel import Field

from core.domain.base import Table, UTCDateTime, new_id


class BookingProfile(Table, table=True):
    """How one person may be booked; no row = no limits. Durations in seconds, 0 = none.

    tz: where "a day" and "a week" are counted, "" = the person's own. languages: BCP 47, what they teach or
    learn in. version rises with every change of the profile, the hours or the exceptions.
    """

    __tablename__ = "booking_profile"
    person_id: str = Field(foreign_key="person.id", primary_key=True)
    tz: str = ""
    languages: list[str] = Field(default_factory=list, sa_type=JSON)
    notice_s: int = 0
    buffer_s: int = 0
    most_a_day: int = 0
    most_a_week: int = 0
    holiday_calendar_id: str | None = Field(default=None, foreign_key="holiday_calendar.id")
    version: int = 1


class AvailabilityHours(Table, table=True):
    """Open every week. weekday: 0 = Monday. Wall clock in tz; `ends` not after `starts` = the next day."""

    __tablename__ = "availability_hours"
    id: str = Field(default_factory=new_id, primary_key=True)
    person_id: str = Field(foreign_key="person.id", index=True)
    weekday: int
    starts: time
    ends: time
    tz: str
    valid_from: date | None = None
    valid_until: date | None = None


class AvailabilityException(Table, table=True):
    """kind: away | extra. note is personal data: for the person and coordinators alone, erased with them."""

    __tablename__ = "availability_exception"
    __table_args__ = (Index("ix_availability_exception_person_starts", "person_id", "starts_at"),)
    id: str = Field(default_factory=new_id, primary_key=True)
    person_id: str = Field(foreign_key="person.id")
    kind: str
    starts_at: datetime = Field(sa_type=UTCDateTime)
    ends_at: datetime = Field(sa_type=UTCDateTime)
    note: str = ""
    created_by: str = Field(foreign_key="person.id")
    created_at: datetime = Field(sa_type=UTCDateTime)


class HolidayCalendar(Table, table=True):
    """days: {"2026-12-25": "Christmas Day"}, dates where whoever keeps it lives."""

    __tablename__ = "holiday_calendar"
    id: str = Field(default_factory=new_id, primary_key=True)
    name: str = Field(unique=True)
    days: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    version: int = 1


class BusyCalendar(Table, table=True):
    """An iCalendar address whose events count as busy. url is a secret of its person's.

    status: waiting | ok | failed. problem: an error code, "" when ok. next_at: when it is fetched again.
    rolled_until: the busy times reach until then.
    """

    __tablename__ = "busy_calendar"
    id: str = Field(default_factory=new_id, primary_key=True)
    person_id: str = Field(foreign_key="person.id", index=True)
    url: str
    status: str = "waiting"
    problem: str = ""
    etag: str = ""
    failures: int = 0
    fetched_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    rolled_until: datetime | None = Field(default=None, sa_type=UTCDateTime)
    next_at: datetime = Field(sa_type=UTCDateTime, index=True)
    version: int = 1


class BusyTime(Table, table=True):
    """One busy span out of a subscribed calendar, recurring events rolled out. What it is, is not kept."""

    __tablename__ = "busy_time"
    __table_args__ = (Index("ix_busy_time_person_starts", "person_id", "starts_at"),)
    id: str = Field(default_factory=new_id, primary_key=True)
    calendar_id: str = Field(foreign_key="busy_calendar.id", index=True)
    person_id: str = Field(foreign_key="person.id")
    starts_at: datetime = Field(sa_type=UTCDateTime)
    ends_at: datetime = Field(sa_type=UTCDateTime)
