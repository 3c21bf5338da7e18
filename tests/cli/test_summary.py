"""Answers from a file: one variable, a table per axis value, paired comparisons, JSON and CSV."""

import csv
import io
import json
import re

import h5py
import numpy
import pytest

from conftest import Program, mixed_study

TRIALS, STEPS = 40, 3


@pytest.fixture(scope="module")
def run(binary, tmp_path_factory):
    """One run that all tests of this page read."""
    program = Program(binary, tmp_path_factory.mktemp("summary"))
    study = program.write("small.ini", mixed_study(trials=TRIALS, steps=STEPS))
    program.done("run", study, "-q")
    return program


def answers(run, *arguments):
    found = json.loads(run.done("summary", "small.h5", "--json", *arguments).stdout)
    return found["differences" if "--compare" in arguments else "answers"]


def values(run, name):
    with h5py.File(run.folder / "small.h5") as file:
        return file[name][()]


def test_variable_is_that_of_the_file(run):
    x = values(run, "step_time")
    rows = answers(run, "--variable", "step_time")
    assert len(rows) == 6
    for row, point in zip(rows, x.reshape(6, TRIALS, STEPS)):
        assert row["variable"] == "step_time" and row["trials"] == TRIALS
        assert row["mean"]["value"] == pytest.approx(point.mean(), rel=1e-13)
        for name, p in [("p5", 0.05), ("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999)]:
            # Of few trials the largest bounds p99.9 from below.
            known = max(numpy.quantile(point, p), row[name]["lower"] or 0)
            assert row[name]["value"] == pytest.approx(known, rel=1e-13)
        assert row["mean"]["lower"] < row["mean"]["value"] < row["mean"]["upper"]
    assert [row["point"] for row in rows] == list(range(6))


def test_limits_of_whole_trials_are_order_statistics(run):
    x = numpy.sort(values(run, "mfu").reshape(6, TRIALS))
    for row, point in zip(answers(run, "--variable", "mfu"), x):
        # Of 40 trials the 14th and the 27th hold the median between them with 96 %.
        assert (row["p50"]["lower"], row["p50"]["upper"]) == (point[13], point[26])
        assert row["p99"]["upper"] is None and row["p99.9"]["upper"] is None


def test_too_few_trials_show_a_bound_and_no_number(run):
    lines = run.done("summary", "small.h5", "--variable", "mfu").stdout.splitlines()
    assert lines[0].startswith("mfu [1]: model FLOPs over")
    assert re.split("  +", lines[2]) == ["topology.kind", "job.work_share", "trials", "mean", "p5",
                                         "p50", "p95", "p99", "p99.9"]
    assert len({len(line) for line in lines[2:9]}) == 1, "columns do not line up"
    for line in lines[3:9]:
        interval = r"\d\S* (± \d\S*|\(\S+ to \S+\))"
        assert re.search(rf"{interval} +< \d\S+ +{interval} +> \d\S+ +> \d\S+ +> \d\S+$", line), line


def test_generations_have_a_row_each(run):
    rows = answers(run, "--variable", "wait_fraction_by_generation")
    x = values(run, "wait_fraction_by_generation").reshape(6, TRIALS, 2)
    assert [row["chip_generation"] for row in rows] == ["H100", "GB200"] * 6
    for i, row in enumerate(rows):
        assert row["mean"]["value"] == pytest.approx(x[i // 2, :, i % 2].mean(), rel=1e-12)


@pytest.mark.parametrize("arguments", [[], ["--variable", "step_time"],
                                       ["--compare", "topology.kind=ring,tree"]])
def test_by_gives_a_table_for_each_value(run, arguments):
    lines = run.done("summary", "small.h5", "--by", "job.work_share", *arguments).stdout.splitlines()
    heads = [line for line in lines if line.startswith("job.work_share = ")]
    assert heads == ["job.work_share = equal", "job.work_share = proportional"]
    rows = csv.DictReader(io.StringIO(run.done("summary", "small.h5", "--csv", "--by",
                                               "job.work_share", "--variable", "mfu").stdout))
    assert [row["job.work_share"] for row in rows] == ["equal"] * 18 + ["proportional"] * 18


def upper_half(sample):
    """From the mean to its upper limit at 95 %: Student's with 39 degrees of freedom, wider where
    the sample is skewed to the right: Hall (J. R. Stat. Soc. B 54, 1992), eq. 2.2."""
    t, n = 2.022691, len(sample)
    assert n == 40
    away = sample - sample.mean()
    skewness = (away**3).mean() / (away**2).mean()**1.5
    hall = 3 * n**0.5 / skewness * (
        numpy.cbrt(1 - skewness * (t / n**0.5 + skewness / (6 * n))) - 1)
    return max(t, -hall) * sample.std(ddof=1) / n**0.5


def test_compare_takes_the_same_trials(run):
    x = values(run, "step_time")
    rows = answers(run, "--compare", "topology.kind=ring, ocs_torus")
    assert [(row["first"], row["second"]) for row in rows] == [([0], [4]), ([1], [5])]
    for w, row in enumerate(rows):
        ring, torus = x[0, w], x[2, w]
        difference = (torus - ring).mean(axis=1)
        assert row["variable"] == "step_time"
        mean, p50 = row["mean"]["absolute"], row["p50"]["absolute"]
        assert mean["value"] == pytest.approx(difference.mean(), rel=1e-12)
        relative = torus.mean() / ring.mean() - 1
        assert row["mean"]["relative"]["value"] == pytest.approx(relative, rel=1e-12)
        # The interval is that of the differences, not of two samples that know nothing of each other.
        half = mean["upper"] - mean["value"]
        assert half == pytest.approx(upper_half(difference), rel=1e-4)
        assert p50["lower"] < numpy.median(torus) - numpy.median(ring) < p50["upper"]
        assert row["p99"]["absolute"]["upper"] is None
    back = answers(run, "--compare", "topology.kind=ocs_torus,ring")
    assert back[0]["mean"]["absolute"]["value"] == -rows[0]["mean"]["absolute"]["value"]


def test_csv_says_what_json_says(run):
    text = run.done("summary", "small.h5", "--csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    every = answers(run)
    with h5py.File(run.folder / "small.h5") as file:
        assert {row["variable"] for row in every} == {"communication_share"} | {
            name for name, item in file.items()
            if isinstance(item, h5py.Dataset) and "checksums" in item.attrs}
    assert len(rows) == 6 * len(every)
    for i, row in enumerate(rows):
        answer = every[i // 6]
        assert row["variable"] == answer["variable"]
        told = answer[row["statistic"]]
        for key in ["value", "lower", "upper"]:
            assert (float(row[key]) if row[key] else None) == told[key]
        assert row["chip_generation"] == answer.get("chip_generation", "")


def test_the_same_every_time(run):
    one = run.done("summary", "small.h5", "--compare", "topology.kind=ring,tree", "--json").stdout
    assert one == run.done("summary", "small.h5", "--compare", "topology.kind=ring,tree",
                           "--json").stdout


@pytest.mark.parametrize("arguments, told", [
    (["--variable", "step_tme"], "did you mean step_time?"),
    (["--variable", "frobnicate"], "choose one of: step_time, "),
    (["--by", "topology.knd"], "did you mean topology.kind?"),
    (["--by", "trial"], "choose one of: topology.kind, job.work_share"),
    (["--compare", "topology.kind"], "an axis and two of its values"),
    (["--compare", "topology.kind=ring"], "an axis and two of its values"),
    (["--compare", "topology.kind=ring,ring"], "an axis and two of its values"),
    (["--compare", "topology.kind=ring,tre"], "did you mean tree?"),
    (["--compare", "topology.kidn=ring,tree"], "did you mean topology.kind?"),
    (["--compare", "topology.kind=ring,tree", "--by", "topology.kind"], "choose another axis"),
    (["--json", "--csv"], "leave one out"),
])
def test_unknown_names_are_refused(run, arguments, told):
    assert told in run.refused("summary", "small.h5", *arguments)


def test_study_without_axes(lockstep):
    lockstep.write("one.ini", "[fleet]\nchips = H100:64\n[sampling]\ntrials = 1\nsteps = 1\n")
    lockstep.done("run", "one.ini", "-q")
    assert "no [sweep]" in lockstep.refused("summary", "one.h5", "--by", "topology.kind")
    line = lockstep.done("summary", "one.h5", "--variable", "step_time").stdout.splitlines()[3]
    # One value lies below the p99 of its law with 99 %, below p95 and above p5 with 95 % only.
    assert re.fullmatch(r" *1 +\d\S* +- +- +- +> \d\S* +> \d\S*", line)


def test_laws_without_variance_are_named(lockstep):
    lockstep.write("wild.ini", "[fleet]\nchips = H100:64\n[sampling]\ntrials = 2\nsteps = 1\n"
                   "[noise]\nspike_probability = 1e-3\n[sweep]\nnoise.spike_delay = "
                   "pareto(minimum=1ms, shape=1.5), pareto(minimum=1ms, shape=3), exponential(mean=1ms)\n")
    lockstep.done("run", "wild.ini", "-q")
    for arguments in [[], ["--variable", "step_time"]]:
        lines = lockstep.done("summary", "wild.h5", *arguments).stdout.splitlines()
        warnings = [line for line in lines if line.startswith("Warning: ")]
        assert len(warnings) == 1 and "noise.spike_delay = pareto(" in warnings[0]
        assert "1.5) has no finite variance" in warnings[0]
    assert "has no finite variance" in json.loads(
        lockstep.done("summary", "wild.h5", "--json").stdout)["warnings"][0]


def test_laws_of_linked_keys_are_looked_at(lockstep):
    lockstep.write("linked.ini", "[fleet]\nchips = H100:64\n[sampling]\ntrials = 2\nsteps = 1\n"
                   "[noise]\nspike_probability = 1e-3\n[sweep]\n(job.overlap, noise.spike_delay) = "
                   "(0, pareto(minimum=1ms, shape=1.5)), (0.5, exponential(mean=1ms)), "
                   "(1, pareto(minimum=1ms, shape=1.5))\n")
    lockstep.done("run", "linked.ini", "-q")
    warnings = json.loads(lockstep.done("summary", "linked.h5", "--json").stdout)["warnings"]
    assert len(warnings) == 1 and "noise.spike_delay = pareto(" in warnings[0]


def test_compare_counts_the_trials_of_both(lockstep):
    """A shard of four holds other trials of each design point."""
    lockstep.write("part.ini", "[fleet]\nchips = H100:64\n[sampling]\ntrials = 48\nsteps = 1\n"
                   "[sweep]\njob.overlap = 0, 0.1, 0.5, 1\n")
    lockstep.done("run", "part.ini", "-q", "--shard", "0/4", "-o", "part.h5")
    with h5py.File(lockstep.folder / "part.h5") as file:
        held = numpy.isfinite(file["step_time"][()]).all(axis=2)
    assert held[0].any() and held[1].any()
    row, = json.loads(lockstep.done("summary", "part.h5", "--json", "--compare",
                                    "job.overlap=0,0.1").stdout)["differences"]
    assert row["trials"] == (held[0] & held[1]).sum()
