"""What every command prints, and how it ends."""

import re

import pytest

COMMANDS = ["run", "describe", "summary", "merge", "list", "collective", "timeline",
            "plan", "power"]
LISTINGS = ["parameters", "topologies", "chips", "distributions", "metrics", "limits",
            "routers"]


def test_help_has_every_command_of_the_table(lockstep, repository):
    table = (repository / "experiments" / "command.hpp").read_text()
    rows = re.search(r"extern const Command ([^;]+);", table).group(1)
    names = [name.strip().removesuffix("_command").replace("_", "-") for name in rows.split(",")]
    assert sorted(names) == sorted(COMMANDS)
    text = lockstep.done("--help").stdout
    shown = re.findall(r"^  (\S+) +\S", text, re.M)
    assert set(COMMANDS) <= set(shown)
    assert lockstep.done("-h").stdout == lockstep.done("help").stdout == text


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_of_a_command(lockstep, command, flag):
    ended = lockstep.done(command, flag)
    lines = ended.stdout.splitlines()
    assert lines[0].startswith(f"lockstep {command} ")
    assert lines[1] == "" and lines[2].endswith(".")
    assert ended.stderr == "" and max(map(len, lines)) <= 100


def test_help_of_run_has_every_promised_option(lockstep):
    text = lockstep.done("run", "--help").stdout
    for option in ["--output", "--trials", "--seed", "--threads", "--resume", "--set", "--quiet"]:
        assert option in text


def test_version(lockstep, repository):
    version = re.search(r"VERSION ([\d.]+) LANG", (repository / "CMakeLists.txt").read_text())
    text = lockstep.done("--version").stdout
    assert re.fullmatch(rf"lockstep {re.escape(version.group(1))} \(\w+\S*\)\n", text)


def test_no_arguments_show_the_help_and_fail(lockstep):
    ended = lockstep()
    assert ended.returncode == 2
    assert ended.stdout == lockstep.done("--help").stdout


@pytest.mark.parametrize("arguments, nearest", [
    (["rnu"], "did you mean run?"),
    (["sumary", "x.h5"], "did you mean summary?"),
    (["frobnicate"], "see lockstep --help"),
    (["run", "x.ini", "--trails", "3"], "did you mean --trials?"),
    (["describe", "x.ini", "--sed", "3"], "did you mean --se"),
    (["run", "x.ini", "--frobnicate"], "see lockstep run --help"),
    (["list", "paramters"], "did you mean parameters?"),
    (["list", "frobnicate"], "see lockstep list"),
    (["list", "parameters", "tensr"], "did you mean job.tensor?"),
    (["list", "parameters", "topology.knd"], "did you mean topology.kind?"),
    (["list", "parameters", "frobnicate"], "see `lockstep list parameters`"),
    (["run", "x.ini", "--treads", "2"], "did you mean --threads?"),
    (["--hlep"], "did you mean --help?"),
])
def test_unknown_names_get_the_nearest(lockstep, arguments, nearest):
    assert nearest in lockstep.refused(*arguments)


@pytest.mark.parametrize("arguments", [
    ["run"], ["describe"], ["summary"], ["merge"], ["run", "a.ini", "b.ini"],
    ["summary", "a.h5", "b.h5"], ["list", "chips", "metrics"], ["list", "parameters", "job", "tensor"], ["merge", "a.h5"],
    ["run", "a.ini", "--threads"], ["run", "a.ini", "--set"], ["merge", "a.h5", "-o", "b.h5"],
    ["run", "a.ini", "--set", "job.tensor"], ["run", "a.ini", "--set", "=4"],
])
def test_wrong_number_of_arguments(lockstep, arguments):
    lockstep.refused(*arguments)


def test_list_names_what_it_lists(lockstep):
    text = lockstep.done("list").stdout
    assert re.findall(r"^  (\w+) ", text, re.M) == LISTINGS


@pytest.mark.parametrize("what, names", [
    ("topologies", ["ring", "hierarchical_ring", "tree", "switch_reduce", "torus",
                    "ocs_torus"]),
    ("chips", ["A100", "H100", "H200", "B200", "GB200", "B300", "GB300", "MI300X", "TPUv4", "TPUv5e",
               "TPUv5p", "TPUv6e", "TPU7x"]),
    ("metrics", ["step_time", "compute_time", "communication_time", "mfu", "mfu_used",
                 "wait_fraction", "wait_fraction_by_generation"]),
    ("distributions", ["constant", "uniform", "exponential", "normal", "lognormal", "gamma",
                       "weibull", "pareto", "mixture", "empirical"]),
    ("parameters", ["sampling.trials", "fleet.chips", "job.work_share", "topology.kind",
                    "noise.spike_probability", "fabric.hop_latency", "chip.*.peak"]),
])
def test_listings_hold(lockstep, what, names):
    text = lockstep.done("list", what).stdout
    first_words = re.findall(r"^(\S+)", text, re.M)
    assert set(names) <= set(first_words)
    if what == "parameters":
        assert len(re.findall(r"^    allowed: \S", text, re.M)) == len(first_words) > 40
        assert len(re.findall(r"^    source: \S", text, re.M)) == len(first_words)


def test_list_parameters_by_a_part_of_their_key(lockstep):
    everything = lockstep.done("list", "parameters").stdout
    assert lockstep.done("list", "parameters", "").stdout == everything
    text = lockstep.done("list", "parameters", "Spike").stdout
    keys = re.findall(r"^(\S+) = ", text, re.M)
    assert keys == ["noise.spike_probability", "noise.spike_delay"]
    assert text in everything


def test_printing_to_a_full_device_is_a_failure(lockstep):
    with open("/dev/full", "w") as full:
        import subprocess
        ended = subprocess.run([lockstep.path, "list", "metrics"], stdout=full, text=True,
                               stderr=subprocess.PIPE, check=False)
    assert ended.returncode == 1 and "cannot print" in ended.stderr
