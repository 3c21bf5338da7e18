"""describe --points and run --points: shards that are given what planning finds of the design points
write the bits of shards that plan for themselves, and refuse what is not of their study."""

import shutil

import h5py
import pytest

from conftest import Program
from noisy import FLEET, JOB, NOISE
from result_files import content, differences
from shims import fast_clock

# Serving and power are asked for at some points only; inputs are drawn for each trial, one of them
# within a law.
STUDY = f"""\
[sampling]
trials = 5
steps = 2
block = 2

{FLEET}
{JOB}tokens_per_chip = 16384
tensor = 2

{NOISE}
operation_jitter = uniform(low=0.01, high=0.03)
hop_jitter = exponential(mean=uncertain(uniform(low=1us, high=2us)))

[sweep]
topology.kind = ring, tree, ocs_torus
job.work_share = equal, isolated
(power.meter, serving.load) = (off, none), (on, none), (off, 0.5)
"""
BLOCKS = 54


@pytest.fixture(scope="module")
def program(binary, tmp_path_factory):
    """A folder with the study, `whole.h5`, which one process wrote, and its `points.h5`."""
    program = Program(binary, tmp_path_factory.mktemp("points"))
    program.write("s.ini", STUDY)
    program.done("run", "s.ini", "-q", "-o", "whole.h5")
    program.done("describe", "s.ini", "--no-estimate", "--points", "points.h5")
    return program


def test_what_is_asked_at_some_points_is_there(program):
    with h5py.File(program.folder / "whole.h5") as file:
        assert {"power_mean", "time_to_first_token", "input.job.kernel_efficiency",
                "input.noise.hop_jitter.mean"} <= set(file)
        assert file.attrs["blocks"] == BLOCKS


def test_it_holds_what_a_result_says_before_any_trial(program):
    points, whole = content(program.folder / "points.h5"), content(program.folder / "whole.h5")
    with h5py.File(program.folder / "whole.h5") as file:
        with_trials = {name for name in file if "checksums" in file[name].attrs}
    differ = {name for name in points.keys() | whole.keys() if points.get(name) != whole.get(name)}
    assert differ == {"@lockstep_file", "@header_sha256", "@blocks_missing", "trial_cost",
                      *(f"trial_cost@{name}" for name in ("units", "long_name", "_FillValue", "extents")),
                      *with_trials, *(f"{name}@checksums" for name in with_trials)}
    assert whole.keys() - points.keys() == {"@blocks_missing", *(f"{n}@checksums" for n in with_trials)}


@pytest.mark.parametrize("threads", [1, 2])
def test_shards_are_those_that_plan(program, threads):
    shards = [f"{threads}.{i}.h5" for i in range(4)]
    for i, shard in enumerate(shards):
        arguments = ["run", "s.ini", "-q", "--shard", f"{i}/4", "--threads", threads, "-o"]
        program.done(*arguments, shard, "--points", "points.h5")
        program.done(*arguments, f"planned {shard}")
        assert differences(program.folder / shard, program.folder / f"planned {shard}") == []
    program.done("merge", shards[0], f"planned {shards[1]}", *shards[2:], "-o", f"{threads}.h5")
    assert differences(program.folder / "whole.h5", program.folder / f"{threads}.h5") == []


def test_a_whole_run_may_have_them_too(program):
    program.done("run", "s.ini", "-q", "--points", "points.h5", "-o", "other.h5")
    assert differences(program.folder / "whole.h5", program.folder / "other.h5") == []


def test_stopped_and_resumed(program):
    arguments = ["run", "s.ini", "-q", "--points", "points.h5", "--shard", "1/3", "--threads", 1,
                 "-o", "stopped.h5"]
    stops = 0
    while (ended := program(*arguments, **fast_clock(STOP_AT=9))).returncode == 75:
        assert "of 18 blocks are saved" in ended.stderr
        stops += 1
        arguments += ["--resume"] if stops == 1 else []
        if stops == 2:  # a part does not care who planned
            del arguments[3:5]
    assert ended.returncode == 0, ended.stderr
    assert stops > 3
    program.done("run", "s.ini", "-q", "--shard", "1/3", "-o", "at once.h5")
    assert differences(program.folder / "at once.h5", program.folder / "stopped.h5") == []


UNTIL = ["--set", "sampling.until=mean(step_time) within 40%", "--set", "sampling.max_trials=24"]


def test_a_stopping_rule(program):
    program.done("describe", "s.ini", "--no-estimate", "--points", "until points.h5", *UNTIL)
    program.done("run", "s.ini", "-q", *UNTIL, "-o", "until.h5")
    program.done("run", "s.ini", "-q", *UNTIL, "--points", "until points.h5", "-o", "until too.h5")
    assert differences(program.folder / "until.h5", program.folder / "until too.h5") == []


# The study is the same: its shard says what was typed here.
def test_title_and_text_are_those_of_the_run(program):
    program.write("titled.ini", "title = Another\n# a note\n" + STUDY)
    arguments = ["run", "titled.ini", "-q", "--shard", "0/9", "--set", "sampling.trials=5", "-o"]
    program.done(*arguments, "titled.h5", "--points", "points.h5")
    program.done(*arguments, "planned titled.h5")
    assert differences(program.folder / "titled.h5", program.folder / "planned titled.h5") == []


@pytest.mark.parametrize("options, difference", [
    (["--seed", 5], "its seed is 1, here it is 5"),
    (["--trials", 6], "its sampling.trials is 5, here it is 6"),
    (["--set", "sweep.topology.kind=ring,tree"], "its sweep.topology.kind is "),
    (["--set", "job.hidden=2048"], "its job.hidden is 4096, here it is 2048"),
])
def test_another_study_is_refused(program, options, difference):
    message = program.refused("run", "s.ini", "-q", "--points", "points.h5", "--shard", "0/4", "-o",
                              "no.h5", *options)
    assert message.startswith(f"--points points.h5 is of another study or program ({difference}")
    assert message.endswith(") remove it and write it again with lockstep describe --points")


def cut(path):
    path.write_bytes(path.read_bytes()[:-1000])


def flip_a_cost(path):
    with h5py.File(path, "r+") as file:
        file["trial_cost"][0, 0, 0] += 1


def lose_the_costs(path):
    with h5py.File(path, "r+") as file:
        del file["trial_cost"]


def another_version(path):
    with h5py.File(path, "r+") as file:
        file.attrs["program_version"] = "0.0.1"


@pytest.mark.parametrize("change, problem", [
    (cut, "is truncated ("),
    (flip_a_cost, "is damaged (its attributes or coordinates do not match header_sha256)"),
    (lose_the_costs, "is damaged (its attributes or coordinates do not match header_sha256)"),
    (another_version, "is damaged ("),
    (lambda path: path.write_bytes(b""), "is empty ("),
    (lambda path: path.write_text("points"), "is not a result file (it is not HDF5) name a file that "
                                             "lockstep describe --points wrote"),
    (lambda path: path.unlink(), "does not exist ("),
    (lambda path: shutil.copy(path.parent / "whole.h5", path), 'is a lockstep file of kind "results" '
     "(points is needed) name the file that lockstep describe --points wrote"),
], ids=["cut", "a cost", "no costs", "a version", "empty", "text", "missing", "results"])
def test_a_damaged_file_is_refused(program, change, problem):
    broken = program.folder / "broken.h5"
    shutil.copy(program.folder / "points.h5", broken)
    change(broken)
    message = program.refused("run", "s.ini", "-q", "--points", "broken.h5", "--shard", "0/4", "-o",
                              "no.h5")
    assert message.startswith(f"broken.h5 {problem}")


@pytest.mark.parametrize("command", [["summary"], ["merge", "-o", "no.h5"]], ids=lambda c: c[0])
def test_it_is_no_result(program, command):
    assert 'is a lockstep file of kind "points" (results or shard is needed)' in \
        program.refused(*command, "points.h5")


@pytest.mark.parametrize("path, problem", [
    ("points.h5", "points.h5 exists (nothing is overwritten) remove it, or choose another --points"),
    ("none/x.h5", "cannot write none/x.h5 (there is no folder none) make it or choose another --points"),
    (".", "cannot write . (it is a folder) choose another --points"),
])
def test_where_it_cannot_be_written(program, path, problem):
    before = content(program.folder / "points.h5")
    assert program.refused("describe", "s.ini", f"--points={path}") == problem
    assert content(program.folder / "points.h5") == before
