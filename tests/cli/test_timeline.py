"""What lockstep timeline prints of one trial, and what it refuses."""

import csv
import io
import re

import pytest

LONG = """[sampling]
trials = 6
steps = 2
[fleet]
chips = H100:1024
[reliability]
horizon = 20d
spares = 1
repair_time = 1d
switch_failure_rate = 5e-3/d
maintenance = 2e-3/d
cable_failure_rate = 2e-4/d
link_flap_rate = 1e-3/d
link_flap_duration = 30s
"""


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_a_timeline_is_the_trial_of_the_file(lockstep):
    h5netcdf = pytest.importorskip("h5netcdf")
    lockstep.write("long.ini", LONG)
    lockstep.done("run", "long.ini", "-q")
    with h5netcdf.File(lockstep.folder / "long.h5") as data:
        steps, stops = data["steps_done"][:], data["interruptions"][:]
        flaps = data["time_lost"][:, list(data["cause"][:]).index(b"link_flap")]
    causes = set()
    for trial in range(6):
        text = lockstep.done("timeline", "long.ini", "--trial", trial, "--csv").stdout
        assert text.startswith("time_s,cause,action\n")
        lines = rows(text)
        times = [float(line["time_s"]) for line in lines]
        assert times == sorted(times) and times[-1] == 20 * 86400 and lines[-1]["cause"] == "horizon"
        assert lines[-1]["action"].startswith(f"{steps[trial]:.0f} steps are done, ")
        stopping = [line for line in lines if "runs from" in line["action"]]
        assert len(stopping) == stops[trial] > 0
        waits = [float(found) for line in lines if line["cause"] == "link flap"
                 for found in re.findall(r"messages wait (\S+) s$", line["action"])]
        # Shown to three digits; a failure may come before a flap is over.
        assert -30 * len(stopping) < flaps[trial] - sum(waits) < 0.05 * len(waits)
        causes |= {line["cause"].split(",")[0] for line in lines}
        # With repairs of a day what left more than a day before the end is back.
        left = [line for line in stopping if float(line["time_s"]) < 19 * 86400]
        assert sum(line["cause"].startswith("repair") for line in lines) >= len(left) > 0
    assert {"node failure", "switch failure", "maintenance", "link flap", "repair"} <= causes
    assert lockstep.done("timeline", "long.h5", "--trial", 5, "--csv").stdout == text


def test_the_table_is_the_csv_for_people(lockstep):
    lockstep.write("long.ini", LONG)
    table = lockstep.done("timeline", "long.ini", "--set", "reliability.policy=shrink").stdout
    lines = table.splitlines()
    assert re.fullmatch(r"time +cause +action", lines[0])
    assert all(re.match(r"\d+d \d\d:\d\d:\d\d\.\d  +\S", line) for line in lines[1:])
    assert lines[-1].startswith("20d 00:00:00.0  ")
    assert re.search(r"runs from \d+d ", table)
    assert re.search(r"restarts with \d+ of 1024 replicas", table)


def test_stragglers_that_leave_together_are_counted(lockstep):
    lockstep.write("long.ini", LONG + "[noise]\nstraggler_fraction = 0.01\n")
    lines = rows(lockstep.done("timeline", "long.ini", "--csv", "--set",
                               "reliability.straggler_detection_time=1h").stdout)
    first = next(line for line in lines if line["cause"].startswith("straggler"))
    assert float(first["time_s"]) == 3600
    more = int(re.fullmatch(r"straggler, place \d+ and (\d+) more", first["cause"]).group(1))
    assert 1 + more == sum(line["cause"].startswith("repair") and
                           abs(float(line["time_s"]) - 3600 - 86400) < 60 for line in lines)


def test_points_are_chosen(lockstep):
    lockstep.write("long.ini", LONG + "[sweep]\ntopology.kind = tree, ocs_torus\n")
    message = lockstep.refused("timeline", "long.ini")
    assert "has 2 design points (0: topology.kind=tree, 1: topology.kind=ocs_torus" in message
    torus = lockstep.done("timeline", "long.ini", "--point", 1).stdout
    assert torus == lockstep.done("timeline", "long.ini", "--set", "topology.kind=ocs_torus").stdout
    assert torus != lockstep.done("timeline", "long.ini", "--point", 0).stdout
    assert re.search(r"places \d+-\d+", torus) and "switch failure" not in torus


@pytest.mark.parametrize("options, says", [
    (["--trial", 6], "--trial 6 (a whole number from 0 to 5 is due)"),
    (["--trial", "x"], "--trial x"), (["--trial", "-1"], "--trial -1"),
    (["--point", 1], "--point 1 (a whole number from 0 to 0 is due)"),
    (["--set", "reliability.horizon=none"], "long.ini follows no failures (its reliability.horizon is"),
    (["--set", "job.tensr=2"], "did you mean job.tensor?"),
])
def test_bad_choices(lockstep, options, says):
    lockstep.write("long.ini", LONG)
    assert says in lockstep.refused("timeline", "long.ini", *options)


def test_trials_beyond_the_least_under_a_rule(lockstep):
    lockstep.write("long.ini", LONG)
    options = ["--set", "sampling.until=mean(goodput) within 1e-9", "--set",
               "sampling.max_trials=8"]
    lockstep.done("run", "long.ini", "-q", *options)
    assert "horizon" in lockstep.done("timeline", "long.h5", "--trial", 7).stdout
    assert "from 0 to 7" in lockstep.refused("timeline", "long.h5", "--trial", 8)


def test_a_file_has_the_trials_that_its_rule_let_it_have(lockstep):
    h5netcdf = pytest.importorskip("h5netcdf")
    lockstep.write("long.ini", LONG)
    lockstep.done("run", "long.ini", "-q", "--set", "sampling.until=mean(step_time) within 90%", "--set",
                  "sampling.max_trials=500")
    with h5netcdf.File(lockstep.folder / "long.h5") as data:
        last = data.dimensions["trial"].size - 1
    assert last < 100
    assert "horizon" in lockstep.done("timeline", "long.h5", "--trial", last).stdout
    assert f"from 0 to {last} is due" in lockstep.refused("timeline", "long.h5", "--trial", last + 1)


@pytest.mark.parametrize("spares, named", [
    (3, "(0: reliability.spares=0, 1: reliability.spares=1, 2: reliability.spares=2; one is due)"),
    (13, "(0: reliability.spares=0, 1: reliability.spares=1, ..., 12: reliability.spares=12; one"),
])
def test_design_points_are_named(lockstep, spares, named):
    lockstep.write("long.ini", LONG.replace("spares = 1\n", "") + "[sweep]\nreliability.spares = "
                   + ", ".join(map(str, range(spares))) + "\n")
    assert named in lockstep.refused("timeline", "long.ini")


def test_what_is_no_study(lockstep):
    assert "'none.ini' cannot be opened" in lockstep.refused("timeline", "none.ini")
    assert "none.h5 does not exist" in lockstep.refused("timeline", "none.h5")
    lockstep.write("note.h5", "no result")
    assert "not a result file" in lockstep.refused("timeline", "note.h5")


def test_a_file_whose_study_changed(lockstep):
    lockstep.write("spikes.csv", "s\n0.1\n0.2\n")
    lockstep.write("long.ini", LONG + "[noise]\nspike_delay = empirical(spikes.csv)\n")
    lockstep.done("run", "long.ini", "--trials", 1, "--set", "reliability.spares=2", "-q")
    first = lockstep.done("timeline", "long.h5").stdout
    assert first == lockstep.done("timeline", "long.ini", "--set", "reliability.spares=2").stdout
    lockstep.write("spikes.csv", "s\n0.1\n0.3\n")
    assert "holds another study" in lockstep.refused("timeline", "long.h5")
