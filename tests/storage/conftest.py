"""Fixtures of the storage tests: the program that writes synthetic results, and its saboteur.

CMake passes both paths in LOCKSTEP_WRITE_SAMPLE and LOCKSTEP_KILL_SHIM.
"""

import os
import pathlib
import subprocess

import pytest


class Sample:
    """Runs write_sample in a folder of its own."""

    def __init__(self, folder):
        self.program = os.environ["LOCKSTEP_WRITE_SAMPLE"]
        self.shim = os.environ["LOCKSTEP_KILL_SHIM"]
        self.folder = pathlib.Path(folder)
        self.preload = []  # shims of every run

    def environment(self, **shim):
        preload = self.preload + ([self.shim] if shim else [])
        return {**os.environ, **({"LD_PRELOAD": ":".join(preload)} if preload else {}),
                **{f"SHIM_{key}": str(value) for key, value in shim.items()}}

    def start(self, *words):
        return subprocess.Popen([self.program, *map(str, words)], cwd=self.folder, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                stdin=subprocess.PIPE, env=self.environment())

    def __call__(self, *words, code=0, **shim):
        """Runs `write_sample words...`, the shim's SHIM_* variables set; checks the exit code.

        `code` None accepts any. Returns the finished process.
        """
        done = subprocess.run([self.program, *map(str, words)], cwd=self.folder,
                              env=self.environment(**shim), capture_output=True, text=True,
                              timeout=90)
        assert code is None or done.returncode == code, (words, done.returncode, done.stderr)
        return done

    def path(self, name):
        return self.folder / name

    def shards(self, count, prefix="s", *words):
        names = [f"{prefix}{i}.h5" for i in range(count)]
        for i, name in enumerate(names):
            self("run", name, "--shard", f"{i}/{count}", *words)
        return names

    def calls(self, *words):
        """Number of write calls a run makes."""
        self(*words, COUNT_TO=self.path("calls"))
        return int(self.path("calls").read_text())


@pytest.fixture
def sample(tmp_path):
    return Sample(tmp_path)
