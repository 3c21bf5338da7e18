"""The program, whose numbers are all that tables, sentences and figures show."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from lockstep_results import ResultsError

NAME = "lockstep"
FORMAT = 2  # of `summary --json`
HERE = pathlib.Path(__file__).resolve().parent


def add_option(parser):
    parser.add_argument("--program", metavar="PATH", help="the program lockstep; by default that "
                        "beside this script, in build/, installed with it, or on the PATH")


def find(given=None):
    """Path of the program. Raises ResultsError."""
    if given:
        if not _runs(given):
            raise ResultsError(f"--program {given} is no program")
        return str(given)
    places = [HERE / NAME, HERE.parent / "build" / NAME]
    if HERE.parent.match("share/lockstep"):
        places.append(HERE.parents[2] / "bin" / NAME)
    for place in places:
        if _runs(place):
            return str(place)
    found = shutil.which(NAME)
    if not found:
        raise ResultsError(f"the program {NAME} was not found beside this script, in build/ or on "
                           "the PATH: all numbers are its own; --program says where it is")
    return found


def ask(program, file, *options):
    """What `lockstep summary FILE --json OPTIONS` says. Raises ResultsError."""
    told = _run(program, "summary", str(file), "--json", *options)
    try:
        answer = json.loads(told)
    except ValueError:
        answer = {}
    if answer.get("format") != FORMAT:
        raise ResultsError(f"{program} does not speak format {FORMAT} of summary --json: use the "
                           "program that these scripts came with")
    return answer


@contextlib.contextmanager
def one_file(program, paths):
    """The path of one result file with the trials of all: `paths` is a result file, or the shards
    of one run: files, or a folder that holds them. What is missing is left out."""
    files = [str(file) for path in paths for file in _files(pathlib.Path(path))]
    if not files:
        raise ResultsError("no file was given")
    if len(files) == 1:
        yield files[0]
        return
    with tempfile.TemporaryDirectory(prefix="lockstep-") as folder:
        merged = os.path.join(folder, "merged.h5")
        _run(program, "merge", "--allow-missing", "-o", merged, *files)
        yield merged


def _files(path):
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("*-of-*.h5"))
    if not found:
        raise ResultsError(f"{path} holds no shards (files like NAME.0-of-4.h5)")
    return found


def _runs(path):
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _run(program, *arguments):
    """What it prints; the first line of what it complains of is the error."""
    try:
        ended = subprocess.run([program, *arguments], text=True, capture_output=True, check=False)
    except OSError as error:
        raise ResultsError(f"{program} does not run ({error.strerror})") from None
    if ended.returncode != 0:
        lines = ended.stderr.strip().splitlines() or [f"{program} ended with {ended.returncode}"]
        raise ResultsError(lines[0].removeprefix(f"{NAME}: "))
    return ended.stdout
