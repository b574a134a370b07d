"""Numbers for Prometheus: each is named once with what it says, and read when somebody asks.

`count` and `put` are for what nobody keeps yet; they cost a lock, so not for a packet. Labels have few, fixed
values: never an id, a name or an address.
"""

import hmac
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_LATEST


@dataclass(frozen=True, slots=True)
class Metric:
    """name: hilink_..., with its unit; of a counter it ends in _total. label: "" when it has none."""

    name: str
    kind: Literal["counter", "gauge"]
    says: str
    label: str = ""


Reading = tuple[Metric, Callable[[], Any]]
"""A number and the function that reads it: one number, or numbers by label."""


Values = Mapping[str, float | Mapping[str, float]]
"""By metric name: a number, or numbers by the label's value."""


class Tally:
    """What a process counts by itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers: dict[str, float | dict[str, float]] = {}

    def count(self, name: str, by: float = 1, label: str = "") -> None:
        """Add to a counter. label: the label's value."""
        with self._lock:
            if label:
                labelled = self._numbers.setdefault(name, {})
                assert isinstance(labelled, dict)
                labelled[label] = labelled.get(label, 0) + by
            else:
                known = self._numbers.get(name, 0)
                assert not isinstance(known, dict)
                self._numbers[name] = known + by

    def put(self, name: str, value: float) -> None:
        """A gauge as it is now."""
        with self._lock:
            self._numbers[name] = value

    def values(self) -> Values:
        with self._lock:
            return {name: dict(one) if isinstance(one, dict) else one for name, one in self._numbers.items()}


tally = Tally()
"""This process's own."""


def may_read(token: str, authorization: str | None) -> bool:
    """Whether a request's Authorization header has the bearer token of the settings; never while that is empty."""
    given = (authorization or "").encode("utf-8", "replace")
    return bool(token) and hmac.compare_digest(given, f"Bearer {token}".encode())


def exposition(metrics: Sequence[Metric], values: Values) -> bytes:
    """Prometheus' text format: these metrics, and the process's own (CPU, memory, open files).

    A counter that was never counted is 0; a gauge that nobody put is left out. ValueError for a value without
    its metric.
    """
    unknown = values.keys() - {one.name for one in metrics}
    if unknown:
        raise ValueError(f"no such metric: {', '.join(sorted(unknown))}")
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Read(metrics, values))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Read(Collector):
    """One reading, as the library wants it."""

    def __init__(self, metrics: Sequence[Metric], values: Values) -> None:
        self._metrics, self._values = metrics, values

    def collect(self) -> Iterator[Any]:
        for metric in self._metrics:
            made = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            family = made(metric.name, metric.says, labels=[metric.label] if metric.label else None)
            value = self._values.get(
                metric.name, 0 if metric.kind == "counter" and not metric.label else None
            )
            if isinstance(value, Mapping):
                for label, number in sorted(value.items()):
                    family.add_metric([label], number)
            elif value is not None and not metric.label:
                family.add_metric([], value)
            yield family
