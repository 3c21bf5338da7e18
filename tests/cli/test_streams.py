"""Standard streams that are closed, full or without a reader: no crash, no byte in a wrong file, and
a run's or merge's own exit code. What cannot be printed where printing is all, is exit code 1."""

import subprocess

import pytest

from conftest import mixed_study
from result_files import differences

STREAMS = [">/dev/full", "2>/dev/full", ">/dev/full 2>&1", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-",
           "</dev/null >&- 2>/dev/full"]
# All that print and make nothing; each command once at least, --help and --version too.
TABLES = ["--help", "--version", "run --help", "list parameters", "list chips", "describe s.ini",
          "describe --no-estimate s.ini", "summary whole.h5", "summary --json whole.h5",
          "summary --csv whole.h5", "timeline month.ini --trial 0",
          "collective all_reduce --topology ring --ranks 8"]


class Shell:
    """Command lines in the folder of a program, "lockstep" standing for it."""

    def __init__(self, program):
        self.program = program

    def __call__(self, line):
        return subprocess.run(["bash", "-c", f'set -o pipefail; lockstep() {{ "$PROGRAM" "$@"; }}; {line}'],
                              cwd=self.program.folder, text=True, capture_output=True, timeout=300,
                              check=False, env=self.program.environment(PROGRAM=str(self.program.path)))


@pytest.fixture
def shell(lockstep):
    lockstep.write("s.ini", mixed_study())
    lockstep.write("bad.ini", "[fleet]\nchips = H100:0\n")
    lockstep.write("month.ini", "[fleet]\nchips = H100:64\n[reliability]\nhorizon = 30d\n")
    lockstep.done("run", "s.ini", "-q", "-o", "whole.h5")
    return Shell(lockstep)


@pytest.mark.parametrize("streams", STREAMS)
def test_a_run_ends_as_it_would(shell, lockstep, streams):
    for arguments in ["run s.ini -o x.h5", "run s.ini --resume -o x.h5"]:
        ended = shell(f"lockstep {arguments} {streams}")
        assert ended.returncode == 0, ended.stderr
        assert differences(lockstep.folder / "whole.h5", lockstep.folder / "x.h5") == []
    before = lockstep.names()
    for bad in ["run bad.ini", "run none.ini", "run s.ini -o x.h5", "rnu s.ini", "summary none.h5"]:
        assert shell(f"lockstep {bad} {streams}").returncode == 2, bad
    assert lockstep.names() == before


@pytest.mark.parametrize("streams", STREAMS)
def test_a_merge_ends_as_it_would(shell, lockstep, streams):
    for index in range(2):
        assert shell(f"lockstep run s.ini --shard {index}/2 {streams}").returncode == 0
    assert shell(f"lockstep merge s.*-of-2.h5 -o x.h5 {streams}").returncode == 0
    assert differences(lockstep.folder / "whole.h5", lockstep.folder / "x.h5") == []


@pytest.mark.parametrize("arguments", TABLES)
def test_a_table_that_cannot_be_printed(shell, arguments):
    whole = shell(f"lockstep {arguments}")
    assert whole.returncode == 0 and whole.stderr == ""
    for streams in STREAMS:
        ended = shell(f"lockstep {arguments} {streams}")
        if ">/dev/full" in streams.replace("2>", "") or ">&-" in streams.replace("2>&-", ""):
            assert ended.returncode == 1, (streams, ended.stderr)
        else:
            assert ended.returncode == 0 and ended.stdout.splitlines()[:1] == whole.stdout.splitlines()[:1]
    told = shell(f"lockstep {arguments} >/dev/full").stderr
    assert told == "lockstep: cannot print (No space left on device)\n"
    assert shell(f"lockstep {arguments} >&-").stderr == "lockstep: cannot print (Bad file descriptor)\n"


# A reader that takes a line and goes, or takes none.
@pytest.mark.parametrize("reader", ["head -n 1", "true"])
def test_a_reader_that_goes_away(shell, lockstep, reader):
    for arguments in ["list parameters", "summary --csv whole.h5"]:
        ended = shell(f"(sleep 0.2; lockstep {arguments}) | {reader}")
        assert ended.returncode in (0, 1) and ended.stderr == "", arguments
    assert shell("(sleep 0.2; lockstep list parameters) | true").returncode == 1
    ended = shell(f"lockstep run s.ini -o x.h5 2>&1 | {reader}")
    assert ended.returncode == 0 and ended.stderr == ""
    assert differences(lockstep.folder / "whole.h5", lockstep.folder / "x.h5") == []


def test_a_log_that_meets_its_limit(shell, lockstep):
    # The result is smaller than the limit, the log has no room left; bash counts in KiB.
    ended = shell("head -c 1024000 /dev/zero >log; ulimit -f 1000; lockstep run s.ini -o x.h5 >>log 2>&1")
    assert ended.returncode == 0
    assert (lockstep.folder / "log").stat().st_size == 1024000
    assert differences(lockstep.folder / "whole.h5", lockstep.folder / "x.h5") == []
