"""The power of a fleet over its steps, as a study asks for it and its file holds it."""

import re

import h5py
import numpy

STUDY = """[sampling]
trials = 4
steps = 5
[fleet]
chips = H100:64, GB200:64
[job]
model_parameters = 8e9
layers = 32
hidden = 4096
tensor = 8
"""


def values(path):
    with h5py.File(path) as file:
        return {name: item[...] for name, item in file.items()
                if isinstance(item, h5py.Dataset) and "extents" in item.attrs}


def test_a_meter_adds_variables_and_changes_none(lockstep):
    lockstep.write("s.ini", STUDY)
    lockstep.done("run", "s.ini", "-q", "-o", "off.h5")
    ended = lockstep.done("run", "s.ini", "-o", "on.h5", "--set", "power.meter=on")
    assert re.search(r"mean MW +swing MW$", ended.stdout.splitlines()[0])
    off, on = values(lockstep.folder / "off.h5"), values(lockstep.folder / "on.h5")
    assert set(off) < set(on)
    assert all(off[name].tobytes() == on[name].tobytes() for name in off)
    assert {"power_mean", "power_swing", "power_ramp", "energy_per_token"} <= set(on) - set(off)
    with h5py.File(lockstep.folder / "on.h5") as file:
        assert list(file["ramp_window"][...]) == [b"1s", b"15s", b"60s"]
    mean, peak, trough = on["power_mean"], on["power_peak"], on["power_trough"]
    assert (trough < mean).all() and (mean < peak).all()
    assert numpy.allclose(on["power_swing"], peak - trough)
    # From half of TDP without host to peaks with all of it, at the meter.
    assert (mean > 0.5 * 64 * 1900).all() and (mean < 1.1 * 64 * (1900 + 675) * 1.42).all()


def test_what_has_no_effect_is_said(lockstep):
    lockstep.write("s.ini", STUDY + "[power]\ncompute = 0.8\n")
    assert "power.compute has no effect without power.meter" in \
        lockstep.done("describe", "s.ini", "--no-estimate").stdout


def test_a_trace_without_end_is_refused(lockstep):
    lockstep.write("s.ini", STUDY + "[power]\nmeter = on\nresolution = 1ns\n")
    message = lockstep.refused("run", "s.ini")
    assert "power.resolution = 1ns" in message and "fewer sampling.steps" in message
