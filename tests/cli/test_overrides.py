"""`--set` of values that a line of a file could not hold: what is kept reads back."""

import re

import pytest
import xarray

STUDY = """\
title = Small
[sampling]
trials = 3
steps = 2
[fleet]
chips = H100:16
[noise]
spike_probability = 0.01
"""


@pytest.mark.parametrize("written, plain", [
    ("sweep.topology.kind=ring,\ntree", "sweep.topology.kind=ring, tree"),
    ("sweep.topology.kind=ring,\r\n\t tree\n", "sweep.topology.kind=ring, tree"),
    ("title=a\nb", "title=a b"),
    ("title=a \t\n b  c", "title=a b  c"),
    ("noise.spike_delay=exponential(mean=\n1ms)", "noise.spike_delay=exponential(mean= 1ms)"),
    ("sweep.(job.tensor,\n job.pipeline)=(1, 2),\n(2, 1)",
     "sweep.(job.tensor, job.pipeline)=(1, 2), (2, 1)"),
])
def test_line_ends_are_spaces(lockstep, written, plain):
    lockstep.write("s.ini", STUDY)
    lockstep.done("run", "s.ini", "-q", "-o", "written.h5", "--set", written)
    lockstep.done("run", "s.ini", "-q", "-o", "plain.h5", "--set", plain)
    shown = [lockstep.done("summary", name).stdout for name in ("written.h5", "plain.h5")]
    assert shown[0] == shown[1] and "Mean of 3 trials" in shown[0]
    lockstep.done("run", "s.ini", "-q", "-o", "written.h5", "--resume", "--set", written)
    with xarray.open_dataset(lockstep.folder / "written.h5") as one, \
            xarray.open_dataset(lockstep.folder / "plain.h5") as other:
        assert one.attrs["resolved_parameters"] == other.attrs["resolved_parameters"]
        assert one.attrs["title"] == other.attrs["title"]
        assert bool((one.step_time == other.step_time).all())


@pytest.mark.parametrize("value", ["title=a\x01b", "title=a\x1b[31mb", "title=a\x7fb",
                                   "sweep.topology.kind=ring,\x0btree", "title=a\rb",
                                   "job.\x02tensor=1"])
def test_control_characters_are_refused(lockstep, value):
    lockstep.write("s.ini", STUDY)
    message = lockstep.refused("run", "s.ini", "--set", value)
    assert re.match(r"--set( \S+)?: no text \(byte 0x[017][0-9a-f] at offset \d+\)", message), message


def test_bytes_that_are_no_text_are_refused(lockstep):
    lockstep.write("s.ini", STUDY)
    assert "byte 0xff at offset 1" in lockstep.refused("run", "s.ini", "--set", "title=a\udcff")


@pytest.mark.parametrize("option", ["--trials", "--seed"])
def test_numbers_may_end_with_a_line(lockstep, option):
    lockstep.write("s.ini", STUDY)
    lockstep.done("run", "s.ini", "-q", "-o", "r.h5", option, "2\n")
    assert "Mean of" in lockstep.done("summary", "r.h5").stdout
