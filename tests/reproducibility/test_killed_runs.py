"""The program killed, and out of space, at every write call: nothing saved is ever lost."""

import re
import signal

import h5py
import pytest

from conftest import small_study
from result_files import differences
from shims import fast_clock

STUDY = small_study(trials=5, steps=2, kinds="ring, tree", noise="straggler_fraction = 0.1")
BLOCKS = {"run": 6, "shard": 3}
KINDS = {"run": [], "shard": ["--shard", "1/2"]}
CALLS_A_PART = 4  # write, fsync, rename, fsync of the folder


class Runs:
    """Runs of the study as a whole or as a shard, every block saved on its own."""

    def __init__(self, program, kind):
        self.program = program
        self.folder = program.folder
        self.options = KINDS[kind]
        program.write("s.ini", STUDY)
        self.whole_calls = self.calls("whole.h5")
        self.parts = BLOCKS[kind]
        self.finish_calls = self.whole_calls - CALLS_A_PART * self.parts
        assert self.finish_calls > 10  # the file itself is written, not only parts

    def __call__(self, name, *more, **shim):
        return self.program("run", "s.ini", "-q", "--threads", 1, "-o", name, *self.options, *more,
                            **fast_clock(kill_shim=True, **shim))

    def calls(self, name, *more):
        """Finishes the run; returns how many write calls that took."""
        counted = self.folder / "counted"
        ended = self(name, *more, SHIM_COUNT_TO=counted)
        assert ended.returncode == 0, ended.stderr
        return int(counted.read_text())

    def saved(self, name):
        """Blocks in parts under their final names, and when those were written."""
        found = {}
        for part in (self.folder / f"{name}.part").glob("*.h5"):
            with h5py.File(part) as file:
                found.update({int(block): part.stat().st_mtime_ns for block in file["block"]})
        return found

    def check_resumes(self, name):
        """Goes on with the run: the same file, and no block that was saved is computed again."""
        saved = len(self.saved(name))
        complete = (self.folder / name).exists()
        calls = self.calls(name, "--resume")
        due = 0 if complete else self.finish_calls + CALLS_A_PART * (self.parts - saved)
        assert calls == due, (name, saved, complete)
        assert differences(self.folder / "whole.h5", self.folder / name) == []
        left = [other for other in self.program.names() if other.startswith(name)]
        assert left == [name]
        return saved


@pytest.fixture(params=KINDS)
def runs(lockstep, request):
    return Runs(lockstep, request.param)


@pytest.mark.parametrize("way", ["SHIM_KILL_AT", "SHIM_TEAR_AT"])
def test_killed_at_every_write_call(runs, way):
    seen = set()
    for n in range(1, runs.whole_calls + 1):
        name = f"k{n}.h5"
        assert runs(name, **{way: n}).returncode == -signal.SIGKILL
        before = runs.saved(name)
        if n % 3 == 0:  # killed again as it goes on
            runs(name, "--resume", **{way: max(1, n // 2)})
            if not (runs.folder / name).exists():
                assert before.items() <= runs.saved(name).items(), n
        seen.add(runs.check_resumes(name))
    assert seen >= set(range(runs.parts + 1))


def test_disk_full_at_every_write_call(runs):
    seen = set()
    for n in range(1, runs.whole_calls + 1):
        name = f"f{n}.h5"
        full = runs(name, SHIM_FULL_AT=n)
        assert full.returncode == 1 and full.stdout == "", n
        assert full.stderr.count("\n") == 1, full.stderr
        assert re.match(r"lockstep: cannot .* \(.*No space left on device.*\) .*--resume\n",
                        full.stderr), full.stderr
        assert not (runs.folder / name).exists(), n
        assert not list(runs.folder.rglob("*.tmp")), n
        again = runs(name, "--resume", SHIM_FULL_AT=1)  # still full
        assert again.returncode == 1 and not (runs.folder / name).exists(), n
        seen.add(runs.check_resumes(name))
    assert seen >= set(range(runs.parts + 1))


def test_signal_while_the_disk_is_full(runs):
    """What cannot be saved on the way out is a failure, not an interruption."""
    ended = runs("s.h5", SHIM_FULL_AT=1, STOP_AT=7)
    assert ended.returncode == 1 and "No space left on device" in ended.stderr
    runs.check_resumes("s.h5")
