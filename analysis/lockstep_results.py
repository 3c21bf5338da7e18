"""Reads Lockstep result files: the one loader that tables, figures and the report use.

    import lockstep_results
    data = lockstep_results.load("colossus1.h5")       # an xarray Dataset, read when asked for
"""

import os
import pathlib
import sys
import warnings

from packages import end_without

try:
    import numpy
    import xarray
    from xarray.backends import BackendArray
    from xarray.core import indexing
    import h5netcdf  # noqa: F401 (xarray opens files with it)
except ImportError as error:
    end_without(error, "python3-xarray", "python3-h5netcdf")

SCHEMA_MAJOR = 1
SAME_IN_ALL_SHARDS = ["study_id", "seed_text", "lockstep_schema_version", "program_version",
                      "git_commit", "shard_count"]
MOST_NAMED = 5


class ResultsError(Exception):
    """What was given holds no results that can be read; the text is one line."""


def load(*paths):
    """The results as an xarray Dataset, lazy: what is not asked for is not read. Dimensions are
    the study's axes, trial, step, chip_generation, cause. `paths` is one results file, or the
    shards of one run: files, or a folder that holds them. Shards that are missing leave NaN, and
    a warning says which. Raises ResultsError."""
    files = [file for path in paths for file in _files(pathlib.Path(path))]
    if not files:
        raise ResultsError("no file was given")
    opened = [_open(file) for file in files]
    if len(files) == 1 and opened[0].attrs["lockstep_file"] == "results":
        missing = int(opened[0].attrs.get("blocks_missing", 0))
        if missing:
            warnings.warn(f"{files[0]}: {missing} blocks of trials were missing when it was merged")
        return opened[0]
    return _join(files, opened)


def runtime(*paths):
    """Attributes of /runtime of the first file: when, where and how it ran."""
    with xarray.open_dataset(_files(pathlib.Path(paths[0]))[0], engine="h5netcdf",
                             group="runtime") as group:
        return dict(group.attrs)


def _files(path):
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("*-of-*.h5"))
    if not found:
        raise ResultsError(f"{path} holds no shards (files like NAME.0-of-4.h5)")
    return found


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


def _join(files, shards):
    """One Dataset of shards of one run, none given twice; warns of blocks that none holds."""
    first, holder = shards[0].attrs, {}
    for file, shard in zip(files, shards):
        if shard.attrs["lockstep_file"] != "shard":
            raise ResultsError(f"{file} is no shard, and several files must be shards of one run")
        for name in SAME_IN_ALL_SHARDS:
            if shard.attrs[name] != first[name]:
                raise ResultsError(f"{file} does not belong to {files[0]}: its {name} is "
                                   f"{shard.attrs[name]}, there it is {first[name]}")
        index = int(shard.attrs["shard_index"])
        if index in holder:
            raise ResultsError(f"{file} repeats {holder[index]}: both are shard {index}")
        holder[index] = file
    held = {int(block) for shard in shards if "block" in shard for block in shard.block.values}
    missing = int(first["blocks"]) - len(held)
    if missing:
        begin = 1 if int(first["shard_count"]) in holder else 0
        absent = [str(i) for i in range(begin, begin + int(first["shard_count"]))
                  if i not in holder]
        names = ", ".join(absent[:MOST_NAMED]) + (", ..." if len(absent) > MOST_NAMED else "")
        warnings.warn(f"{missing} of {first['blocks']} blocks of trials are missing: shard {names} "
                      f"of {first['shard_count']} not given")
    own = {"block", "block_checksum"}
    variables = {name: variable for name, variable in shards[0].variables.items()
                 if name not in own}
    for name, variable in variables.items():
        if "trial" in variable.dims and name != "trial":
            lazy = indexing.LazilyIndexedArray(_OfShards([s.variables[name] for s in shards]))
            variables[name] = xarray.Variable(variable.dims, lazy, variable.attrs)
    coordinates = {name: variables.pop(name) for name in shards[0].coords if name in variables}
    attributes = {**first, "lockstep_file": "results", "blocks_missing": missing}
    return xarray.Dataset(variables, coordinates, attributes)


class _OfShards(BackendArray):
    """A variable cut over shards: each holds the whole shape, and NaN where another has trials."""

    def __init__(self, parts):
        self.parts, self.shape, self.dtype = parts, parts[0].shape, parts[0].dtype

    def __getitem__(self, key):
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.BASIC, self._read)

    def _read(self, key):
        whole = numpy.asarray(self.parts[0][key].values)
        for part in self.parts[1:]:
            whole = numpy.where(numpy.isnan(whole), part[key].values, whole)
        return whole


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
