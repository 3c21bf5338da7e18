"""The file as other programs see it: each reader, equality of runs, and FORMAT.md."""

import math
import pathlib
import re
import shutil
import subprocess

import pytest

h5py = pytest.importorskip("h5py", reason="python3-h5py is not installed: nothing is compared")

FORMAT = pathlib.Path(__file__).parents[2] / "engine" / "storage" / "FORMAT.md"
KINDS = ["ring", "tree", "torus"]
GENERATIONS = ["H100", "GB200"]
SEED = 2**64 - 1


def value(variable, point, trial, place):
    """sample.hpp's value()."""
    if variable == 2 and trial % 11 == 10:
        return math.nan
    return (variable + 1) * 4096 + point + trial / 1024 + place / 1048576


def content(path):
    """Every dataset and attribute outside /runtime, as bytes and plain values."""
    with h5py.File(path) as file:
        def attributes(item):
            references = ("DIMENSION_LIST", "REFERENCE_LIST")
            return [(key, str(item.attrs.get_id(key).dtype), item.attrs[key].tobytes()
                     if hasattr(item.attrs[key], "tobytes") else item.attrs[key])
                    for key in item.attrs if key not in references]

        everything = {"/": attributes(file)}
        for name, item in file.items():
            if name == "runtime":
                continue
            dimensions = [d.label for d in item.dims], [list(d.keys()) for d in item.dims]
            values = item[...]
            values = values.tolist() if values.dtype.kind == "O" else values.tobytes()
            everything[name] = (attributes(item), dimensions, item.shape, item.chunks,
                                item.fletcher32, item.compression, str(item.dtype), values)
    assert len(everything) > 10
    return everything


def test_h5py(sample):
    sample("run", "a.h5")
    with h5py.File(sample.path("a.h5")) as file:
        assert file.attrs["seed"] == SEED and file.attrs["seed_text"].decode() == str(SEED)
        assert file.attrs["title"].decode() == "Synthetic study, 7 µs"
        assert file.attrs["lockstep_schema_version"] == b"3.1"
        times = file["step_time"]
        assert times.shape == (3, 2, 40, 5) and times.chunks == (1, 1, 40, 5)
        assert times.fletcher32 and times.compression is None
        assert times[1, 0, 39, 4] == value(0, 2, 39, 4)
        assert [d[0].name for d in times.dims] == [
            "/topology.kind", "/noise.spike_probability", "/trial", "/step"]
        assert list(file["trial"][:3]) == [0, 1, 2] and list(file["step"]) == [1, 2, 3, 4, 5]
        assert file["step_time"].attrs["_FillValue"].shape == (1,)


@pytest.mark.parametrize("engine", ["netcdf4", "h5netcdf"])
@pytest.mark.parametrize("kind", ["results", "shard", "no axes", "merged with gaps"])
def test_xarray(sample, engine, kind):
    xarray = pytest.importorskip("xarray", reason="python3-xarray is not installed")
    pytest.importorskip({"netcdf4": "netCDF4"}.get(engine, engine),
                        reason=f"the reader {engine} is not installed")
    if kind == "merged with gaps":
        sample("merge", "a.h5", "--allow-missing", *sample.shards(3)[:2])
    else:
        sample("run", "a.h5", *{"shard": ("--shard", "1/3"), "no axes": ("--no-axes",)}.get(kind, ()))
    with xarray.open_dataset(sample.path("a.h5"), engine=engine) as data:
        assert data["step_time"].attrs["units"] == "s"
        assert list(data["chip_generation"].values) == GENERATIONS
        at = {} if kind == "no axes" else {"topology.kind": "tree", "noise.spike_probability": 1e-6}
        point = 0 if kind == "no axes" else 3
        one = data["compute_time_by_generation"].sel(at)
        assert one.dims == ("trial", "step", "chip_generation")
        held = {"shard": {1}, "merged with gaps": {0, 1}}.get(kind, {0, 1, 2})
        for trial in (0, 20, 39):
            block = point * 3 + trial // 16
            got = float(one.sel(trial=trial, step=2, chip_generation="GB200"))
            if block % 3 in held:
                assert got == value(1, point, trial, 3)
            else:
                assert math.isnan(got)


def test_ncdump(sample):
    program = shutil.which("ncdump")
    if not program:
        pytest.skip("ncdump is not installed: netCDF's own reader is not tried")
    sample("run", "a.h5")
    text = subprocess.run([program, "-v", "topology.kind,replicas", sample.path("a.h5")], check=True,
                          capture_output=True, text=True).stdout
    assert "double step_time(topology.kind, noise.spike_probability, trial, step) ;" in text
    assert 'topology.kind = "ring", "tree", "torus" ;' in text
    assert ':seed_text = "18446744073709551615" ;' in text
    assert "group: runtime" in text and "69" in text.split("replicas =")[1]


def test_r(sample):
    program = shutil.which("Rscript")
    if not program or subprocess.run([program, "-e", "library(ncdf4)"], capture_output=True).returncode:
        pytest.skip("R with ncdf4 is not installed: R is not tried")
    sample("run", "a.h5")
    script = """
      library(ncdf4); f <- nc_open("a.h5"); x <- ncvar_get(f, "step_time")
      cat(dim(x), f$dim[["topology.kind"]]$vals, f$dim$trial$vals[40], f$dim$step$vals[1],
          ncatt_get(f, 0, "seed_text")$value, sprintf("%.17g", x[5, 40, 1, 2]))
    """
    done = subprocess.run([program, "-e", script], cwd=sample.folder, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    words = done.stdout.split()
    assert words[:10] == ["5", "40", "2", "3", *KINDS, "39", "1", str(SEED)]
    assert float(words[10]) == value(0, 2, 39, 4)


def test_equal_runs_and_merges_are_equal(sample):
    sample("run", "a.h5")
    sample("run", "b.h5", "--batch-blocks", "7")
    assert sample.path("a.h5").read_bytes() == sample.path("b.h5").read_bytes()
    sample("check", "a.h5")
    for count in (1, 3, 16):
        sample("merge", f"m{count}.h5", *reversed(sample.shards(count, f"of{count}-")))
        assert content(sample.path(f"m{count}.h5")) == content(sample.path("a.h5"))
        sample("check", f"of{count}-0.h5")
        sample("check", f"m{count}.h5")
    sample("run", "other.h5", "--seed", "1")
    assert content(sample.path("other.h5")) != content(sample.path("a.h5"))


def test_merge_with_gaps_records_them(sample):
    sample("merge", "m.h5", "--allow-missing", *sample.shards(4)[1:])
    with h5py.File(sample.path("m.h5")) as file:
        assert file.attrs["blocks_missing"] == 5
        assert list(file["missing_block"]) == [0, 4, 8, 12, 16]
        assert math.isnan(file["step_time"][0, 0, 3, 0])
        assert file["step_time"][0, 0, 16, 0] == value(0, 0, 16, 0)


def test_a_rule_cuts_every_design_point(sample):
    sample("run", "a.h5")
    sample("run", "u.h5", "--until", "32")
    with h5py.File(sample.path("a.h5")) as whole, h5py.File(sample.path("u.h5")) as cut:
        assert cut.attrs["until"] == b"mean(goodput) within 1%" and cut.attrs["until_met"] == 1
        assert "until" not in whole.attrs
        assert cut.attrs["blocks"] == 12 and cut.attrs["blocks_missing"] == 0
        for name in ("step_time", "compute_time_by_generation", "goodput", "time_lost"):
            assert cut[name].shape[2] == 32
            assert cut[name][()].tobytes() == whole[name][:, :, :32].tobytes()
    sample("run", "u.h5", "--until", "32", "--resume")  # is complete as it is


def documented():
    """Names in the first column of each section's table."""
    sections = {}
    for section in FORMAT.read_text().split("\n## ")[1:]:
        names = re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)
        sections[section.splitlines()[0]] = set(names)
    return sections


def test_format_page_and_files_agree(sample):
    page = documented()
    sample("run", "a.h5")
    sample("merge", "m.h5", "--allow-missing", *sample.shards(3)[:2])
    sample("run", "until.h5", "--until", "32")
    sample("run", "half.h5", "--stop-after", "3", code=75)
    root, dimensions, attributes, runtime = set(), set(), set(), set()
    for name in ("a.h5", "s0.h5", "m.h5", "until.h5"):
        with h5py.File(sample.path(name)) as file:
            root |= set(file.attrs)
            runtime |= set(file["runtime"].attrs)
            assert list(file["runtime"]) == []
            for key in set(file) - {"runtime"}:
                attributes |= set(file[key].attrs)
                if "CLASS" in file[key].attrs and "." not in key:  # axes are the study's own
                    dimensions.add(key)
    with h5py.File(sample.path("half.h5.part/000000.h5")) as file:
        part = set(file.attrs) | ({"block"} & set(file))
    assert page["Root attributes"] == root
    assert page["Dimensions"] == dimensions
    assert page["Attributes of dimensions and variables"] == attributes
    assert page["Attributes of the group runtime"] == runtime
    assert page["Parts"] == part
    version = re.search(r"version (\d+\.\d+)", FORMAT.read_text()).group(1)
    with h5py.File(sample.path("a.h5")) as file:
        assert file.attrs["lockstep_schema_version"].decode() == version
