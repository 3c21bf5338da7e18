"""The examples of analysis/README.md run as printed, on a real file."""

import os
import re
import shutil
import subprocess
import sys

import pytest

# Language of a block: the command that runs it, and words of what it prints.
RUN = {"python": ([sys.executable, "-c"], ["[0] [2] {'value': ", "topology.kind", "proportional"]),
       "r": (["Rscript", "-e"], ["Paired t-test", "straggler_fraction = 0.01"]),
       "matlab": (["octave-cli", "--eval"], ["[1,2] = tree", " s +- ", "straggler_fraction = 0.01"]),
       "sh": (["sh", "-ec"], ["step_time:units", "straggler_fraction = 0.01", "waiting"])}


def blocks(repository):
    text = (repository / "analysis/README.md").read_text()
    return {language: (star, code) for star, language, code in re.findall(
        r"^## [^\n*]*?( \\\*)?\n\n```(\w+)\n(.*?)^```", text, re.S | re.M)}


def test_the_starred_blocks_are_those_that_run(repository):
    found = blocks(repository)
    assert {language for language, (star, _) in found.items() if star} == set(RUN)
    assert len(found) == 5
    for _, code in found.values():
        assert 5 <= len(code.splitlines()) <= 13


@pytest.mark.parametrize("language", RUN)
def test_a_block_runs(repository, results, binary, tmp_path, language):
    command, words = RUN[language]
    if not shutil.which(command[0]):
        pytest.skip(f"NOT RUN: {command[0]} is not installed")
    (tmp_path / "analysis").symlink_to(repository / "analysis")
    (tmp_path / "lockstep").symlink_to(binary)
    shutil.copy(results / "mixed.h5", tmp_path / "results.h5")
    code = blocks(repository)[language][1]
    if language == "matlab":
        code = "pkg load netcdf\n" + code
    ended = subprocess.run([*command, code], cwd=tmp_path, text=True,
                           capture_output=True, timeout=120, check=False,
                           env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert ended.returncode == 0, ended.stderr
    for word in words:
        assert word in ended.stdout
