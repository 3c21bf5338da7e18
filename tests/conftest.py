"""What tests of the program share: the binary, and a folder of their own to run it in."""

import os
import pathlib
import re
import subprocess

import pytest

# problem (why) suggestion, as DESIGN asks of every message.
MESSAGE = re.compile(r"^lockstep: \S.* \(.+\) \S.*$")

MIXED = """\
title = Mixed fleet of {chips} chips

[sampling]
trials = {trials}
steps = {steps}

[fleet]
chips = H100:{hopper}, GB200:{blackwell}

[job]
model_parameters = 8e9
layers = 32
hidden = 4096
tokens_per_chip = 32768

[fabric]
link_bandwidth = 20GB/s
[noise]
straggler_fraction = 0.01
slow_link_fraction = 0.01
spike_probability = 2e-5
spike_delay = exponential(mean=5ms)

[sweep]
topology.kind = ring, tree, ocs_torus
job.work_share = equal, proportional
"""


def mixed_study(trials=2, steps=2, hopper=192, blackwell=64):
    """All topologies by both work shares, with every noise a file shows."""
    return MIXED.format(trials=trials, steps=steps, hopper=hopper, blackwell=blackwell,
                        chips=hopper + blackwell)


SMALL = """\
title = {title}
[sampling]
trials = {trials}
steps = {steps}
block = {block}
[fleet]
chips = {chips}
[job]
model_parameters = 8e9
layers = 32
hidden = 4096
[noise]
{noise}
[sweep]
topology.kind = {kinds}
{axes}
"""


def small_study(trials, steps, chips="H100:48, GB200:16", block=2, noise="",
                kinds="ring, tree, ocs_torus", axes="", title="Small"):
    """One of few keys, whose trials are cheap: noise and axes are lines of their sections."""
    return SMALL.format(trials=trials, steps=steps, chips=chips, block=block, noise=noise,
                        kinds=kinds, axes=axes, title=title)


class Program:
    """The binary, run in one folder."""

    def __init__(self, path, folder):
        self.path = path
        self.folder = folder

    def environment(self, **variables):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("LOCKSTEP_", "SLURM_"))}
        return {**kept, **variables}

    def write(self, name, text):
        (self.folder / name).write_text(text)
        return name

    def __call__(self, *arguments, **variables):
        return subprocess.run([self.path, *map(str, arguments)], cwd=self.folder, text=True,
                              capture_output=True, timeout=300, check=False,
                              stdin=subprocess.DEVNULL, env=self.environment(**variables))

    def start(self, *arguments, variables=None, **options):
        return subprocess.Popen([self.path, *map(str, arguments)], cwd=self.folder, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                stdin=subprocess.DEVNULL, env=self.environment(**(variables or {})),
                                **options)

    def names(self):
        return sorted(p.name for p in self.folder.iterdir())

    def done(self, *arguments, **variables):
        """Runs it, which must succeed; returns what it printed."""
        ended = self(*arguments, **variables)
        assert ended.returncode == 0, ended.stderr
        return ended

    def refused(self, *arguments, **variables):
        """Runs it, which must refuse with one message and leave the folder as it was; returns
        the message without the program's name."""
        before = self.names()
        ended = self(*arguments, **variables)
        assert ended.returncode == 2, (ended.returncode, ended.stdout, ended.stderr)
        assert ended.stdout == ""
        lines = ended.stderr.splitlines()
        assert len(lines) == 1, ended.stderr
        assert MESSAGE.match(lines[0]), lines[0]
        assert self.names() == before
        return lines[0].removeprefix("lockstep: ")


@pytest.fixture(scope="session")
def binary():
    path = os.environ.get("LOCKSTEP_PROGRAM")
    if not path or not os.access(path, os.X_OK):
        pytest.fail(f"LOCKSTEP_PROGRAM={path} is not the program (its path is due) run ctest")
    return pathlib.Path(path).resolve()


@pytest.fixture
def lockstep(binary, tmp_path):
    return Program(binary, tmp_path)


@pytest.fixture(scope="session")
def repository():
    return pathlib.Path(__file__).resolve().parent.parent
