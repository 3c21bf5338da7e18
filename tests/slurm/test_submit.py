"""What slurm/submit.sh and status.sh refuse, and what a dry run prints; nothing is queued."""

import os
import re
import shlex
import shutil

import pytest

pytest_plugins = ["runs"]


@pytest.mark.parametrize("arguments, message", [
    (["--set", "job.tensr=8"], "job.tensr"),
    (["--trials", "0"], "--trials"),
    (["--set", "sweep.topology.kind=rng"], "rng"),
    (["--set", "sampling.until=mean(step_time) within 1%"], "has sampling.until ("),
    (["--tasks", "0"], "--tasks 0 ("),
    (["--tasks", "x"], "--tasks x ("),
    (["--tasks"], "--tasks has no value ("),
    (["--array", "1,3"], "--array 1,3 ("),
    (["--array", "9-3"], "--array 9-3 ("),
    (["--array", "0-7"], "is for 8 tasks (--tasks says 4)"),
    (["--time", "soon"], "--time soon ("),
    (["--time", "2:00"], "--time 2:00 is 120 s ("),
    (["-t4"], "--time 4 is 240 s ("),
    (["--threads", "0"], "--threads 0 ("),
    (["--cpus-per-task", "many"], "--cpus-per-task many ("),
    (["-o", "none/x.h5"], "there is no folder none ("),
    (["-o", "back\\slash.h5"], "a backslash or line break in "),
    (["--exclusive", "--nodes=1", "second.ini"], "too many arguments ("),
])
def test_bad_input_is_refused_once(run, slurm, arguments, message):
    before, jobs = run.program.names(), slurm.all_jobs()
    ended = run.call("submit.sh", run.study, "--time", "2:00:00", "--tasks", 4, *arguments, code=2)
    lines = [line for line in ended.stderr.splitlines() if "does not check (see above)" not in line]
    assert len(lines) == 1 and message in lines[0], ended.stderr
    assert ended.stdout == ""
    assert run.program.names() == before and slurm.all_jobs() == jobs and slurm.queue() == []


@pytest.mark.parametrize("arguments, message", [
    ([], "no study given ("),
    (["s.ini"], "--tasks is not given ("),
    (["s.ini", "--tasks", 3], "--time is not given ("),
    (["s.ini", "t.ini", "--tasks", 3, "--time", 9], "too many arguments (s.ini and t.ini)"),
    (["s.ini", "--tasks", 3, "--time", 9], "s.ini"),
])
def test_what_is_due_is_named(run, arguments, message):
    assert message in run.call("submit.sh", *arguments, code=2).stderr


LONG = ["--set", "sampling.steps=16777216", "--set", "fleet.chips=H100:65536"]  # hours


@pytest.mark.parametrize("time, left", [
    (["--time", "5"], 120),
    (["--time", "0:05:00", "--signal=B:USR1@60"], 240),
    (["--time", "0:05:00", "--signal", "B:USR1@200"], 100),
    (["--time", "0:05:00", "--signal=B:USR1"], 240),
], ids=str)
def test_a_block_that_would_never_be_saved(run, time, left):
    ended = run.call("submit.sh", run.study, "--tasks", 4, *time, *LONG, code=2)
    lines = ended.stderr.splitlines()
    assert len(lines) == 1 and ended.stdout == ""
    duration = time[1]
    found = re.fullmatch(rf"submit\.sh: a block takes about (\d+) s \(--time {duration} leaves {left}"
                         r" s until the task is told to stop, and what is under way then is lost\) "
                         r"set --time (\d+):(\d\d):00(?:, or --set sampling\.block=(\d+))?", lines[0])
    block, hours, minutes, fewer = found.groups()
    # Twice the block fits in what is advised.
    assert int(block) >= left and fewer is None
    notice = 300 - left
    assert 0 <= int(hours) * 3600 + int(minutes) * 60 - notice - 2 * int(block) < 60
    assert run.program.names() == [run.study]


def test_smaller_blocks_are_advised(run):
    options = ["--set", "sampling.block=65536", "--trials", 65536, "--set",
               "sampling.steps=20000"]
    ended = run.call("submit.sh", run.study, "--tasks", 4, "--time", 5, *options, code=2)
    fewer = re.search(r"or --set sampling\.block=(\d+)$", ended.stderr).group(1)
    assert 1 < int(fewer) < 32768
    run.call("submit.sh", run.study, "--tasks", 4, "--time", 5, *options, "--set",
             "sampling.block=1", "--dry-run")


def test_no_program_and_no_slurm(run, tmp_path):
    call = ["submit.sh", run.study, "--tasks", 3, "--time", "1-0"]
    assert "no program at /none (" in run.call(*call, code=2, LOCKSTEP="/none").stderr
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ["bash", "env", "basename", "dirname", "realpath", "sed", "seq"]:
        (tools / tool).symlink_to(shutil.which(tool))
    assert "no sbatch here (" in run.call(*call, code=2, PATH=str(tools)).stderr


def test_what_sbatch_refuses_leaves_nothing(run, slurm, tmp_path):
    # The first array is taken, the second refused, as where a user may queue so many jobs.
    stub = tmp_path / "sbatch"
    stub.write_text("#!/usr/bin/env bash\n"
                    'case "$*" in *26-51) echo "a limit is reached" >&2; exit 1 ;; esac\n'
                    f'exec {shutil.which("sbatch")} "$@"\n')
    stub.chmod(0o755)
    jobs = slurm.all_jobs()
    ended = run.call("submit.sh", run.study, "--tasks", 60, "--time", 9, "--hold", code=1,
                     PATH=f"{tmp_path}:{slurm.variables['PATH']}")
    assert "a limit is reached" in ended.stderr and "sbatch refused (" in ended.stderr
    assert slurm.all_jobs() > jobs and slurm.queue() == []
    # The real one refuses at once.
    ended = run.call("submit.sh", run.study, "--tasks", 60, "--time", 9, "--partition", "x", code=1)
    assert "invalid partition" in ended.stderr and slurm.queue() == []


def test_a_dry_run_prints_and_submits_nothing(run, slurm):
    before, jobs = run.program.names(), slurm.all_jobs()
    out = run.call("submit.sh", run.study, "--tasks", 60, "--time", 9, "-c", 2, "--set",
                   "title=It's \"so\"", "--account", "a b", "--dry-run").stdout
    assert run.program.names() == before and slurm.all_jobs() == jobs
    commands = [shlex.split(line) for line in out.splitlines() if line.startswith("sbatch ")]
    assert [word for command in commands for word in command if word.startswith("--array=")] == \
        ["--array=0-25:1", "--array=0-25:1", "--array=0-7:1"]
    assert commands[1][-3:] == [str(run.scripts / "array.sh"), str(run.dir), "26-51"]
    assert "--dependency=afterany:JOB1:JOB2:JOB3" in commands[3]
    assert all("a b" in command and "--time=9" in command for command in commands)
    for script in ["array.sh", "merge.sh"]:
        assert (run.scripts / script).read_text() in out
    assert "design points" in out and "for each of 60 tasks with 2 threads" in out and "(estimate" in out
    assert "not submitted: 60 tasks" in out and f"result: {run.output}\n" in out


def test_a_dry_run_needs_no_slurm(run):
    out = run.call("submit.sh", run.study, "--tasks", 1002, "--time", 9, "--dry-run",
                   PATH="/nowhere:/usr/bin:/bin", SLURM_CONF=os.devnull).stdout
    assert "--array=0-1000:1" in out and "--array=0-0:1" in out  # Slurm's default MaxArraySize


@pytest.mark.parametrize("arguments, message", [
    ([], "no folder given ("),
    (["none"], "none does not exist ("),
    (["."], ". is not the folder of a run ("),
    (["a", "b"], "too many arguments ("),
    (["--frobnicate"], "no option --frobnicate ("),
])
def test_status_refuses(run, arguments, message):
    assert message in run.call("status.sh", *arguments, code=2).stderr


@pytest.mark.parametrize("script, options", [
    ("submit.sh", ["--tasks", "--array", "--time", "--partition", "--dry-run", "-o FILE.h5", "--set"]),
    ("status.sh", ["DIR", "--resubmit"]),
])
def test_help_names_every_option(run, script, options):
    out = run.call(script, "--help").stdout
    assert "set -euo" not in out and all(option in out for option in options)
