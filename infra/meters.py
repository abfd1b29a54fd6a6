"""The metrics of the catalogue, being counted: on prometheus-client, in a registry of their own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from infra.metrics import CATALOGUE, PREFIX, Metric


class Metrics:
    """The catalogue's metrics, all at zero, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._made = {metric.name: self._make(metric) for metric in CATALOGUE}

    def _make(self, metric: Metric) -> Counter | Gauge | Histogram:
        name, text = PREFIX + metric.name, f"{metric.meaning} {metric.advice}".strip()
        if metric.kind == "counter":
            return Counter(name, text, metric.labels, registry=self.registry)
        if metric.kind == "gauge":
            return Gauge(name, text, metric.labels, registry=self.registry)
        return Histogram(name, text, metric.labels, registry=self.registry, buckets=metric.buckets)

    def count(self, metric: Metric, amount: float = 1, *labels: str) -> None:
        """Add to a counter."""
        made = self._of(metric, labels)
        assert isinstance(made, Counter)
        made.inc(amount)

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """Set a gauge."""
        made = self._of(metric, labels)
        assert isinstance(made, Gauge)
        made.set(value)

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Note one value in a histogram."""
        made = self._of(metric, labels)
        assert isinstance(made, Histogram)
        made.observe(value)

    def clear(self, metric: Metric) -> None:
        """Forget what a metric says of all its labels."""
        self._made[metric.name].clear()

    def value(self, metric: Metric, *labels: str) -> float:
        """What a counter or gauge stands at; 0 where nothing was said yet."""
        found = self.registry.get_sample_value(PREFIX + metric.name, dict(zip(metric.labels, labels, strict=True)))
        return 0.0 if found is None else found

    def watch_process(self) -> None:
        """Tell memory, processor time and open files of this process, too."""
        ProcessCollector(registry=self.registry)

    def text(self) -> bytes:
        """Everything in Prometheus' text format 0.0.4."""
        return generate_latest(self.registry)

    def _of(self, metric: Metric, labels: tuple[str, ...]) -> Counter | Gauge | Histogram:
        made = self._made[metric.name]
        return made.labels(*labels) if labels else made
