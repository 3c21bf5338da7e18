"""The promise: the same study and seed give the same bits, whatever computes them."""

import itertools

import h5py
import pytest

from conftest import Program
from noisy import FLEET, JOB, NOISE
from result_files import differences

# Every cause of noise, three topologies, both work shares, skew carried from step to step or not,
# every failure over a long run, smoothed power, requests served, and inputs that are drawn for each
# trial. 3 x 2 points of 3 blocks each.
STUDY = f"""\
[sampling]
trials = 20
steps = 3
warmup_steps = 1
block = 8

{FLEET}
{JOB}tensor = 2
tokens_per_chip = 4096

{NOISE}congestion = lognormal(median=1.3, sigma=0.4)

[reliability]
horizon = 60d
failure_law = weibull
detection_time = uniform(low=1min, high=5min)
spares = 1
domain_failure_share = 0.3
lemon_fraction = 0.05
switch_failure_rate = 2e-2/d
cable_failure_rate = 1e-3/d
ocs_failure_rate = 2e-3/d
maintenance = 1e-2/d
link_flap_rate = 0.1/d

[power]
meter = on
communication = uniform(low=0.4, high=0.6)
waiting = 0.3
cap = 600W
floor = 0.45
stop_delay = 10ms
ramp_up = 500W/s
ramp_down = 2kW/s
stack = tuned
lead = 10ms
storage = 65J
traces = 2
trace_time = 2s

[serving]
load = 0.8
router = power_of_two
cell = 8
rate_variation = 0.2
profile = diurnal
law = roofline
model_parameters = 8e9
layers = 32
hidden = 4096
context_bytes = 65536B

[money]
count = on
electricity = uniform(low=0.04, high=0.09)

[chip.H100]
rent = uniform(low=1.7, high=2.95)

[sweep]
topology.kind = ring, tree, ocs_torus
(job.work_share, job.gradient_clipping) = (equal, on), (proportional, off)
"""
# The job alone: neither its power nor what the fleet would serve and earn.
JOB_ALONE = ("--set", "power.meter=off", "--set", "serving.load=none", "--set", "money.count=off")
FEW = ("--trials", 9, *JOB_ALONE)
LEVELS = ["sse2", "avx2", "avx512"]


class Runs:
    """Runs of the study, each kept under its settings."""

    def __init__(self, program):
        self.program = program
        program.write("s.ini", STUDY)
        self.files = {}

    def __call__(self, *options, **variables):
        settings = (*map(str, options), *variables.values())
        if settings not in self.files:
            name = f"{len(self.files)}.h5"
            self.program.done("run", "s.ini", "-q", "-o", name, *options, **variables)
            self.files[settings] = self.program.folder / name
        return self.files[settings]


@pytest.fixture(scope="module")
def run(binary, tmp_path_factory):
    return Runs(Program(binary, tmp_path_factory.mktemp("bits")))


def usable_levels(run):
    usable = []
    for level in LEVELS:
        ended = run.program("describe", "s.ini", LOCKSTEP_SIMD=level)
        if ended.returncode == 0:
            usable.append(level)
        else:
            assert "this processor offers" in ended.stderr
    return usable


@pytest.mark.parametrize("threads", [2, 7])
def test_threads(run, threads):
    assert differences(run("--threads", 1), run("--threads", threads)) == []


@pytest.mark.parametrize("level", LEVELS[1:])
def test_instruction_sets(run, level):
    usable = usable_levels(run)
    assert "sse2" in usable
    if level not in usable:
        pytest.skip(f"this processor has no {level}: its kernels were not compared")
    for threads in (1, 7):
        one = run("--threads", threads, LOCKSTEP_SIMD="sse2")
        assert differences(one, run("--threads", threads, LOCKSTEP_SIMD=level)) == []


# Fewer blocks than threads: the workers share one trial instead.
@pytest.mark.parametrize("threads", [2, 7])
def test_threads_inside_a_trial(run, threads):
    few = ["--set", "topology.kind=ring", "--set", "job.work_share=proportional",
           "--set", "job.gradient_clipping=off", "--set", "sampling.block=64"]
    assert differences(run(*few, "--threads", 1), run(*few, "--threads", threads)) == []


def test_dense_jitter(run):
    dense = ["--set", "noise.hop_jitter=exponential(mean=2us)", "--trials", 4]
    equal_at_all_levels(run, dense)


def test_fast_rings_under_jitter(run):
    """Their pace is measured while planning, on the level in use."""
    fast = [*JOB_ALONE, "--trials", 4, "--set", "job.kernel_efficiency=0.5",
            "--set", "job.work_share=equal",
            "--set", "job.gradient_clipping=on", "--set", "noise.slow_link_fraction=0",
            "--set", "noise.congestion=none",
            "--set", "fleet.chips=H100:2200", "--set", "topology.kind=ring",
            "--set", "noise.spike_probability=1e-6", "--set", "fabric.hop_latency=2us",
            "--set", "fabric.hop_bandwidth=1TB/s",
            "--set", "noise.hop_jitter=lognormal(mean=1us, sigma=0.8)"]
    assert ", fast (jitter" in run.program.done("describe", "s.ini", *fast).stdout
    equal_at_all_levels(run, fast)


def equal_at_all_levels(run, options):
    levels = usable_levels(run)
    files = [run(*options, "--threads", threads, LOCKSTEP_SIMD=level)
             for threads, level in [*((1, level) for level in levels), (7, levels[-1])]]
    assert len(files) >= 2
    for one, other in itertools.combinations(files, 2):
        assert differences(one, other) == []


def test_equal_trials_of_a_longer_run(run):
    """A trial does not depend on how many there are."""
    with h5py.File(run("--trials", 9)) as a, h5py.File(run("--threads", 1)) as b:
        assert a["step_time"].shape[2] == 9 and b["step_time"].shape[2] == 20
        assert (a["step_time"][()] == b["step_time"][:, :, :9]).all()


# Where the comparison must find something, or equality means nothing.
def test_another_seed_differs(run):
    names = differences(run("--threads", 1), run("--seed", 2))
    for name in ["step_time", "compute_time", "communication_time", "mfu", "wait_fraction",
                 "input.job.kernel_efficiency"]:
        assert name in names
    assert "trial" not in names and "@study" not in names


@pytest.mark.parametrize("cause", ["noise.imbalance=0", "noise.spike_probability=0",
                                   "noise.straggler_fraction=0", "noise.slow_link_fraction=0",
                                   "noise.congestion=none",
                                   "job.kernel_efficiency=0.5", "sampling.warmup_steps=0"])
def test_every_cause_of_the_study_acts(run, cause):
    assert "step_time" in differences(run(*FEW), run(*FEW, "--set", cause))


@pytest.mark.parametrize("key", ["domain_failure_share=0", "lemon_fraction=0",
                                 "switch_failure_rate=0/d", "cable_failure_rate=0/d",
                                 "ocs_failure_rate=0/d", "maintenance=0/d", "link_flap_rate=0/d"])
def test_every_failure_of_the_study_acts_on_the_long_run_alone(run, key):
    found = differences(run(*FEW), run(*FEW, "--set", "reliability." + key))
    assert "time_lost" in found and "step_time" not in found
