"""A figure, and how long an action takes."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter


@dataclass(frozen=True)
class Measure:
    """One figure, beside its aim if it has one."""

    name: str
    value: float
    unit: str
    aim: float | None
    made_of: str
    at_least: bool = False
    """Whether the aim is the least, not the most, that will do."""

    @property
    def met(self) -> bool | None:
        """Whether the figure is within its aim."""
        if self.aim is None:
            return None
        return self.value >= self.aim if self.at_least else self.value <= self.aim


def seconds(action: Callable[[], object], repeat: int = 1) -> float:
    """Return how long an action takes, as the median of some runs."""
    times = []
    for _ in range(repeat):
        started = perf_counter()
        action()
        times.append(perf_counter() - started)
    return statistics.median(times)
