"""What every bench shares: the machine it ran on, the statistics, the targets, the report.

A bench is `bench/NAME.py` with `def run(ctx: Context) -> Result`. It says what it does through
`ctx.say` (stderr) and returns raw samples and the figures made from them; the harness adds the rest:

    {"bench", "machine", "load", "versions", "samples": {name: [raw]}, "figures": {name: number},
     "targets": {name: ["<=", number]}, "holds": bool}
"""

import importlib
import importlib.metadata
import importlib.util
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

Comparison = Literal["<=", ">=", "=="]
Target = tuple[Comparison, float]
Report = dict[str, object]

FOLDER = Path(__file__).resolve().parent
NOT_BENCHES = {"__init__", "harness"}

MIN_ROUNDS = 5
"""Fewest rounds a median of times is taken from."""

MIN_TAIL = 20
"""Fewest samples a 95th percentile is taken from."""

PACKAGES = (
    "reflex",
    "granian",
    "dbos",
    "aiortc",
    "av",
    "pycrdt",
    "sqlalchemy",
    "sqlmodel",
    "psycopg",
    "playwright",
)


class UnknownBenchError(LookupError):
    """There is no such file in bench/."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no bench named {name!r}; there are: {', '.join(names()) or 'none yet'}")


@dataclass
class Context:
    """Handed to a bench: a voice, and where the run started."""

    name: str
    started: float = field(default_factory=time.monotonic)

    def say(self, line: str) -> None:
        """Progress, on stderr, with the seconds since the start."""
        sys.stderr.write(f"[{time.monotonic() - self.started:7.1f} s] {self.name}: {line}\n")
        sys.stderr.flush()


@dataclass(frozen=True)
class Result:
    """Raw samples by name (unit in the name), figures made from them, and what each figure must be."""

    samples: Mapping[str, Sequence[float]]
    figures: Mapping[str, float]
    targets: Mapping[str, Target]
    load: Mapping[str, object] = field(default_factory=dict[str, object])
    """What the bench put on the machine: sessions, viewers, events a second."""
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    """What it used beside Python packages: the database, the browser."""


def median(values: Sequence[float]) -> float:
    """Raises `ValueError` for fewer than `MIN_ROUNDS` values: one lucky round proves nothing."""
    if len(values) < MIN_ROUNDS:
        raise ValueError(f"a median of times needs {MIN_ROUNDS} rounds, got {len(values)}")
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest-rank percentile, `share` in (0, 1]. Raises `ValueError` for fewer than `MIN_TAIL` values."""
    if len(values) < MIN_TAIL:
        raise ValueError(f"a percentile needs {MIN_TAIL} samples, got {len(values)}")
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


def p95(values: Sequence[float]) -> float:
    return percentile(values, 0.95)


def met(figure: float, target: Target) -> bool:
    """NaN meets nothing."""
    comparison, bound = target
    if comparison == "<=":
        return figure <= bound
    if comparison == ">=":
        return figure >= bound
    return figure == bound


def names() -> list[str]:
    """Benches there are, sorted."""
    return sorted(
        path.stem for path in FOLDER.glob("*.py") if path.stem not in NOT_BENCHES and path.stem[0] != "_"
    )


def run(name: str) -> Report:
    """Run one bench. Raises `UnknownBenchError`; what the bench raises goes through: a crash is no result."""
    if name not in names():
        raise UnknownBenchError(name)
    if (checkout := str(FOLDER.parent)) not in sys.path:
        sys.path.insert(0, checkout)  # benches run the same stack as the tests, which are not installed
    context = Context(name)
    before = os.getloadavg()
    result: Result = importlib.import_module(f"bench.{name}").run(context)
    return report(name, result, before)


def report(name: str, result: Result, load_before: Sequence[float]) -> Report:
    """The JSON contract. A target without its figure counts as missed."""
    figures = {key: float(value) for key, value in result.figures.items()}
    holds = all(key in figures and met(figures[key], target) for key, target in result.targets.items())
    return {
        "bench": name,
        "machine": machine(),
        "load": {"before": list(load_before), "after": list(os.getloadavg()), **result.load},
        "versions": {**versions(), **result.versions},
        "samples": {key: [round(float(v), 6) for v in values] for key, values in result.samples.items()},
        "figures": {key: round(value, 6) for key, value in figures.items()},
        "targets": {key: list(target) for key, target in result.targets.items()},
        "holds": holds,
    }


def machine() -> dict[str, object]:
    """What a reader needs to judge a number; nothing that names the machine or its owner."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line
        ]
        cpu = models[0] if models else cpu
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for package in ("hilink", *PACKAGES):
        if importlib.util.find_spec(package) is not None:
            found[package] = importlib.metadata.version(package)
    return found


def show(report: Report, console: Console) -> None:
    """The report as a table, for people."""
    table = Table("figure", "value", "target", title=f"bench {report['bench']}")
    figures, targets = report["figures"], report["targets"]
    assert isinstance(figures, dict) and isinstance(targets, dict)
    for name, value in figures.items():
        target = targets.get(name)
        good = target is None or met(value, (target[0], target[1]))
        bound = f"{target[0]} {target[1]}" if target else ""
        table.add_row(name, f"[{'green' if good else 'red'}]{value:g}[/]", bound)
    for name in targets.keys() - figures.keys():
        table.add_row(name, "[red]not measured[/]", "")
    console.print(table)
    console.print("[green]holds[/]" if report["holds"] else "[red]does not hold[/]")
