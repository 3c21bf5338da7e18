"""slurm/submit.sh on a real Slurm: an array and its merge end in the file of one process."""

import re

import h5py
import pytest

from runs import BLOCKS_OF_SHORT, SHORT, states
from sandbox import MOST_IDS, wait_until

pytest_plugins = ["runs"]


# --set with quotes, commas and a space: two fleets, one of them mixed.
FLEETS = ["--set", 'sweep.fleet.chips="H100:96, GB200:32", "H100:64"', "--seed", 5, "--trials", 12]


def test_eight_tasks_and_a_merge(run, slurm):
    array, merge = run.submit("--tasks", 8, *FLEETS)
    slurm.wait()
    assert states(slurm, array) == {task: "COMPLETED" for task in range(8)}
    assert states(slurm, merge) == {None: "COMPLETED"}
    held = 0
    for task in range(8):
        log = run.log(array, task)
        assert log.startswith(f"shard {task} of 8 on ") and ", start 1\n" in log
        held += int(re.search(r": (\d+) of 36 blocks", log).group(1))
    assert held == 36
    assert "36 of 36 blocks from 8 shards" in run.log(merge) and "ocs_torus" in run.log(merge)
    run.whole(*FLEETS)
    run.check()
    with h5py.File(run.output) as file:
        assert " --points " in file["runtime"].attrs["command_line"].decode()  # none plans again
    assert run.status() == f"{run.output} is there: 8 shards were merged\n"


def test_ids_need_not_be_the_shards(run, slurm):
    array, merge = run.submit("--array=3-24:3%4")
    slurm.wait()
    assert states(slurm, array) == {task: "COMPLETED" for task in range(3, 25, 3)}
    for place in range(8):
        assert run.log(array, 3 + 3 * place).startswith(f"shard {place} of 8 on ")
    assert states(slurm, merge) == {None: "COMPLETED"}
    run.whole()
    run.check()


def test_more_tasks_than_an_array_may_have(run, slurm):
    *arrays, merge = run.submit("--tasks", 60)
    slurm.wait()
    assert [len(states(slurm, array)) for array in arrays] == [MOST_IDS, MOST_IDS, 60 - 2 * MOST_IDS]
    assert run.log(arrays[2], 0).startswith(f"shard {2 * MOST_IDS} of 60 on ")
    assert states(slurm, merge) == {None: "COMPLETED"}
    run.whole()
    run.check()
    blocks = [int(text) for path in (run.dir / "log").glob("*_*.log")
              for text in re.findall(r"(\d+) of 24 blocks\. lockstep", path.read_text())]
    assert len(blocks) == 60 and sum(blocks) == BLOCKS_OF_SHORT


@pytest.mark.parametrize("options, threads", [
    (["--cpus-per-task", 3], 3),
    (["-c3", "--threads=2"], 2),
    (["--ntasks", 4], 4),  # SLURM_CPUS_ON_NODE
    ([], 1),
])
def test_threads_are_what_slurm_gives(run, slurm, options, threads):
    run.submit("--tasks", 2, *options)
    slurm.wait()
    with h5py.File(run.output) as file:
        assert file["runtime"].attrs["threads"] == threads


def test_a_complete_study_is_left_alone(run, slurm):
    run.submit("--tasks", 2)
    slurm.wait()
    before, jobs = run.output.read_bytes(), slurm.all_jobs()
    ended = run.call("submit.sh", run.study, "--tasks", 2, "--time", 10)
    assert ended.stderr == f"submit.sh: {run.output} is complete: nothing to do; -o names another\n"
    ended = run.call("submit.sh", run.study, "--tasks", 2, "--time", 10, "--seed", 9, code=2)
    assert "holds another run (its seed is 1, here it is 9)" in ended.stderr
    assert run.output.read_bytes() == before and slurm.all_jobs() == jobs


def test_a_merge_removes_shards_of_its_run_only(run, slurm):
    run.submit("--tasks", 2)
    slurm.wait()
    # What a merge that was cut short leaves, and what someone put there.
    for shard, seed in [(0, 1), (1, 9)]:
        run.program.done("run", run.study, "-q", "--shard", f"{shard}/2", "--seed", seed, "-o",
                         run.dir / f"shard.{shard}-of-2.h5")
    assert "nothing to do" in run.call("merge.sh", run.dir).stderr
    assert [path.name for path in run.dir.glob("shard.*")] == ["shard.1-of-2.h5"]


def test_only_what_is_missing_is_submitted(run, slurm):
    first, _ = run.submit("--tasks", 4, "--hold")
    out = run.call("submit.sh", run.study, "--tasks", 4, "--time", 10).stdout
    assert "Nothing is missing" in out and "submitted" not in out
    slurm.run("scancel", f"{first}_[1,3]")
    (run.dir / "points.h5").unlink()  # as in a folder that an older version made
    second, merge = run.submit("--tasks", 4)
    slurm.run("scontrol", "release", first)
    slurm.wait()
    assert {0, 2} <= states(slurm, first).keys() and len(states(slurm, second)) == 2
    assert [run.log(second, task)[:13] for task in range(2)] == ["shard 1 of 4 ", "shard 3 of 4 "]
    assert states(slurm, merge) == {None: "COMPLETED"}
    run.whole()
    run.check()


def test_a_folder_belongs_to_one_run(run, slurm):
    array, merge = run.submit("--tasks", 4, "--hold")
    jobs = slurm.all_jobs()
    for other, differs in [
            (["--tasks", 5], "--tasks 4, here it is --tasks 5"),
            (["--tasks", 4, "--seed", 2], "options (none), here it is options --seed 2"),
            (["--tasks", 4, "--trials", 3], "options (none), here it is options --trials 3")]:
        ended = run.call("submit.sh", run.study, "--time", 10, *other, code=2)
        assert f"{run.dir} is of another run (of {differs}) give " in ended.stderr
    assert slurm.all_jobs() == jobs
    # A task of a study that was edited meanwhile computes nothing.
    run.program.write(run.study, SHORT.replace("steps = 3", "steps = 4"))
    slurm.run("scontrol", "release", array, merge)
    slurm.wait()
    assert states(slurm, array) == {task: "FAILED" for task in range(4)}
    assert f"{run.study} is not what was submitted (" in run.log(array, 2)
    assert states(slurm, merge) == {None: "FAILED"}
    assert not run.output.exists()


def test_a_merge_refuses_missing_shards_whenever_it_runs(run, slurm):
    array, merge = run.submit("--tasks", 4, "--hold")
    slurm.run("scontrol", "update", f"JobId={merge}", "Dependency=")
    slurm.run("scontrol", "release", merge)
    wait_until(lambda: states(slurm, merge) == {None: "FAILED"})
    assert "4 of 4 shards are missing (0-3; their logs are in " in run.log(merge)
    slurm.run("scancel", array)
