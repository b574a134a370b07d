"""Whatever a browser sends: no exception, no frame that is not JSON, no right it does not have."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugins.classroom.server.messages import TYPES, Malformed, decode, parse
from plugins.classroom.server.outgoing import (
    Audited,
    EndLesson,
    ExtendLesson,
    MediaJoin,
    MediaMute,
    Removed,
    SaveLobby,
    SavePage,
    SavePoll,
    Send,
)
from plugins.classroom.tests.test_room import AGENT, LENA, LOOKER, TEACHER, TOM, Bench

pytestmark = pytest.mark.unit

KEYS = tuple(
    "type text to raised person_id reaction question options right kind poll_id option page source minutes "
    "final started_ms ended_ms low_accuracy message at resume version mode".split()
)
WORDS = st.sampled_from(
    [
        *sorted(TYPES),
        "all",
        "teacher",
        "lena",
        "tom",
        "looker",
        "nobody",
        "camera",
        "microphone",
        "always",
        "until_instructor",
        "yes",
        "id1",
        "id7",
    ]
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30), WORDS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
MESSAGES = st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), VALUES, max_size=8)
TYPED = st.builds(lambda kind, rest: {**rest, "type": kind}, st.sampled_from(sorted(TYPES)), MESSAGES)
FUZZ = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


LEADS = EndLesson, ExtendLesson, MediaMute, Removed, SavePage, SavePoll, SaveLobby, Audited, MediaJoin
NEVER: dict[int, tuple[type[object], ...]] = {
    0: (),
    1: LEADS,
    2: LEADS,
    3: (ExtendLesson, SavePage, SavePoll),
    4: LEADS,
}
"""What must not come of anything the teacher, two students, a coordinator and an agent send."""


@FUZZ
@given(
    st.sampled_from(["off", "until_instructor", "always"]),
    st.lists(st.tuples(st.integers(0, 4), TYPED | MESSAGES), max_size=12),
)
def test_handle_never_raises_and_keeps_to_the_rights(
    mode: str, script: list[tuple[int, dict[str, Any]]]
) -> None:
    bench = Bench()
    bench.room.lesson = replace(bench.room.lesson, lobby=mode)
    people = bench.join(TEACHER, LENA, TOM, LOOKER, AGENT)
    for who, message in script:
        for step in bench.room.handle(people[who], message):
            assert not isinstance(step, NEVER[who])
            if isinstance(step, Send):
                json.dumps(step.frame)
    assert 1 <= bench.room.page <= 20


@FUZZ
@given(st.text(max_size=200) | st.builds(json.dumps, MESSAGES))
def test_decoding_gives_a_message_or_malformed(frame: str) -> None:
    try:
        parse(decode(frame))
    except Malformed as problem:
        assert problem.kind in ("malformed", "unknown") and len(problem.of) <= 40


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "null",
        "[]",
        "[" * 100_000,
        '{"type": "ping", "at": NaN}',
        '{"type": "ping", "at": ' + "9" * 6_000 + "}",
        '{"type": "chat", "text": "\\ud800"}',
        '{"type": "chat"',
    ],
    ids=range(8),
)
def test_frames_that_are_not_ours(frame: str) -> None:
    with pytest.raises(Malformed):
        decode(frame)
