"""The scripts of analysis/ and small files of the program for them."""

import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "analysis"))

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
tokens_per_chip = 8192
[noise]
straggler_fraction = 0.01
spike_probability = 1e-4
spike_delay = pareto(minimum=1ms, shape=1.5)
[sweep]
topology.kind = ring, tree
job.work_share = equal, proportional
"""

STUDIES = {"long_run": "title = What do checkpoints cost?" + LONG_RUN,
           "scaling": "# From which size does a ring hurt?\ntitle = Scaling" + SCALING,
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


@pytest.fixture
def script(repository, results):
    """Runs a script of analysis/ in the folder of the results."""

    def run(name, *arguments):
        return subprocess.run([sys.executable, str(repository / "analysis" / name),
                               *map(str, arguments)], cwd=results, text=True,
                              capture_output=True, timeout=120, check=False)

    return run
