"""The scripts of analysis/ and small files of the program for them."""

import hashlib
import pathlib
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "analysis"))

import lockstep_results
from design import Design
from summary import Summary

LONG_RUN = """
[sampling]
trials = 12
steps = 2
[fleet]
chips = H100:256
[job]
model_parameters = 8e9
layers = 32
hidden = 4096
tokens_per_chip = 8192
[reliability]
horizon = 30d
node_failure_rate = 0.5/d
repair_time = 12h
[sweep]
reliability.checkpoint_interval = optimal, 10min, 2h
reliability.spares = 0, 40, unlimited
"""

SCALING = """
[sampling]
trials = 8
steps = 3
[fleet]
chips = H100:64
[job]
model_parameters = 8e9
layers = 32
hidden = 4096
tokens_per_chip = 8192
[sweep]
fleet.chips = H100:64, "H100:32, GB200:32", H100:256, GB200:64
topology.kind = ring, tree
"""

UNCERTAIN = """
[sampling]
trials = 200
steps = 2
[fleet]
chips = H100:64
[job]
model_parameters = 8e9
layers = 32
hidden = 4096
tokens_per_chip = 8192
kernel_efficiency = uniform(low=0.3, high=0.6)
overlap = uniform(low=0.1, high=0.9)
"""

MIXED = """
[sampling]
trials = 40
steps = 3
[fleet]
chips = H100:96, GB200:32
[job]
model_parameters = 8e9
layers = 32
hidden = 4096
tokens_per_chip = 32768
data_parallel = all_reduce
[noise]
straggler_fraction = 0.01
spike_probability = 1e-4
spike_delay = pareto(minimum=1ms, shape=1.5)
[sweep]
topology.kind = ring, tree
job.work_share = equal, proportional
"""

SLICES = """
[sampling]
trials = 12
steps = 1
[fleet]
chips = TPUv4:512
[job]
model_parameters = 8e9
layers = 32
hidden = 4096
tokens_per_chip = 8192
[reliability]
host_availability = 0.99
[sweep]
topology.kind = ocs_torus, torus
reliability.slice_chips = 64, 128, 256
"""

POWER = """
[sampling]
trials = 8
steps = 5
[fleet]
chips = GB200:144
[job]
model_parameters = 8e9
layers = 32
hidden = 4096
tokens_per_chip = 8192
[power]
meter = on
traces = 1
trace_time = 5s
[sweep]
power.floor = 0, 0.7, 0.9
power.cap = none, 1100W
"""

SERVING = """
[sampling]
trials = 3
steps = 1
warmup_steps = 0
[fleet]
chips = H100:32, H200:8
[job]
compute_time = 1s
model_parameters = 1e9
layers = 24
hidden = 2048
[power]
meter = on
[money]
count = on
[sweep]
serving.router = random, jsq_speed
serving.load = 0.5, 0.9
"""

STUDIES = {"serving": "title = What does a mixed fleet serve?" + SERVING,
           "power": "title = What does a floor cost?" + POWER,
           "long_run": "title = What do checkpoints cost?" + LONG_RUN,
           "scaling": "# From which size does a ring hurt?\ntitle = Scaling" + SCALING,
           "slices": "title = Slices" + SLICES,
           "uncertain": "title = Uncertain inputs" + UNCERTAIN,
           "mixed": "# What does the slowest generation cost?\ntitle = Mixed fleet" + MIXED}


@pytest.fixture(scope="session")
def results(binary, tmp_path_factory):
    """A folder with NAME.h5 of each study, and shards/ of the mixed one."""
    folder = tmp_path_factory.mktemp("results")
    (folder / "shards").mkdir()

    def lockstep(*arguments):
        ended = subprocess.run([binary, "run", *arguments], cwd=folder, text=True,
                               capture_output=True, timeout=120, check=False)
        assert ended.returncode == 0, ended.stderr

    for name, text in STUDIES.items():
        (folder / f"{name}.ini").write_text(text)
        lockstep(f"{name}.ini", "-o", f"{name}.h5")
    for index in range(3):
        lockstep("mixed.ini", "--shard", f"{index}/3", "-o", f"shards/mixed.{index}-of-3.h5")
    return folder


@pytest.fixture(scope="session")
def opened(binary, results):
    """The design of a result file, a path or the name of one of the results."""

    def of(name, **more):
        return Design(lockstep_results.load(results / name), Summary(binary, results / name), **more)

    return of


def write_checksums(variable):
    """Those of the values that it holds now, as FORMAT.md says."""
    text = variable.attrs["checksums"]
    points = len(text.decode().splitlines())
    sums = [hashlib.sha256(values.tobytes()).hexdigest()[:16]
            for values in variable[:].astype("<f8").reshape(points, -1)]
    variable.attrs.modify("checksums", np.bytes_("\n".join(sums)))


@pytest.fixture
def altered(opened, results, tmp_path):
    """The design of a copy of a result file whose trials `change` alters, given the h5py.File."""

    def of(name, change, **more):
        path = tmp_path / f"altered{len(list(tmp_path.iterdir()))}.h5"
        shutil.copy(results / name, path)
        with h5py.File(path, "r+") as file:
            change(file)
            for variable in file.values():
                if "checksums" in variable.attrs:
                    write_checksums(variable)
        return opened(path, **more)

    return of


@pytest.fixture
def run(binary, opened, tmp_path):
    """Runs a study and returns the design of its file."""

    def of(study, *more):
        (tmp_path / "study.ini").write_text(study)
        name = f"study{len(list(tmp_path.iterdir()))}.h5"
        subprocess.run([binary, "run", "study.ini", "-q", "-o", name, *more], cwd=tmp_path,
                       check=True, timeout=120)
        return opened(tmp_path / name)

    return of


@pytest.fixture
def script(repository, results, binary):
    """Runs a script of analysis/ in the folder of the results."""

    def run(name, *arguments):
        return subprocess.run([sys.executable, str(repository / "analysis" / name), "--program",
                               str(binary), *map(str, arguments)], cwd=results, text=True,
                              capture_output=True, timeout=120, check=False)

    return run
