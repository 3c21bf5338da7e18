"""slurm/local.sh: shards as local processes end in the file of one process."""

import os
import re
import shutil
import signal
import subprocess
import time

import h5py
import pytest

from conftest import small_study
from result_files import differences
from shims import fast_clock

STUDY = small_study(trials=12, steps=3, chips="H100:96, GB200:32", noise="straggler_fraction = 0.01",
                    axes="job.work_share = equal, proportional", title="Quickstart, smaller")


class Local:
    """The script in a folder whose name has a space, with a study that has one too."""

    def __init__(self, script, program):
        self.script = script
        self.program = program
        self.folder = program.folder
        program.write("a study.ini", STUDY)

    def start(self, *arguments, **variables):
        variables = {"LOCKSTEP": str(self.program.path), **variables}
        return subprocess.Popen([self.script, *map(str, arguments)], cwd=self.folder, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, start_new_session=True,
                                env=self.program.environment(**variables))

    def __call__(self, *arguments, code=0, **variables):
        process = self.start(*arguments, **variables)
        out, err = process.communicate(timeout=120)
        assert process.returncode == code, (process.returncode, out, err)
        return out, err

    def check(self, name="a study.h5", others=()):
        assert self.program.names() == sorted(["a study.ini", "whole.h5", name, *others])
        assert differences(self.folder / "whole.h5", self.folder / name) == []


@pytest.fixture
def local(repository, lockstep, tmp_path):
    lockstep.folder = tmp_path / "a folder"
    lockstep.folder.mkdir()
    local = Local(repository / "slurm" / "local.sh", lockstep)
    lockstep.done("run", "a study.ini", "-q", "-o", "whole.h5")
    return local


@pytest.mark.parametrize("options", [["--tasks", 4], [], ["--tasks=1"], ["--tasks", 40]])
def test_it_is_the_file_of_one_process(local, options):
    out, err = local("a study.ini", *options)
    assert "36 of 36 blocks" in out and "ocs_torus" in out and err == ""
    local.check()
    with h5py.File(local.folder / "a study.h5") as file:
        assert " --points " in file["runtime"].attrs["command_line"].decode()  # none plans again


def test_options_before_and_after_the_study(local):
    changes = ["--set", "noise.straggler_fraction=0.02", "--seed", 5, "--trials", 7]
    local.program.done("run", "a study.ini", "-q", "-o", "other.h5", *changes)
    local(*changes, "--threads", 2, "a study.ini", "--tasks", 3, "-o", "out put.h5", "-q")
    assert differences(local.folder / "other.h5", local.folder / "out put.h5") == []
    assert "step_time" in differences(local.folder / "whole.h5", local.folder / "out put.h5")


# Each shard stops itself in its third block, as if the script had been told to.
def test_stopped_and_called_again(local):
    calls = 0
    while True:
        process = local.start("a study.ini", "--tasks", 4, **fast_clock(STOP_AT=9))
        out, err = process.communicate(timeout=120)
        if process.returncode == 0:
            break
        assert process.returncode == 75 and out == "", err
        assert re.fullmatch(r"local\.sh: \d of 4 shards are complete, .*; the same command goes on\n",
                            err)
        assert "a study.h5" not in local.program.names()
        calls += 1
    assert calls > 1
    local.check()


LONG = ["--set", "noise.hop_jitter=exponential(mean=2us)", "--trials", 1600, "--tasks", 3]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT],
                         ids=lambda number: number.name)
def test_a_signal_to_the_script_stops_all_shards(local, number):
    process = local.start("a study.ini", *LONG)
    end = time.monotonic() + 60
    while len(list(local.folder.glob("*.part/lock"))) < 3 and time.monotonic() < end:
        time.sleep(0.01)
    assert process.poll() is None
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 75, (out, err)
    assert err == ("local.sh: 0 of 3 shards are complete, and what was saved of the others stays; "
                   "the same command goes on\n")
    # No shard is left behind: each would hold its lock.
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    parts = [name for name in local.program.names() if name.endswith(".part")]
    if parts:  # of a call with three tasks
        _, err = local("a study.ini", "--tasks", 4, code=2)
        assert "go on with --tasks 3, or remove it" in err


@pytest.mark.parametrize("change, message", [
    (["--set", "job.tensr=8"], "job.tensr"),
    (["--trials", "0"], "--trials"),
    (["--tasks", "0"], "--tasks 0 ("),
    (["--tasks", "x"], "--tasks x ("),
    (["--tasks"], "--tasks has no value ("),
    (["--shard", "0/2"], "no option --shard ("),
    (["--frobnicate"], "no option --frobnicate ("),
    (["--set", "sampling.until=mean(step_time) within 1%"], "has sampling.until ("),
    (["second.ini"], "too many arguments ("),
    (["--threads", "0"], "--threads 0 ("),
    (["-o", "none/x.h5"], "there is no folder none"),
])
def test_bad_input_is_refused_once(local, change, message):
    before = local.program.names()
    out, err = local("a study.ini", *change, code=2)
    lines = [line for line in err.splitlines() if not line.endswith("the same command goes on")]
    assert len(lines) == 1 and message in lines[0], err
    assert out == "" and local.program.names() == before


def test_no_study_and_no_program(local):
    assert "no study given" in local(code=2)[1]
    assert "none.ini" in local("none.ini", code=2)[1]
    assert "no program at /none (" in local("a study.ini", code=2, LOCKSTEP="/none")[1]


def test_a_shard_that_is_not_told_in_time_is_stopped(local, tmp_path):
    # The script is told while it starts a shard: its shell is, by the shard's own parent.
    program = tmp_path / "program"
    program.write_text("#!/usr/bin/env bash\n"
                       'case "$*" in run*--shard*) kill -TERM $PPID; exec sleep 100 ;; esac\n'
                       f'exec {local.program.path} "$@"\n')
    program.chmod(0o755)
    _, err = local("a study.ini", "--tasks", 2, code=75, LOCKSTEP=str(program))
    assert err.startswith("local.sh: 0 of 2 shards are complete, ")


@pytest.mark.parametrize("options, threads", [([], 3), (["--threads", 1], 1), (["--tasks", 40], 1)])
def test_tasks_share_the_processors(local, options, threads):
    local("a study.ini", "--tasks", 2, *options, SLURM_CPUS_PER_TASK="6")
    with h5py.File(local.folder / "a study.h5") as file:
        assert file["runtime"].attrs["threads"] == threads


# Names like those of the script's shards, of another seed and of no run; and of this very run.
def test_only_shards_of_this_run_are_removed(local):
    local("a study.ini", "--tasks", 3)
    for shard, options in [(0, ["--seed", 9]), (1, [])]:
        local.program.done("run", "a study.ini", "-q", "--shard", f"{shard}/3", *options,
                           "-o", f"a study.{shard}-of-3.h5")
    local.program.write("a study.2-of-3.h5", "a note")
    assert "is complete: nothing to do" in local("a study.ini", "--tasks", 3)[1]
    local.check(others=["a study.0-of-3.h5", "a study.2-of-3.h5"])


def test_a_shard_of_another_run_is_not_merged(local):
    name = "a study.0-of-3.h5"
    local.program.done("run", "a study.ini", "-q", "--shard", "0/3", "--seed", 9, "-o", name)
    before = (local.folder / name).read_bytes()
    _, err = local("a study.ini", "--tasks", 3, code=2)
    assert f"{name} holds another run (its seed is 9, here it is 1)" in err
    assert (local.folder / name).read_bytes() == before
    assert "a study.h5" not in local.program.names()


def test_a_complete_file(local):
    local("a study.ini")
    assert "is complete: nothing to do" in local("a study.ini")[1]
    local.check()
    before = (local.folder / "a study.h5").read_bytes()
    _, err = local("a study.ini", "--seed", 9, code=2)
    assert "a study.h5 holds another run (its seed is 1, here it is 9)" in err
    assert (local.folder / "a study.h5").read_bytes() == before


def test_a_failure_of_the_disk_is_passed_on(local):
    kill_shim = os.environ["LOCKSTEP_KILL_SHIM"]
    out, err = local("a study.ini", "--tasks", 2, code=1, LD_PRELOAD=kill_shim, SHIM_FULL_AT="1")
    assert out == "" and err.count("No space left on device") == 1
    local("a study.ini", "--tasks", 2)
    local.check()


def test_help_names_every_option(local):
    out, err = local("--help")
    assert err == "" and "set -euo" not in out
    for option in ["--tasks", "--threads", "-o FILE.h5", "--set", "--trials", "--seed", "75"]:
        assert option in out


def test_shellcheck(repository):
    program = shutil.which("shellcheck")
    if not program:
        pytest.skip("shellcheck is not installed: the scripts were not checked")
    checked = subprocess.run([program, *sorted((repository / "slurm").glob("*.sh"))],
                             capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
