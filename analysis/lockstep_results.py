"""Reads Lockstep result files.

    import lockstep_results
    data = lockstep_results.load("colossus1.h5")       # an xarray Dataset, read when asked for
"""

import os
import pathlib
import sys
import warnings

from packages import end_without

try:
    import xarray
    import h5netcdf  # noqa: F401 (xarray opens files with it)
except ImportError as error:
    end_without(error, "python3-xarray", "python3-h5netcdf")

SCHEMA_MAJOR = 3


class ResultsError(Exception):
    """What was given holds no results that can be read; the text is one line."""


def load(path):
    """The results as an xarray Dataset, lazy: what is not asked for is not read. Dimensions are
    the study's axes, trial, step, chip_generation, cause, phase. Trials that the file lacks (a shard, or a
    merge of some) are NaN, and a warning says so. Raises ResultsError."""
    path = pathlib.Path(path)
    data = _open(path)
    if missing(data):
        warnings.warn(missing(data))
    return data


def missing(data):
    """What trials the file lacks, in words; "" of a whole one."""
    of = data.attrs
    count = int(of["blocks"]) - int(of["blocks_held"]) if of["lockstep_file"] == "shard" \
        else int(of.get("blocks_missing", 0))
    return f"{count} of {of['blocks']} blocks of trials are missing" if count else ""


def runtime(path):
    """Attributes of /runtime: when, where and how it ran."""
    with xarray.open_dataset(path, engine="h5netcdf", group="runtime") as group:
        return dict(group.attrs)


def _open(path):
    if not path.exists():
        raise ResultsError(f"{path} does not exist")
    try:
        if path.stat().st_size == 0:
            raise ResultsError(f"{path} is empty (0 bytes)")
        data = xarray.open_dataset(path, engine="h5netcdf", cache=False)
    except ResultsError:
        raise
    except Exception as error:  # readers below raise whatever they meet in a damaged file
        raise ResultsError(f"{path} is no readable HDF5 file ({_one_line(error)})") from None
    if data.attrs.get("lockstep_file") not in ("results", "shard"):
        raise ResultsError(f"{path} is no Lockstep result file")
    version = str(data.attrs.get("lockstep_schema_version"))
    major = version.split(".")[0]
    if major != str(SCHEMA_MAJOR):
        older = major.isdigit() and int(major) < SCHEMA_MAJOR
        raise ResultsError(f"{path} has schema version {version}, these scripts read "
                           f"{SCHEMA_MAJOR}.x: use the {'older' if older else 'newer'} scripts "
                           "that came with its program")
    if "trial" not in data.dims:
        raise ResultsError(f"{path} holds no trials")
    return data


def _one_line(error):
    return " ".join(str(error).split())[:200] or type(error).__name__


def run(main):
    """Runs a script's main: what cannot be read or drawn ends with one line and exit code 2."""
    warnings.showwarning = lambda message, *_: print(f"warning: {message}", file=sys.stderr)
    try:
        main()
    except ResultsError as error:
        print(f"{os.path.basename(sys.argv[0])}: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"{os.path.basename(sys.argv[0])}: {_one_line(error)}", file=sys.stderr)
        sys.exit(2)
