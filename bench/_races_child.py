"""One process of `bench/races.py`: writers in threads that book, move and cancel lessons in the same few slots.

Reads its task as JSON from stdin, prints what it did as JSON. Every change goes through core.lifecycle.schedule.
"""

import json
import random
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import select

from core.access import Viewer, viewer_for
from core.config import Settings
from core.domain import ClassSession
from core.errors import Conflict, InvalidInput
from core.lifecycle import schedule
from core.services import Services, using
from hilink_app import bootstrap

LENGTH = timedelta(minutes=45)


@dataclass
class Done:
    """What this process's writers were told. changes: session id -> changes that succeeded."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    outcomes: Counter[str] = field(default_factory=Counter[str])
    changes: Counter[str] = field(default_factory=Counter[str])
    errors: Counter[str] = field(default_factory=Counter[str])

    def note(self, outcome: str, session_id: str = "") -> None:
        with self.lock:
            self.outcomes[outcome] += 1
            if session_id:
                self.changes[session_id] += 1


def main() -> None:
    task: dict[str, Any] = json.load(sys.stdin)
    made = bootstrap.build(Settings(), "cli")
    done = Done()
    with made.store.read() as db:
        actor = viewer_for(db, task["coordinator"])
    assert actor is not None
    writers = [
        threading.Thread(target=_write, args=(made, actor, task, task["seed"] + number, done))
        for number in range(task["threads"])
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    made.store.close()
    json.dump({"outcomes": done.outcomes, "changes": done.changes, "errors": done.errors}, sys.stdout)


def _write(made: Services, actor: Viewer, task: dict[str, Any], seed: int, done: Done) -> None:
    chance = random.Random(seed)
    with using(made):
        for _ in range(task["attempts"]):
            try:
                _attempt(made, actor, task, chance, done)
            except (Conflict, InvalidInput):
                done.note("refused")
            except Exception as error:  # border: what should not happen is counted, and the run goes on
                with done.lock:
                    done.errors[f"{type(error).__name__}: {error}".splitlines()[0][:160]] += 1


def _attempt(made: Services, actor: Viewer, task: dict[str, Any], chance: random.Random, done: Done) -> None:
    start = datetime.fromisoformat(task["first"]) + chance.randrange(task["slots"]) * timedelta(minutes=15)
    kind = chance.choices(("book", "move", "cancel"), (5, 4, 1))[0]
    row = None
    if kind != "book":
        with made.store.read() as db:
            rows = db.exec(select(ClassSession).where(ClassSession.status == "scheduled").limit(200)).all()
        row = chance.choice(rows) if rows else None
    if row is None:
        pair = chance.choice(task["pairs"])
        new = schedule.NewSession(task["course"], pair[0], (pair[1],), start, start + LENGTH)
        schedule.schedule_session(actor, new)
        done.note("booked")
    elif kind == "move":
        schedule.move_session(actor, row.id, start, start + LENGTH, row.version)
        done.note("moved", row.id)
    else:
        schedule.cancel_session(actor, row.id, row.version)
        done.note("cancelled", row.id)


if __name__ == "__main__":
    main()
