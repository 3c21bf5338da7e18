"""Estimates as the program makes them (engine/statistics): nothing here is estimated."""

import math
from typing import NamedTuple


class Estimate(NamedTuple):
    """A value with the ends of its 95 % interval. An infinite end: the trials do not bound it on
    that side. NaN as value: no trial has one."""
    value: float
    low: float
    high: float

    @property
    def known(self):
        return not math.isnan(self.value)

    @property
    def half_width(self):
        """To the farther end."""
        return max(self.high - self.value, self.value - self.low)

    def scaled(self, factor):
        ends = sorted([self.low * factor, self.high * factor])
        return Estimate(self.value * factor, *ends)


NOTHING = Estimate(math.nan, math.nan, math.nan)


def read(told, factor=1):
    """The Estimate of {"value", "lower", "upper"} of the program's JSON, times `factor` > 0."""
    value, low, high = told["value"], told["lower"], told["upper"]
    if value is None and low is None and high is None:
        return NOTHING
    return Estimate(math.nan if value is None else value * factor,
                    -math.inf if low is None else low * factor,
                    math.inf if high is None else high * factor)
