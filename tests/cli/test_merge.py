"""lockstep merge: what it refuses, in which words, and that memory does not grow with shards."""

import json
import os
import shutil
import subprocess
import sys

import h5py
import numpy
import pytest

from conftest import Program, small_study
from result_files import differences

STUDY = small_study(trials=9, steps=3, kinds="ring, tree")
BLOCKS = 10
SHARDS = ["s0.h5", "s1.h5", "s2.h5"]


@pytest.fixture(scope="module")
def made(binary, tmp_path_factory):
    """Shards and whole files, of this study and of others, made once."""
    program = Program(binary, tmp_path_factory.mktemp("made"))
    program.write("s.ini", STUDY)
    program.write("other.ini", STUDY.replace("steps = 3", "steps = 4"))
    program.done("run", "s.ini", "-q", "-o", "whole.h5")
    for i, name in enumerate(SHARDS):
        program.done("run", "s.ini", "-q", "--shard", f"{i}/3", "-o", name)
    program.done("run", "s.ini", "-q", "--shard", "1/4", "-o", "quarter.h5")
    program.done("run", "s.ini", "-q", "--shard", "1/3", "--seed", 2, "-o", "seed.h5")
    program.done("run", "other.ini", "-q", "--shard", "1/3", "-o", "study.h5")
    return program.folder


@pytest.fixture
def merge(lockstep, made):
    """A folder of one's own with all of these files, and the program in it."""
    for path in made.glob("*.h5"):
        shutil.copy(path, lockstep.folder)
    return lockstep


def edit(path, change):
    data = bytearray(path.read_bytes())
    changed = change(data)
    path.write_bytes(data if changed is None else changed)


def flip(path, dataset):
    """One bit of the values this shard holds."""
    with h5py.File(path) as file:
        values = file[dataset][()]
        value = values[~numpy.isnan(values)].ravel()[0]
    data = path.read_bytes()
    at = data.find(value.tobytes())
    assert at > 0
    edit(path, lambda bytes_: bytes_.__setitem__(at, bytes_[at] ^ 1))


def set_attribute(path, name, value):
    with h5py.File(path, "r+") as file:
        kind = file.attrs.get_id(name).dtype
        file.attrs.modify(name, numpy.array(value, kind))


def test_merge_is_the_file_of_one_process(merge):
    printed = merge.done("merge", *SHARDS, "-o", "all.h5").stdout
    assert printed == "all.h5: 10 of 10 blocks from 3 shards.\n"
    assert differences(merge.folder / "whole.h5", merge.folder / "all.h5") == []
    assert "ring" in merge.done("summary", "all.h5").stdout


BAD_SECOND = {
    "truncated": (lambda p: edit(p, lambda d: d[:len(d) // 2]), "s1.h5 is truncated ("),
    "cut in its header": (lambda p: edit(p, lambda d: d[:40]), "s1.h5 is "),
    "empty": (lambda p: p.write_bytes(b""), "s1.h5 is empty (0 bytes)"),
    "not HDF5": (lambda p: p.write_text("step_time,1\n"), "s1.h5 is not a result file ("),
    "of another program": (lambda p: h5py.File(p, "w").close(), "s1.h5 is not a result file ("),
    "a folder": (lambda p: (p.unlink(), p.mkdir()), "s1.h5 is a folder ("),
    "absent": (lambda p: p.unlink(), "s1.h5 does not exist ("),
    "a bit of a value": (lambda p: flip(p, "step_time"), "s1.h5 is damaged (block "),
    "a bit of the last variable": (lambda p: flip(p, "wait_fraction_by_generation"),
                                   "s1.h5 is damaged (block "),
    "newer schema": (lambda p: set_attribute(p, "lockstep_schema_version", b"4.0"),
                     "s1.h5 has schema version 4.0 (this program reads 3.x) use a newer program"),
    "another minor schema": (lambda p: set_attribute(p, "lockstep_schema_version", b"3.9"),
                             "s1.h5 does not belong to s0.h5 (its schema version is 3.9, here it "),
    "its study_id edited": (lambda p: set_attribute(p, "study_id", b"0" * 64), "s1.h5 is damaged ("),
}
FOREIGN = {
    "study.h5": "study.h5 does not belong to s0.h5 (its sampling.steps is 4, here it is 3)",
    "seed.h5": "seed.h5 does not belong to s0.h5 (its seed is 2, here it is 1)",
    "quarter.h5": "quarter.h5 does not belong to s0.h5 (it is one of 4 shards, here there are 3)",
    "whole.h5": "whole.h5 is a results file (",
    "s0.h5": "s0.h5 is given twice (",
    "./s0.h5": "./s0.h5 is given twice (",
    "../elsewhere/s0.h5": "../elsewhere/s0.h5 does not exist (",
}


@pytest.mark.parametrize("damage", BAD_SECOND)
def test_a_shard_that_cannot_be_used(merge, damage):
    change, message = BAD_SECOND[damage]
    change(merge.folder / "s1.h5")
    said = merge.refused("merge", *SHARDS, "-o", "all.h5")
    assert said.startswith(message), said
    if damage != "another minor schema":
        assert merge.refused("merge", "s1.h5", "-o", "all.h5", "--allow-missing").startswith(message)


@pytest.mark.parametrize("name", FOREIGN)
def test_a_shard_that_does_not_belong(merge, name):
    for options in ([], ["--allow-missing"]):
        said = merge.refused("merge", "s0.h5", name, "s2.h5", "-o", "all.h5", *options)
        assert said.startswith(FOREIGN[name]), said


def test_a_copy_of_a_shard(merge):
    shutil.copy(merge.folder / "s1.h5", merge.folder / "copy.h5")
    said = merge.refused("merge", *SHARDS, "copy.h5", "-o", "all.h5", "--allow-missing")
    assert said.startswith("copy.h5 repeats s1.h5 (both hold block ")


def test_missing_shards(merge):
    said = merge.refused("merge", "s0.h5", "s2.h5", "-o", "all.h5")
    assert "blocks are missing (not given: shard 1/3)" in said
    assert "--allow-missing" in said
    with h5py.File(merge.folder / "s1.h5") as file:
        lost = list(file["block"])
    printed = merge.done("merge", "s2.h5", "s0.h5", "-o", "gaps.h5", "--allow-missing").stdout
    assert f"{BLOCKS - len(lost)} of 10 blocks from 2 shards" in printed
    assert f"{len(lost)} blocks are missing" in printed
    incomplete = f"Incomplete: {BLOCKS - len(lost)} of 10 blocks are in the file"
    shown = merge.done("summary", "gaps.h5").stdout
    assert incomplete in shown
    with h5py.File(merge.folder / "gaps.h5") as gaps:
        held = (~numpy.isnan(gaps["step_time"][:, :, 0])).sum(axis=1)
    assert [int(line.split()[1]) for line in shown.splitlines()[-5:-3]] == list(held)
    answers = json.loads(merge.done("summary", "gaps.h5", "--variable", "mfu", "--json").stdout)
    assert [row["trials"] for row in answers["answers"]] == list(held)
    assert "Incomplete" not in merge.done("summary", "whole.h5").stdout
    with h5py.File(merge.folder / "gaps.h5") as gaps, h5py.File(merge.folder / "whole.h5") as whole:
        assert gaps.attrs["blocks_missing"] == len(lost)
        assert list(gaps["missing_block"]) == lost
        for block in range(BLOCKS):
            point, first = divmod(block, BLOCKS // 2)
            at = (point, slice(2 * first, 2 * first + 2))
            ours, theirs = gaps["step_time"][at], whole["step_time"][at]
            assert numpy.isnan(ours).all() if block in lost else (ours == theirs).all()
    assert merge.done("summary", "gaps.h5").stdout


def test_outputs(merge):
    before = (merge.folder / "whole.h5").read_bytes()
    assert merge.refused("merge", *SHARDS).startswith("no output given (")
    for output, message in [("whole.h5", "whole.h5 exists ("), ("s0.h5", "s0.h5 exists ("),
                            (".", "cannot write . (it is a folder)"),
                            ("none/all.h5", "cannot write none/all.h5 (there is no folder none)")]:
        assert merge.refused("merge", *SHARDS, "-o", output).startswith(message)
    assert merge.refused("merge", "-o", "all.h5").startswith("no file given (")
    assert (merge.folder / "whole.h5").read_bytes() == before


def test_the_output_may_be_elsewhere_and_have_spaces(merge):
    (merge.folder / "a folder").mkdir()
    merge.done("merge", *SHARDS, "-o", "a folder/all of it.h5")
    assert os.listdir(merge.folder / "a folder") == ["all of it.h5"]


# 12.5 million values: 100 MB, most of them step by step.
LARGE = """\
[sampling]
trials = 6400
steps = 650
block = 50
[fleet]
chips = H100:4
[job]
model_parameters = 1e9
layers = 8
hidden = 2048
[topology]
kind = ring
"""
# Runs a command and prints its time and the most memory [KiB] of it; as small a parent as there is,
# since a process begins with the memory that its parent had.
MEASURE = """
import json, os, resource, sys, time
start = time.monotonic()
code = os.spawnv(os.P_WAIT, sys.argv[1], sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, time.monotonic() - start, used.ru_maxrss, used.ru_utime + used.ru_stime]))
"""


def measure(program, *words):
    done = subprocess.run([sys.executable, "-I", "-S", "-c", MEASURE, str(program.path), *words],
                          cwd=program.folder, capture_output=True, text=True, check=True,
                          env=program.environment())
    code, seconds, kibibytes, cpu = json.loads(done.stdout.splitlines()[-1])
    assert code == 0, done.stderr
    return seconds, cpu, kibibytes / 1024


def test_memory_does_not_grow_with_shards(lockstep):
    lockstep.write("s.ini", LARGE)
    lockstep.done("run", "s.ini", "-q", "-o", "whole.h5")
    memory = {}
    for count in (8, 64):
        shards = [f"{count}-{i}.h5" for i in range(count)]
        for i, shard in enumerate(shards):
            lockstep.done("run", "s.ini", "-q", "--shard", f"{i}/{count}", "-o", shard)
        size = sum((lockstep.folder / shard).stat().st_size for shard in shards) / 1e6
        assert 80 < size < 160
        wall, cpu, memory[count] = measure(lockstep, "merge", *shards, "-o", f"all{count}.h5")
        print(f"merging {count} shards of {size:.0f} MB: {wall:.2f} s ({cpu:.2f} s of CPU), "
              f"{memory[count]:.1f} MiB")
        assert differences(lockstep.folder / "whole.h5", lockstep.folder / f"all{count}.h5") == []
        for shard in shards:
            (lockstep.folder / shard).unlink()
    assert memory[64] < 64
    assert memory[64] < memory[8] + 4
