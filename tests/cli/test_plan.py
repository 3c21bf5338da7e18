"""What lockstep plan finds, held against a describe or a run of every plan, and what it refuses."""

import itertools
import json
import re

import pytest

# 6 layers: with embedding and head 8, so that pipelines of both sorts are tried.
SMALL = """title = Small
[sampling]
steps = 3
[fleet]
chips = {chips}
{fleet}
[job]
model_parameters = 1.5e9
layers = 6
hidden = 4096
feed_forward = 16384
heads = 8
kv_heads = 8
vocabulary = 32000
sequence_length = 4096
tokens_per_batch = 524288
{job}
[topology]
kind = {kind}
"""


def study(chips="H100:16", kind="nccl", job="", fleet=""):
    return SMALL.format(chips=chips, kind=kind, job=job, fleet=fleet)


def searched(lockstep, *options, threads=1):
    """The answer as JSON of the study s.ini."""
    return json.loads(lockstep.done("plan", "s.ini", "--json", "--threads", threads, *options).stdout)


def described_step(lockstep, plan):
    """Step without noise of a plan and what a chip needs beyond its memory; none where it is
    impossible."""
    settings = [text for key, value in plan.items() for text in ("--set", f"{key}={value}")]
    ended = lockstep("describe", "s.ini", "--no-estimate", *settings)
    if ended.returncode == 2:
        return None
    step = float(re.search(r"^step without noise +(\S+)", ended.stdout, re.M).group(1))
    return step, "do not fit" in ended.stdout


def schedules(pipeline, microbatches):
    """Those that a pipeline can have: DualPipe's pairs stages and wants two microbatches each."""
    if pipeline == 1:
        return ["interleaved"]
    pairs = pipeline % 2 == 0 and microbatches >= 2 * pipeline
    return ["interleaved", "zero_bubble"] + ["dual"] * pairs


def all_plans(chips):
    """Every plan of the small study but for virtual stages, context and recomputation."""
    for tensor, pipeline in itertools.product((1, 2, 4, 8), (1, 2, 3, 4, 6)):
        replicas = chips // (tensor * pipeline)
        sharding = [("all_reduce", "auto"), ("distributed_optimizer", "auto"), ("zero2", "auto"),
                    ("fsdp", "auto")]
        groups = [g for g in (2, 4, 8) if g <= replicas / 2]
        if replicas < 2:
            sharding = sharding[1:2]
        for (kind, group), microbatch in itertools.product(
                sharding + [("hsdp", g) for g in groups], (1, 2, 4, 8, 16, 32, 64, 128)):
            if replicas > 0 and microbatch * replicas <= 128:
                for schedule in schedules(pipeline, 128 // replicas // microbatch):
                    yield {"job.tensor": tensor, "job.pipeline": pipeline,
                           "job.schedule": schedule, "job.data_parallel": kind,
                           "job.shard_group": group, "job.microbatch_sequences": microbatch}


REST = "virtual_stages = auto\ncontext = 1\nrecompute = none"


@pytest.mark.parametrize("chips, kind, job, fleet, microbatches", [
    ("H100:16", "nccl", "", "", 3),
    # Two generations, of which the slower hold less: their step counts, or each its share.
    ("H100:8, GB200:8", "ring", "", "", 1),
    ("H100:8, GB200:8", "ring", "work_share = proportional", "", 1),
    ("H100:16", "torus", "", "", 1),
])
def test_the_best_are_those_of_a_search_by_hand(lockstep, chips, kind, job, fleet, microbatches):
    # All microbatches of the interleaved schedule, or one of all schedules.
    fixed = "\nschedule = interleaved" if microbatches == 3 else "\nmicrobatch_sequences = 1"
    lockstep.write("s.ini", study(chips, kind, REST + fixed + "\n" + job, fleet))
    possible, too_large = [], 0
    plans = [plan for plan in all_plans(16)
             if (plan["job.schedule"] == "interleaved" if microbatches == 3 else
                 plan["job.microbatch_sequences"] == 1)]
    for plan in plans:
        found = described_step(lockstep, plan)
        if found is None:
            continue
        step, full = found
        too_large += full
        if not full:
            possible.append((step, plan))
    possible.sort(key=lambda found: found[0])
    answer = searched(lockstep, "--top", 8, "--trials", 2)
    assert answer["plans_tried"] == len(plans)
    found = sorted(answer["plans"], key=lambda plan: plan["step_time_without_noise"])
    assert len(found) == 8
    for plan in found:
        step, full = described_step(lockstep, plan["plan"])
        assert not full
        assert step == pytest.approx(plan["step_time_without_noise"], rel=1e-3)
    # Steps are shown to four digits; all chips of the fleet are busy in the best, or its peak
    # counts all the same, so that the shortest step is the highest MFU.
    worst = found[-1]["step_time_without_noise"]
    for step, plan in possible[:8]:
        assert step <= worst * 1.001, plan
    assert found[0]["step_time_without_noise"] == pytest.approx(possible[0][0], rel=1e-3)
    assert len(possible) > 12 and possible[-1][0] > 1.2 * possible[0][0]  # there is a choice


def test_trials_are_those_of_a_run_with_the_lines(lockstep):
    lockstep.write("s.ini", study(job="context = 1"))
    answer = searched(lockstep, "--top", 2, "--trials", 4)
    means = [plan["mfu"]["value"] for plan in answer["plans"]]
    assert means == sorted(means, reverse=True)
    ran = []
    for number, plan in enumerate(answer["plans"]):
        lines = plan["study_lines"].removeprefix("[job]\n")
        name = f"p{number}"
        lockstep.write(f"{name}.ini", study(job="context = 1\n" + lines))
        lockstep.done("run", f"{name}.ini", "-q", "--trials", 4)
        summary = json.loads(lockstep.done("summary", f"{name}.h5", "--json").stdout)
        means = {answer["variable"]: answer["mean"]["value"] for answer in summary["answers"]
                 if "dimension" not in answer}
        ran.append(means["mfu"])
        assert means["mfu"] == pytest.approx(plan["mfu"]["value"], rel=1e-12)
        assert means["step_time"] == pytest.approx(plan["step_time"]["value"], rel=1e-12)
    less = answer["plans"][1]["mfu_less_best"]
    assert less["value"] == pytest.approx(ran[1] - ran[0], abs=1e-12)
    assert less["lower"] <= less["value"] <= less["upper"]
    assert answer["plans"][0]["mfu_less_best"]["value"] == 0


def test_what_the_study_sets_stays(lockstep):
    free = study()
    lockstep.write("s.ini", free)
    best = searched(lockstep, "--trials", 2)["plans"][0]["plan"]
    fixed = "8" if best["job.tensor"] != "8" else "4"
    lockstep.write("s.ini", study(job=f"tensor = {fixed}"))
    answer = searched(lockstep, "--trials", 2)
    assert answer["fixed"] == {"job.tensor": fixed}
    assert "job.tensor" not in answer["searched"]
    assert {plan["plan"]["job.tensor"] for plan in answer["plans"]} == {fixed}
    assert all("tensor =" not in plan["study_lines"] for plan in answer["plans"])
    answer = searched(lockstep, "--trials", 2, "--search", "job.tensor, job.pipeline")
    assert answer["fixed"] == {} and answer["plans"][0]["plan"] == best
    assert searched(lockstep, "--trials", 2, "--search", "all", "--set",
                    "job.context=1")["plans"][0]["plan"] == best
    text = lockstep.done("plan", "s.ini", "--trials", 2).stdout
    assert f"Fixed by the study: job.tensor = {fixed}.\n" in text
    assert "  job.pipeline = 1, 2\n" in text


def test_plans_that_do_not_fit_are_left_out(lockstep):
    lockstep.write("s.ini", study())
    wide = searched(lockstep, "--trials", 1, "--set", "chip.H100.hbm=1TB")
    least = min(plan["memory"] for plan in wide["plans"])
    assert wide["beyond_memory"] == 0
    room = 0.5 * least
    tight = searched(lockstep, "--trials", 1, "--set", f"chip.H100.hbm={room / 1e9}GB")
    assert tight["beyond_memory"] > 0
    assert all(plan["memory"] <= room for plan in tight["plans"])
    assert tight["plans"][0]["mfu_without_noise"] < wide["plans"][0]["mfu_without_noise"]
    message = lockstep.refused("plan", "s.ini", "--set", "chip.H100.hbm=100MB")
    assert re.match(r"no plan of \d+ fits \(the least, job.tensor = .*, takes \S+ GB a chip\)", message)


def test_threads_change_nothing(lockstep):
    for options in (("--top", 3), ("--top", 3, "--json")):
        lockstep.write("s.ini", study())
        first = lockstep.done("plan", "s.ini", "--threads", 1, "--trials", 3, *options).stdout
        assert lockstep.done("plan", "s.ini", "--threads", 2, "--trials", 3, *options).stdout == first
    assert lockstep.done("plan", "s.ini", "--seed", 2, "--trials", 3).stdout != first


def test_a_torus_names_shape_and_mapping(lockstep):
    lockstep.write("s.ini", study("TPUv5p:64", "torus"))
    answer = searched(lockstep, "--trials", 1, "--top", 2, "--set", "job.virtual_stages=auto",
                      "--set", "job.microbatch_sequences=1")
    for plan in answer["plans"]:
        assert re.search(r"\d+x\d+", plan["topology_choice"])
        assert plan["chips_idle"] == 0


def test_experts_and_isolated_jobs(lockstep):
    moe = "experts = 8\ntop_k = 2\nexpert_hidden = 4096\nmicrobatch_sequences = 1"
    lockstep.write("s.ini", study("H100:16", job=moe))
    answer = searched(lockstep, "--trials", 1)
    assert answer["searched"]["job.expert"] == ["1", "2", "4", "8"]
    lockstep.write("s.ini", study("H100:16, GB200:16", job="work_share = isolated\ncontext = 1"))
    plan = searched(lockstep, "--trials", 2)["plans"][0]
    assert plan["mfu"]["value"] == pytest.approx(plan["mfu_without_noise"], rel=0.1)


@pytest.mark.parametrize("job, options, message", [
    ("", ["--top", "0"], "--top 0"), ("", ["--trials", "0"], "--trials 0"),
    ("", ["--threads", "0"], "--threads 0"), ("", ["--top", "x"], "--top x"),
    ("", ["--search", "job.tenosr"], "did you mean job.tensor?"),
    ("", ["--search", "job.overlap"], "no key of a plan"),
    ("", ["--set", "sweep.job.tensor=2,4"], "2 design points over job.tensor"),
    ("", ["--set", "sweep.noise.step_jitter=0,0.1"], "2 design points over noise.step_jitter"),
    ("tensor = 32", [], "none of"),
    ("shard_group = 2\ndata_parallel = all_reduce", [], "job.shard_group"),
])
def test_bad_input(lockstep, job, options, message):
    lockstep.write("s.ini", study(job=job))
    assert message in lockstep.refused("plan", "s.ini", *options)


def test_compute_that_is_given_is_refused(lockstep):
    text = study(job="compute_time = 1s").replace("tokens_per_batch = 524288\n", "")
    lockstep.write("s.ini", text)
    assert "job.compute_time" in lockstep.refused("plan", "s.ini")


def test_a_search_too_large_says_how_to_narrow_it(lockstep):
    lockstep.write("s.ini", study("H100:1048576").replace("heads = 8", "heads = 4096")
                   .replace("layers = 6", "layers = 5038").replace("524288", "1e12")
                   .replace("sequence_length = 4096", "sequence_length = 1048576"))
    message = lockstep.refused("plan", "s.ini")
    assert message.startswith("1000000 plans and more (") and "job.pipeline (" in message
