"""Whether two builds of the program give the same results, bit for bit, for every shipped study.

    python3 tests/reproducibility/compare_programs.py OLD_PROGRAM NEW_PROGRAM [STUDY.ini ...] [--trials N]

Every dataset and attribute is compared but those that name the build and the run (/runtime, version,
commit, digests of the header). For a change of the code that must not change a result. Ends with 1 where
one differs.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import h5py
import numpy

STUDIES = pathlib.Path(__file__).resolve().parents[2] / "experiments" / "studies"
# What names the build, or is a digest of it and of the order in which parameters are listed.
OF_THE_BUILD = {"program_version", "git_commit", "lockstep_schema_version", "header_sha256",
                "study_id", "_NCProperties"}
UNORDERED = {"resolved_parameters"}  # lines


def contents(path):
    """{name: bytes} of every dataset and attribute that is a result."""
    found = {}

    def attributes(name, thing):
        for key, value in thing.attrs.items():
            if key not in OF_THE_BUILD and key not in ("DIMENSION_LIST", "REFERENCE_LIST"):
                found[f"{name}@{key}"] = (repr(sorted(value.decode().split("\n"))).encode()
                                          if key in UNORDERED else numpy.asarray(value).tobytes())

    def visit(name, thing):
        if name == "runtime" or name.startswith("runtime/"):
            return
        attributes(name, thing)
        if isinstance(thing, h5py.Dataset):
            data = thing[()]
            found[name] = repr(data).encode() if data.dtype == object else (
                str(data.dtype).encode() + str(data.shape).encode() + data.tobytes())

    with h5py.File(path) as file:
        attributes("/", file)
        file.visititems(visit)
    return found


def differences(old, new, study, trials):
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for number, program in enumerate([old, new]):
            path = pathlib.Path(folder) / f"{number}.h5"
            subprocess.run([program, "run", study, "-o", path, "-q", "--trials", str(trials)],
                           check=True)
            found.append(contents(path))
    first, second = found
    assert len(first) > 10
    return sorted(name for name in first.keys() | second.keys()
                  if first.get(name) != second.get(name))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("old", type=pathlib.Path)
    parser.add_argument("new", type=pathlib.Path)
    parser.add_argument("studies", nargs="*", type=pathlib.Path)
    parser.add_argument("--trials", type=int, default=16)
    options = parser.parse_intermixed_args()
    differ = False
    for study in options.studies or sorted(STUDIES.glob("*.ini")):
        found = differences(options.old.resolve(), options.new.resolve(), study, options.trials)
        differ = differ or bool(found)
        print(f"{study.name}: {'DIFFERS in ' + ', '.join(found) if found else 'the same bits'}",
              flush=True)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
