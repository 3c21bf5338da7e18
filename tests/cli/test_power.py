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
                if isinstance(item, h5py.Dataset) and "extents" in item.attrs
                and item.dtype.kind == "f"}


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
    def described(*settings):
        return lockstep.done("describe", "s.ini", "--no-estimate", *settings).stdout
    assert "power.compute has no effect without power.meter" in described()
    # Serving knows its power without the meter, but neither waits nor floors.
    served = described("--set", "serving.load=0.5", "--set", "power.waiting=0.3",
                       "--set", "chip.H100.tdp=800W")
    assert "Warning: power.waiting has no effect without power.meter." in served


def test_points_share_the_times_of_traces(lockstep):
    lockstep.write("s.ini", STUDY + "[power]\nmeter = on\n")
    for traces, time, named in (("0, 2", "1s", "power.traces"), ("1", "1s, 2s", "power.trace_time")):
        message = lockstep.refused("run", "s.ini", "--set", f"sweep.power.traces={traces}",
                                   "--set", f"sweep.power.trace_time={time}")
        assert f"{named} differs between design points (it sets dimensions" in message


def test_a_trace_without_end_is_refused(lockstep):
    lockstep.write("s.ini", STUDY + "[power]\nmeter = on\nresolution = 1ns\n")
    message = lockstep.refused("run", "s.ini")
    assert "power.resolution = 1ns" in message and "fewer sampling.steps" in message


def test_limits_are_judged_where_the_trace_shows_them(lockstep):
    lockstep.write("s.ini", STUDY.replace("steps = 5", "steps = 40")
                   + "[power]\nmeter = on\nswing_limit = 20kW\n")
    lockstep.done("run", "s.ini", "-q", "-o", "all.h5")
    listed = re.findall(r"^(\w+)$", lockstep.done("list", "limits").stdout, re.M)
    with h5py.File(lockstep.folder / "all.h5") as file:
        assert [name.decode() for name in file["limit"][...]] == [*listed, "own"]
        met = dict(zip([*listed, "own"], file["power_compliance"][...].T))
        room = dict(zip([*listed, "own"], file["power_largest_fleet"][...].T))
        swing = file["power_swing"][...]
        ramp = file["power_ramp"][...]
    # Steps of a second or so: of 5 s, not of a minute.
    assert numpy.isnan(met["caiso"]).all() and numpy.isnan(ramp[:, 2]).all()
    described = lockstep.done("describe", "s.ini", "--no-estimate").stdout
    assert re.search(r"do not show the power's .*caiso.* sampling.steps = \d+", described)
    assert (met["own"] == (swing <= 20e3)).all()
    assert numpy.allclose(room["own"], 128 * 20e3 / swing)
    assert numpy.allclose(room["ercot_2026"], 500 * room["own"])
    message = lockstep.refused("run", "s.ini", "--set", "power.limit=aeso", "-o", "x.h5")
    steps = re.search(r"take sampling.steps = (\d+) or more", message).group(1)
    lockstep.done("run", "s.ini", "-q", "--set", "power.limit=aeso", "--set",
                  f"sampling.steps={steps}", "--trials", 1, "-o", "aeso.h5")
    with h5py.File(lockstep.folder / "aeso.h5") as file:
        judged = file["power_compliance"][0]
    assert judged[listed.index("aeso")] == 1 and numpy.isnan(judged).sum() == len(judged) - 1


def test_an_own_limit_has_numbers(lockstep):
    lockstep.write("s.ini", STUDY + "[power]\nmeter = on\nlimit = own\n")
    assert "give power.swing_limit or power.ramp_limit too" in lockstep.refused("run", "s.ini")


def test_the_trace_of_a_trial_is_the_one_behind_its_row(lockstep):
    lockstep.write("s.ini", STUDY + "[power]\nmeter = on\n[sweep]\npower.floor = 0, 0.8\n")
    lockstep.done("run", "s.ini", "-q")
    held = values(lockstep.folder / "s.h5")
    for source in ("s.ini", "s.h5"):
        printed = lockstep.done("power", source, "--point", 1, "--trial", 2).stdout.splitlines()
        assert printed[0] == "time_s,power_W"
        times, watts = numpy.array([line.split(",") for line in printed[1:]], float).T
        assert times[0] == 0 and numpy.allclose(numpy.diff(times), 1e-3)
        for name, value in (("mean", watts.mean()), ("peak", watts.max()), ("trough", watts.min())):
            assert numpy.isclose(value, held[f"power_{name}"][1, 2], rtol=1e-8)
    lines = lockstep.done("power", "s.ini", "--point", 1, "--trial", 2, "--spectrum").stdout
    assert lines.startswith("frequency_Hz,density_W2_per_Hz\n")
    frequency, density = numpy.array([line.split(",") for line in lines.splitlines()[1:]], float).T
    half = frequency[1] / 2  # each value stands for so much to both sides
    width = numpy.minimum(frequency + half, 100) - numpy.maximum(frequency - half, 7)
    rms = numpy.sqrt((density * numpy.maximum(width, 0)).sum())
    assert numpy.isclose(rms, held["power_band"][1, 2, 2], rtol=1e-6)
    message = lockstep.refused("power", "s.ini", "--set", "power.meter=off", "--point", 0)
    assert "write for example --set power.meter=on" in message


def test_a_cap_is_felt_and_compared(lockstep):
    lockstep.write("s.ini", STUDY + "[power]\nmeter = on\n[sweep]\npower.cap = none, 500W\n")
    lockstep.done("run", "s.ini", "-q")
    held = values(lockstep.folder / "s.h5")
    steps, slower = held["step_time"].mean(axis=-1), held["power_slowdown"]
    compute = held["compute_time"].mean(axis=-1)  # what a cap lengthens
    assert (compute[1] > 1.1 * compute[0]).all() and (slower[0] == 0).all()
    assert numpy.allclose(slower[1], steps[1] / steps[0] - 1, rtol=1e-9)
    energy = held["energy_per_step"]
    assert numpy.allclose(held["energy_overhead"][1], energy[1] / energy[0] - 1, rtol=1e-9)
    lockstep.write("low.ini", STUDY + "[power]\nmeter = on\ncap = 100W\n")
    assert "a GB200 idles at 190W" in lockstep.refused("run", "low.ini")


def test_powers_that_cannot_be_are_refused(lockstep):
    lockstep.write("s.ini", STUDY + "[power]\nmeter = on\n")

    def said(*settings):
        return lockstep.refused("describe", "s.ini", *settings)

    assert "above power.cap = 500 W) lower it" in said("--set", "power.floor=0.8", "--set",
                                                       "power.cap=500W")
    assert "power.waiting_floor = 0.9" in said("--set", "power.waiting_floor=0.9", "--set",
                                               "power.stack=tuned", "--set", "power.cap=500W")
    assert "699 W with a job's context" in said("--set", "chip.H100.idle_power=699W")
    assert "take more sampling.steps" in said("--set", "power.resolution=1d")


def test_traces_of_first_trials_are_kept(lockstep):
    lockstep.write("s.ini", STUDY + "[power]\nmeter = on\ntraces = 2\ntrace_time = 4s\n"
                   "[sweep]\npower.floor = 0, 0.8\n")
    lockstep.done("run", "s.ini", "-q", "--threads", 2)
    with h5py.File(lockstep.folder / "s.h5") as file:
        times = numpy.array([float(text) for text in file["time"][...]])
        frequencies = numpy.array([float(text) for text in file["frequency"][...]])
        trace, spectrum = file["power_trace"][...], file["power_spectrum"][...]
        assert trace.shape == (2, 4, 2000) and spectrum.shape == (2, 4, len(frequencies))
        band = file["power_band"][1, 1, 2]
    assert numpy.isnan(trace[:, 2:]).all() and numpy.isnan(spectrum[:, 2:]).all()
    assert times[0] == 0 and numpy.allclose(numpy.diff(times), 2e-3)
    lines = lockstep.done("power", "s.ini", "--point", 1, "--trial", 1).stdout.splitlines()[1:]
    watts = numpy.array([line.split(",")[1] for line in lines], float)
    whole = watts[:len(watts) // 2 * 2].reshape(-1, 2).mean(axis=1)[:2000]
    assert numpy.allclose(trace[1, 1, :len(whole)], whole, rtol=1e-8)
    assert numpy.isnan(trace[1, 1, len(whole):]).all()
    # Bands of a twentieth of a decade add up to those of powers of ten, nearly.
    decade = (frequencies > 6.5) & (frequencies < 95)
    assert abs(numpy.sqrt((spectrum[1, 1, decade] ** 2).sum()) / band - 1) < 0.05
    # The same bits in shards; summaries leave them out unless they are asked.
    for shard in ("0/2", "1/2"):
        lockstep.done("run", "s.ini", "-q", "--shard", shard, "-o", f"{shard[0]}.h5",
                      "--set", "sampling.block=1")
    lockstep.done("merge", "0.h5", "1.h5", "-o", "m.h5")
    with h5py.File(lockstep.folder / "m.h5") as file:
        assert file["power_trace"][...].tobytes() == trace.tobytes()
        assert file["power_spectrum"][...].tobytes() == spectrum.tobytes()
    assert "power_trace" not in lockstep.done("summary", "s.h5", "--json").stdout


def test_a_box_that_falls_costs_time_and_saves_energy(lockstep):
    lockstep.write("s.ini", STUDY + """
data_parallel = all_reduce
overlap = 0
[power]
meter = on
floor = 0.8
ramp_up = 200W/s
ramp_down = 500W/s
[sweep]
power.stop_delay = none, 1h, 0s
""")
    note = "sampling.warmup_steps = 3 leave it out"
    assert note in lockstep.done("describe", "s.ini", "--no-estimate").stdout.replace("\n", " ")
    lockstep.done("run", "s.ini", "-q")
    held = values(lockstep.folder / "s.h5")
    never, long, short = (held["step_time"][p] for p in range(3))
    assert never.tobytes() == long.tobytes() and short.mean() > 1.001 * never.mean()
    assert (held["power_slowdown"][2] > 0).all() and (held["power_slowdown"][:2] == 0).all()
    assert (held["power_smoothing_time"][2] < held["power_smoothing_time"][0]).all()
    # From context to compute at 200 W/s a chip and what of its host follows.
    rise = held["power_start"][0, 0]
    assert 128 * 200 < rise[0] < 128 * 250 and rise[1] > 2 * rise[0]
