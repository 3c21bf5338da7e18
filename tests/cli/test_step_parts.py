"""The parts of a step without noise in the file: those that describe prints, their sum the step."""

import json
import re

import h5py
import numpy
import pytest

from conftest import Program
from result_files import content, differences
from shims import fast_clock

# Phases differ along the last axis. No noise, so that every step of a trial is the sum.
STUDY = """\
[sampling]
trials = 6
steps = 2
block = 2
[fleet]
chips = H200:64, H100:192
chip_spread = 0
[job]
model_parameters = 8e9
layers = 32
hidden = 4096
tensor = 2
pipeline = 2
virtual_stages = 1
tokens_per_chip = 16384
[noise]
step_jitter = 0
operation_jitter = 0
[sweep]
(topology.kind, job.work_share) = (ring, equal), (switch_reduce, proportional), (ring, isolated)
job.data_parallel = all_reduce, distributed_optimizer, fsdp
"""
POINTS, BLOCKS = 9, 27
# Of experts, contexts and shards of shards: every phase but those of the study above.
EXPERTS = """\
[sampling]
trials = 1
[fleet]
chips = H100:128
chip_spread = 0
[job]
model_parameters = 47e9
active_parameters = 13e9
layers = 32
hidden = 4096
experts = 8
top_k = 2
expert = 4
context = 2
tokens_per_chip = 16384
[noise]
step_jitter = 0
operation_jitter = 0
[sweep]
(job.data_parallel, job.shard_group) = (all_reduce, auto), (distributed_optimizer, auto), (hsdp, 16)
"""
WITHOUT = {"compute", "bubble", "clipping", "optimizer"}  # calls, since they are no phases


class Parts:
    """Time and what is exposed of each part, as h5py reads them: (points, parts) in order."""

    def __init__(self, path):
        with h5py.File(path) as file:
            self.names = [name.decode() for name in file["phase"][()]]
            for name in ("phase_time", "phase_exposed"):
                assert [d[0].name for d in file[name].dims][-1] == "/phase"
                assert file[name].attrs["units"] == b"s"
            self.time = file["phase_time"][()].reshape(-1, len(self.names))
            self.exposed = file["phase_exposed"][()].reshape(-1, len(self.names))
            self.whole = file["noise_free_step_time"][()].ravel()
            self.steps = file["step_time"][()]

    def of(self, point, name):
        at = self.names.index(name)
        return self.time[point, at], self.exposed[point, at]


@pytest.fixture(scope="module")
def program(binary, tmp_path_factory):
    program = Program(binary, tmp_path_factory.mktemp("parts"))
    for name, text in [("s", STUDY), ("experts", EXPERTS)]:
        program.write(f"{name}.ini", text)
        program.done("run", f"{name}.ini", "-q", "-o", f"{name}.h5")
    return program


def tables(program, *arguments):
    """[{part: its other cells}] of the first design points, as describe prints them."""
    text = program.done("describe", *arguments, "--no-estimate").stdout
    found = re.findall(r"^part of a step  .*\n((?:.+\n)*?step without noise .+\n)", text, re.M)
    return [{name: cells for name, *cells in (re.split("  +", row.strip())
                                              for row in rows.splitlines())} for rows in found]


@pytest.mark.parametrize("study", ["s", "experts"])
def test_the_file_holds_what_describe_prints(program, study):
    parts = Parts(program.folder / f"{study}.h5")
    printed = tables(program, f"{study}.ini")
    assert len(printed) == 3, "describe prints the first three points, which have other phases each"
    seen = set()
    for point, rows in enumerate(printed):
        whole = rows.pop("step without noise")
        assert parts.whole[point] == pytest.approx(float(whole[0]), rel=1e-3)
        for name in parts.names:
            time, exposed = parts.of(point, name)
            if name not in rows:
                assert time == exposed == 0, name
            elif name in WITHOUT:
                assert time == exposed == pytest.approx(float(rows[name][0]), rel=1e-3)
            else:
                _, _, calls, each, hidden, shown, _ = rows[name]
                assert time == pytest.approx(float(calls) * float(each), rel=2e-3)
                assert exposed == pytest.approx(float(shown), rel=1e-3, abs=1e-12)
                assert max(0, time - exposed) == pytest.approx(float(hidden), rel=1e-3,
                                                               abs=1e-9 * time)
        assert set(rows) <= set(parts.names)
        assert [name for name in parts.names if name in rows] == list(rows), "in this order"
        seen |= set(rows)
    assert len(set(map(tuple, printed))) == 3
    assert {"s": {"tensor_gather", "pipeline", "gradients_summed", "weights_forward"},
            "experts": {"context", "dispatch", "expert_gradients_summed", "expert_parameters",
                        "gradients_across"}}[study] <= seen


# What the program computes step by step from messages is told by the parts, to rounding.
@pytest.mark.parametrize("study", ["s", "experts"])
def test_parts_add_up_to_the_steps_of_a_run_without_noise(program, study):
    parts = Parts(program.folder / f"{study}.h5")
    total = parts.exposed.sum(axis=1)
    assert total == pytest.approx(parts.whole, rel=1e-12)
    steps = parts.steps.reshape(len(total), -1)
    assert (numpy.abs(steps / total[:, None] - 1) < 1e-12).all()
    assert (parts.exposed >= 0).all() and (parts.time >= 0).all()
    # No part is there for nothing: without it some sum is wrong.
    for name in ("compute", "clipping", "optimizer") + (("bubble",) if study == "s" else ()):
        assert (parts.exposed[:, parts.names.index(name)] > 1e-6 * total).any(), name


def test_of_jobs_side_by_side_it_is_the_longest(program):
    """describe has a table of each, H200 and H100."""
    alone = tables(program, "s.ini", "--set", "topology.kind=ring", "--set",
                   "job.work_share=isolated", "--set", "job.data_parallel=all_reduce")
    assert len(alone) == 2
    shorter, longest = alone
    assert float(longest["step without noise"][0]) > float(shorter["step without noise"][0])
    parts = Parts(program.folder / "s.h5")
    for name, cells in longest.items():
        if name in parts.names:
            assert parts.of(6, name)[1] == pytest.approx(float(cells[-2]), rel=1e-3, abs=1e-12)


def test_shards_have_all_points_and_merge_to_the_same_bits(program):
    whole = content(program.folder / "s.h5")
    shards = [f"s.{i}.h5" for i in range(4)] + ["s.none.h5"]
    for i, shard in enumerate(shards[:4]):
        program.done("run", "s.ini", "-q", "--shard", f"{i}/4", "-o", shard)
    program.done("run", "s.ini", "-q", "--shard", "39/40", "-o", "s.none.h5")
    for shard in shards:
        held = content(program.folder / shard)
        for name in ("phase", "phase_time", "phase_exposed", "noise_free_step_time"):
            assert held[name] == whole[name], (shard, name)
    program.done("merge", *shards[3::-1], "-o", "merged.h5")
    assert differences(program.folder / "s.h5", program.folder / "merged.h5") == []
    program.done("merge", *shards[1:4], "--allow-missing", "-o", "gaps.h5")
    gaps = content(program.folder / "gaps.h5")
    assert all(gaps[name] == whole[name] for name in ("phase_time", "phase_exposed"))
    assert gaps["step_time"] != whole["step_time"]


def test_a_resumed_run_has_the_same_bits(program):
    arguments = ["run", "s.ini", "-q", "-o", "resumed.h5", "--threads", 1]
    ended = program(*arguments, **fast_clock(STOP_AT=20))
    assert ended.returncode == 75, ended.stderr
    saved, of = map(int, re.search(r"\((\d+) of (\d+) blocks", ended.stderr).groups())
    assert 0 < saved < of == BLOCKS
    program.done(*arguments, "--resume")
    assert differences(program.folder / "s.h5", program.folder / "resumed.h5") == []


def test_the_summary_tells_what_is_not_nothing(program):
    told = json.loads(program.done("summary", "s.h5", "--json", "--points", "8,1").stdout)
    parts = Parts(program.folder / "s.h5")
    for row in told["points"]:
        for variable, values in [("phase_time", parts.time), ("phase_exposed", parts.exposed)]:
            kept = {name: value for name, value in zip(parts.names, values[row["point"]]) if value}
            assert row["known"][variable] == kept and list(row["known"][variable]) == list(kept)
            assert 5 < len(kept) < len(parts.names)
        assert row["known"]["noise_free_step_time"] == parts.whole[row["point"]]


def test_uncertain_inputs_stand_at_their_means(program):
    for name, overlap in [("drawn", "uniform(low=0.25, high=0.75)"), ("mean", "0.5"),
                          ("other", "0.75")]:
        program.done("run", "s.ini", "-q", "--trials", 2, "--set", f"job.overlap={overlap}", "-o",
                     f"{name}.h5")
    drawn, mean, other = (content(program.folder / f"{name}.h5")["phase_exposed"]
                          for name in ("drawn", "mean", "other"))
    assert drawn == mean != other


def test_free_phases_take_no_time(program):
    program.done("run", "s.ini", "-q", "--trials", 1, "--set", "job.free_phases=pipeline,gradients",
                 "-o", "free.h5")
    free, with_them = Parts(program.folder / "free.h5"), Parts(program.folder / "s.h5")
    for point in range(POINTS):
        assert free.of(point, "pipeline") == free.of(point, "gradients") == (0, 0)
        assert with_them.of(point, "pipeline")[0] > 0
    assert with_them.of(1, "gradients")[1] > 0
