"""Beside the story: what a course's lessons offer. Rooms of lessons to come follow a changed template."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from babel import Locale, UnknownLocaleError
from sqlmodel import Session, col, select

from core import services
from core.access import Actor
from core.clock import on_timer, set_timer
from core.delivery import audit
from core.domain import ClassSession, Course, Timer
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from core.lifecycle.provision import LOBBIES, TOOLS, refresh_room

BATCH = 50
"""Rooms brought to a changed template in one transaction."""


def change_template(
    actor: Actor, course_id: str, template: Mapping[str, Any], recorded: bool, version: int
) -> None:
    """The settings of the course's rooms, see `Course.template`. Coordinators alone.

    Rooms of lessons that have not begun follow within seconds; a lesson that runs keeps what it has.
    InvalidInput, NotFound; Conflict when somebody else changed it meanwhile.
    """
    if not actor.has("coordinator"):
        raise NotAllowed()
    wanted = checked(template)
    service = services.current()
    with service.store.write() as db:
        course = db.get(Course, course_id, with_for_update=True)
        if course is None:
            raise NotFound("This course does not exist.")
        if course.version != version:
            raise Conflict()
        if (course.template, course.recorded) == (wanted, recorded):
            return
        course.template, course.recorded, course.version = wanted, recorded, course.version + 1
        db.add(course)
        audit(db, actor.person_id, "course.template", course_id)
        set_timer(db, "course_rooms", course_id, service.clock.now(), course.version, after="")


def checked(template: Mapping[str, Any]) -> dict[str, Any]:
    """The template with only what differs from the house's default. InvalidInput names the field."""
    found: dict[str, Any] = {tool: False for tool in TOOLS if template.get(tool, True) is False}
    lobby, lang, region = (
        str(template.get(name, "")).strip() for name in ("lobby", "captions_lang", "region")
    )
    if lobby and lobby not in LOBBIES:
        raise InvalidInput("lobby", "Please choose who waits at the door.")
    if lang and not _is_language(lang):
        raise InvalidInput("captions_lang", "We do not know this language.")
    if region and region not in regions():
        raise InvalidInput("region", "There is no media region of that name.")
    found |= {
        name: value
        for name, value in (("lobby", lobby), ("captions_lang", lang), ("region", region))
        if value
    }
    return found


def regions() -> tuple[str, ...]:
    """Regions of the media nodes there are."""
    from core.lifecycle.media import nodes

    service = services.current()
    with service.store.read() as db:
        return tuple(sorted({node.region for node in nodes(db, service.clock.now()) if node.region}))


@on_timer("course_rooms", subject=Course)
def refresh_rooms(db: Session, timer: Timer, now: datetime) -> None:
    """A batch of the course's rooms; the next one is another timer. A newer template makes it stale."""
    rows = db.exec(
        select(ClassSession)
        .where(
            ClassSession.course_id == timer.subject_id,
            ClassSession.status == "scheduled",
            ClassSession.ends_at > now,
            ClassSession.id > timer.params["after"],
        )
        .order_by(col(ClassSession.id))
        .limit(BATCH)
        .with_for_update()
    ).all()
    for row in rows:
        refresh_room(db, row)
    if len(rows) == BATCH:
        set_timer(db, "course_rooms", timer.subject_id, now, timer.version, after=rows[-1].id)


def _is_language(tag: str) -> bool:
    try:
        Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return False
    return True
