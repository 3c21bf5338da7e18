"""What the sentences, cautions and labels say is what the numbers say, for studies of other shapes."""

import math
import re

import pytest

from answers import first_paragraph, second_paragraph, third_paragraph
from answers.cautions import cautions
from conftest import LONG_RUN, SCALING, SERVING
from estimate import NOTHING, Estimate
from measures import MIXING_TAX, between, text
from tables import design_point_table

JOB = """[job]
model_parameters = 8e9
layers = 32
hidden = 4096
tokens_per_chip = 8192
"""


def said(design):
    return " ".join(first_paragraph(design) + second_paragraph(design) + third_paragraph(design))


def test_one_design_point_needs_no_name(run):
    fleet = "[sampling]\ntrials = 1\nsteps = 2\n[fleet]\nchips = H100:32, GB200:32\n" + JOB
    words = said(run(fleet))
    assert "() " not in words and "with  " not in words.lower()
    assert "Chips wait for this share of each step: H100 " in words
    assert words.endswith(" % of the step.")  # not to as much of it


def test_a_long_run_that_loses_nothing_says_so(run):
    """No event in a few trials is not certainty: the other limit is said."""
    words = said(run("[sampling]\ntrials = 2\nsteps = 1\n[fleet]\nchips = H100:32\n" + JOB
                     + "[reliability]\nhorizon = 1d\nnode_failure_rate = 0/d\n"))
    assert re.search(r"100 % \(\d+.* to 100\) of the time is useful; after 0 \(0 to [\d.]+\) interruptions, "
                     "hardly any is lost.", words)


def test_the_best_point_is_that_of_the_headline(run):
    design = run("[sampling]\ntrials = 4\nsteps = 1\n[fleet]\nchips = H100:64\n" + JOB
                 + "[reliability]\nhorizon = 30d\nnode_failure_rate = 0.5/d\n[sweep]\n"
                 "job.overlap = 0, 1\n")
    words = said(design)  # goodput is hardly another
    assert "The highest effective MFU is " in words and " with overlap 1; the lowest " in words
    assert "At the best design point (overlap 1) " in words


def test_goodput_may_be_none_at_all(altered):
    def change(file):
        file["mfu_effective"][:] = math.nan
        file["goodput"][:] = 0

    assert "The goodput is 0 % at every design point" in said(altered("long_run.h5", change))


def test_a_study_of_serving_alone_is_answered_by_what_it_serves(run):
    """Without a [job] nothing is said of steps; what is overloaded is no best, and is named."""
    design = run(re.sub(r"\[job\].*?(?=\[power\])", "", SERVING, flags=re.S))
    words = said(design)
    assert re.match(r"The highest serving rate is [\d,]+ .* tokens/s with router jsq_speed, load 0.9; "
                    r"the lowest .* with router (random|jsq_speed), load 0.5\. ", words)
    assert "step" not in words and "Best router: random" not in words
    assert "Overloaded in some trial: router random, load 0.9, which comparisons" in words
    assert re.search(r"With router jsq_speed, load 0.9: of rated \d+.* %.*, first token p99 .* s\.", words)
    assert re.search(r"The highest token margin is .* M\$/y with router jsq_speed, load 0.9", words)
    table = design_point_table(design)
    assert table.index("serving rate [tokens/s]") < table.index("token margin [M$/y]") \
        < table.index("step time [s]")


def test_a_job_beside_serving_comes_first(opened):
    design = opened("serving.h5")
    assert first_paragraph(design)[0].startswith("The step time is ")
    assert not any("Best load" in sentence for sentence in first_paragraph(design))
    assert third_paragraph(design)[0].startswith("The highest serving rate is ")


def test_an_unknown_value_is_not_called_good(altered):
    """Without a horizon there is no goodput that another could be within 1 % of."""
    def change(file):
        file["goodput"][:, 2] = math.nan

    words = said(altered("long_run.h5", change))
    assert "of unlimited" not in words and "Best spares: " in words
    assert "unknown" not in words


def test_points_without_common_trials_are_not_compared(altered):
    def change(file):
        file["step_time"][0, :, 0:20] = math.nan
        file["step_time"][1, :, 20:40] = math.nan

    words = said(altered("mixed.h5", change))
    assert "unknown" not in words and "Against ring" not in words


def test_far_apart_is_not_as_good_however_wide_the_interval(altered):
    def change(file):
        file["mfu_effective"][:] = math.nan
        file["goodput"][0] = 0.5
        file["goodput"][0, 1] = [0.9] * 7 + [0.1] * 5  # 0.57 +- 0.26

    words = said(altered("long_run.h5", change, choices={
        "reliability.checkpoint_interval": ["optimal"], "reliability.spares": ["0", "40"]}))
    assert "Best spares: 40: " in words and "as good" not in words


def test_the_best_of_several_fleets_of_one_size_is_named(run):
    design = run(SCALING.replace('H100:64, "H100:32, GB200:32", H100:256, GB200:64',
                                 'H100:64, "H100:32, GB200:32", H100:128, "H100:64, GB200:64"'))
    best = 100 * design.data.mfu.values[2:].mean(axis=-1).max()
    shown = re.search(r"At 128 chips the best MFU is ([\d.]+)", said(design)).group(1)
    assert shown == f"{best:.{len(shown.split('.')[1])}f}"
    assert "% with 128 H100, " in said(design)


def test_a_size_without_values_is_left_out_of_scaling(altered):
    def change(file):
        file["step_time"][2] = math.nan
        file["mfu"][:] = math.nan

    design = altered("scaling.h5", change, choices={"fleet.chips": ["H100:64", "H100:256"]})
    sentences = first_paragraph(design)
    assert len(sentences) == 1 and sentences[0].startswith("At 64 chips the best step is ")


def taxes(design):
    found = {p.number: MIXING_TAX.of(design, p) for p in design.points}
    return {number: tax.scaled(0.01) for number, tax in found.items() if tax.known}


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
        "tokens_per_chip = 8192", "tokens_per_chip = 64\nsequence_length = 64")
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
    (NOTHING, "unknown"),
    (Estimate(1.5, -math.inf, math.inf), "1.5 s"),  # one trial
    (Estimate(math.nan, 1.25, math.inf), "> 1.25 s"),  # no event
    (Estimate(1.5, 1.25, math.inf), "> 1.25 s"),
    (Estimate(2.67e-8, 2.58e-8, 2.76e-8), "0.0000000267 ± 0.0000000009 s"),
    (Estimate(-0.0, -0.0, -0.0), "0 s"),
    (Estimate(0, 0, 1.8), "0 s (0 to 1.8)"),  # nothing is below 0
    (Estimate(3, 2, 3.5), "3.0 ± 1.0 s"),
])
def test_a_number_says_what_its_interval_bears(estimate, words):
    assert text(estimate, "s") == words


@pytest.mark.parametrize("estimate, words", [
    (Estimate(7.86, 7.85, 7.88), "7.86 s (7.85 to 7.88)"),
    (Estimate(7.86, 7.85, math.inf), "7.86 s (> 7.85)"),  # not below a lower quantile's value
    (Estimate(7.86, -math.inf, math.inf), "7.86 s (not bounded)"),
    (NOTHING, "unknown"),
])
def test_a_quantile_says_what_bounds_it(estimate, words):
    assert between(estimate, "s") == words


def test_cautions_count_the_trials_that_are_there(opened):
    with pytest.warns(UserWarning, match="missing"):
        design = opened("shards/mixed.0-of-3.h5")
    held = max(design.trials(p) for p in design.points)
    assert held < 30 < design.data.sizes["trial"]
    assert any(c.startswith(f"{held} trials a design point") for c in cautions(design))


def test_cautions_name_a_run_that_ended_early(run):
    design = run("[sampling]\ntrials = 16\nmax_trials = 32\nuntil = mean(step_time) within 1e-9%\n"
                 "[fleet]\nchips = H100:32\n" + JOB)
    assert "sampling.max_trials ended the run before mean(step_time) within 1e-09%." in \
        cautions(design)


def test_a_tail_may_lie_below_the_mean(altered):
    def change(file):
        file["step_time"][0, 0] = 1.0
        file["step_time"][0, 0, 0, 0] = 1081.0  # one step of 120: the mean is 10

    words = said(altered("mixed.h5", change, choices={"job.work_share": ["equal"]}))
    assert re.search(r"lies 90 % below \(ring\) to .* % above the mean, the latter with tree: ", words)


def test_a_long_run_says_how_often_it_saves(opened):
    design = opened("long_run.h5")
    data = design.data.mean("trial")
    best = data.isel(data.goodput.argmax(...))
    minutes = float(re.search(r"saves its state after every ([\d.]+) min", said(design)).group(1))
    assert minutes == pytest.approx(float(best.checkpoint_interval) / 60, rel=5e-3)


def test_the_best_of_each_kind_are_compared(run):
    design = run("title = Two kinds\n" + LONG_RUN.replace(
        "reliability.checkpoint_interval = optimal, 10min, 2h", "topology.kind = tree, ocs_torus"))
    tree, torus = design.data.goodput.mean("trial").max("reliability.spares").values
    percent = 100 * (torus - tree)
    found = re.search(r"between the best of each ([−+\d.-]+) ± [\d.]+ points", said(design)).group(1)
    assert float(found.replace("−", "-")) == pytest.approx(percent, abs=0.1)


def test_what_the_program_warned_of_is_a_caution(run):
    design = run("[fleet]\nchips = H100:64\n[noise]\nstraggler_slowdown = 2\n" + JOB, "--trials", "40")
    assert "noise.straggler_slowdown has no effect without noise.straggler_fraction." in \
        cautions(design)
