"""What the sentences, cautions and labels say is what the numbers say, for studies of other shapes."""

import math
import re
import subprocess

import numpy
import pytest

import lockstep_results
from answers import first_paragraph, second_paragraph
from answers.cautions import cautions
from conftest import LONG_RUN, SCALING
from design import Design
from estimates import Estimate
from measures import GOODPUT, STEP_TIME, text
from picture import looks
from views.distribution import distribution
from views.mixing import taxes
from views.sampling import convergence

JOB = """[job]
model_parameters = 8e9
layers = 32
hidden = 4096
tokens_per_chip = 8192
"""


@pytest.fixture
def run(binary, tmp_path):
    """Runs a study and returns the design of its file."""

    def of(study, *more):
        (tmp_path / "study.ini").write_text(study)
        name = f"study{len(list(tmp_path.iterdir()))}.h5"
        subprocess.run([binary, "run", "study.ini", "-q", "-o", name, *more], cwd=tmp_path,
                       check=True, timeout=120)
        return Design(lockstep_results.load(tmp_path / name))

    return of


def said(design):
    return " ".join(first_paragraph(design) + second_paragraph(design))


def without(design, measure, **where):
    """The same study with no values of the measure at some design points."""
    data = design.data.load().copy()
    data[measure.name][{key.replace("__", "."): value for key, value in where.items()}] = math.nan
    return Design(data)


def opened(results, name):
    return Design(lockstep_results.load(results / name))


def test_one_design_point_needs_no_name(run):
    fleet = "[sampling]\ntrials = 1\nsteps = 2\n[fleet]\nchips = H100:32, GB200:32\n" + JOB
    words = said(run(fleet))
    assert "() " not in words and "with  " not in words.lower()
    assert "Chips wait for this share of each step: H100 " in words
    assert words.endswith(" % of the step.")  # not to as much of it


def test_a_long_run_that_loses_nothing_says_so(run):
    words = said(run("[sampling]\ntrials = 2\nsteps = 1\n[fleet]\nchips = H100:32\n" + JOB
                     + "[reliability]\nhorizon = 1d\nnode_failure_rate = 0/d\n"))
    assert "% of the time is useful; after 0 interruptions, hardly any is lost." in words


def test_the_best_point_is_that_of_the_headline(run):
    design = run("[sampling]\ntrials = 4\nsteps = 1\n[fleet]\nchips = H100:64\n" + JOB
                 + "[reliability]\nhorizon = 30d\nnode_failure_rate = 0.5/d\n[sweep]\n"
                 "job.overlap = 0, 1\n")
    words = said(design)  # goodput is hardly another
    assert "The highest effective MFU is " in words and " with overlap 1; the lowest " in words
    assert "At the best design point (overlap 1) " in words


def test_goodput_may_be_none_at_all(results):
    data = opened(results, "long_run.h5").data.load().drop_vars("mfu_effective")
    data.goodput[:] = 0
    assert "The goodput is 0 % at every design point" in said(Design(data))


def test_an_unknown_value_is_not_called_good(results):
    """Without a horizon there is no goodput that another could be within 1 % of."""
    design = without(opened(results, "long_run.h5"), GOODPUT, reliability__spares=2)
    words = said(design)
    assert "of unlimited" not in words and "Best spares: " in words
    assert "unknown" not in words


def test_points_without_common_trials_are_not_compared(results):
    design = opened(results, "mixed.h5")
    half = {"topology.kind": 0, "trial": slice(0, 20)}, {"topology.kind": 1, "trial": slice(20, 40)}
    data = design.data.load().copy()
    for where in half:
        data.step_time[where] = math.nan
    words = said(Design(data))
    assert "unknown" not in words and "Against ring" not in words


def test_far_apart_is_not_as_good_however_wide_the_interval(results):
    data = opened(results, "long_run.h5").data.load().drop_vars("mfu_effective")
    goodput = data.goodput[{"reliability.checkpoint_interval": 0}]
    goodput[:] = 0.5
    goodput[{"reliability.spares": 1}] = [0.9] * 7 + [0.1] * 5  # 0.57 +- 0.26
    words = said(Design(data.isel({"reliability.checkpoint_interval": slice(0, 1),
                                   "reliability.spares": slice(0, 2)})))
    assert "Best spares: 40: " in words and "as good" not in words


def test_the_best_of_several_fleets_of_one_size_is_named(run):
    design = run(SCALING.replace('H100:64, "H100:32, GB200:32", H100:256, GB200:64',
                                 'H100:64, "H100:32, GB200:32", H100:128, "H100:64, GB200:64"'))
    best = max(GOODPUT.factor * design.trials(p, "mfu").mean() for p in design.points[4:])
    assert f"At 128 chips the best MFU is {best:.1f}" in said(design)
    assert "% with 128 H100, " in said(design)


def test_a_size_without_values_is_left_out_of_scaling(results):
    design = without(opened(results, "scaling.h5"), STEP_TIME, fleet__chips=2)
    data = design.data.drop_vars(["mfu", "communication_time"])
    sentences = first_paragraph(Design(data.isel({"fleet.chips": [0, 2]})))
    assert len(sentences) == 1 and sentences[0].startswith("At 64 chips the best step is ")


@pytest.mark.parametrize("axis", ["isolated, equal", "equal, isolated", None])
def test_isolated_jobs_lose_nothing_in_a_mixed_fleet(run, axis):
    """Whatever stands first on the axis, and if there is none."""
    design = run(SCALING + f"job.work_share = {axis}\n") if axis else \
        run(SCALING, "--set", "job.work_share=isolated")
    found = taxes(design)
    share = design.axis("job.work_share")
    assert len(found) == (4 if axis else 2)
    for number, tax in found.items():
        isolated = share is None or design.points[number].labels[share] == "isolated"
        assert abs(tax.value) < 0.01 if isolated else tax.low > 0.3


def test_a_mixed_fleet_is_held_against_fleets_of_its_size(run):
    """A far larger fleet of one generation reaches less a chip, by its network."""
    small = 'H100:64, "H100:32, GB200:32", GB200:64'
    study = SCALING.replace('H100:64, "H100:32, GB200:32", H100:256, GB200:64', "{}").replace(
        "tokens_per_chip = 8192", "tokens_per_chip = 64")
    alone, beside = (taxes(run(study.format(fleets))) for fleets in (small, f"{small}, GB200:4096"))
    assert list(beside.values()) == list(alone.values())


def test_linked_values_may_hold_commas(run):
    design = run("[sampling]\ntrials = 2\nsteps = 1\n[fleet]\nchips = H100:64\n" + JOB + "[sweep]\n"
                 '(fleet.chips, job.overlap) = ("H100:32, GB200:32", 0.1), (H100:64, 0.2)\n'
                 "(job.kernel_efficiency, noise.step_jitter) = (uniform(low=0.3, high=0.4), 0.01), "
                 "(0.5, 0.02)\n")
    assert design.axes[0].labels == ("32 H100 + 32 GB200", "64 H100")
    assert design.axes[0].numbers == (64, 64)
    assert design.axes[1].labels == ("uniform(low=0.3, high=0.4)", "0.5")


@pytest.mark.parametrize("estimate, words", [
    (Estimate(1.5, -math.inf, math.inf), "unknown"),  # a bound that the sample does not give
    (Estimate(1.5, 1.25, math.inf), "> 1.25 s"),
    (Estimate(2.67e-8, 2.58e-8, 2.76e-8), "0.0000000267 ± 0.0000000009 s"),
    (Estimate(-0.0, -0.0, -0.0), "0 s"),
])
def test_a_number_says_what_its_interval_bears(estimate, words):
    assert text(estimate, "s") == words


def test_cautions_count_the_trials_that_are_there(results):
    with pytest.warns(UserWarning, match="missing"):
        design = Design(lockstep_results.load(results / "shards/mixed.0-of-3.h5"))
    held = max(numpy.isfinite(design.trials(p, "step_time")).sum() for p in design.points)
    assert held < 30 < design.data.sizes["trial"]
    assert any(c.startswith(f"{held} trials a design point") for c in cautions(design))


def test_cautions_name_a_run_that_ended_early(run):
    design = run("[sampling]\ntrials = 16\nmax_trials = 32\nuntil = mean(step_time) within 1e-9%\n"
                 "[fleet]\nchips = H100:32\n" + JOB)
    assert "sampling.max_trials ended the run before mean(step_time) within 1e-09%." in \
        cautions(design)


def test_a_tail_may_lie_below_the_mean(results):
    data = opened(results, "mixed.h5").data.load().copy()
    data.step_time[0, 0] = 1.0
    data.step_time[0, 0, 0, 0] = 1081.0  # one step of 120: the mean is 10
    words = said(Design(data.isel({"job.work_share": slice(0, 1)})))
    assert re.search(r"lies 90 % below \(ring\) to .* % above the mean, the latter with tree: ", words)


def test_a_distribution_of_equal_steps_is_drawn(results):
    data = opened(results, "mixed.h5").data.load().copy()
    data.step_time[:] = 1.5
    for curve in distribution(Design(data)).panels[0].series:
        assert set(curve.x) == {1.5} and (curve.y[0], curve.y[-1]) == (0, 1)


def test_convergence_counts_the_trials_that_are_there(results):
    whole = opened(results, "mixed.h5").data
    shifted = whole.load().shift(trial=25)  # 15 trials of 40, the others missing
    few = Design(whole.isel(trial=slice(0, 15)))
    for line, same in zip(convergence(Design(shifted)).panels[0].series,
                          convergence(few).panels[0].series, strict=True):
        assert list(line.x) == list(same.x) and line.y == same.y and line.low == same.low


def test_a_long_run_says_how_often_it_saves(results):
    design = opened(results, "long_run.h5")
    best = max(design.points, key=lambda p: design.trials(p, "goodput").mean())
    minutes = float(re.search(r"saves its state after every ([\d.]+) min", said(design)).group(1))
    assert minutes == pytest.approx(design.trials(best, "checkpoint_interval").mean() / 60, rel=5e-3)


def test_the_best_of_each_kind_are_compared(run):
    design = run("title = Two kinds\n" + LONG_RUN.replace(
        "reliability.checkpoint_interval = optimal, 10min, 2h", "topology.kind = tree, ocs_torus"))
    best = {kind: max((design.trials(p, "goodput") for p in design.points if p.labels[0] == kind),
                      key=lambda trials: trials.mean()) for kind in ("tree", "ocs_torus")}
    percent = 100 * (best["ocs_torus"] - best["tree"]).mean()
    found = re.search(r"between the best of each ([−+\d.-]+) ± [\d.]+ points", said(design)).group(1)
    assert float(found.replace("−", "-")) == pytest.approx(percent, abs=0.1)


def test_what_the_program_warned_of_is_a_caution(run):
    design = run("[fleet]\nchips = H100:64\n[noise]\nstraggler_slowdown = 2\n" + JOB, "--trials", "40")
    assert "noise.straggler_slowdown has no effect without noise.straggler_fraction." in \
        cautions(design)


def test_design_points_of_three_axes_look_different(run):
    """Lines have no markers where they are steps."""
    design = run(SCALING.replace("topology.kind = ring, tree", "topology.kind = ring, tree, torus\n"
                                 "noise.step_jitter = 0, 0.01\njob.overlap = 0, 1").replace(
        'H100:64, "H100:32, GB200:32", H100:256, GB200:64', "H100:64"), "--trials", "1")
    lines = {(look.colour, look.dash) for look in looks(design)}
    assert len(lines) == len(design.points) == 12
