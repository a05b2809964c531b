"""Judge whether a series of samples grows: pure arithmetic on what was measured. Measures nothing and excuses nothing.

The slope is the median of the slopes of all pairs (Theil and Sen): a saw-tooth, a spike or a rewrite does not move it. A
series grows if that slope carries it further than its tolerance within the time judged, and if the slope is above zero with
about 99 % confidence (Sen's interval, by Kendall's variance).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

CONFIDENT = 2.33  # standard deviations: one-sided 99 %
FEWEST = 12  # samples; fewer say nothing


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a flat series may drift within the time judged: a share of its median, and at least so much."""

    share: float
    least: float

    def of(self, middle: float) -> float:
        return max(self.share * abs(middle), self.least)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one series; ``growth`` is what its slope makes of the time judged."""

    first: float  # the median of the first tenth judged
    last: float
    most: float
    growth: float
    allowed: float
    grows: bool


def judge(points: Sequence[tuple[float, float]], tolerance: Tolerance) -> Verdict:
    """Judge points (seconds, value) in order of time; raises ValueError where there are too few."""
    if len(points) < FEWEST:
        raise ValueError(f"{len(points)} samples say nothing; it takes {FEWEST}")
    values = [value for _, value in points]
    length = points[-1][0] - points[0][0]
    slope, low = _slope(points)
    tenth = max(len(values) // 10, 3)
    allowed = tolerance.of(median(values))
    growth = slope * length
    return Verdict(
        median(values[:tenth]),
        median(values[-tenth:]),
        max(values),
        growth,
        allowed,
        growth > allowed and low > 0,
    )


def _slope(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the median slope, and what it is not below with confidence."""
    slopes = sorted(
        (value - earlier) / (at - then)
        for i, (at, value) in enumerate(points)
        for then, earlier in points[:i]
        if at > then
    )
    n = len(points)
    spread = CONFIDENT * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    return median(slopes), slopes[max(int((len(slopes) - spread) / 2), 0)]
