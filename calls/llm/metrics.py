"""Counters of the LLM proxy in Prometheus' registry. Plain integers, read only when somebody scrapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector


class LlmMetrics(Collector):
    """Counts of this process."""

    def __init__(self) -> None:
        self.turns = 0
        self.interrupted = 0
        self.active = 0
        self.fallbacks: Counter[str] = Counter()

    def collect(self) -> Iterable[Metric]:
        yield CounterMetricFamily("llm_turns", "Answers of the model begun.", value=self.turns)
        yield CounterMetricFamily("llm_turns_interrupted", "Answers ended before their end.", value=self.interrupted)
        yield GaugeMetricFamily("llm_turns_active", "Answers being given or waited for.", value=self.active)
        fallbacks = CounterMetricFamily("llm_fallbacks", "Sentences said in place of an answer.", labels=["reason"])
        for reason, count in self.fallbacks.items():
            fallbacks.add_metric([reason], count)
        yield fallbacks


llm_metrics = LlmMetrics()
REGISTRY.register(llm_metrics)
