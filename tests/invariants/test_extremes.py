"""Every numeric parameter at the ends of its range, and small and large within, on every topology:
finite results, or one message; never a signal (the libraries check their indices in this build) and
never NaN or an infinity as a result."""

import os
import re
import resource
import subprocess
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy
import pytest

from conftest import MESSAGE, Program

# All that a file may hold, so that few parameters are without effect; few chips, trials and steps.
STUDY = """\
[sampling]
trials = 2
steps = 2
[fleet]
chips = H100:64, GB200:64
[job]
model_parameters = 8e9
layers = 32
hidden = 4096
tensor = 2
pipeline = 2
[noise]
hop_jitter = exponential(mean=1us)
straggler_fraction = 0.1
slow_link_fraction = 0.1
spike_probability = 1e-4
compute_episode_rate = 1/h
link_episode_rate = 1/h
congestion = uniform(low=1, high=1.5)
[reliability]
horizon = 10d
spares = 2
domain_failure_share = 0.1
lemon_fraction = 0.1
switch_failure_rate = 1e-3/d
cable_failure_rate = 1e-4/d
ocs_failure_rate = 1e-3/d
maintenance = 1e-3/d
link_flap_rate = 1e-3/d
link_flap_duration = 10s
host_availability = 0.99
slice_chips = 64
"""
WITHIN = {"": ["1e-9", "0.5", "2", "1e9"], "s": ["1ns", "1s", "100d"], "B": ["1B", "1e6TB"],
          "B/s": ["1kB/s", "1e15B/s"], "W": ["1W", "1e9W"], "J": ["1J", "1e9J"], "W/s": ["1W/s", "1e9W/s"], "/s": ["1e-9/s", "1e3/s"],
          "FLOP/s": ["1GFLOP/s", "1e6TFLOP/s"]}
# What shapes arrays would only take time and memory.
ARRAYS = ("sampling.", "topology.channels", "topology.chunks")
# What only a meter reads: its trace has a length that other keys at their ends would make endless.
METERED = ("power.", "chip.H100.tdp", "chip.H100.idle_power", "chip.H100.context_power",
           "chip.H100.host_power")
METER = ["--set", "power.meter=on"]
# What only a fleet that serves reads.
SERVED = ("serving.",)
SERVE = ["--set", "serving.load=0.5"]
# What only counted money reads.
COUNTED = ("money.", "chip.H100.rent", "chip.H100.capex")
COUNT = ["--set", "money.count=on", *METER, *SERVE]
# May be NaN: none in this trial, or for a generation out of the job.
MAY_LACK = {"mfu", "mfu_used", "mfu_effective", "wait_fraction_by_generation",
            "step_time_by_generation", "mean_time_between_interruptions", "checkpoint_interval",
            "power_ramp", "power_peak_to_peak", "power_band", "power_line_frequency",
            "power_compliance", "power_largest_fleet", "energy_per_token", "power_trace",
            "power_spectrum", "time_to_first_token",
            "time_per_token", "serving_utilization", "serving_busy_share",
            "serving_output_rate_by_generation", "serving_batch", "serving_context_share",
            "serving_energy_per_token", "token_revenue", "electricity_cost",
            "serving_electricity_cost", "rent_margin", "token_margin", "training_cost"}
LONGEST = 60  # s of one run
# What a job computes and what its chips are comes to all topologies as bytes and rates: one switched
# and one torus try it, the others what is theirs, each every second value.
BEFORE_THE_NETWORK = ("job.", "chip.", "serving.", "money.")
EVERY_KEY = {"ring", "ocs_torus"}
TOPOLOGIES = ["ring", "hierarchical_ring", "tree", "switch_reduce", "torus", "ocs_torus"]


def numeric_rows(listing):
    """{key: values to try} of every parameter whose allowed range has two ends."""
    rows = {}
    for key, allowed in re.findall(r"^(\S+) = .*\n    .*\n    allowed: (.*)$", listing, re.M):
        ends = re.search(r"(>?) ?([\d.e+-]+)([A-Za-z/]*)(?: \.\.|, <=) ([\d.e+]+\S*)", allowed)
        if not ends or key.startswith(ARRAYS):
            continue
        above, lower, unit, upper = ends.groups()
        values = [upper, *WITHIN[unit]] if above else [lower + unit, upper, *WITHIN[unit]]
        rows[key.replace("*", "H100")] = list(dict.fromkeys(values))
    return rows


def problem_of(program, topology, key, value, number):
    """What is wrong with a run of the study so changed; "" where it ends as it should."""
    name = f"{number}.h5"
    ended = subprocess.run(
        [program.path, "run", "s.ini", "-q", "--threads", "1", "-o", name,
         *(METER if key.startswith(METERED) else SERVE if key.startswith(SERVED) else
           COUNT if key.startswith(COUNTED) else []),
         "--set", f"topology.kind={topology}", "--set", f"{key}={value}"],
        cwd=program.folder, text=True, capture_output=True, timeout=LONGEST, check=False,
        env=program.environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30)))
    if ended.returncode == 2:
        whole = all(MESSAGE.match(line) for line in ended.stderr.splitlines())
        return "" if whole and ended.stderr.count("\n") in range(1, 6) else ended.stderr
    if ended.returncode != 0 or ended.stderr:
        return f"{ended.returncode}: {ended.stderr}"
    with h5py.File(program.folder / name) as file:
        for variable in file.values():
            if not isinstance(variable, h5py.Dataset) or variable.dtype != numpy.float64:
                continue
            values, own = variable[...], variable.name.lstrip("/")
            if numpy.isinf(values).any() or (numpy.isnan(values).any() and own not in MAY_LACK):
                return f"{own} is {values}"
    os.unlink(program.folder / name)
    return ""


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_extreme_values(binary, tmp_path, topology):
    program = Program(binary, tmp_path)
    program.write("s.ini", STUDY)
    rows = numeric_rows(program.done("list", "parameters").stdout)
    assert len(rows) > 70
    if topology in EVERY_KEY:
        cases = [(key, value) for key, values in rows.items() for value in values
                 if topology == "ring" or not key.startswith(SERVED + COUNTED)]  # of no topology
    else:
        cases = [(key, value) for key, values in rows.items()
                 if not key.startswith(BEFORE_THE_NETWORK)
                 for value in values[TOPOLOGIES.index(topology) % 2::2]]
    # The study itself runs, so that a refusal is one of the value.
    assert problem_of(program, topology, "job.overlap", "0.5", "base") == ""
    with ThreadPoolExecutor(max_workers=2) as pool:
        found = list(pool.map(lambda case: problem_of(program, topology, *case[1], case[0]),
                              enumerate(cases)))
    wrong = [f"{key} = {value}: {text}" for (key, value), text in zip(cases, found) if text]
    assert not wrong, "\n".join(wrong)
