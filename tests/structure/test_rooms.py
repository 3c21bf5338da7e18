"""Holds the arrows between the rooms and the one home of each library, as DESIGN draws them."""

import re

import pytest

# Which rooms of the engine each may include beside itself.
ENGINE = {
    "base": "",
    "machine": "base",
    "job": "base machine",
    "noise": "base machine",
    "network": "base machine noise",
    "training": "base machine job noise network statistics",
    "reliability": "base machine job noise network training statistics",
    "power": "base machine job noise network training statistics",
    "serving": "base machine job noise network training reliability power statistics",
    "money": "base machine job noise network training statistics",
    "statistics": "base",
    "run": "base machine job noise network training reliability power serving money statistics",
    "storage": "base machine job noise network training reliability power serving money statistics run",
}
TOPOLOGIES = "base machine noise network"
MOST_FILES = 21  # of a room at one level
LONGEST = 400

# What a line may say in one place only: pattern, home (start of a path), name.
HOMES = [
    (r'#\s*include\s*[<"](oneapi/)?tbb', "engine/run/scheduler.cpp", "TBB"),
    (r'#\s*include\s*[<"](hdf5|H5)', "engine/storage/", "HDF5"),
    (r'#\s*include\s*[<"]omp\.h', "engine/base/parallel_for.cpp", "OpenMP's runtime"),
    (r"#\s*pragma\s+omp\s+(?!simd\b)", "engine/base/parallel_for.cpp", "OpenMP's runtime"),
    (r'#\s*include\s*[<"]boost/', "experiments/", "Boost"),
    (r"std::(jthread|thread|async)\b", "engine/storage/files/claim", "a thread of one's own"),
    (r"\b(std::)?_?exit\s*\(", "nowhere", "exit()"),
]


def may_include(path, target):
    """Whether the file at `path` may include `target`, both from the repository's root."""
    room, _, rest = path.partition("/")
    other, _, name = target.partition("/")
    if room == "engine":
        own = rest.split("/")[0]
        return other == "engine" and name.split("/")[0] in [own, *ENGINE[own].split()]
    if room == "topologies":
        if other == "topologies":
            part, target_part = rest.split("/")[0], name.split("/")[0]
            return not (part == "wiring" and target_part == "algorithms")
        return other == "engine" and name.split("/")[0] in TOPOLOGIES.split()
    return other in {"engine", "topologies", "experiments"}


def problems(path, text):
    """What a source file does that its room may not."""
    found = []
    lines = text.splitlines()
    if len(lines) > LONGEST:
        found.append(f"{path}: {len(lines)} lines are two files")
    for number, line in enumerate(lines, 1):
        include = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
        if include and not may_include(path, include.group(1)):
            found.append(f"{path}:{number}: may not include {include.group(1)}")
        code = line.split("//")[0]
        for pattern, home, name in HOMES:
            if re.search(pattern, code) and not path.startswith(home):
                found.append(f"{path}:{number}: the home of {name} is {home}")
    return found


@pytest.fixture(scope="module")
def sources(repository):
    files = [path for room in ["engine", "topologies", "experiments"]
             for path in sorted((repository / room).rglob("*"))
             if path.suffix in (".cpp", ".hpp", ".h", ".c")]
    assert len(files) > 100
    return {str(path.relative_to(repository)): path.read_text() for path in files}


def test_every_file_keeps_to_its_room(sources):
    found = [problem for path, text in sources.items() for problem in problems(path, text)]
    assert found == []


def test_every_room_of_the_engine_is_known(sources):
    rooms = {path.split("/")[1] for path in sources if path.startswith("engine/")}
    assert rooms == set(ENGINE)


def test_a_room_shows_at_one_glance(sources):
    rooms = [path.rpartition("/")[0] for path in sources if path.startswith(("engine/", "topologies/"))]
    crowded = {room: rooms.count(room) for room in rooms if rooms.count(room) > MOST_FILES}
    assert crowded == {}


@pytest.mark.parametrize("home, name", [(home, name) for _, home, name in HOMES
                                        if home != "nowhere" and "omp" not in name])
def test_homes_are_lived_in(sources, home, name):
    patterns = [pattern for pattern, where, _ in HOMES if where == home]
    inside = "\n".join(text for path, text in sources.items() if path.startswith(home))
    assert any(re.search(pattern, inside) for pattern in patterns), name


# A line that breaks each rule: the test above is one that can fail.
@pytest.mark.parametrize("path, line", [
    ("engine/base/x.hpp", '#include "engine/machine/chip.hpp"'),
    ("engine/base/x.hpp", '#include "engine/statistics/quantile.hpp"'),
    ("engine/training/x.cpp", '#include "engine/run/plan.hpp"'),
    ("engine/training/x.cpp", '#include "topologies/ring.hpp"'),
    ("engine/training/x.cpp", '#include "engine/reliability/long_run.hpp"'),
    ("engine/machine/x.hpp", '#include "engine/job/job.hpp"'),
    ("engine/job/x.hpp", '#include "engine/noise/noise.hpp"'),
    ("topologies/wiring/x.hpp", '#include "topologies/algorithms/graph_collective.hpp"'),
    ("engine/statistics/x.cpp", '#include "engine/machine/chip.hpp"'),
    ("engine/run/x.cpp", '  #  include "engine/storage/result_writer.hpp"'),
    ("engine/storage/x.cpp", '#include "experiments/command.hpp"'),
    ("topologies/x.cpp", '#include "engine/run/plan.hpp"'),
    ("topologies/x.cpp", '#include "engine/training/trial/trial.hpp"'),
    ("topologies/x.cpp", '#include "experiments/table.hpp"'),
    ("experiments/x.cpp", '#include "tests/storage/sample.hpp"'),
    ("engine/run/plan.cpp", "#include <tbb/parallel_for.h>"),
    ("topologies/ring.cpp", "#include <oneapi/tbb/parallel_for.h>"),
    ("engine/run/plan.cpp", "#include <hdf5.h>"),
    ("experiments/main.cpp", "#include <H5DSpublic.h>"),
    ("topologies/ring.cpp", "#pragma omp parallel for"),
    ("engine/training/trial/trial.cpp", "#include <omp.h>"),
    ("engine/run/study/study.cpp", "#include <boost/program_options.hpp>"),
    ("engine/training/trial/trial.cpp", "  std::jthread worker;"),
    ("experiments/main.cpp", "  std::exit(2);"),
    ("engine/base/x.cpp", "\n" * LONGEST + "int x;"),
])
def test_a_violation_is_caught(path, line):
    assert len(problems(path, line)) == 1


@pytest.mark.parametrize("path, line", [
    ("engine/storage/x.cpp", '#include "engine/run/result.hpp"\n#include <hdf5.h>'),
    ("engine/run/scheduler.cpp", "#include <oneapi/tbb/task_arena.h>"),
    ("engine/training/x.cpp", "#pragma omp simd aligned(p)"),
    ("engine/base/parallel_for.cpp", "#pragma omp parallel for"),
    ("topologies/x.cpp", '#include "engine/network/collective.hpp"'),
    ("experiments/x.cpp", '#include "topologies/table.hpp"\n#include <boost/program_options.hpp>'),
    ("engine/base/x.cpp", "// std::thread is for others\n" * LONGEST),
])
def test_what_is_allowed_passes(path, line):
    assert problems(path, line) == []
