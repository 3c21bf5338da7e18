"""Ctrl-C, TERM and USR1 during a run: exit code 75, and --resume ends in the same datasets."""

import os
import pathlib
import re
import shlex
import signal
import time

import pytest

from conftest import Program, small_study
from result_files import differences
from shims import fast_clock

# A second or two on one core; by a fast clock the first block is saved long before the end.
STUDY = small_study(trials=160, steps=60, block=16, chips="H100:192, GB200:64",
                    noise="straggler_fraction = 0.01\nspike_probability = 1e-6")
OPTIONS = ["--set", "noise.spike_delay=exponential(mean=2ms)", "--seed", "5"]


@pytest.fixture(scope="module")
def reference(binary, tmp_path_factory):
    program = Program(binary, tmp_path_factory.mktemp("reference"))
    program.write("a study.ini", STUDY)
    program.done("run", "a study.ini", "-q", "-o", "x.h5", *OPTIONS)
    return program.folder / "x.h5"


def wait_until(condition, process, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, f"ended too early: {process.communicate()}"
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def start_and_wait_for_a_part(program):
    program.write("a study.ini", STUDY)
    process = program.start("run", "a study.ini", "-o", "x.h5", "--threads", 1, *OPTIONS,
                            variables=fast_clock())
    wait_until(lambda: list(program.folder.glob("x.h5.part/*.h5")), process)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1],
                         ids=lambda number: number.name)
def test_stop_and_resume(lockstep, reference, number):
    process = start_and_wait_for_a_part(lockstep)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 75, err
    assert out == "" and lockstep.names() == ["a study.ini", "x.h5.part"]
    assert "stopping: finished blocks are saved, those under way given up" in err
    message = err.splitlines()[-1]
    assert message.startswith(f"lockstep: stopped by {number.name} (")
    saved, total = map(int, message.split("(")[1].split(" blocks")[0].split(" of "))
    assert 0 < saved < total == 30

    for unfinished in ["x.h5", "x.h5.part"]:
        told = lockstep.refused("summary", unfinished)
        assert told.startswith("x.h5 is not finished (x.h5.part holds ")
        assert told.endswith(": lockstep run STUDY.ini -o x.h5 --resume")
    assert "x.h5 is not finished" in lockstep.refused("merge", "x.h5", "-o", "y.h5")

    # The message's own words, as a shell takes them.
    words = shlex.split(message.split("continue with ")[1])
    assert words[:2] == ["lockstep", "run"] and words[-1] == "--resume"
    lockstep.refused(*words[1:-1])  # without --resume nothing is thrown away
    ended = lockstep.done(*words[1:])
    assert ended.stderr.splitlines()[-1].startswith("100 %  480 of 480 trials")
    assert lockstep.names() == ["a study.ini", "x.h5"]
    assert differences(reference, lockstep.folder / "x.h5") == []


def test_what_a_run_began_with_is_named(lockstep):
    process = start_and_wait_for_a_part(lockstep)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    began = "--set noise.spike_delay=exponential(mean=2ms) --seed 5"
    told = lockstep.refused("run", "a study.ini", "-o", "x.h5", "--resume")
    assert told == ("x.h5.part/000000.h5 is of another run (its noise.spike_delay is "
                    "exponential(mean=0.002s), here it is exponential(mean=0.001s)) go on with "
                    f"{began} as it began, or choose another -o")
    resume = ["run", "a study.ini", "-o", "x.h5", "--resume", *OPTIONS]
    for change, differs in [
            (["--trials", 16], "its sampling.trials is 160, here it is 16"),
            (["--set", "sweep.topology.kind=ring, tree"],
             "its sweep.topology.kind is ring, tree, ocs_torus, here it is ring, tree"),
            (["--set", "job.tensor=2", "--set", "job.pipeline=2", "--set", "sampling.block=8",
              "--set", "sampling.steps=9"],
             "its job.pipeline is 1, here it is 2; its job.tensor is 1, here it is 2; its "
             "sampling.block is 16, here it is 8; and 1 more")]:
        told = lockstep.refused(*resume, *change)
        assert f"is of another run ({differs}) go on with {began} as it began, or " in told
    told = lockstep.refused(*resume[:-1], 6)
    assert "is of another run (its seed is 5, here it is 6) go on with --set " in told
    # The same options, and another text.
    lockstep.write("a study.ini", STUDY.replace("steps = 60", "steps = 61"))
    assert lockstep.refused(*resume).endswith(
        "is of another run (its sampling.steps is 60, here it is 61) choose another -o")


def test_stopped_twice(lockstep, reference):
    first = start_and_wait_for_a_part(lockstep)
    first.send_signal(signal.SIGTERM)
    assert "--resume" in first.communicate(timeout=120)[1]
    parts = len(list(lockstep.folder.glob("x.h5.part/*.h5")))
    again = lockstep.start("run", "a study.ini", "-o", "x.h5", "--threads", 1, "--resume", *OPTIONS,
                           variables=fast_clock())
    wait_until(lambda: len(list(lockstep.folder.glob("x.h5.part/*.h5"))) > parts, again)
    again.send_signal(signal.SIGUSR1)
    _, err = again.communicate(timeout=120)
    assert again.returncode == 75 and err.count("--resume") == 1, err
    lockstep.done("run", "a study.ini", "-q", "-o", "x.h5", "--resume", *OPTIONS)
    assert differences(reference, lockstep.folder / "x.h5") == []


def test_continuation_signal_is_ignored(lockstep, reference):
    process = start_and_wait_for_a_part(lockstep)
    process.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert differences(reference, lockstep.folder / "x.h5") == []


# Slurm announces a stop with CONT, then TERM.
def test_continuation_before_termination(lockstep):
    process = start_and_wait_for_a_part(lockstep)
    process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 75 and "stopped by SIGTERM" in err


# Each would take many minutes: a block of many trials, a trial of many steps, a long run of many failures.
@pytest.mark.parametrize("options", [
    ["--set", "sampling.block=65536", "--trials", 65536],
    ["--set", "sampling.steps=2000000"],
    ["--set", "sampling.steps=1", "--set", "reliability.horizon=3e8d", "--set",
     "reliability.spares=unlimited"],
], ids=["block", "steps", "failures"])
@pytest.mark.parametrize("threads", [1, 128], ids=["a block a thread", "all threads on a block"])
def test_a_block_under_way_is_given_up(lockstep, options, threads):
    lockstep.write("s.ini", STUDY.replace("trials = 160", "trials = 16"))
    process = lockstep.start("run", "s.ini", "--threads", threads, *options)
    wait_until(lambda: (lockstep.folder / "s.h5.part" / "lock").exists(), process)
    time.sleep(0.5)  # the block has begun
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 75 and "(0 of 3 blocks are saved) " in err, err
    assert lockstep.names() == ["s.ini"]


def start_waiting_for_a_study(program):
    """A run whose study is a pipe that nobody has written to."""
    os.mkfifo(program.folder / "s.ini")
    process = program.start("run", "s.ini", "--threads", 1)
    status = pathlib.Path(f"/proc/{process.pid}/status")
    caught = 1 << (signal.SIGTERM - 1)
    wait_until(lambda: int(re.search(r"SigCgt:\s*(\w+)", status.read_text()).group(1), 16) & caught,
               process)
    return process


def test_stopped_while_planning(lockstep):
    process = start_waiting_for_a_study(lockstep)
    process.send_signal(signal.SIGTERM)
    lockstep.write("s.ini", STUDY)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 75, err
    assert err.splitlines()[-1] == (
        "lockstep: stopped by SIGTERM (while planning, nothing new is computed) start again with "
        "lockstep run s.ini --threads 1")
    assert lockstep.names() == ["s.ini"]


def test_second_interrupt_aborts(lockstep):
    process = start_waiting_for_a_study(lockstep)
    process.send_signal(signal.SIGINT)
    assert "Ctrl-C again aborts" in process.stderr.readline() + process.stderr.readline()
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT and lockstep.names() == ["s.ini"]


def test_second_run_on_one_output_is_refused(lockstep):
    process = start_and_wait_for_a_part(lockstep)
    second = lockstep("run", "a study.ini", "-o", "x.h5", "--resume", *OPTIONS)
    assert second.returncode == 2 and "is in use" in second.stderr
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == 75
