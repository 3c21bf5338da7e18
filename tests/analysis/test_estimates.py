"""Estimates against known answers and known coverage."""

import json
import math
import statistics
import subprocess

import numpy
import pytest

import estimates
import lockstep_results
from design import Design


@pytest.mark.parametrize("degrees, known", [(1, 12.7062047), (2, 4.3026527), (3, 3.1824463),
                                            (4, 2.7764451), (10, 2.2281389), (100, 1.9839715)])
def test_students_t(degrees, known):
    assert estimates.t_quantile(degrees) == pytest.approx(known, rel=2e-6)


def test_order_ranks_are_those_of_the_binomial():
    assert estimates.order_ranks(10, 0.5) == (2, 9)  # covers with 97.9 %; (3, 8) with 89 %
    assert estimates.order_ranks(1000, 0.99) == (983, 997)
    assert estimates.order_ranks(5, 0.5) == (0, 6)  # (1, 5) covers with 93.75 % only
    assert estimates.order_ranks(300, 0.99)[1] == 301  # 0.99^300 = 4.9 % lie all below
    assert estimates.order_ranks(400, 0.99)[1] == 400  # 0.99^400 = 1.8 %


def test_too_few_values_leave_the_interval_open():
    p99 = estimates.quantile(range(100), 0.99)
    assert p99.high == math.inf and p99.low == 96
    assert math.isnan(estimates.mean([3.0]).low) and math.isnan(estimates.mean([]).value)
    assert estimates.mean([1, 2, 3]).half_width == pytest.approx(4.3026527 / math.sqrt(3))


@pytest.mark.parametrize("file", ["mixed.h5", "long_run.h5", "scaling.h5"])
def test_they_are_those_of_the_summary(binary, results, file):
    design = Design(lockstep_results.load(results / file))
    for variable in ["step_time", "mfu", "goodput"]:
        if not design.has(variable):
            continue
        summary = json.loads(subprocess.run(
            [binary, "summary", results / file, "--json", "--variable", variable], text=True,
            capture_output=True, check=True, timeout=60).stdout)["answers"]
        for point, known in zip(design.points, summary, strict=True):
            mine = {"mean": estimates.mean(design.trials(point, variable))}
            for name, p in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)]:
                mine[name] = estimates.pooled_quantile(design.raw(point, variable), p) \
                    if variable == "step_time" else \
                    estimates.quantile(design.trials(point, variable), p)
            for name, estimate in mine.items():
                found = [None if math.isinf(end) else end for end in estimate]
                assert found == pytest.approx(list(known[name].values()), rel=1e-5), (point, name)


def dependent_steps(random, trials, steps, correlation):
    """Standard normal steps whose correlation within a trial is given."""
    return (math.sqrt(correlation) * random.standard_normal((trials, 1))
            + math.sqrt(1 - correlation) * random.standard_normal((trials, steps)))


@pytest.mark.parametrize("p", [0.5, 0.99])
@pytest.mark.parametrize("correlation", [0.05, 0.5, 0.95])
def test_pooled_quantiles_cover(p, correlation):
    random = numpy.random.default_rng(7)
    truth = statistics.NormalDist().inv_cdf(p)
    studies = 300
    covered = naive = 0
    for _ in range(studies):
        steps = dependent_steps(random, 150, 10, correlation)
        estimate = estimates.pooled_quantile(steps, p)
        covered += estimate.low <= truth <= estimate.high
        single = estimates.quantile(steps, p)  # as if all steps were independent
        naive += single.low <= truth <= single.high
    least = 0.95 - 3 * math.sqrt(0.95 * 0.05 / studies)
    assert covered / studies >= least
    if correlation == 0.95:  # what must not pass: the dependence of a trial's steps ignored
        assert naive / studies < least


def test_differences_are_paired():
    random = numpy.random.default_rng(3)
    base = 10 + random.standard_normal(100)
    other = base * 1.05
    assert estimates.difference(other, base).half_width < 0.02
    relative = estimates.relative_difference(other, base)
    assert relative.value == pytest.approx(0.05) and relative.half_width < 1e-9


def test_share_below_is_the_distribution_function():
    steps = numpy.arange(20.0).reshape(4, 5)
    share, half = estimates.share_below(steps, [4, 9.5])
    assert list(share) == [0.25, 0.5] and (half > 0).all()


def test_first_order_shares_of_a_sum():
    random = numpy.random.default_rng(5)
    inputs = random.random((1000, 3))
    output = 2 * inputs[:, 0] + inputs[:, 1]  # variances 4 : 1 : 0
    for column, truth in enumerate([0.8, 0.2, 0.0]):
        share = estimates.first_order_share(inputs[:, column], output)
        assert share.value == pytest.approx(truth, abs=0.05)
        assert share.low - 0.01 <= truth <= share.high
    assert 0 < estimates.chance_level(inputs[:, 2], output) < 0.05
    assert estimates.first_order_share(inputs[:, 0] ** 2, output).value == pytest.approx(0.8, abs=0.05)


def test_rank_correlation():
    x = numpy.linspace(0, 1, 50)
    assert estimates.rank_correlation(x, numpy.exp(x)).value == pytest.approx(1)
    assert estimates.rank_correlation(x, -x).value == pytest.approx(-1)
    assert estimates.rank_correlation([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]).value == pytest.approx(0.8)
    assert math.isnan(estimates.rank_correlation(x, numpy.ones(50)).value)
