"""Runs that go on until a statistic is known well enough."""

import json
import math
import re
import signal

import h5py
import numpy
import pytest

from conftest import Program
from result_files import differences
from shims import fast_clock

STUDY = """\
[sampling]
trials = 20
steps = 2
block = 4
until = {rule}
max_trials = {most}

[fleet]
chips = H100:192, GB200:64

[job]
model_parameters = 8e9
layers = 32
hidden = 4096
tokens_per_chip = 8192

[noise]
straggler_fraction = 0.01
spike_probability = 1e-4
spike_delay = exponential(mean=50ms)

[sweep]
topology.kind = ring, tree, ocs_torus
"""
RULE = "mean(step_time) within 1.5%"
LOOKS = [20, 28, 36, 48, 60, 76, 96, 120, 152, 192, 240, 300]  # a fourth more, in whole blocks


def study(rule=RULE, most=300):
    return STUDY.format(rule=rule, most=most)


@pytest.fixture(scope="module")
def run(binary, tmp_path_factory):
    program = Program(binary, tmp_path_factory.mktemp("until"))
    program.write("s.ini", study())
    program.ended = program.done("run", "s.ini", "--threads", 1)
    return program


def trials_in(run, name):
    with h5py.File(run.folder / name) as file:
        return file["step_time"].shape[-2]


def answers(run, *arguments):
    return json.loads(run.done("summary", "s.h5", "--json", *arguments).stdout)["answers"]


def test_ends_at_the_first_look_that_meets_the_rule(run):
    n = trials_in(run, "s.h5")
    assert n in LOOKS[1:-1], "too early or too late to say anything"
    with h5py.File(run.folder / "s.h5") as file:
        x = file["step_time"][()]
        assert not numpy.isnan(x).any() and x.shape == (3, n, 2)
        assert file.attrs["until"] == RULE.encode() and file.attrs["until_met"] == 1
        assert file.attrs["blocks"] == 3 * n / 4 and file.attrs["blocks_missing"] == 0
        assert list(file["trial"]) == list(range(n))
    # Against the plain normal interval, of which the judge's is at most a tenth off here.
    def width(trials):
        means = x[:, :trials].mean(axis=2)
        return (2.33 * means.std(axis=1, ddof=1) / trials**0.5 / means.mean(axis=1)).max()
    assert width(n) < 0.015
    for earlier in LOOKS[:LOOKS.index(n)]:
        assert width(earlier) > 0.8 * 0.015
    shown = answers(run, "--variable", "step_time")
    assert all(row["mean"]["upper"] < 1.015 * row["mean"]["value"] for row in shown)


def test_says_how_far_it_came(run):
    n = trials_in(run, "s.h5")
    looks = [line for line in run.ended.stderr.splitlines() if "trials of each design point" in line]
    assert len(looks) == LOOKS.index(n)
    assert looks[0].startswith("20 trials of each design point: mean(step_time) within ")
    assert re.search(r" % at topology\.kind=\w+.*, asked is 1\.5%; on to 28$", looks[0])
    assert f"The trials were run until {RULE}.\n" in run.ended.stdout
    assert f"Mean of {n} trials" in run.ended.stdout
    assert f"The trials were run until {RULE}.\n" in run.done("summary", "s.h5").stdout


def test_equals_a_study_of_that_many_trials(run):
    n = trials_in(run, "s.h5")
    run.done("run", "s.ini", "-q", "-o", "fixed.h5", "--set", "sampling.until=none",
             "--trials", n)
    found = differences(run.folder / "s.h5", run.folder / "fixed.h5")
    assert set(found) == {"@until", "@until_met", "@study_id", "@overrides", "@warnings",
                          "@header_sha256", "@resolved_parameters"}


@pytest.mark.parametrize("threads", [2, 7])
def test_ends_at_the_same_bits_with_any_threads(run, threads):
    run.done("run", "s.ini", "-q", "--threads", threads, "-o", f"{threads}.h5")
    assert differences(run.folder / "s.h5", run.folder / f"{threads}.h5") == []


def test_ends_at_the_same_bits_after_any_interruption(run):
    blocks = 3 * trials_in(run, "s.h5") // 4
    stopped = 0
    for at in range(2, 2 * blocks, blocks // 3):
        name = f"at{at}.h5"
        ended = run("run", "s.ini", "-q", "--threads", 1, "-o", name, **fast_clock(STOP_AT=at))
        if ended.returncode == 0:
            continue
        assert ended.returncode == 75, ended.stderr
        assert "blocks are saved) continue with" in ended.stderr and " of " not in ended.stderr
        stopped += 1
        run.done("run", "s.ini", "-q", "-o", name, "--resume")
        assert differences(run.folder / "s.h5", run.folder / name) == []
    assert stopped > 3
    assert not list(run.folder.glob("*.part"))


def test_ends_at_the_same_bits_after_a_kill(run):
    name = "killed.h5"
    ended = run("run", "s.ini", "-q", "--threads", 1, "-o", name,
                **fast_clock(kill_shim=True, SHIM_KILL_AT=60))
    assert ended.returncode == -signal.SIGKILL
    run.done("run", "s.ini", "-q", "-o", name, "--resume")
    assert differences(run.folder / "s.h5", run.folder / name) == []


def test_resume_of_a_complete_file_does_nothing(run):
    before = (run.folder / "s.h5").read_bytes()
    run.done("run", "s.ini", "--resume")
    assert (run.folder / "s.h5").read_bytes() == before
    assert "holds another run" in run.refused("run", "s.ini", "--resume", "--set",
                                              "sampling.until=mean(step_time) within 2%")


def test_max_trials_end_it(run):
    run.write("most.ini", study("p99(step_time) within 1us", 30))
    ended = run.done("run", "most.ini", "--threads", 2)
    assert trials_in(run, "most.h5") == 30
    with h5py.File(run.folder / "most.h5") as file:
        assert file.attrs["until_met"] == 0
    assert "sampling.max_trials ended the run before p99(step_time) within 1e-06s." in ended.stdout
    assert "not bounded yet at topology.kind=ring, asked is 1e-06s; on to 28" in ended.stderr


RARE = """\
[sampling]
trials = 32
steps = 1
until = mean({of}) within {width}
max_trials = 100
[fleet]
chips = H100:64
[reliability]
horizon = 30d
node_failure_rate = {rate}/d
"""


@pytest.mark.parametrize("rate, of, width, met", [
    (1e-9, "interruptions", "10%", False), (1e-9, "interruptions", "0.05", True),
    (1e-9, "spares_used", "10%", False), (1e-9, "mean_time_between_interruptions", "50%", False),
    (1e-9, "time_lost", "10%", False), (1e-9, "goodput", "0.05", True),
    (0.1, "interruptions", "10%", True), (0.1, "mean_time_between_interruptions", "10%", True),
])
def test_no_event_meets_no_rule(run, rate, of, width, met):
    """Nothing is known of what never came but that it is rare: 3.69 / 100 a trial at most."""
    run.write("rare.ini", RARE.format(rate=rate, of=of, width=width))
    name = f"rare-{rate}-{of}-{width}.h5"
    run.done("run", "rare.ini", "-o", name, "-q")
    with h5py.File(run.folder / name) as file:
        assert file.attrs["until_met"] == met


def test_describe_says_both_bounds(run):
    text = run.done("describe", "s.ini", "--no-estimate").stdout
    assert f"Trials are run until {RULE} for every design point, at least 20 and at most 300" in text
    assert "3 design points x 300 trials" in text


@pytest.mark.parametrize("rule, told", [
    ("p99(step_tme) within 1%", "did you mean step_time?"),
    ("p98(step_time) within 1%", "no statistic 'p98'"),
    ("p99(step_time) within 1", "a time is due"),
    ("p99(step_time) within 0%", "out of range"),
    ("mean(mfu) within 1ms", "a bare number is due"),
    ("1%", "is no stopping rule"),
])
def test_bad_rules_are_refused_with_their_place(lockstep, rule, told):
    lockstep.write("s.ini", study(rule))
    message = lockstep.refused("run", "s.ini")
    assert told in message and message.startswith(f"s.ini:5: sampling.until = {rule}: ")


def test_a_rule_on_what_has_no_value_ends_at_its_first_look(lockstep):
    """Tokens earn nothing where nothing is served: the variable is NaN in every trial."""
    lockstep.write("s.ini", RARE.format(rate=0.1, of="token_revenue", width="10%")
                   + "[money]\ncount = on\n")
    message = lockstep.refused("run", "s.ini", "-q")
    assert "sampling.until" in message
    assert "token_revenue has no value in any of the first" in message
    # With it the rule is followed to its end.
    lockstep.done("run", "s.ini", "-q", "-o", "served.h5", "--set", "serving.load=0.5")


SERVED = """\
[sampling]
trials = 4
steps = 1
warmup_steps = 0
block = 4
max_trials = 8
[fleet]
chips = H100:64
[job]
compute_time = 1s
model_parameters = 1e9
[serving]
load = 0.3
cell = 8
[reliability]
horizon = {horizon}
"""


@pytest.mark.parametrize("variable, limit", [
    ("serving_down_share", 1 - 0.025**(1 / 8)), ("requests_lost", 1 - 0.025**(1 / 8)),
    ("serving_overloaded", 1 - 0.025**(1 / 8)), ("requests_preempted", -math.log(0.025) / 8)])
def test_what_never_came_in_serving_meets_no_rule(lockstep, variable, limit):
    lockstep.write("s.ini", SERVED.format(horizon="1h"))
    lockstep.done("run", "s.ini", "-q", "--set",
                  f"sampling.until=mean({variable}) within 10%")
    assert trials_in(lockstep, "s.h5") == 8
    mean = json.loads(lockstep.done("summary", "s.h5", "--variable", variable,
                                    "--json").stdout)["answers"][0]["mean"]
    assert mean["value"] == 0 and mean["upper"] == pytest.approx(limit)


def test_where_nothing_can_fail_no_replica_is_down(lockstep):
    """The control: the same rule is met at its first look."""
    lockstep.write("s.ini", SERVED.format(horizon="none"))
    lockstep.done("run", "s.ini", "-q", "--set",
                  "sampling.until=mean(serving_down_share) within 10%")
    assert trials_in(lockstep, "s.h5") == 4


def test_what_does_not_go_together_is_refused(lockstep):
    lockstep.write("s.ini", study())
    assert "judges the trials of all shards" in lockstep.refused("run", "s.ini", "--shard", "0/2")
    assert "fewer than sampling.trials" in lockstep.refused("run", "s.ini", "--trials", "301")
