"""Bench reports keep their contract, and a target that was not measured is not met."""

import json
import math

import pytest

from bench import harness
from bench.harness import Result

pytestmark = pytest.mark.unit


def make(figures: dict[str, float], targets: dict[str, harness.Target]) -> harness.Report:
    return harness.report(
        "demo", Result({"t_ms": [1.0, 2.0]}, figures, targets, {"viewers": 5}), (0.1, 0.1, 0.1)
    )


def test_a_report_has_the_agreed_keys_and_is_json() -> None:
    report = make({"t_ms": 3.0}, {"t_ms": ("<=", 4.0)})
    assert list(report) == ["bench", "machine", "load", "versions", "samples", "figures", "targets", "holds"]
    assert json.loads(json.dumps(report))["targets"] == {"t_ms": ["<=", 4.0]}
    assert report["holds"] is True


@pytest.mark.parametrize(
    ("figures", "target", "holds"),
    [
        ({"lost": 0.0}, ("==", 0.0), True),
        ({"lost": 1.0}, ("==", 0.0), False),
        ({"lost": 39.0}, (">=", 40.0), False),
        ({"lost": math.nan}, ("<=", 40.0), False),
        ({}, ("<=", 40.0), False),
    ],
)
def test_holds_only_when_every_target_is_met(
    figures: dict[str, float], target: harness.Target, holds: bool
) -> None:
    assert make(figures, {"lost": target})["holds"] is holds


def test_a_median_needs_five_rounds_and_a_tail_twenty_samples() -> None:
    assert harness.median([5, 1, 2, 3, 4]) == 3
    with pytest.raises(ValueError, match="5 rounds"):
        harness.median([1, 2, 3, 4])
    assert harness.p95(list(range(1, 101))) == 95
    with pytest.raises(ValueError, match="20 samples"):
        harness.p95([1.0] * 19)


def test_a_bench_that_does_not_exist_is_said_so() -> None:
    with pytest.raises(harness.UnknownBenchError, match="no bench named"):
        harness.run("nothing_like_this")
