"""What lockstep describe tells of a study, and which of it run repeats."""

import re
import subprocess
import sys

import pytest

from conftest import mixed_study


def described(lockstep, text, *options):
    """What describe prints of a study, which is the same every time."""
    study = lockstep.write("s.ini", text)
    first = lockstep.done("describe", study, "--no-estimate", *options).stdout
    assert lockstep.done("describe", study, "--no-estimate", *options).stdout == first
    return first


def derived(text):
    """The lines that hold for every design point, by their names."""
    lines = re.search(r"^derived .*\n((?:.+\n)*)", text, re.M).group(1).splitlines()
    return dict(re.split("  +", line, maxsplit=1) for line in lines)


def table(text, first):
    """Rows of the table of design points, by the names in its head, which starts with `first`."""
    found = re.search(rf"^{re.escape(first)}  .*\n(?:.+\n)*", text, re.M)
    head, *rows = found.group(0).splitlines()
    names = re.split("  +", head)
    return [dict(zip(names, re.split("  +", row.strip()), strict=True)) for row in rows]


def test_describe_shows_every_parameter_with_value_and_origin(lockstep):
    study = lockstep.write("s.ini", mixed_study())
    ended = lockstep.done("describe", study, "--no-estimate", "--set", "job.overlap = 0.5",
                          "--seed", 7)
    table = ended.stdout.split("topology.kind  job.work_share")[0]
    rows = dict(re.findall(r"^(\w+\.\w+)  +(.+)$", table, re.M))
    listed = re.findall(r"^(\S+) = ", lockstep.done("list", "parameters").stdout, re.M)
    expected = [key for key in listed if "*" not in key]
    assert len(expected) > 40 and set(expected) <= set(rows)
    assert re.fullmatch(r"line 4 +2", rows["sampling.trials"])
    assert re.fullmatch(r"line 8 +H100:192, GB200:64", rows["fleet.chips"])
    assert re.fullmatch(r"--set +0.5", rows["job.overlap"])
    assert re.fullmatch(r"--seed +7", rows["sampling.seed"])
    assert re.fullmatch(r"default +1.45us", rows["fabric.spine_latency"])
    assert re.fullmatch(r"derived +\d+", rows["job.tokens_per_batch"])
    assert "(none)" not in ended.stdout
    assert re.fullmatch(r"axis, line 25 +ring, tree, ocs_torus", rows["topology.kind"])
    assert "6 design points x 2 trials x 2 steps in 6 blocks" in ended.stdout
    assert re.search(r"^study_id [0-9a-f]{64}$", ended.stdout, re.M)
    assert lockstep.names() == ["s.ini"]


def test_describe_warns(lockstep):
    study = lockstep.write("s.ini", "[fleet]\nchips = H100:64\n[sweep]\njob.tensor = 1, 32\n")
    text = lockstep.done("describe", study).stdout
    assert "Warning: only independent noise is on" in text
    assert re.search(r"Warning: \S+ GB of .* do not fit H100's 80 GB.*\(job.tensor=1\)", text)
    assert text.count("do not fit H100") == 2  # each tensor has its own need
    assert "is expected about 1.4 % below the mean" in text


@pytest.mark.parametrize("study, points", [("quickstart.ini", 6), ("colossus1.ini", 8)])
def test_shipped_studies_resolve(lockstep, repository, study, points):
    path = repository / "experiments" / "studies" / study
    text = lockstep.done("describe", path, "--set", "fleet.chips=H100:1536, GB200:256").stdout
    assert f"{points} design points" in text


JOB = """\
[fleet]
chips = H100:200
[job]
model_parameters = 8e9
tensor = 4
pipeline = 2
virtual_stages = 4
sequence_length = 1024
tokens_per_batch = 49152
gradient_precision = bf16
"""


def test_one_design_point_is_derived_line_by_line(lockstep):
    text = described(lockstep, JOB)
    lines = derived(text)
    # 25 replicas of 8 chips; 48 whole sequences over 25 replicas are 1 or 2 each; two fill the
    # pipeline but for (2 - 1) / (4 x 2), one alone keeps each stage waiting half the time; 8e9 parameters x 2 bytes / 8.
    assert lines == {**lines,
                     "tokens a chip and step": "245.76",
                     "tokens of the batch": "49152",
                     "replicas (ranks of each data-parallel group)": "25",
                     "microbatches of a replica": "1-2",
                     "pipeline bubble, % of compute": "12.5-100",
                     "data-parallel groups": "8",
                     "weights of the fullest chip": "2 GB",
                     "its gradients": "2 GB",
                     "chips idle": "0"}
    assert "channel" in lines["topology's choice"]
    step = float(lines["a step without noise, s"])
    assert 0 < float(lines["communication that nothing hides, s without noise"]) < step


def phase_tables(text):
    """[rows] of each table of the parts of a step: its head, then {part: its other cells}."""
    tables = re.findall(r"^part of a step  .*\n((?:.+\n)+)", text, re.M)
    return [{name: cells for name, *cells in (re.split("  +", row.strip())
                                              for row in rows.splitlines())} for rows in tables]


def test_the_parts_of_a_step_are_told(lockstep):
    text = described(lockstep, JOB)
    rows, = phase_tables(text)
    assert list(rows) == ["compute", "bubble", "tensor_gather", "tensor_scatter", "pipeline",
                          "parameters", "gradients", "clipping", "optimizer", "step without noise"]
    # 2 microbatches on 63 layers, forward and backward, twice each, 1,024 x 16,384 of 2 bytes; two
    # transfers of a fourth of it for each of 4 chunks; 8e9 parameters of 2 bytes on 8 chips, a call
    # for each of the 4 chunks.
    assert rows["tensor_gather"][:3] == ["tensor 4", "33.55 MB", "504"]
    assert rows["tensor_scatter"][:3] == ["tensor 4", "33.55 MB", "504"]
    assert rows["pipeline"][:3] == ["pipeline 2", "8.389 MB", "16"]
    assert rows["parameters"][:3] == rows["gradients"][:3] == ["data 25", "500 MB", "4"]
    for phase in ["parameters", "gradients"]:
        _, _, calls, each, hidden, exposed, _ = rows[phase]
        assert float(hidden) > 0
        assert float(hidden) + float(exposed) == pytest.approx(float(calls) * float(each), rel=2e-3)
    # What lengthens microbatches lengthens the bubble too, by (2 - 1) / 4 of two.
    _, _, calls, each, hidden, exposed, _ = rows["tensor_gather"]
    assert float(exposed) == pytest.approx(9 / 8 * float(calls) * float(each), rel=2e-3)
    assert float(hidden) == 0
    *parts, whole = (float(cells[-2]) for cells in rows.values())
    assert sum(parts) == pytest.approx(whole, rel=1e-3)
    assert whole == pytest.approx(float(derived(text)["a step without noise, s"]))
    exposed = sum(float(rows[name][-2]) for name in rows if len(rows[name]) == 7 or name == "clipping")
    nothing_hides = derived(text)["communication that nothing hides, s without noise"]
    assert float(nothing_hides) == pytest.approx(exposed, rel=1e-3)
    assert float(rows["gradients"][-1]) == pytest.approx(100 * float(rows["gradients"][-2]) / whole,
                                                         abs=0.01)
    free, = phase_tables(described(lockstep, JOB, "--set", "job.free_phases=pipeline, gradients"))
    assert free["gradients"][3] == free["pipeline"][3] == "free"
    assert float(free["gradients"][-2]) == float(free["pipeline"][-2]) == 0


def test_what_differs_is_a_table(lockstep):
    text = described(lockstep, JOB + "[sweep]\nfleet.chips = H100:200, H100:372\n"
                     "job.tensor = 4, 8\n")
    rows = table(text, "fleet.chips  job.tensor")
    assert [row["replicas"] for row in rows] == ["25", "12", "46", "23"]
    assert [row["chips idle"] for row in rows] == ["0", "8", "4", "4"]
    assert [row["groups"] for row in rows] == ["8", "16", "8", "16"]
    assert [row["gradients"] for row in rows] == ["2 GB", "1 GB"] * 2
    assert "chips idle" not in derived(text)
    assert "tokens of the batch" in derived(text)


def test_isolated_jobs_stand_side_by_side(lockstep):
    text = described(lockstep, "[fleet]\nchips = H100:128, GB200:64\n[job]\n"
                     "work_share = isolated\ntensor = 8\n")
    assert derived(text)["replicas (ranks of each data-parallel group)"] == "16/8"
    assert derived(text)["tokens a chip and step"] == "1024"
    assert "What is derived above stands side by side." in text


def test_tokens_are_absent_where_the_study_gives_compute_time(lockstep):
    text = described(lockstep, "[fleet]\nchips = H100:64\n[job]\ncompute_time = 1s\n")
    assert derived(text)["tokens of the batch"] == "-"


def test_a_replaced_base_value_is_named(lockstep):
    text = described(lockstep, "[fleet]\nchips = H100:1024\n[sweep]\n"
                     "fleet.chips = H100:64, H100:128\njob.tensor = 1, 2\n")
    assert "fleet.chips: H100:1024 (line 2) is replaced by the axis (line 4).\n" in text
    assert text.count("is replaced by") == 1  # job.tensor had a default alone


@pytest.mark.parametrize("tensor, warned", [(8, False), (16, True)])
def test_tensor_groups_wider_than_a_scale_up_domain(lockstep, tensor, warned):
    text = described(lockstep, f"[fleet]\nchips = H100:64, GB200:64\n[job]\ntensor = {tensor}\n")
    line = (f"tensor-parallel groups of {tensor} chips do not fit in a scale-up domain of H100 (8)")
    assert (f"Warning: {line}" in text) == warned
    assert "domain of GB200" not in text  # it joins 72


def test_tensor_groups_wider_than_a_cube_stay_on_a_torus(lockstep):
    study = "[fleet]\nchips = TPUv4:512\n[job]\ntensor = 128\n[topology]\nkind = {}\n"
    assert "crosses the network" not in described(lockstep, study.format("ocs_torus"))
    assert "crosses the network" in described(lockstep, study.format("ring"))


def test_chips_on_which_nccl_does_not_run(lockstep, tmp_path):
    study = "[fleet]\nchips = H100:64, MI300X:64\n[topology]\nkind = {}\n"
    text = described(lockstep, study.format("ring"))
    assert "NCCL does not run on MI300X" in text and "run on H100" not in text
    for quiet in (study.format("torus"), study.format("ring") + "[chip.MI300X]\nnccl = hopper\n",
                  study.format("ring") + "[fabric]\nhop_latency = 1us\nhop_bandwidth = 1GB/s\n"):
        assert "NCCL does not run" not in described(lockstep, quiet)
    refused = tmp_path / "refused.ini"
    refused.write_text(study.format("nccl"))
    lines = lockstep("describe", refused).stderr.splitlines()
    assert len(lines) == 1 and "refused.ini:4: topology.kind = nccl with MI300X" in lines[0]


def test_many_warnings_of_a_kind_are_cut(lockstep):
    chips = ", ".join(f"H100:{8 * n + 1}" for n in range(8, 18))
    text = described(lockstep, f"[fleet]\nchips = H100:8\n[job]\ntensor = 8\n[sweep]\n"
                     f"fleet.chips = {chips}\n")
    idle = re.findall(r"^Warning: 1 of .* chips are idle.*$", text, re.M)
    assert len(idle) == 3 and idle[-1].endswith(" And 7 more such lines.")


def test_run_repeats_the_warnings_and_only_them(lockstep):
    text = described(lockstep, "[fleet]\nchips = H100:129\n[job]\ntensor = 16\n", "--trials", 1)
    warnings = [line for line in text.splitlines() if line.startswith("Warning: ")]
    assert [re.search("idle|fit H100|domain|independent", line).group() for line in warnings] == \
        ["idle", "fit H100", "domain", "independent"]
    ended = lockstep.done("run", "s.ini", "--trials", 1)
    *repeated, progress = ended.stderr.splitlines()
    assert repeated == warnings and progress.startswith("100 %")
    assert lockstep.done("run", "s.ini", "--trials", 1, "--resume").stderr == ""
    assert lockstep.done("run", "s.ini", "--trials", 1, "-q", "-o", "q.h5").stderr == ""


ESTIMATE = re.compile(
    r"^Run time (less than a second|about \d+ (s|min|h|days)) with (\d+) threads?, memory about "
    r"(\d+) MB \(estimate, from (\d+) steps? at (\d+) of (\d+) design points? timed just now in "
    r"[\d.]+ s; no result depends on it\)\.$", re.M)


def test_run_time_is_estimated_from_what_was_timed(lockstep):
    study = lockstep.write("s.ini", mixed_study(trials=2, steps=2))
    found = ESTIMATE.search(lockstep.done("describe", study, SLURM_CPUS_PER_TASK="3").stdout)
    assert found.group(1) == "less than a second" and found.group(3) == "3"
    assert 10 < int(found.group(4)) < 100
    assert int(found.group(5)) == 2 * 6 * 2 * 2 and found.group(6) == found.group(7) == "6"
    assert lockstep.names() == ["s.ini"]
    assert "Run time" not in described(lockstep, mixed_study())


BLOCK = re.compile(r"^A block of (\d+) trials? takes (?:less than a second|about (\d+) (s|min|h|days)"
                   r"(?: \((\d+) s\))?)(?: at the slowest design point, (.*))?; blocks are saved "
                   r"whole, and a stop gives up those under way\.$", re.M)


def test_the_time_of_a_block_is_that_of_the_slowest_point(lockstep):
    study = lockstep.write("s.ini", mixed_study(trials=2, steps=2))
    size, *duration, slowest = BLOCK.search(lockstep.done("describe", study).stdout).groups()
    assert size == "2" and duration == [None, None, None] and "topology.kind=" in slowest
    long = ["--trials", 32, "--set", "sampling.steps=10000000", "--set",
            "sweep.job.tensor=1,64"]
    text = lockstep.done("describe", study, *long, SLURM_CPUS_PER_TASK="2").stdout
    size, number, unit, seconds, _ = BLOCK.search(text).groups()
    assert size == "16" and unit in ("h", "days")
    run, = re.findall(r"^Run time about (\d+) (h|days) ", text, re.M)
    # 24 blocks on two threads, of points that are not alike.
    days = {"h": 1 / 24, "days": 1}
    assert 1 <= int(run[0]) * days[run[1]] / (int(seconds) / 86400) < 13
    assert int(number) * days[unit] == pytest.approx(int(seconds) / 86400, rel=0.3)


def test_each_task_takes_its_share(lockstep):
    study = lockstep.write("s.ini", mixed_study())
    many = ["--trials", "1e6", "--set", "sampling.steps=10000"]
    hours = []
    for tasks, words in [(1, ""), (1000, "for each of 1000 tasks ")]:
        text = lockstep.done("describe", study, *many, "--tasks", tasks).stdout
        number, unit = re.search(rf"^Run time about (\d+) (s|min|h|days) {words}with \d", text,
                                 re.M).groups()
        hours.append(int(number) * {"s": 1 / 3600, "min": 1 / 60, "h": 1, "days": 24}[unit])
    assert hours[1] < hours[0] / 100
    assert "--tasks 0 (" in lockstep.refused("describe", study, "--tasks", 0)


# Most of its memory is results: one block has 38 MB of them.
def test_memory_of_results_is_expected(lockstep):
    study = lockstep.write("s.ini", "[sampling]\ntrials = 16\nsteps = 100000\n"
                           "[fleet]\nchips = H100:2\n[job]\nmodel_parameters = 1e9\n")
    one = {"SLURM_CPUS_PER_TASK": "1"}
    expected = int(ESTIMATE.search(lockstep.done("describe", study, **one).stdout).group(4))
    peak = subprocess.run([sys.executable, "-c", "import resource, subprocess, sys; "
                           "subprocess.run(sys.argv[1:], check=True); "
                           "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)",
                           lockstep.path, "run", study, "-q", "--threads", "1"],
                          cwd=lockstep.folder, check=True, capture_output=True, text=True)
    assert expected == pytest.approx(int(peak.stdout) * 1024 / 1e6, rel=0.5)


def test_a_longer_run_is_expected_to_take_longer(lockstep):
    study = lockstep.write("s.ini", mixed_study())
    text = lockstep.done("describe", study, "--trials", "1e8").stdout
    assert re.search(r"days|h$", ESTIMATE.search(text).group(1))


@pytest.mark.parametrize("key", ["job.sync_every=1000", "job.overlap=uniform(low=0.5, high=0.9)",
                                 "job.work_share=isolated"])
def test_every_sort_of_point_can_be_timed(lockstep, key):
    study = lockstep.write("s.ini", "[fleet]\nchips = H100:64, H200:64\n")
    text = lockstep.done("describe", study, "--set", key, "--trials", 2).stdout
    assert ESTIMATE.search(text), text


def test_a_step_too_long_to_be_timed_is_not(lockstep):
    study = lockstep.write("s.ini", "[fleet]\nchips = H100:32768\n"
                           "[topology]\nkind = ring\nmethod = exact\n"
                           "[noise]\nhop_jitter = exponential(mean=1us)\n")
    text = lockstep.done("describe", study).stdout
    assert re.search(r"^Run time about \d+ (min|h) .* from cost figures alone", text, re.M)


def rows_of(text):
    return dict(re.findall(r"^(\w+\.[\w.]+)  +(.+)$", text, re.M))


def test_what_is_simulated_stands_where_nothing_is_given(lockstep):
    text = described(lockstep, "[fleet]\nchips = H100:1024, NEW:1024\n[chip.H100]\nstack = 0.9\n"
                     "[chip.NEW]\npeak = 2PFLOP/s\n[job]\nsequence_length = 1024\n")
    rows = rows_of(text)
    assert re.fullmatch(r"catalogue +989.4TFLOP/s", rows["chip.H100.peak"])
    assert re.fullmatch(r"catalogue +50GB/s", rows["chip.H100.injection_bandwidth"])
    assert re.fullmatch(r"line 4 +0.9", rows["chip.H100.stack"])
    assert re.fullmatch(r"line 6 +2PFLOP/s", rows["chip.NEW.peak"])
    assert re.fullmatch(r"as H100 +80GB", rows["chip.NEW.hbm"])
    assert re.fullmatch(r"default +1024", rows["job.tokens_per_chip"])
    assert re.fullmatch(r"derived +2097152", rows["job.tokens_per_batch"])
    assert re.fullmatch(r"derived +1620GB", rows["job.gradient_bytes"])
    assert re.fullmatch(r"not used +-", rows["job.compute_time"])
    swept = rows_of(described(lockstep, "[sweep]\nfleet.chips = H100:64, H100:128\n"))
    assert re.fullmatch(r"derived +by design point", swept["job.tokens_per_batch"])


DRAWN = """[fleet]
chips = H100:64
[job]
overlap = uniform(low=0.5, high=0.9)
[noise]
straggler_fraction = 0.1
straggler_slowdown = {}
"""


def test_describe_tells_which_draw_a_distribution_is(lockstep):
    each = described(lockstep, DRAWN.format("uniform(low=1.05, high=1.3)"))
    assert "Drawn anew: noise.straggler_slowdown for each straggler." in each
    assert "Drawn once a trial, and kept as input.KEY: job.overlap." in each
    once = described(lockstep, DRAWN.format("uncertain(uniform(low=1.05, high=1.3))"))
    assert "Drawn anew" not in once
    assert "kept as input.KEY: job.overlap, noise.straggler_slowdown." in once
    both = described(lockstep, DRAWN.format("lognormal(median=uncertain(uniform(low=1, high=2)), sigma=1)"))
    assert "Drawn anew: noise.straggler_slowdown for each straggler." in both
    assert "noise.straggler_slowdown.median." in both
    assert "Drawn" not in described(lockstep, "[fleet]\nchips = H100:64\n")
    listed = lockstep.done("list", "parameters", "noise.straggler_slowdown").stdout
    assert "a law, one draw for each straggler" in listed
    assert "uncertain(LAW)" in lockstep.done("list", "distributions").stdout


@pytest.mark.parametrize("lines, says", [
    ("[chip.H100]\nhbm_bandwidth = 4TB/s\ntdp = 700W\nidle_power = 80W\n",
     "chip.H100.tdp, chip.H100.idle_power have no effect without power.meter"),
    ("[chip.h100]\nstack = 0.5\n", "chip.h100.stack has no effect where no chip is an h100"),
    ("[noise]\nstraggler_fraction = 0.1\nstraggler_slowdown = 0.1\n",
     "noise.straggler_slowdown has no effect at 1 or below: 10 % slower is 1.1."),
    ("[noise]\nstraggler_fraction = 0.1\nstraggler_slowdown = uncertain(uniform(low=0.1, high=0.9))\n",
     "noise.straggler_slowdown has no effect at 1 or below"),
    ("[chip.H100]\npeak = 989.4GFLOP/s\n", "the peak of H100 is 989.4GFLOP/s; chips of today"),
    ("[chip.H100]\npeak = 1979000PFLOP/s\n", "the peak of H100 is 1979000PFLOP/s"),
    ("[job]\ntokens_per_batch = 1e12\n", "is implausible; check the batch"),
    ("[job]\nexperts = 8\ntop_k = 8\n", "every token passes every expert, as in a dense model"),
    ("[job]\nmodel_parameters = 10\nlayers = 1\nhidden = 1\nsequence_length = 1\nvirtual_stages = 1\n"
     "[fabric]\nhop_latency = 0s\nhop_bandwidth = 1e15B/s\n", "a step of "),
    ("[fabric]\nhop_latency = 1us\nhop_bandwidth = 1MB/s\n", "an MFU of about "),
])
def test_describe_warns_of_what_is_hardly_meant(lockstep, lines, says):
    warnings = [line for line in described(lockstep, "[fleet]\nchips = H100:64\n" + lines).splitlines()
                if line.startswith("Warning: ")]
    assert any(says in line for line in warnings), warnings


def test_what_acts_is_not_warned_of(lockstep):
    text = described(lockstep, "[fleet]\nchips = H100:64\n[job]\ntensor = 8\nmodel_parameters = 8e9\n"
                     "[chip.H100]\npeak = 1979TFLOPs\nhbm = 94GB\n"
                     "[noise]\nstraggler_fraction = 0.1\nstraggler_slowdown = uniform(low=0.9, high=1.1)\n")
    assert "no effect" not in text and "implausible" not in text and "chips of today" not in text


SERVES = "[fleet]\nchips = H100:64\n[serving]\nload = 0.5\n"


def test_one_token_is_no_factor(lockstep):
    one = described(lockstep, SERVES + "input_tokens = 1\noutput_tokens = 1\n")
    assert "no effect" not in one
    lockstep.write("s.ini", SERVES + "input_tokens = 10%\n")
    message = lockstep.refused("describe", "s.ini")
    assert message.startswith("s.ini:5: serving.input_tokens") and "factor" not in message, message


def test_a_load_without_end_is_told_at_its_line(lockstep):
    lockstep.write("s.ini", "[fleet]\nchips = H100:64\n[serving]\ncell = 8\nload = 1e-9\n")
    assert lockstep.refused("describe", "s.ini").startswith("s.ini:5: serving.load = 1e-09 (")


@pytest.mark.parametrize("chips, replica, says", [
    ("H100:64", 3, "chips that serve nobody: 16 of 64 H100, left over"),
    ("H100:64, GB200:8", 5, "chips that serve nobody: 24 of 64 H100, 3 of 8 GB200, left over"),
    ("H100:64", 4, None),
    ("H100:1601", 2, None),  # one chip
])
def test_chips_that_serve_nobody_are_warned_of(lockstep, chips, replica, says):
    study = SERVES.replace("H100:64", chips) + f"chips_per_replica = {replica}\n"
    text = described(lockstep, study)
    warnings = [line for line in text.splitlines() if "serve nobody:" in line]
    assert bool(warnings) == bool(says) and all(line.startswith(f"Warning: {says}") for line in warnings)
    lockstep.write("s.ini", study)
    ran = lockstep.done("run", "s.ini", "--trials", 1)
    assert says is None and "serve nobody" not in ran.stderr or says and says in ran.stderr
    assert ("1 chip serves nobody." in text) == (chips == "H100:1601")


def test_kernels_above_the_peak_are_warned_of(lockstep):
    study = "[fleet]\nchips = H100:64\n[job]\nkernel_efficiency = 0.8\n[chip.H100]\nstack = {}\n"
    assert "H100 computes at 160 % of its peak" in described(lockstep, study.format(2))
    assert "of its peak (job" not in described(lockstep, study.format(1.25))
