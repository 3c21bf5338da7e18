"""Reads Lockstep result files: the one loader that tables and figures use."""

import os

try:
    import xarray
except ImportError as error:
    raise SystemExit(f"{error}: install python3-xarray and python3-h5netcdf (for /usr/bin/python3)")

SCHEMA_MAJOR = 1


def load(path):
    """The results as an xarray Dataset, lazy: dimensions are the study's axes, trial, step,
    chip_generation. Raises SystemExit with one line when the file is missing, unreadable, of
    another type or of another major schema version."""
    if not os.path.exists(path):
        raise SystemExit(f"{path} does not exist")
    try:
        data = xarray.open_dataset(path, engine="h5netcdf")
    except Exception as error:
        raise SystemExit(f"{path} is not a readable result file ({error})")
    if data.attrs.get("lockstep_file") not in ("results", "shard"):
        raise SystemExit(f"{path} is not a Lockstep result file")
    version = str(data.attrs.get("lockstep_schema_version"))
    if version.split(".")[0] != str(SCHEMA_MAJOR):
        raise SystemExit(f"{path} has schema version {version} (this reader knows {SCHEMA_MAJOR}.x)")
    return data


def axes(data):
    """Names of the study's axes, in study order."""
    own = {"trial", "step", "chip_generation", "cause", "block"}
    return [name for name in data["step_time"].dims if name not in own]


def design_points(data):
    """Yields ({axis: value}, Dataset of that design point) over the grid, last axis fastest."""
    import itertools

    names = axes(data)
    for values in itertools.product(*(data[name].values for name in names)):
        choice = dict(zip(names, values))
        yield choice, data.sel(choice)
