"""Counters of the stage machine in Prometheus' registry: transitions_total, transition_failures, active_calls.

Plain integers, read only when somebody scrapes: counting costs the hot path nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector

logger = logging.getLogger(__name__)


class StageMetrics(Collector):
    """Counts of this process; the gauge asks PostgreSQL, which all processes share."""

    def __init__(self) -> None:
        self.transitions = 0
        self.failures = 0
        self.rebuilt = 0
        self.count_active: Callable[[], int] | None = None

    def collect(self) -> Iterable[Metric]:
        total = CounterMetricFamily("transitions", "Stage transitions made, staying in a stage included.")
        total.add_metric([], self.transitions)
        yield total
        # Named by the source documents, without the suffix that counters usually end in.
        yield GaugeMetricFamily(
            "transition_failures", "Stage transitions refused since the start.", value=self.failures
        )
        rebuilt = CounterMetricFamily("stage_rebuilds", "Lost stage states rebuilt from PostgreSQL.")
        rebuilt.add_metric([], self.rebuilt)
        yield rebuilt
        active = self._active()
        if active is not None:
            yield GaugeMetricFamily("active_calls", "Calls in progress that have a stage.", value=active)

    def _active(self) -> int | None:
        if self.count_active is None:
            return 0
        try:
            return self.count_active()
        except Exception:
            # A scrape must not fail because a store is away: it says so by leaving the gauge out.
            logger.warning("The calls in progress could not be counted", exc_info=True)
            return None


stage_metrics = StageMetrics()
REGISTRY.register(stage_metrics)
