"""The reckoning of the hours editor (week.js), held against plain sets of minutes. One Node for all cases."""

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

import hilink_app.components.hours
from hilink_app.toolchain.frontend import node_path

pytestmark = pytest.mark.unit

WEEK_JS = Path(str(hilink_app.components.hours.__file__)).with_name("week.js")
DAY, WEEK = 1_440, 7 * 1_440
CASES = 300
PROGRAM = """
import { fromRows, openOn, overlapping, paint, toRows } from %s;
const asked = JSON.parse(process.argv[1]);
const rows = (list) => fromRows(list.map(([weekday, starts, ends]) => ({ weekday, starts, ends })));
console.log(JSON.stringify(asked.map(({ week, days, from, to, open: opens }) => {
  const before = rows(week), after = paint(before, days, from, to, opens);
  const open = [0, 1, 2, 3, 4, 5, 6].map((day) => openOn(after, day));
  return { open, rows: toRows(after), clash: overlapping(before).size > 0 };
})));
"""

Row = tuple[int, str, str]


def clock(minute: int) -> str:
    return f"{minute // 60 % 24:02}:{minute % 60:02}"


def minutes(rows: list[Row]) -> list[int]:
    """Every open minute of the week, as often as a row opens it. An end that is not after the start: the next day."""
    found: list[int] = []
    for day, starts, ends in rows:
        first, last = (int(text[:2]) * 60 + int(text[3:]) for text in (starts, ends))
        last += DAY if last <= first else 0
        found += [(day * DAY + minute) % WEEK for minute in range(first, last)]
    return found


def run(asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    program = PROGRAM % json.dumps(WEEK_JS.as_uri())
    done = subprocess.run(
        ["node", "--no-warnings", "--input-type=module", "-e", program, json.dumps(asked)],
        env={"PATH": node_path()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def a_case(dice: random.Random) -> dict[str, Any]:
    week: list[Row] = []
    for _ in range(dice.randrange(6)):
        first = dice.randrange(0, DAY, 5)
        length = dice.randrange(5, DAY, 5)
        week.append((dice.randrange(7), clock(first), clock(first + length)))
    begin = dice.randrange(0, DAY, 30)
    days = sorted(dice.sample(range(7), dice.randint(1, 7)))
    return {
        "week": week,
        "days": days,
        "from": begin,
        "to": dice.randrange(begin + 30, DAY + 30, 30),
        "open": dice.random() < 0.6,
    }


def test_what_is_dragged_is_open_or_closed_and_nothing_else_changes() -> None:
    dice = random.Random(4)
    asked = [a_case(dice) for _ in range(CASES)]
    for case, made in zip(asked, run(asked), strict=True):
        dragged = {day * DAY + minute for day in case["days"] for minute in range(case["from"], case["to"])}
        before = set(minutes(case["week"]))
        wanted = before | dragged if case["open"] else before - dragged
        shown = {
            d * DAY + m
            for d, spans in enumerate(made["open"])
            for first, last in spans
            for m in range(first, last)
        }
        assert shown == wanted
        assert set(minutes(made["rows"])) == wanted
        assert made["clash"] == (len(minutes(case["week"])) > len(before))


def test_days_that_were_not_touched_stay_as_they_were_written() -> None:
    week: list[Row] = [(4, "22:00", "01:00"), (0, "09:05", "10:20")]
    drag: dict[str, Any] = {"week": week, "days": [2], "from": 600, "to": 720, "open": True}
    assert run([drag])[0]["rows"] == [[0, "09:05", "10:20"], [2, "10:00", "12:00"], [4, "22:00", "01:00"]]
