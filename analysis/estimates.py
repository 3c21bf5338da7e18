"""Estimates with 95 % intervals: those of `lockstep summary` (engine/statistics), and what only
figures need. The sampling unit is the trial: steps of one trial are not independent, so what is
pooled over steps counts as many values as the spread between trials allows. Everything is
deterministic: resampling starts from a fixed seed.

An open end of an interval is infinite: the sample does not bound it. NaN ends: too few trials.
"""

import math
import statistics
from typing import NamedTuple

import numpy

LEVEL = 0.95
RESAMPLES = 400
SEED = 1


class Estimate(NamedTuple):
    value: float
    low: float
    high: float

    @property
    def half_width(self):
        """To the farther end."""
        return max(self.high - self.value, self.value - self.low)

    def scaled(self, factor):
        ends = sorted([self.low * factor, self.high * factor])
        return Estimate(self.value * factor, *ends)


NOTHING = Estimate(math.nan, math.nan, math.nan)


def t_quantile(degrees, p=(1 + LEVEL) / 2):
    """Quantile of Student's t, p > 1/2 (Hill, Algorithm 396, CACM 13, 1970): exact for 1 and 2
    degrees of freedom, else within 1e-3."""
    two_sided = 2 * (1 - p)
    if degrees == 1:
        return 1 / math.tan(two_sided * math.pi / 2)
    if degrees == 2:
        return math.sqrt(2 / (two_sided * (2 - two_sided)) - 2)
    a = 1 / (degrees - 0.5)
    b = 48 / a**2
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * math.sqrt(a * math.pi / 2) * degrees
    y = (d * two_sided) ** (2 / degrees)
    if y > 0.05 + a:
        x = statistics.NormalDist().inv_cdf(two_sided / 2)
        y = x * x
        if degrees < 5:
            c += 0.3 * (degrees - 4.5) * (x + 0.6)
        c = (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b + c
        y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
        y = math.expm1(a * y * y)
    else:
        y = ((1 / (((degrees + 6) / (degrees * y) - 0.089 * d - 0.822) * (degrees + 2) * 3)
              + 0.5 / (degrees + 4)) * y - 1) * (degrees + 1) / (degrees + 2) + 1 / y
    return math.sqrt(degrees * y)


def finite(values):
    """Values as a flat array without NaN."""
    values = numpy.asarray(values, dtype=float).ravel()
    return values[~numpy.isnan(values)]


def mean(per_trial):
    """Mean over trials; on each side the farther of Student's limit and that of Hall's cubic
    transformation, which allows for skewness (P. Hall, J. R. Stat. Soc. B 54, 1992, eq. 2.2)."""
    x = finite(per_trial)
    if x.size == 0:
        return NOTHING
    middle = float(x.mean())
    if x.size == 1:
        return Estimate(middle, math.nan, math.nan)
    deviations = x - middle
    squares = float((deviations**2).mean())
    error = math.sqrt(squares / (x.size - 1))
    if error == 0:
        return Estimate(middle, middle, middle)
    skewness = float((deviations**3).mean()) / squares**1.5
    t, root = t_quantile(x.size - 1), math.sqrt(x.size)

    def student_of(q):
        """Where Hall's transform of Student's statistic is q."""
        if abs(skewness) < 1e-6:
            return q
        inner = 1 + skewness * (q / root - skewness / (6 * x.size))
        return 3 * root / skewness * (math.copysign(abs(inner) ** (1 / 3), inner) - 1)

    return Estimate(middle, middle - error * max(t, student_of(t)),
                    middle + error * max(t, -student_of(-t)))


def order_ranks(n, p):
    """Ranks (l, u), from 1, of the order statistics that bound the p-quantile of n independent
    values with at least 95 % whatever the distribution; 0 or n + 1 where none does."""
    k = numpy.arange(n)
    log_ratio = numpy.log((n - k) / (k + 1)) + math.log(p / (1 - p))
    log_pmf = n * math.log1p(-p) + numpy.concatenate([[0.0], numpy.cumsum(log_ratio)])
    cumulative = numpy.cumsum(numpy.exp(log_pmf))  # P(values below the quantile <= k)
    tail = (1 - LEVEL) / 2
    low = int(numpy.searchsorted(cumulative, tail, side="right"))
    high = int(numpy.searchsorted(cumulative, 1 - tail)) + 1
    return low, min(high, n + 1)


def quantile(per_trial, p):
    """p-quantile of independent values, one a trial, between order statistics."""
    x = numpy.sort(finite(per_trial))
    if x.size == 0:
        return NOTHING
    low, high = order_ranks(x.size, p)
    return Estimate(float(numpy.quantile(x, p)),
                    float(x[low - 1]) if low >= 1 else -math.inf,
                    float(x[high - 1]) if high <= x.size else math.inf)


def pooled_quantile(steps, p):
    """p-quantile of all steps of all trials, `steps` being (trials, steps): between the order
    statistics for as many independent values as the steps are worth, which follows from the spread
    over trials of the share of steps below (Korn and Graubard, Survey Methodology 24, 1998)."""
    steps = _whole_trials(steps)
    if steps.size == 0:
        return NOTHING
    worth = _worth(steps, p)
    x = numpy.sort(steps, axis=None)
    low, high = order_ranks(worth, p)
    # Rank r of the independent values stands where the same share of the steps lies below.
    return Estimate(float(numpy.quantile(x, p)),
                    float(x[-(-low * x.size // worth) - 1]) if low >= 1 else -math.inf,
                    float(x[(high - 1) * x.size // worth]) if high <= worth else math.inf)


def _worth(steps, p):
    """How many independent values the steps are worth for their p-quantile."""
    trials, per_trial = steps.shape
    order = numpy.argsort(steps, axis=None, kind="stable")[:int(p * steps.size)]
    below = numpy.bincount(order // per_trial, minlength=trials)
    tail_trials = min(numpy.count_nonzero(below), numpy.count_nonzero(below < per_trial))
    if per_trial == 1 or tail_trials < 2:
        return trials
    variance = ((below - p * per_trial) ** 2).sum() * trials / (trials - 1) / steps.size**2
    if variance == 0:
        return steps.size
    shrink = statistics.NormalDist().inv_cdf((1 + LEVEL) / 2) / t_quantile(tail_trials - 1)
    return int(min(steps.size, max(trials, p * (1 - p) / variance * shrink**2)))


def share_below(steps, limits):
    """Share of all steps at or below each limit, with its 95 % half width over trials."""
    steps = _whole_trials(steps)
    shares = numpy.stack([(steps <= limit).mean(axis=1) for limit in limits])
    trials = steps.shape[0]
    if trials < 2:
        return shares.mean(axis=1), numpy.full(len(limits), math.nan)
    half = t_quantile(trials - 1) * shares.std(axis=1, ddof=1) / math.sqrt(trials)
    return shares.mean(axis=1), half


def difference(per_trial, base):
    """Mean of the paired differences: trial i of both met the same chips and failures."""
    return mean(numpy.asarray(per_trial) - numpy.asarray(base))


def relative_difference(per_trial, base):
    """Mean paired difference over the mean of `base`, the interval by the delta method: that of
    (x - r b) / mean(b), r being the ratio of the means."""
    x, b = numpy.asarray(per_trial, float), numpy.asarray(base, float)
    both = ~(numpy.isnan(x) | numpy.isnan(b))
    x, b = x[both], b[both]
    if x.size == 0 or b.mean() == 0:
        return NOTHING
    ratio = x.mean() / b.mean()
    around = mean((x - ratio * b) / b.mean())
    return Estimate(ratio - 1, ratio - 1 + around.low, ratio - 1 + around.high)


def first_order_share(drawn, output):
    """First-order Sobol index: the share of the output's variance that the drawn input explains
    alone, Var(E[y | x]) / Var(y). Trials are cut into bins of equal count by x; the variance
    between bins is corrected for the noise of their means (epsilon squared: Kelley, PNAS 21,
    1935). The interval is a bootstrap over trials, shifted by its own bias."""
    x, y = _pairs(drawn, output)
    if x.size < 20 or numpy.ptp(x) == 0 or numpy.ptp(y) == 0:
        return NOTHING
    value = _epsilon_squared(x, y)
    random = numpy.random.default_rng(SEED)
    again = numpy.array([_epsilon_squared(x[i], y[i])
                         for i in random.integers(0, x.size, (RESAMPLES, x.size))])
    low, high = numpy.quantile(again - (again.mean() - value), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    bounded = [min(1.0, max(0.0, float(v))) for v in (value, low, high)]
    return Estimate(*bounded)


def chance_level(drawn, output):
    """What first_order_share of an input without effect exceeds in 5 % of cases: permutations."""
    x, y = _pairs(drawn, output)
    random = numpy.random.default_rng(SEED)
    return float(numpy.quantile([_epsilon_squared(x, random.permutation(y))
                                 for _ in range(RESAMPLES)], LEVEL))


def rank_correlation(drawn, output):
    """Spearman's rank correlation, interval by Fisher's transformation (Bonett and Wright,
    Psychometrika 65, 2000)."""
    x, y = _pairs(drawn, output)
    if x.size < 5 or numpy.ptp(x) == 0 or numpy.ptp(y) == 0:
        return NOTHING
    r = float(numpy.corrcoef(_ranks(x), _ranks(y))[0, 1])
    half = 1.96 * math.sqrt((1 + r * r / 2) / (x.size - 3))
    z = math.atanh(max(-1 + 1e-12, min(1 - 1e-12, r)))
    return Estimate(r, math.tanh(z - half), math.tanh(z + half))


def _whole_trials(steps):
    steps = numpy.asarray(steps, dtype=float)
    steps = steps.reshape(steps.shape[0], -1)
    return steps[~numpy.isnan(steps).any(axis=1)]


def _pairs(drawn, output):
    x, y = numpy.asarray(drawn, float), numpy.asarray(output, float)
    both = ~(numpy.isnan(x) | numpy.isnan(y))
    return x[both], y[both]


def _epsilon_squared(x, y):
    n = x.size
    bins = int(min(20, max(3, math.sqrt(n) / 2)))
    number = numpy.empty(n, dtype=int)
    number[numpy.argsort(x, kind="stable")] = numpy.arange(n) * bins // n
    count = numpy.bincount(number, minlength=bins)
    centred = y - y.mean()
    bin_mean = numpy.bincount(number, centred, minlength=bins) / count
    between = float((count * bin_mean**2).sum())
    total = float((centred**2).sum())
    if total == 0:
        return 0.0
    return (between - (bins - 1) * (total - between) / (n - bins)) / total


def _ranks(x):
    """Ranks from 0, ties at their mean."""
    order = numpy.argsort(x, kind="stable")
    ranks = numpy.empty(x.size)
    ranks[order] = numpy.arange(x.size)
    _, group = numpy.unique(x, return_inverse=True)
    return (numpy.bincount(group, ranks) / numpy.bincount(group))[group]
