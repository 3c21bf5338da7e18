"""The JSON of the summary: analysis/SUMMARY.md describes it, and every number in it is in order."""

import json
import pathlib
import re

import h5py
import numpy
import pytest

from conftest import Program, mixed_study

PAGE = pathlib.Path(__file__).resolve().parents[2] / "analysis" / "SUMMARY.md"
PARTS = ["--distribution", "--convergence", "--sensitivity"]
ELEMENTS = {"chip_generation", "cause"}

LONG = """\
title = Failures, some {trials} trials
[sampling]
trials = {trials}
steps = {steps}
[fleet]
chips = H100:64
[job]
overlap = uniform(low=0.5, high=0.9)
[noise]
straggler_fraction = 0.01
[reliability]
horizon = 30d
node_failure_rate = {rate}/d
slice_chips = 16
host_availability = 0.999
[sweep]
topology.kind = ring, tree
reliability.spares = 0, unlimited
"""
MIXES = """\
[sampling]
trials = 30
steps = 2
[fleet]
chips = H100:64
[sweep]
fleet.chips = "H100:64", "GB200:64", "H100:32, GB200:32"
job.work_share = equal, proportional
"""


def documented():
    """{section: keys of its table}."""
    sections = re.split(r"^#+ ", PAGE.read_text(), flags=re.M)
    found = {s.split("\n")[0]: set(re.findall(r"^\| `([^`]+)` \|", s, re.M)) for s in sections}
    return {name: keys for name, keys in found.items() if keys}


def estimates_in(value):
    if isinstance(value, dict):
        if set(value) == {"value", "lower", "upper"}:
            yield value
        else:
            for item in value.values():
                yield from estimates_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from estimates_in(item)


def in_order(e):
    low = -numpy.inf if e["lower"] is None else e["lower"]
    high = numpy.inf if e["upper"] is None else e["upper"]
    return e["value"] is None or low <= e["value"] <= high


@pytest.fixture(scope="module")
def run(binary, tmp_path_factory):
    program = Program(binary, tmp_path_factory.mktemp("json"))
    for name, trials, steps, rate in [("one", 1, 1, 1e-3), ("two", 2, 3, 1e-3), ("few", 7, 2, 3e-3),
                                      ("rare", 40, 1, 1e-7), ("usual", 40, 3, 1e-2)]:
        program.write(f"{name}.ini", LONG.format(trials=trials, steps=steps, rate=rate))
        program.done("run", f"{name}.ini", "-q")
    program.write("mixed.ini", mixed_study(trials=17, steps=3))
    program.write("mixes.ini", MIXES)
    for name in ["mixed.ini", "mixes.ini"]:
        program.done("run", name, "-q")
    return program


FILES = ["one.h5", "two.h5", "few.h5", "rare.h5", "usual.h5", "mixed.h5", "mixes.h5"]


def asked(run, file, *arguments):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")
    return json.loads(run.done("summary", file, "--json", *arguments).stdout,
                      parse_constant=refuse)


def test_page_and_output_agree(run):
    page = documented()
    seen = {}
    for file in FILES:
        for arguments in [PARTS + ["--variable", "time_lost,step_time"],
                          PARTS + ["--variable", "wait_fraction_by_generation"] , PARTS,
                          ["--compare", "topology.kind=ring,tree"], ["--pairs", "0:1"]]:
            if file == "mixes.h5" and "--compare" in arguments or \
                    file.startswith("mix") and "time_lost" in str(arguments):
                continue
            found = asked(run, file, *arguments)
            seen.setdefault("The object", set()).update(found)
            for name, rows in found.items():
                if isinstance(rows, list) and name != "warnings":
                    for row in rows:
                        seen.setdefault(name, set()).update(row)
                        missing = page[name] - set(row) - ELEMENTS - {"p50", "p99"}
                        assert not missing, (name, missing)
    seen["sensitivity"] |= ELEMENTS
    seen["differences"] |= ELEMENTS
    options = {re.match("--[a-z]+", o)[0] for o in re.findall(r"^\| `(--[^`]+)`",
                                                             PAGE.read_text(), re.M)}
    told = run.done("summary", "--help").stdout
    assert options and all(option in told for option in options)
    for name, keys in seen.items():
        assert keys == page[name], name
    derived = {row["variable"] for file in FILES for row in asked(run, file)["variables"]}
    for file in FILES:
        with h5py.File(run.folder / file) as opened:
            derived -= set(opened)
    assert derived == page["Variables that are not in the file"]


@pytest.mark.parametrize("file", FILES)
def test_no_value_is_beyond_its_limits(run, file):
    checked = 0
    for arguments in [PARTS, PARTS + ["--variable", "mfu,wait_fraction"], ["--pairs", "0:1,1+0:2"],
                      ["--pairs", "0:1,1+0:2", "--variable", "step_time"]] + (
                          [["--compare", "topology.kind=ring,tree"]] if file != "mixes.h5" else []):
        found = asked(run, file, *arguments)
        for e in estimates_in(found):
            assert in_order(e), (arguments, e)
            checked += e["value"] is not None
        for row in found.get("distributions", []):
            shares = row["shares"]
            for side in ["below", "above"]:
                for triple in zip(*(shares[side + end] for end in ["_lower", "", "_upper"]),
                                  strict=True):
                    assert 0 <= triple[0] <= triple[1] + 1e-12 <= triple[2] + 2e-12 <= 1 + 3e-12
            assert shares["value"] == sorted(set(shares["value"]))
    assert checked > 100


def test_counts_and_losses_are_not_negative_nor_certain(run):
    found = asked(run, "rare.h5")
    counts = [r for r in found["answers"] if r["variable"] in ("interruptions", "spares_used")]
    assert len(counts) == 8
    for row in counts:
        assert row["mean"]["value"] == row["mean"]["lower"] == 0
        assert row["mean"]["upper"] == pytest.approx(-numpy.log(0.025) / 40)
    for row in found["answers"]:
        if row["variable"] == "mean_time_between_interruptions":
            assert row["trials"] == 40 and row["mean"]["value"] is row["mean"]["upper"] is None
            assert row["mean"]["lower"] == pytest.approx(30 * 86400 * 40 / -numpy.log(0.025))
        if row["variable"] == "time_lost" and row["cause"] == "restart":
            assert row["mean"]["upper"] == pytest.approx(30 * 86400 * (1 - 0.025 ** (1 / 40)))
        if row["variable"] == "schedulable_share" and row["least"] == row["most"]:
            assert row["mean"]["lower"] < row["mean"]["value"]


def test_time_between_interruptions_is_pooled(run):
    with h5py.File(run.folder / "few.h5") as file:
        events = file["interruptions"][()].reshape(4, 7)
        assert (events == 0).any() and events.any(), "says nothing"
    rows = [r for r in asked(run, "few.h5", "--variable",
                             "mean_time_between_interruptions")["answers"]]
    for row, mine in zip(rows, events, strict=True):
        assert row["mean"]["value"] == pytest.approx(30 * 86400 / mine.mean(), rel=1e-12)
        assert row["trials"] == 7


def test_time_shares_and_goodput_make_one(run):
    found = asked(run, "usual.h5", "--variable", "time_share,goodput")["answers"]
    for point in range(4):
        assert sum(r["mean"]["value"] for r in found if r["point"] == point) == pytest.approx(1)


def test_communication_share_is_that_of_the_trials(run):
    with h5py.File(run.folder / "mixed.h5") as file:
        share = (file["communication_time"][()].mean(axis=-1)
                 / file["step_time"][()].mean(axis=-1)).reshape(6, 17)
    for row, mine in zip(asked(run, "mixed.h5", "--variable", "communication_share")["answers"],
                         share, strict=True):
        assert row["mean"]["value"] == pytest.approx(mine.mean(), rel=1e-12)


def test_mixing_tax_is_what_the_mix_does_not_reach(run):
    """Half of each fleet: against equal shares alone, the tokens of half of each."""
    found = asked(run, "mixes.h5", "--variable", "mixing_tax")
    tokens = [p["known"]["tokens_per_step"] for p in found["points"]]
    with h5py.File(run.folder / "mixes.h5") as file:
        step = file["step_time"][()].mean(axis=-1).reshape(6, 30)
        mfu = file["mfu"][()].reshape(6, 30)
    alone = [tokens[i] / step[i] / 2 for i in (0, 2)]
    peak = alone[0] / mfu[0] + alone[1] / mfu[2]
    values = [r["mean"]["value"] for r in found["answers"]]
    assert values[:4] == [None] * 4
    for point in (4, 5):
        expected = (1 - mfu[point] * peak / sum(alone)).mean()
        assert values[point] == pytest.approx(expected, rel=1e-12)


def test_pairs_are_of_the_same_trials(run):
    with h5py.File(run.folder / "mixed.h5") as file:
        x = file["step_time"][()].mean(axis=-1).reshape(6, 17)
    rows = asked(run, "mixed.h5", "--pairs", "0:1,0+2:1+3", "--variable", "step_time")["differences"]
    for row, (first, second) in zip(rows, [(x[0], x[1]), ((x[0] + x[2]) / 2, (x[1] + x[3]) / 2)],
                                    strict=True):
        assert row["mean"]["absolute"]["value"] == pytest.approx((second - first).mean(), rel=1e-10)
        assert row["mean"]["relative"]["value"] == pytest.approx(
            second.mean() / first.mean() - 1, rel=1e-10)
        assert row["trials"] == 17
    compared = asked(run, "mixed.h5", "--compare", "job.work_share=equal,proportional")
    assert compared["differences"][0]["mean"] == rows[0]["mean"], "one question, one answer"
    assert compared["differences"][0]["first"] == [0]


def test_points_leave_the_others_out(run):
    every, some = asked(run, "mixed.h5", *PARTS), asked(run, "mixed.h5", "--points", "4,1", *PARTS)
    assert [p["point"] for p in some["points"]] == [4, 1]
    for name in ["answers", "distributions", "convergence"]:
        kept = [row for row in some[name]]
        assert {row["point"] for row in kept} == {1, 4}
        assert all(row in every[name] for row in kept)


def test_convergence_ends_at_all_trials(run):
    row, = asked(run, "usual.h5", "--points", "0", "--convergence", "--variable",
                 "step_time")["convergence"]
    answer, = asked(run, "usual.h5", "--points", "0", "--variable", "step_time")["answers"]
    assert row["trials"][0] == 8 and row["trials"][-1] == 40
    assert row["mean"][-1] == answer["mean"] and row["p99"][-1] == answer["p99"]


@pytest.mark.parametrize("arguments, told", [
    (["--pairs", "0:1"], "add --json"), (["--distribution"], "add --json"),
    (["--json", "--pairs", "0"], "FIRST:SECOND"), (["--json", "--pairs", "0:6"], "from 0 to 5"),
    (["--json", "--pairs", "0:1,"], "FIRST:SECOND"),
    (["--json", "--points", "6"], "--points 6"),
    (["--json", "--pairs", "0:1", "--compare", "topology.kind=ring,tree"], "leave one out"),
])
def test_what_cannot_be_asked_is_refused(run, arguments, told):
    assert told in run.refused("summary", "mixed.h5", *arguments)
