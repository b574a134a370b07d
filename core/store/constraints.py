"""What the models cannot say: no double-booking, transaction ids on events, the wake-up of the event tail.

Applied after every migration. SQLite needs that: a batch migration recreates the table and silently drops
its triggers. `missing` is asked at start, so that no process runs without them.
"""

from collections.abc import Iterable

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError

from core.errors import StoreError

SEAT_CONSTRAINT = "ex_seat_person"
EVENT_CHANNEL = "hilink_event"

_OVERLAP = """
CREATE TRIGGER {name} BEFORE {when} ON seat WHEN NEW.active BEGIN
  SELECT RAISE(ABORT, 'ex_seat_person') WHERE EXISTS (
    SELECT 1 FROM seat other WHERE other.person_id = NEW.person_id AND other.active
    AND other.id IS NOT NEW.id AND other.starts_at < NEW.ends_at AND other.ends_at > NEW.starts_at);
END"""

SQLITE_TRIGGERS = {
    "ex_seat_person_insert": _OVERLAP.format(name="ex_seat_person_insert", when="INSERT"),
    "ex_seat_person_update": _OVERLAP.format(
        name="ex_seat_person_update", when="UPDATE OF person_id, starts_at, ends_at, active"
    ),
}

_PG_FUNCTIONS = (
    """
CREATE OR REPLACE FUNCTION hilink_event_xid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.xid := pg_current_xact_id()::text::bigint; RETURN NEW; END $$""",
    f"""
CREATE OR REPLACE FUNCTION hilink_event_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_notify('{EVENT_CHANNEL}', ''); RETURN NULL; END $$""",
    """
CREATE OR REPLACE FUNCTION hilink_seat_lock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(person, 72002)) FROM (SELECT DISTINCT unnest(CASE TG_OP
    WHEN 'INSERT' THEN ARRAY[NEW.person_id] WHEN 'DELETE' THEN ARRAY[OLD.person_id]
    ELSE ARRAY[OLD.person_id, NEW.person_id] END) AS person ORDER BY 1) AS people;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$""",
)
# Two bookings of one person wait for each other instead of running into the EXCLUDE constraint's deadlock.
# The empty payload makes PostgreSQL send one notification a transaction, however many events it wrote.

PG_TRIGGERS = {
    "hilink_event_xid": "CREATE TRIGGER hilink_event_xid BEFORE INSERT ON domain_event "
    "FOR EACH ROW EXECUTE FUNCTION hilink_event_xid()",
    "hilink_event_notify": "CREATE TRIGGER hilink_event_notify AFTER INSERT ON domain_event "
    "FOR EACH STATEMENT EXECUTE FUNCTION hilink_event_notify()",
    "hilink_seat_lock": "CREATE TRIGGER hilink_seat_lock BEFORE INSERT OR UPDATE OR DELETE ON seat "
    "FOR EACH ROW EXECUTE FUNCTION hilink_seat_lock()",
}

_PG_EXCLUDE = f"""
ALTER TABLE seat ADD CONSTRAINT {SEAT_CONSTRAINT}
EXCLUDE USING gist (person_id WITH =, tstzrange(starts_at, ends_at, '[)') WITH &&) WHERE (active)"""


def double_booking(error: BaseException) -> bool:
    """Whether this is the database's answer to seating a person twice at the same time."""
    return isinstance(error, IntegrityError) and SEAT_CONSTRAINT in str(error.orig)


def lost_race(error: BaseException) -> bool:
    """Whether PostgreSQL ended this transaction so that another could go on, or SQLite never let it begin.
    Nothing was changed: try again, or tell the person that somebody else was faster. Write seats in order of
    `person_id` to make it rare."""
    if not isinstance(error, DBAPIError):
        return False
    locked = (
        str(error.orig) == "database is locked"
    )  # its waiting line is not fair: 64 writers wait 15 s at times
    return locked or getattr(error.orig, "sqlstate", None) in ("40P01", "40001")


def lock_people(connection: Connection, person_ids: Iterable[str]) -> None:
    """Other bookings of these people wait until the caller's transaction ends; what is read now stays true.

    For transactions that seat people many times: all locks at once and in order, so that none deadlocks.
    On SQLite a writer is alone anyway.
    """
    if connection.dialect.name == "postgresql":
        for person_id in sorted(set(person_ids)):
            connection.execute(
                text("SELECT pg_advisory_xact_lock(hashtextextended(:person, 72002))"), {"person": person_id}
            )


def apply(connection: Connection) -> None:
    """Create what is missing. Idempotent; the caller owns the transaction."""
    if connection.dialect.name == "sqlite":
        for name in _missing_sqlite(connection):
            connection.exec_driver_sql(SQLITE_TRIGGERS[name])
        return
    for function in _PG_FUNCTIONS:
        connection.exec_driver_sql(function)
    missing = _missing_postgres(connection)
    if SEAT_CONSTRAINT in missing:
        connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS btree_gist")
        connection.exec_driver_sql(_PG_EXCLUDE)
    for name in missing & PG_TRIGGERS.keys():
        connection.exec_driver_sql(PG_TRIGGERS[name])
    _heal_positions(connection)


def verify(connection: Connection) -> None:
    """StoreError naming what is missing, for example after a table was rebuilt by hand."""
    find = _missing_sqlite if connection.dialect.name == "sqlite" else _missing_postgres
    if missing := find(connection):
        raise StoreError(f"the database lacks {', '.join(sorted(missing))}: run `hilink migrate`")


def _missing_sqlite(connection: Connection) -> set[str]:
    found = (
        connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all()
    )
    return SQLITE_TRIGGERS.keys() - set(found)


def _missing_postgres(connection: Connection) -> set[str]:
    found = set(
        connection.execute(
            text(
                "SELECT tgname::text FROM pg_trigger "
                "WHERE tgrelid IN (to_regclass('domain_event'), to_regclass('seat')) "
                "UNION SELECT conname::text FROM pg_constraint WHERE conrelid = to_regclass('seat')"
            )
        ).scalars()
    )
    return (PG_TRIGGERS.keys() | {SEAT_CONSTRAINT}) - found


def _heal_positions(connection: Connection) -> None:
    """After a restore into a new cluster, stored transaction ids may be ahead of its counter: readers would
    not see those events for a long time. Then all of them count as old: transaction 0, ordered by id."""
    now = int(connection.exec_driver_sql("SELECT pg_current_xact_id()::text").scalar_one())
    newest: int | None = connection.exec_driver_sql("SELECT max(xid) FROM domain_event").scalar_one()
    if newest is not None and newest > now:
        connection.exec_driver_sql("UPDATE domain_event SET xid = 0")
        connection.exec_driver_sql("UPDATE cursor SET xid = 0")
