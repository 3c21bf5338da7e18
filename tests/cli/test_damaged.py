"""A damaged result file: the summary says so, or nothing that it shows is changed; never a crash."""

import pytest

from conftest import Program, mixed_study

SHOWN = [("summary", "x.h5"), ("summary", "x.h5", "--variable", "wait_fraction_by_generation")]


@pytest.fixture(scope="module")
def results(binary, tmp_path_factory):
    """A program beside a small file, the file's bytes, and what is shown of it."""
    program = Program(binary, tmp_path_factory.mktemp("results"))
    program.write("s.ini", mixed_study(trials=20))
    program.done("run", "s.ini", "-q", "-o", "x.h5")
    whole = (program.folder / "x.h5").read_bytes()
    return program, whole, [program.done(*words).stdout for words in SHOWN]


def ways(whole):
    """(what, bytes) of damaged files: bytes spread over all of it, all of an index, cuts."""
    index = whole.index(b"TREE\x01")
    spread = range(0, len(whole), max(1, len(whole) // 150))
    for at in [*spread, *range(index, index + 48, 3)]:
        yield f"byte {at}", whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1:]
    for at in range(0, len(whole), len(whole) // 20):
        yield f"cut at {at}", whole[:at]
        yield f"zeros from {at}", whole[:at] + bytes(len(whole) - at)


def test_damage_is_said_or_harmless(results):
    program, whole, shown = results
    said = 0
    for what, damaged in ways(whole):
        (program.folder / "x.h5").write_bytes(damaged)
        for words, good in zip(SHOWN, shown):
            ended = program(*words)
            if ended.returncode == 0:
                assert ended.stdout == good and ended.stderr == "", what
            else:
                said += 1
                assert ended.returncode == 2 and ended.stdout == "", (what, ended)
                assert ended.stderr.startswith("lockstep: x.h5 is "), (what, ended.stderr)
                assert ended.stderr.count("\n") == 1, what
    assert said > 100
