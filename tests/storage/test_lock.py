"""One output, one run: where the file system locks files, and where it knows no lock."""

import os
import signal
import subprocess

import pytest

FOREIGN = "node3\nanother boot\n17\n4242\n"


@pytest.fixture(params=["flock", "no flock"])
def locking(request, sample, monkeypatch):
    """The runs of a sample with and without flock."""
    if request.param == "no flock":
        sample.preload.append(os.environ["LOCKSTEP_FLOCK_SHIM"])
    return sample


def leftovers(sample, name):
    return sorted(p.name for p in sample.folder.iterdir() if p.name.startswith(name) and p.name != name)


def test_killed_at_every_write_call_and_resumed_at_once(locking):
    locking("run", "whole.h5")
    whole = locking.path("whole.h5").read_bytes()
    for n in range(1, locking.calls("run", "counted.h5") + 1, 3):
        name = f"k{n}.h5"
        locking("run", name, code=-signal.SIGKILL, KILL_AT=n)
        locking("run", name, "--resume")
        assert locking.path(name).read_bytes() == whole, n
        assert leftovers(locking, name) == [], n


def test_many_runs_of_one_output(locking):
    locking("run", "whole.h5")
    whole = locking.path("whole.h5").read_bytes()
    for n in range(10):
        name = f"m{n}.h5"
        killed = locking("run", name, code=None, KILL_AT=9)  # each finds what a killed one left
        assert killed.returncode == -signal.SIGKILL
        together = [locking.start("run", name, "--resume") for _ in range(6)]
        ended = [(*process.communicate(timeout=60), process.returncode) for process in together]
        assert {code for _, _, code in ended} <= {0, 2}, ended
        assert all("is in use" in err for _, err, code in ended if code == 2), ended
        assert any(code == 0 for _, _, code in ended), ended
        assert locking.path(name).read_bytes() == whole and leftovers(locking, name) == []


def test_a_run_beside_a_running_one(locking):
    running = locking.start("run", "x.h5", "--hold")
    assert running.stdout.readline() == "saved 0\n"
    for again in [("run", "x.h5"), ("run", "x.h5", "--resume")]:
        told = locking(*again, code=2).stderr
        assert "x.h5.part is in use (" in told and "another -o" in told
    os.kill(running.pid, signal.SIGKILL)
    running.communicate(timeout=60)
    locking("run", "x.h5")
    assert leftovers(locking, "x.h5") == []


def foreign_claim(sample, age):
    """What a run on another machine leaves when it dies."""
    sample("run", "x.h5", "--stop-after", 4, code=75)
    claim = sample.path("x.h5.part") / "lock.3"
    claim.write_text(FOREIGN)
    now = claim.stat().st_mtime
    os.utime(claim, (now - age, now - age))


@pytest.fixture
def no_flock(sample):
    sample.preload.append(os.environ["LOCKSTEP_FLOCK_SHIM"])
    return sample


def test_a_dead_run_of_another_machine_blocks_nothing(no_flock):
    foreign_claim(no_flock, 61)
    ended = no_flock("run", "x.h5", "--resume")
    assert ended.stdout.startswith("saved 4\n") and ended.stderr == ""
    assert leftovers(no_flock, "x.h5") == []


def test_a_run_of_another_machine_that_died_just_now_is_waited_for(no_flock):
    foreign_claim(no_flock, 58)
    ended = no_flock("run", "x.h5", "--resume")
    assert ended.stderr == ("x.h5.part: waiting up to 60 s to see whether process 17 on node3 still "
                            "writes it\n")
    assert ended.stdout.startswith("saved 4\n") and leftovers(no_flock, "x.h5") == []


def test_a_living_run_of_another_machine_is_left_alone(no_flock):
    foreign_claim(no_flock, 0)
    waiting = no_flock.start("run", "x.h5", "--resume")
    while waiting.poll() is None:
        (no_flock.path("x.h5.part") / "lock.3").touch()
        try:
            waiting.wait(0.2)
        except subprocess.TimeoutExpired:
            pass
    assert waiting.returncode == 2
    assert "x.h5.part is in use (process 17 on node3 writes it)" in waiting.communicate()[1]
    assert (no_flock.path("x.h5.part") / "lock.3").read_text() == FOREIGN
