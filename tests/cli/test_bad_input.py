"""Bad input of every sort: one clear message, exit code 2, nothing written."""

import os
import re
import subprocess

import pytest

from parameters import bad_values, read_rows, study_with

FLEET = "[fleet]\nchips = H100:64\n"


def test_every_parameter_refuses_bad_values(lockstep):
    rows = read_rows(lockstep.done("list", "parameters").stdout)
    cases = 0
    for row in rows:
        values = bad_values(row)
        assert len(values) >= 2, row
        for value, reason in values:
            cases += 1
            text, line = study_with(row, value)
            lockstep.write("bad.ini", text)
            message = lockstep.refused("run", "bad.ini")
            context = f"{row.key} = {value}: {message}"
            assert message.startswith(f"bad.ini:{line}: "), context
            assert row.concrete in message, context
            assert reason in message, context
            if row.kind != "text":
                assert value in message and "allowed: " in message or "seed" in row.key, context
    assert cases > 300


CASES = {
    "unknown key": (FLEET + "[job]\ntensr = 4\n", 4, "did you mean job.tensor?"),
    "key under a wrong section": (FLEET + "[noise]\ntensor = 4\n", 4, "did you mean job.tensor?"),
    "unknown section": (FLEET + "[jbo]\ntensor = 4\n", 4, "did you mean job.tensor?"),
    "missing unit": (FLEET + "[fabric]\nlink_latency = 3\n", 4, "write one of these behind it: ns us"),
    "wrong unit": (FLEET + "[fabric]\nlink_latency = 3GB\n", 4, "a time is due"),
    "unit in the wrong case": (FLEET + "[fabric]\nlink_latency = 3US\n", 4, "did you mean 3us?"),
    "not a number": (FLEET + "[job]\noverlap = NaN\n", 4, "not a number"),
    "negative": (FLEET + "[job]\noverlap = -0.5\n", 4, "0 .. 1"),
    "zero chips": ("[fleet]\nchips = H100:0\n", 2, "1 to 16777216"),
    "two fleets": ("[fleet]\nchips = H100:8\ninventory = nodes.csv\n", 3, "keep one"),
    "missing inventory": ("[fleet]\ninventory = none.csv\n", 2, "'none.csv' cannot be read"),
    "inventory that is no CSV": ("[fleet]\ninventory = nodes.txt\n", 2, "is no CSV file"),
    "inventory with a bad node": ("[fleet]\ninventory = nodes.csv\n", 2,
                                  "nodes.csv:4: '-1' is no relative_speed"),
    "inventory with an unknown generation": (
        "[fleet]\nplacement = random\n[sweep]\nfleet.inventory = good.csv, other.csv\n", 4,
        "other.csv:2: unknown generation 'H10'"),
    "letters in place of digits": ("[fleet]\nchips = H1OO:8\n", 2, "did you mean H100?"),
    "misspelt key under an unknown section": (FLEET + "[x]\ntensr = 2\n", 4,
                                              "did you mean job.tensor?"),
    "misspelt kind": (FLEET + "[topology]\nkind = rnig\n", 4, "did you mean ring?"),
    "unknown generation": ("[fleet]\nchips = H100:8, H10:8\n", 2, "did you mean H100?"),
    "far generation": ("[fleet]\nchips = Z9:8\n", 2, "[chip.Z9]"),
    "tensor x pipeline": (FLEET + "[job]\npipeline = 8\ntensor = 16\n", 5, "128 chips"),
    "axis over a misspelt key": (FLEET + "[sweep]\ntopology.kidn = ring\n", 4,
                                 "did you mean topology.kind?"),
    "axis over a misspelt kind": (FLEET + "[sweep]\ntopology.kind = ring, tre\n", 4,
                                  "did you mean tree?"),
    "axis over sampling": (FLEET + "[sweep]\nsampling.trials = 1, 2\n", 4, "cannot be swept"),
    "axis value twice": (FLEET + "[sweep]\njob.tensor = 1, 1\n", 4, "twice"),
    "axis value missing": (FLEET + "[sweep]\njob.tensor = 1,, 2\n", 4, "empty"),
    "impossible point": (FLEET + "[sweep]\njob.tensor = 1, 128\n", 4,
                         "design point job.tensor=128: "),
    "unclosed law": (FLEET + "[noise]\nspike_delay = exponential(mean=1ms\n", 4, "unclosed"),
    "unclosed law on an axis": (FLEET + "[sweep]\nnoise.spike_delay = 1ms, exponential(mean=1ms\n",
                                4, "not closed"),
    "unknown law": (FLEET + "[noise]\nspike_delay = expnential(mean=1ms)\n", 4,
                    "did you mean exponential?"),
    "tokens twice": (FLEET + "[job]\ntokens_per_batch = 1e6\ntokens_per_chip = 1024\n", 5,
                     "keep one"),
    "tokens and compute time": (FLEET + "[job]\ntokens_per_batch = 1e6\ncompute_time = 1s\n", 5,
                                "keep one"),
    "horizon below one step": (FLEET + "[reliability]\nspares = 2\nhorizon = 1ms\n", 5,
                               "below one step"),
    "checkpoints all the time": (FLEET + "[reliability]\ncheckpoint_interval = 0step\n", 4,
                                 "out of range"),
    "failures without end": (FLEET + "[reliability]\nhorizon = 1d\nnode_failure_rate = 1e9/s\n", 5,
                             "lower one of them"),
    "slices larger than the machine": (FLEET + "[reliability]\nslice_chips = 128\n"
                                       "host_availability = 0.99\n", 4, "take at most 64"),
    "slices of no whole cubes": (FLEET + "[topology]\nkind = ocs_torus\n[reliability]\n"
                                 "slice_chips = 48\nhost_availability = 0.99\n", 6, "take 64"),
    "slices of unknown hosts": (FLEET + "[reliability]\nslice_chips = 16\n", 4,
                                "give reliability.host_availability too"),
    "availability of no slices": (FLEET + "[reliability]\nhost_availability = 0.99\n", 4,
                                  "give reliability.slice_chips too"),
    "availability in percent": (FLEET + "[reliability]\nhost_availability = 99\n", 4, "0 .. 1"),
    "slices of no chips": (FLEET + "[reliability]\nslice_chips = 0\n", 4, "out of range"),
    "flaps without end": (FLEET + "[reliability]\nhorizon = 1d\nlink_flap_rate = 1e9/s\n", 5,
                          "lower one of them"),
    "half a fabric": (FLEET + "[fabric]\nhop_latency = 1us\n", 4, "fabric.hop_bandwidth"),
    "key twice": (FLEET + "[job]\ntensor = 4\ntensor = 8\n", 5, "given twice"),
    "open section": (FLEET + "[job\ntensor = 4\n", 3, "write [job]"),
    "no key": (FLEET + "[job]\ntensor\n", 4, "key = value"),
    "several values": (FLEET + "[topology]\nkind = ring, tree\n", 4,
                       "write topology.kind = ring, tree under [sweep]"),
    "generation as a key": ("[fleet]\nH100 = 24576\n", 2, "write fleet.chips = H100:24576"),
    "time between failures": (FLEET + "[reliability]\nmtbf = 50d\n", 4,
                              "write reliability.node_failure_rate = 0.02/d"),
    "generation we do not know": ("[fleet]\nchips = B100:8192\n", 2, "describe it in a section [chip.B100]"),
    "generation by its product": ("[fleet]\nchips = GB200-NVL72:8192\n", 2, "did you mean GB200?"),
    "percent past one": (FLEET + "[job]\noverlap = 1.1\n", 4, "write 0.011 for 1.1 %"),
    "steps in parts": (FLEET + "[reliability]\ncheckpoint_interval = 1.5step\n", 4,
                       "'1.5step' is not a whole number of steps (nothing happens within a step"),
    "no hint that fits": (FLEET + "[chip.H100]\npeak = 0\n", 4,
                          "write another value; units: FLOP/s"),
    "a count no double holds": (FLEET + "[job]\nsequence_length = 9007199254740993\n", 4,
                                "out of range"),
    "percent of a factor": (FLEET + "[noise]\nstraggler_slowdown = 10%\n", 4, "did you mean 1.1?"),
    "peak without its unit": (FLEET + "[chip.H100]\npeak = 1979\n", 4, "did you mean 1979TFLOP/s?"),
    "uncertain part of what is drawn once": (
        FLEET + "[job]\noverlap = uniform(low=uncertain(uniform(low=0, high=0.1)), high=1)\n", 4,
        "has an uncertain part"),
    "empty value": (FLEET + "[job]\ntensor =\n", 4, "no value"),
    "missing CSV": (FLEET + "[noise]\nspike_delay = empirical(none.csv)\n", 4, "none.csv"),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("command", ["run", "describe"])
def test_bad_studies(lockstep, name, command):
    text, line, says = CASES[name]
    if "inventory" in text:
        header = "node,generation,chips,relative_speed\n"
        lockstep.write("nodes.csv", header + "n1,H100,8,1\n# back from repair\nn2,H100,8,-1\n")
        lockstep.write("good.csv", header + "n1,H100,8,1\n")
        lockstep.write("other.csv", header + "n1,H10,8,1\n")
    lockstep.write("bad.ini", text)
    message = lockstep.refused(command, "bad.ini")
    assert message.startswith(f"bad.ini:{line}: "), message
    assert says in message, message


def test_the_study_the_cases_start_from_is_good(lockstep):
    lockstep.write("good.ini", FLEET)
    lockstep.done("run", "good.ini", "--trials", 1, "-q")


def test_several_problems_are_told_together(lockstep):
    keys = ["overlap", "kernel_efficiency", "tensor", "pipeline", "layers", "hidden", "colour"]
    lockstep.write("bad.ini", FLEET + "[job]\n" + "".join(f"{key} = -1\n" for key in keys))
    ended = lockstep("run", "bad.ini")
    assert ended.returncode == 2 and lockstep.names() == ["bad.ini"]
    lines = ended.stderr.splitlines()
    assert [line.split(": ")[1] for line in lines[:5]] == [f"bad.ini:{i}" for i in range(4, 9)]
    assert lines[5:] == ["lockstep: ... and 2 more"]


def test_no_fleet(lockstep):
    lockstep.write("bad.ini", "[job]\ntensor = 4\n")
    assert "fleet.chips is missing" in lockstep.refused("run", "bad.ini")


@pytest.mark.parametrize("content", [
    bytes(range(256)) * 8, b"\x89HDF\r\n\x1a\n", b"\x00", b"", b"\n\n", b"# nothing\n",
    b"[fleet]\n", b"[fleet]\nchips = H100:64\n\xff\n", b"=" * 100, b"A" * (2 << 20),
], ids=["all", "hdf5", "zero", "empty", "lines", "comment", "section", "latin", "equals", "huge"])
def test_random_bytes_as_a_study(lockstep, content):
    (lockstep.folder / "bad.ini").write_bytes(content)
    assert "bad.ini" in lockstep.refused("run", "bad.ini")


def test_paths_of_studies(lockstep):
    assert "'none.ini' cannot be opened" in lockstep.refused("run", "none.ini")
    assert "is a directory" in lockstep.refused("run", ".")
    assert "cannot be opened" in lockstep.refused("run", "")
    assert "is larger than 1 MiB" in lockstep.refused("run", "/dev/zero")


@pytest.mark.parametrize("output", ["none/x.h5", "s.ini/x.h5", "/proc/x.h5", ".", "/dev/null/x"])
def test_unwritable_output(lockstep, output):
    lockstep.write("s.ini", FLEET)
    message = lockstep.refused("run", "s.ini", "-o", output)
    assert output in message and "another -o" in message


# Found before the study is even planned: `first` would be refused too, for another reason.
@pytest.mark.parametrize("output, says", [
    ("", "is empty"), ("x/", "add the name of the file"), ("folder/", "add the name of the file"),
    ("folder", "is a folder"), ("/dev/null", "a device"), ("/dev/full", "a device"),
    ("link.h5", "a link to nothing"), ("a" * 251, "too long"), ("./" * 2100 + "x.h5", "cannot write"),
    ("none/x.h5", "there is no folder none"), ("s.ini/x.h5", "there is no folder s.ini"),
])
def test_names_that_no_output_can_have(lockstep, output, says):
    lockstep.write("s.ini", FLEET)
    lockstep.write("bad.ini", "[fleet]\nchips = H100:0\n")
    (lockstep.folder / "folder").mkdir()
    (lockstep.folder / "link.h5").symlink_to("nothing")
    for study in ["s.ini", "bad.ini"]:
        assert says in lockstep.refused("run", study, "-o", output)
    assert says in lockstep.refused("merge", "s0.h5", "-o", output)


def test_output_that_is_the_study(lockstep):
    lockstep.write("s.ini", FLEET)
    for options in [(), ("--resume",)]:
        assert "s.ini" in lockstep.refused("run", "s.ini", "-o", "s.ini", *options)
        assert (lockstep.folder / "s.ini").read_text() == FLEET


@pytest.fixture
def closed_folder(lockstep):
    """A folder nobody may write in; root needs a file system that is read-only."""
    folder = lockstep.folder / "closed"
    folder.mkdir(mode=0o500)
    if not os.access(folder, os.W_OK):
        yield folder
        return
    mount = ["mount", "-t", "tmpfs", "-o", "ro,size=4k", "lockstep-test", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may write everywhere and not mount: no closed folder was tried")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_folder_without_permission(lockstep, closed_folder):
    lockstep.write("s.ini", FLEET)
    message = lockstep.refused("run", "s.ini", "-o", "closed/x.h5")
    assert "Permission denied" in message or "Read-only file system" in message


def test_existing_output(lockstep):
    lockstep.write("s.ini", FLEET)
    lockstep.done("run", "s.ini", "--trials", 2, "-q")
    before = (lockstep.folder / "s.h5").read_bytes()
    assert "s.h5 exists" in lockstep.refused("run", "s.ini", "--trials", 2)
    other = lockstep.refused("run", "s.ini", "--trials", 3, "--resume")
    assert re.search(r"s\.h5 holds another run \(its sampling.trials is 2, here it is 3\) "
                     r"go on with --trials 2 as it began, or choose another -o$", other)
    assert "another run" in lockstep.refused("run", "s.ini", "--trials", 2, "--seed", 2, "--resume")
    assert (lockstep.folder / "s.h5").read_bytes() == before
    lockstep.write("note.h5", "not a result file")
    assert "not a result file" in lockstep.refused("run", "s.ini", "-o", "note.h5", "--resume")
    assert "not a result file" in lockstep.refused("summary", "note.h5")
    assert "does not exist" in lockstep.refused("summary", "none.h5")


@pytest.mark.parametrize("threads", ["0", "-1", "x", "1.5", "1e3", "1025", "99999999999", "2 ", ""])
def test_threads(lockstep, threads):
    lockstep.write("s.ini", FLEET)
    message = lockstep.refused("run", "s.ini", "--threads", threads)
    assert "--threads" in message


@pytest.mark.parametrize("level", ["avx", "SSE2", "neon", "1", "avx512 "])
@pytest.mark.parametrize("command", ["run", "describe"])
def test_simd_level(lockstep, level, command):
    lockstep.write("s.ini", FLEET)
    message = lockstep.refused(command, "s.ini", LOCKSTEP_SIMD=level)
    assert message.startswith(f"LOCKSTEP_SIMD={level} ")


@pytest.mark.parametrize("options, says", [
    (["--trials", "0"], "sampling.trials"), (["--trials", "x"], "sampling.trials"),
    (["--seed", "-1"], "sampling.seed"), (["--set", "job.tensr=2"], "did you mean job.tensor?"),
    (["--set", "job.tensor=0"], "a whole number 1 .. "), (["--set", "job.tensor=128"], "128 chips"),
    (["--set", "sweep.topology.kind=ring,tre"], "did you mean tree?"),
])
def test_bad_overrides(lockstep, options, says):
    lockstep.write("s.ini", FLEET)
    message = lockstep.refused("run", "s.ini", *options)
    assert re.match(rf"{options[0]}: ", message), message
    assert says in message
