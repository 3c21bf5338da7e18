"""What the tests on a real Slurm share: the sandbox, and runs submitted to it."""

import os
import pathlib
import re
import subprocess

import pytest

from conftest import Program, small_study
from result_files import differences
from sandbox import NoSlurm, Slurm, wait_until


def study(trials, *noise):
    return small_study(trials, steps=3, chips="H100:96, GB200:32", title='A study, "small"',
                       noise="\n".join(["straggler_fraction = 0.01", *noise]))


# Each message has jitter: half of it takes 5 s or more of one processor, long enough for saves (the
# first comes after a second) and to be met between them.
LONG = study(7200, "hop_jitter = exponential(mean=2us)")
BLOCKS_OF_SHORT = 24
SHORT = study(16)


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    try:
        slurm = Slurm(tmp_path_factory.mktemp("slurm"))
    except NoSlurm as why:
        pytest.skip(f"NO REAL SLURM, nothing was tested on one: {why}")
    yield slurm
    slurm.stop()


class Run:
    """A study in a folder of its own, whose names want quoting, and what was submitted of it."""

    wholes = {}

    def __init__(self, scripts, slurm, program, text, name):
        self.scripts = scripts
        self.slurm = slurm
        self.program = program
        self.folder = program.folder
        self.text = text
        self.name = name
        self.study = f"{name}.ini"
        self.output = self.folder / f"{name}.h5"
        self.dir = self.folder / f"{name}.slurm"

    def call(self, script, *arguments, code=0, **variables):
        variables = {**self.slurm.variables, "LOCKSTEP": str(self.program.path), **variables}
        ended = subprocess.run([self.scripts / script, *map(str, arguments)], cwd=self.folder,
                               text=True, capture_output=True, check=False, timeout=120,
                               stdin=subprocess.DEVNULL, env=self.program.environment(**variables))
        assert ended.returncode == code, (ended.returncode, ended.stdout, ended.stderr)
        return ended

    def shell(self, command):
        """What a line of bash prints, as a user would type it here."""
        return subprocess.run(["bash", "-ec", command], cwd=self.folder, text=True, check=True,
                              stdout=subprocess.PIPE, timeout=120, stdin=subprocess.DEVNULL,
                              env=self.program.environment(**self.slurm.variables)).stdout

    def submit(self, *arguments, **options):
        """Returns the jobs: arrays, then the merge. A long one gets one processor, whatever is here."""
        if not any(str(argument).startswith("--time") for argument in arguments):
            arguments = ("--time", 10, *arguments)
        if self.text == LONG:
            arguments = ("--cpus-per-task", 1, *arguments)
        out = self.call("submit.sh", self.study, *arguments, **options).stdout
        return job_ids(out)

    def status(self, *arguments, code=0):
        return self.call("status.sh", self.dir, *arguments, code=code).stdout

    def whole(self, *arguments):
        """The file of one process, computed once for each study and options."""
        path = self.folder / "whole.h5"
        key = (self.text, *map(str, arguments))
        if key not in self.wholes:
            self.program.done("run", self.study, "-q", "-o", path, *arguments)
            self.wholes[key] = path.read_bytes()
        path.write_bytes(self.wholes[key])

    def check(self):
        """The result is that file, and nothing is left but it and the folder of logs."""
        assert differences(self.folder / "whole.h5", self.output) == []
        assert self.program.names() == sorted(
            [self.study, "whole.h5", self.output.name, self.dir.name])
        assert not [path.name for path in self.dir.iterdir() if path.name.startswith("shard.")]

    def process(self, shard):
        """The program that computes a shard, once it has saved something."""
        wait_until(lambda: list(self.dir.glob(f"shard.{shard}-of-*.h5.part/*.h5"))
                   and self._processes(shard))
        return self._processes(shard)[0]

    def _processes(self, shard):
        program, output = os.fsencode(self.dir / "lockstep"), f"shard.{shard}-of-".encode()
        found = []
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue  # it has just ended
            if words[:2] == [program, b"run"] and any(output in word for word in words):
                found.append(Process(folder))
        return found

    def log(self, job, task=None):
        name = f"merge_{job}.log" if task is None else f"{job}_{task}.log"
        return (self.dir / "log" / name).read_text()


class Process:
    def __init__(self, folder):
        self.folder = folder
        self.number = int(folder.name)

    def send(self, number):
        os.kill(self.number, number)

    def is_told(self, number):
        """Whether a signal waits for it, stopped as it is, to go on."""
        status = (self.folder / "status").read_text()
        waiting = [int(bits, 16) for bits in re.findall(r"^S..Pnd:\s*(\w+)$", status, re.M)]
        return any(bits >> (number - 1) & 1 for bits in waiting)


def states(slurm, job):
    return {task: one["JobState"] for task, one in slurm.jobs(job).items()}


def job_ids(printed):
    """In "submitted: 60 tasks as job 12 13, their merge as job 14" and its like."""
    line = re.search(r"^submitted: .*$", printed, re.M).group(0)
    numbers = re.search(r"as job ([\d ]+),", line)
    merge = re.search(r"merge as job (\d+)$", line).group(1)
    return [*(numbers.group(1).split() if numbers else []), merge]


@pytest.fixture
def make_run(repository, slurm, binary, tmp_path):
    def make(text=SHORT, name="it's 100%j a \"study\""):
        folder = tmp_path / "a folder"
        folder.mkdir()
        run = Run(repository / "slurm", slurm, Program(binary, folder), text, name)
        run.program.write(run.study, text)
        return run

    yield make
    slurm.cancel_all()
    slurm.wait()


@pytest.fixture
def run(make_run):
    return make_run()
