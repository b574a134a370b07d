"""How the line was, for coordinators: from a person's minutes to sentences, and the numbers behind them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from core import services
from core.access import Viewer
from core.delivery import audit
from core.domain import Person, PresenceInterval
from core.domain.load import get_session
from core.errors import NotAllowed
from core.i18n import N_, format_time, gettext, ngettext
from plugins.classroom.models import LineQuality

PAUSED, SMALLER, WEAK = "paused", "smaller", "weak"
_PAUSED_S, _SMALLER_S, _WEAK_S = 3, 15, 10
"""Seconds of a minute from which on it is worth a sentence."""
_BROKEN = 0.1
"""More than this share of sound made up is heard as broken."""
_STEP = timedelta(minutes=1)
_WORDS = {
    (PAUSED, False): N_("Line was weak from {start} to {end}: picture paused, sound went on."),
    (PAUSED, True): N_("Line was weak from {start} to {end}: picture paused, sound was broken."),
    (SMALLER, False): N_("Line was weak from {start} to {end}: pictures were smaller, sound went on."),
    (SMALLER, True): N_("Line was weak from {start} to {end}: pictures were smaller, sound was broken."),
    (WEAK, False): N_("Line was weak from {start} to {end}: picture and sound went on."),
    (WEAK, True): N_("Line was weak from {start} to {end}: sound was broken."),
}
_GOOD = N_("Line was good all the time.")
_MOST_CUTS = 5


@dataclass(frozen=True, slots=True)
class Minute:
    """One bar of the chart and one row of the table behind it. level: good | weak | smaller | paused.

    at: ISO time. loss: the worse of both directions, in 100. Empty text: not known.
    """

    at: str
    level: str
    loss: str
    rtt_ms: str
    up_kbps: str
    down_kbps: str
    frozen_s: str


@dataclass(frozen=True, slots=True)
class PersonLine:
    """finding: the first sentence; more: the others."""

    person_id: str
    name: str
    finding: str
    more: list[str]
    minutes: list[Minute]


@dataclass(frozen=True, slots=True)
class Span:
    """Minutes of trouble in a row. broken: the sound was, too."""

    start: datetime
    end: datetime
    kind: str
    broken: bool


def of_lesson(viewer: Viewer, session_id: str) -> list[PersonLine]:
    """Everybody whose line was measured, by name, in the viewer's words and zone. NotFound, NotAllowed."""
    _coordinates(viewer)
    with services.current().store.read() as db:
        get_session(db, session_id)
        rows, names = _rows(db, session_id)
        cuts = {person_id: sorted(_cuts(db, session_id, person_id)) for person_id in rows}
    return [
        _person(viewer, person_id, names.get(person_id, ""), rows[person_id], cuts[person_id])
        for person_id in sorted(rows, key=lambda one: names.get(one, ""))
    ]


def numbers(viewer: Viewer, session_id: str) -> list[dict[str, Any]]:
    """The rows as they are kept, for programs. Taking them is audited. NotFound, NotAllowed."""
    _coordinates(viewer)
    with services.current().store.write() as db:
        get_session(db, session_id)
        audit(db, viewer.person_id, "export.line", session_id)
        rows, _ = _rows(db, session_id)
        return [row.model_dump(mode="json") for person_id in sorted(rows) for row in rows[person_id]]


def spans(rows: Iterable[LineQuality]) -> list[Span]:
    """Trouble in time order; minutes that follow each other are one span, named by the worst of them."""
    found: list[Span] = []
    for row in rows:
        kind = level(row)
        if kind == "good":
            continue
        broken = (row.concealed or 0.0) >= _BROKEN
        last = found[-1] if found else None
        if last is not None and row.at <= last.end:
            worst = min(last.kind, kind, key=(PAUSED, SMALLER, WEAK).index)
            found[-1] = Span(last.start, row.at + _STEP, worst, last.broken or broken)
        else:
            found.append(Span(row.at, row.at + _STEP, kind, broken))
    return found


def level(row: LineQuality) -> str:
    """What a person noticed of their own line in that minute: good | weak | smaller | paused."""
    if max(row.paused_s, row.frozen_s) >= _PAUSED_S:
        return PAUSED
    if row.reduced_s >= _SMALLER_S:
        return SMALLER
    if row.weak_s >= _WEAK_S or (row.concealed or 0.0) >= _BROKEN:
        return WEAK
    return "good"


def _coordinates(viewer: Viewer) -> None:
    if viewer.seat_id is not None or not viewer.has("coordinator"):
        raise NotAllowed()


def _rows(db: Session, session_id: str) -> tuple[dict[str, list[LineQuality]], dict[str, str]]:
    rows: dict[str, list[LineQuality]] = {}
    query = select(LineQuality).where(LineQuality.session_id == session_id).order_by(col(LineQuality.at))
    for row in db.exec(query):
        rows.setdefault(row.person_id, []).append(row)
    names = dict(db.exec(select(Person.id, Person.name).where(col(Person.id).in_(list(rows)))).all())
    return rows, names


def _cuts(db: Session, session_id: str, person_id: str) -> list[tuple[datetime, int]]:
    """When, and for how many seconds, a person was away and came back by itself: evidence of their presence."""
    query = select(PresenceInterval.gaps).where(
        PresenceInterval.session_id == session_id, PresenceInterval.person_id == person_id
    )
    return [
        (datetime.fromisoformat(gap["at"]), max(1, round(gap["s"])))
        for gaps in db.exec(query)
        for gap in gaps
        if gap["why"] == "line"
    ]


def _person(
    viewer: Viewer,
    person_id: str,
    name: str,
    rows: Sequence[LineQuality],
    cuts: Sequence[tuple[datetime, int]],
) -> PersonLine:
    def clock(at: datetime) -> str:
        return format_time(at, viewer.tz, viewer.lang)

    weak = [
        gettext(_WORDS[one.kind, one.broken], viewer.lang, start=clock(one.start), end=clock(one.end))
        for one in spans(rows)
    ]
    away = [
        ngettext(
            "Cut off at {at} for {n} second, and back by itself.",
            "Cut off at {at} for {n} seconds, and back by itself.",
            seconds,
            viewer.lang,
            at=clock(at),
        )
        for at, seconds in cuts[:_MOST_CUTS]
    ]
    says = [*weak, *away] or [gettext(_GOOD, viewer.lang)]
    return PersonLine(person_id, name, says[0], says[1:], [_minute(row) for row in rows])


def _minute(row: LineQuality) -> Minute:
    losses = [one for one in (row.up_loss, row.down_loss) if one is not None]
    return Minute(
        at=row.at.isoformat(),
        level=level(row),
        loss=f"{100 * max(losses):.1f}" if losses else "",
        rtt_ms=f"{row.rtt_ms:.0f}" if row.rtt_ms is not None else "",
        up_kbps=f"{row.up_bps / 1000:.0f}" if row.up_bps is not None else "",
        down_kbps=f"{row.down_bps / 1000:.0f}" if row.down_bps is not None else "",
        frozen_s=f"{max(row.frozen_s, row.paused_s):.0f}",
    )
