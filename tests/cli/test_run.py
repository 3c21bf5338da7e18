"""A whole run: what users see, and what readers of the file get."""

import json
import re
import shutil
import subprocess

import h5py
import numpy
import pytest
import xarray

from conftest import mixed_study

AXES = {"topology.kind": ["ring", "tree", "ocs_torus"],
        "job.work_share": ["equal", "proportional"]}
TRIALS, STEPS = 3, 2


@pytest.fixture(scope="module")
def run(binary, tmp_path_factory):
    """One run that all tests of this page read."""
    from conftest import Program
    program = Program(binary, tmp_path_factory.mktemp("run"))
    study = program.write("small.ini", mixed_study(trials=TRIALS, steps=STEPS))
    program.ended = program.done("run", study)
    return program


def test_progress_on_stderr_summary_on_stdout(run):
    assert run.names() == ["small.h5", "small.ini"]
    last = run.ended.stderr.splitlines()[-1]
    assert re.fullmatch(r"100 %  18 of 18 trials  \S+ trials/s  [\d.]+ \w+", last)
    assert run.ended.stdout.endswith("Every trial is in small.h5.\n")


def test_summary_is_what_run_printed(run):
    text = run.done("summary", "small.h5").stdout
    assert run.ended.stdout.startswith(text)
    lines = text.splitlines()
    assert lines[0] == "Mixed fleet of 256 chips"
    head, rows = lines[2], lines[3:9]
    assert re.split("  +", head) == [*AXES, "step time s", "p50", "p95", "p99", "MFU %",
                                     "waiting %"]
    shown = [tuple(row.split()[:2]) for row in rows]
    assert shown == [(t, w) for t in AXES["topology.kind"] for w in AXES["job.work_share"]]
    assert len({len(row) for row in [head, *rows]}) == 1, "columns do not line up"
    assert all(re.search(r"\d ± \d|\d \(\d\S* to \d", row) for row in rows)
    assert lines[-1] == "Mean of 3 trials ± 95 % interval; quantiles over the 2 steps of each, " \
        "> where the trials are too few: more of them or sampling.until bound them."


SERVED = """[sampling]
trials = 2
steps = 1
[fleet]
chips = H100:16
[serving]
load = 0.4
cell = 8
[money]
count = on
"""


def test_a_study_of_serving_alone_shows_what_it_serves(lockstep):
    """The job that nobody asked for, 405B parameters of which do not fit, is not warned of."""
    ended = lockstep.done("run", lockstep.write("s.ini", SERVED))
    assert [line for line in ended.stderr.splitlines() if line.startswith("Warning")] == \
        ["Warning: money.count: electricity_cost, rent_margin and training_cost are none, since no "
         "power of training is metered; set power.meter = on."]
    assert re.split("  +", ended.stdout.splitlines()[0]) == [
        "serving rate tokens/s", "of rated %", "first token p99 s", "overloaded", "capital M$/y",
        "rent M$/y", "tokens M$/y", "serving electricity M$/y", "token margin M$/y"]
    assert "steps" not in ended.stdout
    described = lockstep.done("describe", "s.ini", "--no-estimate").stdout
    assert "bubble" not in described and "rated for" in described
    # The control: one key of a job, and it counts.
    job = lockstep.done("run", "s.ini", "-o", "job.h5", "--set", "job.overlap=0.5")
    assert "do not fit" in job.stderr and "step time s" in job.stdout
    assert "bubble" in lockstep.done("describe", "s.ini", "--no-estimate", "--set",
                                     "sweep.job.overlap=0.4,0.5").stdout


def test_the_readme_prints_what_serving_prints(lockstep, repository):
    readme = (repository / "README.md").read_text()
    study, printed = re.search(r"`serve.ini`,\n\n```ini\n(.*?)```.*?```text\n(.*?)```", readme,
                               re.S).groups()
    lockstep.done("run", lockstep.write("serve.ini", study), "-q")
    assert lockstep.done("summary", "serve.h5").stdout == printed and "overloaded" in printed


def test_quiet_prints_nothing(run):
    ended = run.done("run", "small.ini", "-q", "-o", "quiet.h5")
    assert ended.stdout == ended.stderr == ""
    (run.folder / "quiet.h5").unlink()


def test_resume_of_a_complete_file_does_nothing(run):
    before = (run.folder / "small.h5").read_bytes()
    run.done("run", "small.ini", "--resume")
    assert (run.folder / "small.h5").read_bytes() == before


def test_h5py_reads_it(run):
    with h5py.File(run.folder / "small.h5") as file:
        shape = (3, 2, TRIALS, STEPS)
        for name in ["step_time", "compute_time", "communication_time"]:
            assert file[name].shape == shape and file[name].dtype == "<f8"
            assert file[name].attrs["units"] in ("s", b"s")
            labels = [dimension.label or dimension[0].name for dimension in file[name].dims]
            assert [label.lstrip("/") for label in labels] == [*AXES, "trial", "step"]
        assert file["wait_fraction_by_generation"].shape == (3, 2, TRIALS, 2)
        assert [t.decode() for t in file["chip_generation"][()]] == ["H100", "GB200"]
        text = (run.folder / "small.ini").read_text()
        stored = file.attrs["study"]
        assert (stored.decode() if isinstance(stored, bytes) else stored) == text
        assert int(file.attrs["seed"]) == 1
        assert file["runtime"].attrs["threads"] >= 1


@pytest.mark.parametrize("engine", ["netcdf4", "h5netcdf"])
def test_xarray_shows_axes_as_dimensions(run, engine):
    with xarray.open_dataset(run.folder / "small.h5", engine=engine) as data:
        assert data.step_time.dims == (*AXES, "trial", "step")
        assert data.mfu.dims == (*AXES, "trial")
        assert data.wait_fraction_by_generation.dims == (*AXES, "trial", "chip_generation")
        for key, labels in AXES.items():
            assert [str(v) for v in data[key].values] == labels
        assert list(data.trial.values) == list(range(TRIALS))
        assert list(data.step.values) == list(range(1, STEPS + 1))
        assert [str(v) for v in data.chip_generation.values] == ["H100", "GB200"]
        one = data.step_time.sel({"topology.kind": "tree", "job.work_share": "equal"})
        assert one.shape == (TRIALS, STEPS)


def test_values_are_sane(run):
    with xarray.open_dataset(run.folder / "small.h5") as data:
        numbers = [name for name in data.data_vars if data[name].dtype.kind == "f"]
        assert len(numbers) >= 12
        for name in numbers:
            assert bool(numpy.isfinite(data[name]).all()), name
        assert bool((data.step_time > 0).all())
        parts = data.compute_time + data.communication_time
        assert float(abs(data.step_time / parts - 1).max()) < 1e-12
        for name in ["mfu", "mfu_used", "wait_fraction", "wait_fraction_by_generation"]:
            assert bool(((data[name] >= 0) & (data[name] < 1)).all()), name
        assert bool((data.mfu > 0.01).all()) and bool((data.mfu <= data.mfu_used).all())
        # What balancing the work of an unequal fleet is for.
        mfu = data.mfu.mean("trial")
        gain = mfu.sel({"job.work_share": "proportional"}) / mfu.sel({"job.work_share": "equal"})
        assert bool((gain > 1).all())
        assert len(numpy.unique(data.compute_time)) > 1, "trials do not differ"


def test_ncdump_reads_it(run):
    if not shutil.which("ncdump"):
        pytest.skip("ncdump is missing (netcdf-bin)")
    ended = subprocess.run(["ncdump", "-h", "small.h5"], cwd=run.folder, text=True,
                           capture_output=True, check=True)
    assert "double step_time(topology.kind, job.work_share, trial, step) ;" in ended.stdout
    assert 'step_time:units = "s" ;' in ended.stdout


R_SCRIPT = """
library(ncdf4)
file <- nc_open("small.h5")
v <- ncvar_get(file, "step_time")
cat("[", paste(dim(v), collapse = ","), "]\\n", sep = "")
cat(sprintf("%.17g", v[1, 1, 1, 1]), "\\n")
cat(sapply(file$var$step_time$dim, function(d) d$name), "\\n")
"""


def test_r_reads_it(run):
    if not shutil.which("Rscript") or subprocess.run(
            ["Rscript", "-e", "library(ncdf4)"], capture_output=True, check=False).returncode:
        pytest.skip("R with ncdf4 is missing (r-cran-ncdf4): the file was not read in R")
    ended = subprocess.run(["Rscript", "-e", R_SCRIPT], cwd=run.folder, text=True,
                           capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr
    shape, first, names = ended.stdout.splitlines()
    assert json.loads(shape) == [STEPS, TRIALS, 2, 3]  # R's order is the reverse
    with h5py.File(run.folder / "small.h5") as file:
        assert float(first) == file["step_time"][0, 0, 0, 0]
    assert names.split() == ["step", "trial", "job.work_share", "topology.kind"]


def test_compute_time_leaves_mfu_out(lockstep):
    study = lockstep.write("s.ini", "[fleet]\nchips = H100:64\n[job]\ncompute_time = 1s\n")
    ended = lockstep.done("run", study, "--trials", 2, "--set", "sampling.steps=1")
    with h5py.File(lockstep.folder / "s.h5") as file:
        assert "mfu" not in file and "mfu_used" not in file
        assert numpy.isfinite(file["step_time"][()]).all()
    assert re.search(r"\d  +-  +\d", ended.stdout)


def test_uncertain_inputs_stand_in_the_file(lockstep):
    study = lockstep.write("s.ini", "[fleet]\nchips = H100:64\n[job]\n"
                           "kernel_efficiency = uniform(low=0.4, high=0.6)\n")
    lockstep.done("run", study, "--trials", 20, "--set", "sampling.steps=1", "-q")
    with xarray.open_dataset(lockstep.folder / "s.h5") as data:
        drawn = data["input.job.kernel_efficiency"]
        assert drawn.dims == ("trial",) and len(numpy.unique(drawn)) == 20
        assert float(drawn.min()) > 0.4 and float(drawn.max()) < 0.6
        assert float(numpy.corrcoef(drawn, data.mfu)[0, 1]) > 0.9


def test_an_uncertain_law_is_one_value_a_trial(lockstep):
    """The slowest of many stragglers is as slow as the law reaches; one value a trial spreads."""
    study = """[fleet]
chips = H100:1024
[job]
model_parameters = 8e9
tensor = 8
[noise]
straggler_fraction = 0.1
straggler_slowdown = {}
"""
    def mean_steps(law):
        name = lockstep.write("s.ini", study.format(law))
        lockstep.done("run", name, "--trials", 40, "--set", "sampling.steps=1", "-q")
        with xarray.open_dataset(lockstep.folder / "s.h5") as data:
            data.load()
        (lockstep.folder / "s.h5").unlink()
        return data

    each = mean_steps("uniform(low=1, high=1.5)")
    once = mean_steps("uncertain(uniform(low=1, high=1.5))")
    drawn = once["input.noise.straggler_slowdown"]
    assert "input.noise.straggler_slowdown" not in each
    assert float(drawn.min()) > 1 and float(drawn.max()) < 1.5
    assert float(numpy.corrcoef(drawn, once.compute_time[:, 0])[0, 1]) > 0.99
    assert float(once.compute_time.std()) > 5 * float(each.compute_time.std())
    nested = mean_steps("lognormal(median=uncertain(uniform(low=1.2, high=1.4)), sigma=0.1)")
    assert 1.2 < float(nested["input.noise.straggler_slowdown.median"].mean()) < 1.4


def test_a_long_run(lockstep, repository):
    text = """[sampling]
trials = 5
steps = 2
[fleet]
chips = H100:1024
[reliability]
checkpoint_write_time = 10s
spares = 2
[sweep]
reliability.horizon = none, 60d
topology.kind = tree, ocs_torus
"""
    lockstep.write("long.ini", text)
    ended = lockstep.done("run", "long.ini")
    head = re.split("  +", ended.stdout.splitlines()[0])
    assert head[-3:] == ["goodput %", "effective MFU %", "interruptions"]
    with xarray.open_dataset(lockstep.folder / "long.h5") as data:
        page = (repository / "engine/storage/FORMAT.md").read_text()
        causes = re.search(r"^\| `cause` \| text \|.*lost to: (.*)\|$", page, re.M).group(1)
        assert [str(v) for v in data.cause.values] == re.findall(r"`(\w+)`", causes)
        assert data.time_lost.dims[-2:] == ("trial", "cause")
        steps_alone = data.isel({"reliability.horizon": 0})
        assert bool(numpy.isnan(steps_alone.goodput).all())
        month = data.isel({"reliability.horizon": 1})
        lost = month.time_lost.sum("cause") / (60 * 86400)
        assert float(abs(month.goodput + lost - 1).max()) < 1e-12
        # What was computed, over the peak of 128 nodes and two spares.
        kept = month.mfu * month.steps_done * month.step_time.mean("step") / (60 * 86400)
        assert float(abs(month.mfu_effective / (kept * 128 / 130) - 1).max()) < 1e-12
        # Daly's optimum, in whole steps.
        between = 86400 / (128 * 6.5e-3)
        ratio = 10 / (2 * between)
        optimum = (2 * 10 * between) ** 0.5 * (1 + ratio**0.5 / 3 + ratio / 9) - 10
        step = month.step_time.mean("step")
        assert float((abs(month.checkpoint_interval - optimum) / step).max()) < 0.501
        assert "2 of 2 spare nodes make no whole unit of 8" in data.attrs["warnings"]
        # 128 nodes fail 49.9 times; with a failed node the optical torus loses a cube of eight.
        assert 30 < float(month.interruptions.sel({"topology.kind": "tree"}).mean()) < 70
        waiting = month.time_lost.sel(cause="waiting").mean("trial")
        assert float(waiting.sel({"topology.kind": "ocs_torus"})) > float(
            waiting.sel({"topology.kind": "tree"}))
    described = lockstep.done("describe", "long.ini", "--no-estimate").stdout
    assert "One of 128 nodes fails every 28.8 h" in described
    assert "2 of 2 spare nodes make no whole unit of 8" in described
    described = lockstep.done("describe", "long.ini", "--no-estimate", "--set",
                              "reliability.switch_failure_rate=0.01/d").stdout
    assert "one of 64 leaf switches fails every 37.5 h" in described
    assert "reliability.switch_failure_rate counts for nothing with ocs_torus" in described
    assert "no effect" not in described
    lockstep.write("short.ini", text.replace("none, 60d", "none"))
    idle = [f"reliability.{key}" for key in re.findall(
        r"^(\w+) =", text.split("[reliability]")[1].split("[")[0], re.M) if key != "horizon"]
    assert ("Warning: topology.chunks has no effect without topology.kind = hierarchical_ring "
            "or tree or switch_reduce or nccl.") in \
        lockstep.done("describe", "short.ini", "--no-estimate", "--set", "topology.chunks=8",
                      "--set", "topology.kind=torus").stdout
    assert f"Warning: {', '.join(idle)} have no effect without reliability.horizon." in \
        lockstep.done("describe", "short.ini", "--no-estimate", "--set",
                      "noise.straggler_slowdown=2", "--set", "noise.straggler_fraction=0.1").stdout
    lockstep.done("run", "short.ini", "-q")
    with xarray.open_dataset(lockstep.folder / "short.h5") as data:
        assert not {"goodput", "time_lost", "cause"} & set(data.variables)
        assert bool((data.step_time == steps_alone.step_time).all())


def test_slices_of_a_machine(lockstep):
    text = """[sampling]
trials = 40
steps = 1
[fleet]
chips = TPUv4:1024
[reliability]
host_availability = uniform(low=0.98, high=1)
[sweep]
reliability.slice_chips = 128, 256
topology.kind = tree, ocs_torus, torus
"""
    lockstep.write("slices.ini", text)
    ended = lockstep.done("run", "slices.ini")
    assert re.split("  +", ended.stdout.splitlines()[0])[-1] == "schedulable %"
    with xarray.open_dataset(lockstep.folder / "slices.h5") as data:
        share = data.schedulable_share
        assert share.dims == ("reliability.slice_chips", "topology.kind", "trial")
        assert 0 < float(share.min()) < float(share.max()) == 1
        tree, optical, fixed = (share.sel({"topology.kind": kind})
                                for kind in ["tree", "ocs_torus", "torus"])
        assert bool((fixed <= optical).all()) and bool((optical <= tree).all())
        assert bool((fixed < optical).any())
        assert "goodput" not in data.variables
        step_time = data.step_time.isel({"reliability.slice_chips": 0}).values
    described = lockstep.done("describe", "slices.ini", "--no-estimate").stdout
    assert re.search(r"^ *256 +ocs_torus .* 4 healthy cubes of 4x4x4, wherever they are$",
                     described, re.M)
    assert "a box of 1x2x2 healthy cubes in the torus of 2x2x4 cubes, as many as fit" in described
    assert " 99 " in described and " 85.15 " in described  # of hosts, of cubes
    lockstep.write("steps.ini", text.split("[reliability]", maxsplit=1)[0]
                   + "[sweep]\ntopology.kind = tree, ocs_torus, torus\n")
    lockstep.done("run", "steps.ini", "-q")
    with xarray.open_dataset(lockstep.folder / "steps.h5") as data:
        assert "schedulable_share" not in data.variables
        assert bool((data.step_time.values == step_time).all())
