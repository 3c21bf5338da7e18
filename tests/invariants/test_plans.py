"""What no plan may break, whatever the study: a step is never shorter than one microbatch's way
through all stages, and no chip computes above its kernels' share of the peak."""

import itertools
import random
import re

import pytest
import xarray

PEAK = {"H100": 989.4e12, "H200": 989.4e12, "GB200": 2500e12, "TPUv4": 275e12}  # BF16, datasheets
QUIET = ("fleet.chip_spread=0", "noise.step_jitter=0", "noise.operation_jitter=0")
OPEN = ("", "(none)", "none", "auto", "-")  # what a key without a value may read
LONG_RUN_STUDIES = {"checkpoint", "eviction", "failures_100k", "spares"}

PLAN = """\
[fleet]
chips = {fleet}
[job]
model_parameters = 8e9
layers = 32
hidden = 4096
sequence_length = 4096
tensor = {tensor}
pipeline = {pipeline}
microbatch_sequences = {microbatch}
tokens_per_batch = {tokens}
work_share = {share}
"""


def points(data):
    """Parameters of each design point as text, and where its values lie."""
    base = dict(line.split(" =", 1) for line in data.attrs["resolved_parameters"].splitlines())
    base = {key: value.strip() for key, value in base.items()}
    axes = data["replicas"].dims
    for place in itertools.product(*(range(data.sizes[a]) for a in axes)):
        values = dict(base)
        for axis, i in zip(axes, place):
            label = str(data[axis].values[i])
            linked = axis.split(",")
            labels = split(label[1:-1]) if len(linked) > 1 else [label]
            values.update(zip(linked, labels))
        yield values, dict(zip(axes, place))


def broken(path):
    """Invariants that a result file breaks, and how many design points it has."""
    data = xarray.load_dataset(path, engine="h5netcdf")
    found, count = [], 0
    for values, place in points(data):
        def of(key, otherwise=None, values=values):
            """Of a key, or what stands for it where the study leaves it open."""
            given = values.get("job." + key, "")
            return otherwise if otherwise is not None and given in OPEN else float(given)

        peak = max(PEAK[part.split(":")[0].strip(' "')] for part in values["fleet.chips"].split(","))
        # FP8 products go at twice the rate; an MFU counts the BF16 peak.
        efficiency = of("kernel_efficiency") * (2 if values["job.compute_precision"] == "fp8" else 1)
        efficiency = max(efficiency, of("attention_efficiency", efficiency))
        at_point = data.isel(place)
        count += 1
        if at_point["mfu"].max() > efficiency * (1 + 1e-9):
            found.append((place, "mfu", float(at_point["mfu"].max()), efficiency))
        # Chowdhery et al., PaLM (arXiv 2204.02311), appendix B; the embedding is looked up, and a
        # token passes some of the experts.
        embedding = of("vocabulary") * of("hidden")
        active = of("active_parameters", None if of("experts") else of("model_parameters"))
        width = of("heads", 1) * of("head_size", of("hidden") / of("heads", 1))
        pairs = 0.5 if values["job.attention"] == "causal" else 1
        attention = 12 * of("layers") * width * of("sequence_length") * pairs
        token = 6 * (active - embedding) + attention
        sequences = of("microbatch_sequences") * of("sequence_length") / of("context")
        way = sequences * token / (of("tensor") * peak * efficiency)
        if at_point["compute_time"].min() < way * (1 - 1e-9):
            found.append((place, "compute_time", float(at_point["compute_time"].min()), way))
    return found, count


def split(text):
    """At commas outside parentheses and double quotes."""
    return [part.strip() for part in re.split(r',(?![^()]*\))(?=(?:[^"]*"[^"]*")*[^"]*$)', text)]


def one_value_of_each(study, sections):
    """Settings that leave of each axis over keys of these sections one value, which hangs on the
    study's name: the other axes are those that shape what a chip computes."""
    sweep = study.read_text().split("[sweep]")[1]
    settings = []
    for keys, values in re.findall(r"^([^#=\n]+?) *= *(.+)$", sweep, re.M):
        keys = split(keys.strip("()"))
        if all(key.startswith(sections) for key in keys):
            chosen = random.Random(study.stem).choice(split(values))
            parts = split(chosen[1:-1]) if len(keys) > 1 else [chosen]
            settings += [f"{key}={part}" for key, part in zip(keys, parts, strict=True)]
    return settings


def quiet_run(lockstep, study, *settings):
    options = [part for setting in QUIET + settings for part in ("--set", setting)]
    lockstep.done("run", study, "-o", "r.h5", "--trials", 1, *options)
    return lockstep.folder / "r.h5"


def test_every_study_keeps_them(lockstep, repository):
    studies = sorted((repository / "experiments/studies").glob("*.ini"))
    assert len(studies) > 10
    for study in studies:
        text = study.read_text()
        if re.search("^compute_time", text, re.M):  # what a step computes is not counted
            continue
        settings = ["sampling.steps=1"]
        if "[serving]" in text:  # the chips' other use, which takes its time
            settings.append("serving.load=none")
        settings += one_value_of_each(study, ("fleet.", "topology.", "fabric.",
                                             "reliability.", "power."))
        if study.stem in LONG_RUN_STUDIES:
            settings.append("reliability.horizon=none")
        path = quiet_run(lockstep, study, *settings)
        found, count = broken(path)
        assert count >= 1 and found == [], study.stem
        path.unlink()


@pytest.mark.parametrize("number", range(24))
def test_generated_plans_keep_them(lockstep, number):
    draw = random.Random(number)
    tensor, pipeline = draw.choice([1, 2, 8]), draw.choice([1, 2, 4, 16])
    replicas = draw.choice([2, 3, 8])
    chips = tensor * pipeline * replicas
    fleet = f"H100:{chips}" if draw.random() < 0.5 else f"H100:{chips}, GB200:{chips}"
    microbatch = draw.choice([1, 2])
    each = draw.choice([1, 2, 5, 16, 40]) * (2 if "GB200" in fleet else 1)
    study = PLAN.format(fleet=fleet, tensor=tensor, pipeline=pipeline, microbatch=microbatch,
                        tokens=4096 * microbatch * replicas * each,
                        share=draw.choice(["equal", "proportional"]))
    found, count = broken(quiet_run(lockstep, lockstep.write("s.ini", study)))
    assert count == 1 and found == []


# Mixtral-like: 13e9 of 47e9 parameters for a token; all replicas of a group keep pace.
@pytest.mark.parametrize("expert, context, schedule, sharding", [
    (1, 1, "interleaved", "all_reduce"), (4, 1, "zero_bubble", "distributed_optimizer"),
    (8, 1, "dual", "distributed_optimizer"), (1, 2, "interleaved", "fsdp"),
    (4, 2, "zero_bubble", "fsdp"), (4, 1, "interleaved", "zero2")])
def test_plans_of_experts_and_contexts_keep_them(lockstep, expert, context, schedule, sharding):
    study = PLAN.format(fleet="H100:128", tensor=2, pipeline=4, microbatch=1, share="equal",
                        tokens=4096 * 16 * 8)
    study = study.replace("model_parameters = 8e9", "model_parameters = 47e9")
    study += ("active_parameters = 13e9\nexperts = 8\ntop_k = 2\nexpert_hidden = 14336\n"
              f"expert = {expert}\ncontext = {context}\nschedule = {schedule}\n"
              f"data_parallel = {sharding}\n")
    found, count = broken(quiet_run(lockstep, lockstep.write("s.ini", study)))
    assert count == 1 and found == []


# However much factors differ, a tensor group waits for the slowest of its chips: over many steps, as
# single ones may be quick, none computes above its kernels' share.
@pytest.mark.parametrize("step,operation", [(0.1, 0), (0.5, 0), (2, 0), (2, 0.02), (0, 1), (1, 1)])
def test_large_noise_keeps_the_share(lockstep, step, operation):
    study = PLAN.format(fleet="H100:8", tensor=8, pipeline=1, microbatch=1, tokens=4096 * 8,
                        share="equal")
    path = quiet_run(lockstep, lockstep.write("s.ini", study), f"noise.step_jitter={step}",
                     f"noise.operation_jitter={operation}", "job.synchronizations=1",
                     "job.overlap=0", "sampling.steps=400")
    found, count = broken(path)
    assert count == 1 and "mfu" not in [what for _, what, _, _ in found]
    assert xarray.load_dataset(path, engine="h5netcdf")["compute_time"].min() > 0


def test_they_can_be_broken(lockstep):
    study = PLAN.format(fleet="H100:64", tensor=2, pipeline=16, microbatch=1, tokens=8192,
                        share="equal")
    # Its compute alone, which is as long as the way.
    path = quiet_run(lockstep, lockstep.write("s.ini", study), "job.optimizer_bytes=0",
                     "job.free_phases=tensor_gather, tensor_scatter, pipeline")
    data = xarray.load_dataset(path, engine="h5netcdf")
    assert broken(path)[0] == []
    data["compute_time"] = data["compute_time"] * 0.99
    data["mfu"] = data["mfu"] * 40
    data.to_netcdf(lockstep.folder / "faster.h5", engine="h5netcdf")
    assert {what for _, what, _, _ in broken(lockstep.folder / "faster.h5")[0]} == {
        "compute_time", "mfu"}
