"""A study cut in shards, stopped and resumed, merges into the file of one process."""

import os
import re

import h5py
import numpy
import pytest

from conftest import Program
from noisy import FLEET, JOB, NOISE
from result_files import differences
from shims import fast_clock

LEVELS = ["sse2", "avx2", "avx512"]
THREADS = [1, 2, 7]
SHARDS = [1, 3, 16]

# Every cause of noise, every topology, and an input drawn for each trial: 6 points of 4 blocks, the
# last of each shorter, so that 16 shards hold one or two.
STUDY = f"""\
[sampling]
trials = 7
steps = 2
warmup_steps = 1
block = 2

{FLEET}
{JOB}tokens_per_chip = 16384

{NOISE}
[sweep]
topology.kind = ring, tree, ocs_torus
job.work_share = equal, proportional
"""
BLOCKS = 24


@pytest.fixture(scope="module")
def program(binary, tmp_path_factory):
    """A folder with the study and `whole.h5`, which one process wrote."""
    program = Program(binary, tmp_path_factory.mktemp("shards"))
    program.write("s.ini", STUDY)
    program.done("run", "s.ini", "-q", "-o", "whole.h5", "--threads", 1)
    return program


def held(path):
    with h5py.File(path) as file:
        return [int(block) for block in file["block"]] if "block" in file else []


def run_stopped(program, *arguments, stop_in_block, **variables):
    """Runs it in sessions that are stopped during a block of theirs; returns how many were."""
    arguments = ("run", "s.ini", "-q", *arguments)
    stops = 0
    resume = []
    while True:
        # Four looks at the clock come before the first block, two belong to each.
        ended = program(*arguments, *resume, **fast_clock(STOP_AT=3 + 2 * stop_in_block, **variables))
        if ended.returncode == 0:
            return stops
        assert ended.returncode == 75, ended.stderr
        saved, of = map(int, re.search(r"\((\d+) of (\d+) blocks are saved\)", ended.stderr).groups())
        assert 0 < saved < of
        stops += 1
        assert stops < 20
        resume = ["--resume"]


@pytest.mark.parametrize("stopped", [False, True], ids=["at once", "stopped"])
@pytest.mark.parametrize("count", SHARDS)
@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("level", LEVELS)
def test_merged_shards_are_the_one_process_file(program, level, threads, count, stopped):
    if program("describe", "s.ini", LOCKSTEP_SIMD=level).returncode != 0:
        pytest.skip(f"this processor has no {level}: it was not compared")
    name = f"{level}-{threads}-{count}-{stopped}"
    shards = [f"{name}.{i}.h5" for i in range(count)]
    stops = 0
    for i, shard in enumerate(shards):
        arguments = ["-o", shard, "--threads", threads]
        if count > 1 or threads == 2:  # one process is a shard of one too
            arguments += ["--shard", f"{i}/{count}"]
        if stopped:
            # 16 shards have one to three blocks.
            stops += run_stopped(program, *arguments, stop_in_block=1 if count == 16 else 3,
                                 LOCKSTEP_SIMD=level)
        else:
            program.done("run", "s.ini", "-q", *arguments, LOCKSTEP_SIMD=level)
    # Two blocks are in flight for each thread: several may take all of a small shard at once.
    surely = threads == 1 or BLOCKS / count > 2 * threads
    assert not stopped or stops > 0 or not surely
    whole = f"{name}.h5"
    if count == 1 and threads != 2:
        os.rename(program.folder / shards[0], program.folder / whole)
    else:
        program.done("merge", *reversed(shards), "-o", whole)
        assert sorted(block for shard in shards for block in held(program.folder / shard)) == \
            list(range(BLOCKS))
    assert not [name for name in program.names() if name.endswith((".part", ".tmp"))]
    assert differences(program.folder / "whole.h5", program.folder / whole) == []
    for path in program.folder.glob(f"{name}*"):
        path.unlink()


def test_another_seed_in_every_shard_differs(program):
    for i in range(3):
        program.done("run", "s.ini", "-q", "--seed", 9, "--shard", f"{i}/3", "-o", f"other{i}.h5")
    program.done("merge", *(f"other{i}.h5" for i in range(3)), "-o", "other.h5")
    different = differences(program.folder / "whole.h5", program.folder / "other.h5")
    assert "step_time" in different and "input.job.kernel_efficiency" in different


# As on a cluster: more tasks than blocks.
def test_shards_without_blocks(program):
    shards = [f"many{i}.h5" for i in range(40)]
    for i, shard in enumerate(shards):
        printed = program.done("run", "s.ini", "--shard", f"{i}/40", "-o", shard).stdout
        assert f"{len(held(program.folder / shard))} of 24 blocks" in printed
    counts = [len(held(program.folder / shard)) for shard in shards]
    assert sorted(counts) == [0] * 16 + [1] * 24
    program.done("merge", *shards, "-o", "many.h5")
    assert differences(program.folder / "whole.h5", program.folder / "many.h5") == []
    # One without blocks may be left out: nothing is missing.
    program.done("merge", *(s for s, n in zip(shards, counts) if n), "-o", "few.h5")
    assert differences(program.folder / "whole.h5", program.folder / "few.h5") == []


@pytest.mark.parametrize("i, count", [(1, 3), (39, 40)], ids=["some blocks", "no block"])
def test_a_shard_is_readable_by_itself(program, i, count):
    xarray = pytest.importorskip("xarray", reason="python3-xarray is not installed")
    name = f"alone{i}.h5"
    program.done("run", "s.ini", "-q", "--shard", f"{i}/{count}", "-o", name)
    with xarray.open_dataset(program.folder / name, engine="h5netcdf") as shard, \
            xarray.open_dataset(program.folder / "whole.h5", engine="h5netcdf") as whole:
        assert shard.attrs["lockstep_file"] == "shard"
        assert (shard.attrs["shard_index"], shard.attrs["shard_count"]) == (i, count)
        assert shard.attrs["blocks"] == BLOCKS
        blocks = [int(b) for b in shard["block"]] if "block" in shard.sizes else []
        assert shard.attrs["blocks_held"] == len(blocks)
        assert 0 < len(blocks) < BLOCKS if count == 3 else not blocks
        assert {"topology.kind", "job.work_share", "trial", "step"} <= set(shard.sizes)
        point_blocks = -(-shard.sizes["trial"] // int(shard.attrs["block_trials"]))
        for block in range(BLOCKS):
            point, first = divmod(block, point_blocks)
            at = {"topology.kind": point // 2, "job.work_share": point % 2,
                  "trial": slice(2 * first, 2 * first + 2)}
            ours, theirs = shard.step_time.isel(at).values, whole.step_time.isel(at).values
            assert theirs.size and not numpy.isnan(theirs).any()
            assert (ours == theirs).all() if block in blocks else numpy.isnan(ours).all()


@pytest.mark.parametrize("name, command, variables", [
    ("threads", ["--threads", 7], {}),
    ("level", [], {"LOCKSTEP_SIMD": "sse2"}),
    ("openmp", [], {"OMP_NUM_THREADS": "3", "OMP_DYNAMIC": "true"}),
    ("locale and zone", [], {"LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo"}),
    ("task of Slurm", [], {"SLURM_CPUS_PER_TASK": "5", "SLURM_ARRAY_TASK_ID": "2"}),
    ("title and seed", ["--seed", 77], {}),
])
def test_the_split_is_a_function_of_the_study(program, name, command, variables):
    for i, count in [(0, 3), (2, 3), (11, 16)]:
        here, there = f"{name} {i}-{count} here.h5", f"{name} {i}-{count} there.h5"
        program.done("run", "s.ini", "-q", "--shard", f"{i}/{count}", "-o", here, "--threads", 1)
        program.done("run", "s.ini", "-q", "--shard", f"{i}/{count}", "-o", there,
                     *command, **variables)
        assert held(program.folder / here) == held(program.folder / there) != []


@pytest.mark.parametrize("shard", ["3/3", "-1/3", "0/0", "1", "a/b", "0/99999999999"])
def test_no_such_shard(program, shard):
    assert program.refused("run", "s.ini", f"--shard={shard}").startswith(f"--shard {shard} (I/N ")


# Rings first, as a split by number would have them: the first shard would have all the work.
UNEVEN = """\
[sampling]
trials = 24
block = 1
steps = 4
[fleet]
chips = H100:64
[job]
model_parameters = 8e9
[noise]
straggler_fraction = 0.01
[sweep]
(topology.kind, fleet.chips) = (ring, H100:4096), (tree, H100:64)
"""


def test_shards_of_a_mixed_study_cost_about_the_same(lockstep):
    count, point_blocks = 4, 24
    lockstep.write("u.ini", UNEVEN)
    rings, seconds = [], []
    for i in range(count):
        lockstep.done("run", "u.ini", "-q", "--shard", f"{i}/{count}", "-o", f"{i}.h5",
                      "--threads", 1)
        with h5py.File(lockstep.folder / f"{i}.h5") as file:
            rings.append(sum(block < point_blocks for block in held(lockstep.folder / f"{i}.h5")))
            seconds.append(float(file["runtime"].attrs["cpu_s"]))
    print(f"blocks of the ring {rings}, CPU time {seconds} s")
    assert max(rings) - min(rings) <= 1 and sum(rings) == point_blocks
    # Split by number the first two shards would do everything: 2 to 0.
    mean = sum(seconds) / count
    assert max(seconds) < 1.5 * mean and min(seconds) > 0.5 * mean
