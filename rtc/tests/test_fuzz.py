"""Every reader of bytes from outside against its corpus, changed inputs of it, and any bytes at all."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtc import fuzz

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module", autouse=True)
def _node_ends() -> Iterator[None]:
    yield
    fuzz.close()


@pytest.mark.parametrize("name", sorted(fuzz.TARGETS))
def test_the_kept_inputs_break_nothing(name: str) -> None:
    inputs = fuzz.corpus(name)
    assert inputs, "each reader has a corpus"
    assert all(len(data) <= 16_000 for data in inputs), "small files"
    for data in inputs:
        fuzz.TARGETS[name](data)


def changed(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """Each edit (place, cut, put) at a place modulo the length."""
    for place, cut, put in edits:
        at = place % (len(data) + 1)
        data = data[:at] + put + data[at + cut :]
    return data


EDITS = st.lists(st.tuples(st.integers(0, 4_000), st.integers(0, 8), st.binary(max_size=6)), max_size=6)


@pytest.mark.parametrize("name", sorted(fuzz.TARGETS))
def test_no_bytes_break_a_reader(name: str) -> None:
    target, inputs = fuzz.TARGETS[name], fuzz.corpus(name)

    @settings(
        max_examples=120,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.builds(changed, st.sampled_from(inputs), EDITS) | st.binary(max_size=200))
    def read(data: bytes) -> None:
        target(data)

    read()


def test_what_there_is_to_fuzz_has_a_name_on_the_command_line() -> None:
    assert {"stun", "rtp", "rtcp", "sdp", "payload", "dtls", "control", "message"} <= set(fuzz.TARGETS)
