"""`lockstep collective OPERATION`: one collective alone."""

import json
import re

import pytest

LATENCY, BANDWIDTH = 3e-6, 10e9
UNIFORM = ["--set", "fabric.hop_latency=3us", "--set", "fabric.hop_bandwidth=10GB/s"]
SPIKES = ["--set", "noise.spike_probability=0.01",
          "--set", "noise.spike_delay=exponential(mean=1ms)"]
COLUMNS = ["size", "time us", "algorithm GB/s", "bus GB/s"]


@pytest.fixture
def kinds(lockstep):
    found = re.findall(r"^(\S+)", lockstep.done("list", "topologies").stdout, re.M)
    assert len(found) >= 6
    return found


def as_json(lockstep, kind, ranks, *options, operation="all_reduce"):
    ended = lockstep.done("collective", operation, "--topology", kind, "--ranks", ranks, "--json", *options)
    assert ended.stderr == ""
    return json.loads(ended.stdout)


def columns(line):
    return re.split(r"  +", line.strip())


def test_closed_form_of_the_ring(lockstep):
    ranks = 12
    answer = as_json(lockstep, "ring", ranks, "--bytes", "1kB..1GB", "--factor", 1000, *UNIFORM)
    assert [line["bytes"] for line in answer["sizes"]] == [1e3, 1e6, 1e9]
    assert (answer["topology"], answer["ranks"], answer["chip"]) == ("ring", ranks, "H100")
    assert answer["trials"] == 0 and not answer["extrapolated"]
    for line in answer["sizes"]:
        size = line["bytes"]
        time = 2 * (ranks - 1) * (LATENCY + size / ranks / BANDWIDTH)
        assert line["time_s"] == pytest.approx(time, rel=1e-12)
        assert line["algorithm_bandwidth"] == pytest.approx(size / time, rel=1e-12)
        assert line["bus_bandwidth"] == pytest.approx(
            size / time * 2 * (ranks - 1) / ranks, rel=1e-12)
        assert not {"mean_s", "p50_s", "p99_s"} & set(line)


def test_the_table_shows_what_json_holds_for_every_kind(lockstep, kinds):
    for kind in kinds:
        options = ["--bytes", "64KiB..4MiB", "--factor", "8"]
        text = lockstep.done("collective", "all_reduce", "--topology", kind, "--ranks", 64, *options).stdout
        lines = text.splitlines()
        assert lines[0] == f"all_reduce by {kind} of 64 H100 chips, all ready at once"
        assert columns(lines[2]) == COLUMNS + ["choice"]
        assert [columns(line)[0] for line in lines[3:6]] == ["64 KiB", "512 KiB", "4 MiB"]
        answer = as_json(lockstep, kind, 64, *options)["sizes"]
        assert len(answer) == 3
        for line, held in zip(lines[3:6], answer):
            time, algorithm, bus = map(float, columns(line)[1:4])
            assert time == pytest.approx(1e6 * held["time_s"], rel=1e-3)
            assert algorithm == pytest.approx(1e-9 * held["algorithm_bandwidth"], rel=1e-3)
            assert bus == pytest.approx(1e-9 * held["bus_bandwidth"], rel=1e-3)
            assert held["choice"] in line
            assert held["time_s"] > 0


def test_larger_buffers_take_longer_and_near_the_port(lockstep, kinds):
    for kind in kinds:
        answer = as_json(lockstep, kind, 64, "--bytes", "1KiB..16GiB", "--factor", 16, *UNIFORM)
        times = [line["time_s"] for line in answer["sizes"]]
        assert times == sorted(times) and times[0] < times[-1]
        # A rank's busiest port sends at most its rate; a torus has six, hierarchical rings two, and
        # before the switches NVLink carries seven eighths of the buffer twice.
        most = {"torus": 6, "ocs_torus": 6, "switch_reduce": 63 / 64 * 8 / 7,
                "hierarchical_ring": 2}.get(kind, 1)
        bus = answer["sizes"][-1]["bus_bandwidth"]
        assert bus <= most * BANDWIDTH * (1 + 1e-9), kind
        if kind in ("ring", "tree", "switch_reduce", "torus", "ocs_torus"):
            assert bus > 0.9 * most * BANDWIDTH, kind  # and nothing of it is lost at 16 GiB


def test_default_sizes(lockstep):
    sizes = [line["bytes"] for line in as_json(lockstep, "tree", 8)["sizes"]]
    assert sizes == [2.0 ** k for k in range(10, 31)]
    one = as_json(lockstep, "tree", 8, "--bytes", "5MB")["sizes"]
    assert [line["bytes"] for line in one] == [5e6]


def test_one_rank_takes_no_time(lockstep, kinds):
    for kind in kinds:
        line, = as_json(lockstep, kind, 1, "--bytes", "1MiB")["sizes"]
        assert line["time_s"] == 0
        assert line["algorithm_bandwidth"] is None and line["bus_bandwidth"] is None
    assert re.search(r"^1 MiB +0 +- +- ", lockstep.done(
        "collective", "all_reduce", "--topology", "ring", "--ranks", 1, "--bytes", "1MiB").stdout, re.M)


def test_noise_adds_quantiles(lockstep, kinds):
    for kind in kinds:
        answer = as_json(lockstep, kind, 16, "--bytes", "1MiB..2MiB", "--trials", 200, *SPIKES)
        assert answer["trials"] == 200 and len(answer["sizes"]) == 2
        for line in answer["sizes"]:
            assert line["time_s"] <= line["p50_s"] < line["p99_s"]
            assert line["time_s"] < line["mean_s"] < line["p99_s"]
    text = lockstep.done("collective", "all_reduce", "--topology", "ring", "--ranks", 16, "--bytes", "1MiB",
                         *SPIKES).stdout
    assert columns(text.splitlines()[2]) == COLUMNS + ["mean us", "p50 us", "p99 us", "choice"]
    assert "over 100 trials" in text


def test_quantiles_of_few_trials_are_bounds(lockstep):
    """The largest of 50 lies below the 99th percentile too often to bound it; of 1,000 it does
    not: binomial, P(all below) = 0.99^50 = 0.61 and 0.99^1000 = 4e-5."""
    options = ["collective", "all_reduce", "--topology", "ring", "--ranks", 16, "--bytes", "1MiB", *SPIKES]
    few = lockstep.done(*options, "--trials", 50).stdout
    p50, p99 = columns(few.splitlines()[3])[5:7]
    assert re.fullmatch(r"> [\d.]+", p99) and re.fullmatch(r"[\d.]+", p50)
    assert "; > or - where these are too few to bound them: more --trials do." in few
    many = lockstep.done(*options, "--trials", 1000).stdout
    assert re.fullmatch(r"[\d.]+", columns(many.splitlines()[3])[6]) and ">" not in many
    for trials, bounded in [(50, False), (1000, True)]:
        line, = as_json(lockstep, "ring", 16, "--bytes", "1MiB", "--trials", trials,
                        *SPIKES)["sizes"]
        lower, upper = line["p99_interval_s"]
        assert lower <= line["p99_s"] and (upper is not None) == bounded
        assert line["p50_interval_s"][0] <= line["p50_s"] <= line["p50_interval_s"][1]


def test_slow_links_and_jitter_count_as_noise(lockstep):
    for noise in [("noise.slow_link_fraction=0.5", "noise.slow_link_factor=3"),
                  ("noise.hop_jitter=exponential(mean=5us)",)]:
        sets = [word for setting in noise for word in ("--set", setting)]
        line, = as_json(lockstep, "ring", 64, "--bytes", "64MiB", *sets)["sizes"]
        assert line["mean_s"] > 1.01 * line["time_s"]


def test_trials_without_noise_are_the_noise_free_time(lockstep, kinds):
    for kind in kinds:
        line, = as_json(lockstep, kind, 64, "--bytes", "1MiB", "--trials", 3)["sizes"]
        for name in ["mean_s", "p50_s", "p99_s"]:
            assert line[name] == pytest.approx(line["time_s"], rel=1e-12)


def test_the_seed_decides(lockstep):
    def times(seed, **variables):
        ended = lockstep.done("collective", "all_reduce", "--topology", "tree", "--ranks", 16, "--bytes", "1MiB",
                              "--json", "--seed", seed, *SPIKES, **variables)
        return json.loads(ended.stdout)["sizes"]
    assert times(1) == times(1) == times(1, SLURM_CPUS_PER_TASK="1")
    assert times(1) != times(2)


def test_an_uncertain_input_counts_as_noise(lockstep):
    line, = as_json(lockstep, "ring", 8, "--bytes", "1MiB", "--set",
                    "fabric.hop_latency=uniform(low=1us, high=5us)", "--set",
                    "fabric.hop_bandwidth=10GB/s")["sizes"]
    assert line["p50_s"] < line["p99_s"]


def test_settings_without_effect_are_named(lockstep):
    def warned(kind, setting, operation="all_reduce"):
        return lockstep.done("collective", operation, "--topology", kind, "--ranks", 16, "--bytes", "1MiB",
                             "--set", setting).stderr
    assert "topology.slices has no effect without topology.kind = torus" in warned("ring", "topology.slices=2")
    assert warned("torus", "topology.slices=2") == ""
    assert "topology.method has no effect" in warned("tree", "topology.method=exact")
    assert warned("tree", "topology.method=exact", "reduce_scatter") == ""  # which the ring runs


def test_nccl_runs_switch_reduce_by_its_parameters(lockstep):
    def time(*settings):
        sets = [word for setting in ("topology.sharp=on", *settings) for word in ("--set", setting)]
        line, = as_json(lockstep, "nccl", 64, "--bytes", "1GiB", *sets)["sizes"]
        assert "SHARP" in line["choice"]
        return line["time_s"]
    assert time("topology.switch_latency=10ms") > 2 * 10e-3 > 2 * time()  # up and down


def test_chips_that_fit_no_shape_are_named(lockstep):
    text = lockstep.done("collective", "all_reduce", "--topology", "ocs_torus", "--ranks", 1000, "--bytes",
                         "1MiB").stdout
    assert "of 768 H100 chips" in text and "232 of 1000 chips fit no shape" in text


@pytest.mark.parametrize("arguments, reason", [
    ([], "no --topology given"),
    (["--topology", "ring"], "no --ranks given"),
    (["--topology", "rign", "--ranks", 8], "did you mean ring?"),
    (["--topology", "ring", "--ranks", 0], "whole number"),
    (["--topology", "ring", "--ranks", "many"], "whole number"),
    (["--topology", "ring", "--ranks", 8, "--bytes", "5"], "no unit"),
    (["--topology", "ring", "--ranks", 8, "--bytes", "0B..1MiB"], "above 0"),
    (["--topology", "ring", "--ranks", 8, "--bytes", "2MiB..1MiB"], "the smaller first"),
    (["--topology", "ring", "--ranks", 8, "--bytes", "1MiB.."], "--bytes 1MiB.."),
    (["--topology", "ring", "--ranks", 8, "--bytes", "1e-30B..1TiB"], "more than 64 sizes"),
    (["--topology", "ring", "--ranks", 8, "--factor", 1], "whole number"),
    (["--topology", "ring", "--ranks", 8, "--trials", 0], "out of range"),
    (["--topology", "ring", "--ranks", 8, "--chip", "H10"], "did you mean H100?"),
    (["--topology", "ring", "--ranks", 8, "--set", "job.tensor=2"], "no [job]"),
    (["--topology", "ring", "--ranks", 8, "--set", "fleet.chips=H100:4"], "--ranks and --chip"),
    (["--topology", "ring", "--ranks", 8, "--set", "fabric.protocl=LL"],
     "did you mean fabric.protocol?"),
    (["--topology", "torus", "--ranks", 8, "--set", "topology.shape=3x3x3"], "more than the 8"),
    (["--topology", "torus", "--ranks", 8, "--set", "topology.slices=9"], "take fewer slices"),
    (["--topology", "torus", "--ranks", 8, "--set", "topology.machine=16x16x1"], "it is topology.machine"),
    (["--topology", "torus", "--ranks", 8, "--set", "topology.machine=auto"], "topology.machine = 16x16x16"),
    (["--topology", "torus", "--ranks", 8, "--set", "topology.shape=99999999x1x1"], "1 .. 16777216"),
    (["--topology", "ring", "--ranks", 8, "extra"], "too many arguments"),
    (["--topology", "ring", "--rank", 8], "did you mean --ranks?"),
])
def test_bad_input(lockstep, arguments, reason):
    assert reason in lockstep.refused("collective", "all_reduce", *arguments)


@pytest.mark.parametrize("arguments, reason", [
    ([], "no operation given"),
    (["--topology", "ring", "--ranks", 8], "no operation given"),
    (["all_reduced", "--topology", "ring", "--ranks", 8], "did you mean all_reduce?"),
    (["x", "--topology", "ring", "--ranks", 8], "one of all_reduce, reduce_scatter"),
    (["send", "--topology", "ring", "--ranks", 8, "--stride", 0], "whole number"),
])
def test_bad_operation(lockstep, arguments, reason):
    assert reason in lockstep.refused("collective", *arguments)


# By hand for 12 ranks: hops that follow each other, share of the buffer through a port, bus factor.
@pytest.mark.parametrize("operation, hops, share, bus", [
    ("all_reduce", 22, 22 / 12, 22 / 12), ("reduce_scatter", 11, 11 / 12, 11 / 12),
    ("all_gather", 11, 11 / 12, 11 / 12), ("all_to_all", 1, 11 / 12, 11 / 12), ("send", 1, 1, 1)])
def test_every_operation_on_equal_hops(lockstep, operation, hops, share, bus):
    answer = as_json(lockstep, "ring", 12, "--bytes", "1MB..1GB", "--factor", 1000, *UNIFORM,
                     operation=operation)
    assert answer["operation"] == operation and answer["stride"] == 1
    for line in answer["sizes"]:
        time = hops * LATENCY + share * line["bytes"] / BANDWIDTH
        assert line["time_s"] == pytest.approx(time, rel=1e-9)
        assert line["bus_bandwidth"] == pytest.approx(line["bytes"] / time * bus, rel=1e-9)


def test_what_a_kind_lacks_is_run_by_another(lockstep):
    line, = as_json(lockstep, "tree", 64, "--bytes", "1GB", operation="reduce_scatter")["sizes"]
    ring, = as_json(lockstep, "ring", 64, "--bytes", "1GB", operation="reduce_scatter")["sizes"]
    assert line["choice"] == "by ring: " + ring["choice"] and line["time_s"] == ring["time_s"]


def test_interleaved_groups_leave_the_domain(lockstep):
    """64 ranks, eight apart: each alone in its node of 8, eight groups each with a NIC a node."""
    text = lockstep.done("collective", "all_gather", "--topology", "ring", "--ranks", 64,
                         "--stride", 8, "--bytes", "1GB").stdout
    assert text.startswith("all_gather by ring of 8 interleaved groups of 64 H100 chips")
    apart, = as_json(lockstep, "ring", 64, "--bytes", "16GB", "--stride", 8,
                     operation="all_gather")["sizes"]
    assert apart["bytes"] == 16e9  # of each rank, as without a stride
    assert 40e9 < apart["bus_bandwidth"] < 50e9  # of a NIC of 50 GB/s
    together, = as_json(lockstep, "ring", 64, "--bytes", "16GB", operation="all_gather")["sizes"]
    assert together["bus_bandwidth"] > 6 * apart["bus_bandwidth"]  # all eight NICs of a node


def test_nccl_takes_by_operation_and_size_and_says_what(lockstep):
    taken = [line["choice"] for line in as_json(lockstep, "nccl", 8, "--bytes", "1KiB..1GiB", "--factor", 1024,
                                                "--set", "topology.channels=8")["sizes"]]
    assert [choice.split(", ")[:2] for choice in taken] == [["ring", "LL"], ["ring", "LL"], ["NVLS", "Simple"]]
    gathered, = as_json(lockstep, "nccl", 8, "--bytes", "1GiB", operation="all_gather")["sizes"]
    assert gathered["choice"].startswith("ring, Simple, 8 channels")
    reduced, = as_json(lockstep, "nccl", 32, "--bytes", "1GiB", "--set", "topology.sharp=on")["sizes"]
    assert "SHARP" in reduced["choice"] or "CollNet" in reduced["choice"]
