"""Which errors in the code no test notices. Run by hand: it is in no test run.

    nice -n 19 python3 tests/mutation/mutate.py [--count 32] [--seed 1] [--under engine topologies]
                                                [--folder DIR] [--define VARIABLE=VALUE ...]

Copies the checkout to DIR, builds it, then again and again changes one place of a source file (a
comparison, a sign, a factor, a limit), builds the test binaries that TESTS names for the file's room
and runs them, one after another. A change that compiles and that each of them lets pass is a
survivor: either it changes nothing that anybody could see, or a test is missing, or the test is one of
those that TESTS leaves out (command line, reproducibility). Every change is printed as it comes. A
mutant takes half a minute to minutes. Ends with 1 where there are survivors.
"""

import argparse
import pathlib
import random
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 900  # of a mutant's build or a test: what takes longer is a loop without end

# By the start of a path, the test binaries that look at it; the first row that fits.
TESTS = [
    ("engine/base/", "distribution_test quantity_test csv_test nearest_test parameter_test "
                     "elementary_test random_test execution_test study_test"),
    ("engine/machine/", "model_layout_test model_inventory_test model_chip_test model_slices_test "
                        "topology_invariants_test"),
    ("engine/job/", "model_work_test model_rows_test model_flops_test model_stages_test "
                    "model_memory_test model_pipeline_test model_schedules_test model_phases_test"),
    ("engine/noise/", "rare_entities_test congestion_test episodes_test message_jitter_test model_rows_test "
                      "topology_invariants_test"),
    ("engine/network/", "model_slices_test settled_answers_test topology_invariants_test"),
    ("engine/training/", "model_step_test model_synchronization_test model_pipeline_test "
                         "model_phases_test model_local_sgd_test model_kernels_test "
                         "model_pairing_test model_work_test model_validation_test "
                         "model_finishes_test model_zero2_test model_torus_choice_test "
                         "chunk_calls_test group_steps_test slowest_replicas_test "
                         "capability_test"),
    ("engine/reliability/", "long_run_test failures_test model_long_run_test model_members_test "
                            "model_failures_test model_slices_test"),
    ("engine/power/", "model_power_test power_boxes_test power_grid_test power_smoothing_test "
                      "power_storage_test"),
    ("engine/serving/", "serving_replica_test serving_queues_test served_fleet_test "
                        "served_rates_test"),
    ("engine/money/", "money_test"),
    ("engine/statistics/", "statistics_test width_test coverage_test"),
    ("engine/run/plan_search/", "plan_search_test"),
    ("engine/run/", "shared_jobs_test study_test study_file_test shards_test metrics_test key_hints_test "
                    "capability_test model_chip_test"),
    ("engine/storage/", "storage_test"),
    ("topologies/", "nccl_tuning_test box_packing_test ring_rows_test torus_phase_test "
                    "nccl_bus_test topology_invariants_test model_slices_test run_back_test "
                    "model_torus_choice_test"),
]

# What stands in the code, and what an author could have written by mistake.
MUTATIONS = [
    (r" < ", " <= "), (r" <= ", " < "), (r" > ", " >= "), (r" >= ", " > "),
    (r" == ", " != "), (r" != ", " == "), (r" && ", " || "), (r" \|\| ", " && "),
    (r" \+ ", " - "), (r" - ", " + "), (r" \* ", " / "), (r" / ", " * "), (r" \+= ", " -= "),
    (r"\bstd::max\b", "std::min"), (r"\bstd::min\b", "std::max"),
    (r"\btrue\b", "false"), (r"\bfalse\b", "true"), (r"\b1\b", "2"), (r"\b0\b", "1"),
    (r"\breturn (?!\{)([^;]+);", r"return {};"),
]


def places(path):
    """(line, column, pattern, replacement) of every change that can be made to a file."""
    found = []
    for number, line in enumerate(path.read_text().splitlines()):
        code = line.split("//")[0]
        if re.match(r"\s*(#|template|static_assert|///|class |struct |using )", line) or '"' in code:
            continue
        for pattern, replacement in MUTATIONS:
            found += [(number, match.start(), pattern, replacement)
                      for match in re.finditer(pattern, code)]
    return found


def mutated(text, place):
    number, column, pattern, replacement = place
    lines = text.split("\n")
    line = lines[number]
    lines[number] = line[:column] + re.sub(pattern, replacement, line[column:], count=1)
    return "\n".join(lines), f"- {line.strip()}\n+ {lines[number].strip()}"


def tests_of(name):
    return next(tests.split() for start, tests in TESTS if name.startswith(start))


def run(command, folder, seconds=SECONDS):
    """Whether it ended well within the time."""
    try:
        return subprocess.run(command, cwd=folder, timeout=seconds, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def copy_of(folder):
    """The checkout as it is committed or changed, without what git ignores."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True,
                           capture_output=True, text=True).stdout.split("\n")
    for name in filter(None, names):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)


def build(folder, targets, seconds=SECONDS):
    return run(["cmake", "--build", "build", "-j", "2", "--target", *targets], folder, seconds)


def test(folder, names):
    """The first test that does not pass, or None."""
    return next((name for name in names if not run(
        [f"build/tests/{name}", "--gtest_fail_fast", "--gtest_brief=1"], folder)), None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--under", nargs="+", default=["engine", "topologies"])
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("mutants"))
    parser.add_argument("--define", nargs="*", default=[], help="more of CMake's variables")
    options = parser.parse_args()
    folder = options.folder.resolve()
    copy_of(folder)

    sources = sorted(path for room in options.under for path in (folder / room).rglob("*.cpp"))
    candidates = [(path, place) for path in sources for place in places(path)]
    chosen = random.Random(options.seed).sample(candidates, min(options.count, len(candidates)))
    names = {path: tests_of(str(path.relative_to(folder))) for path, _ in chosen}
    needed = sorted({name for tests in names.values() for name in tests})
    configure = ["cmake", "-S", ".", "-B", "build", "-DCMAKE_BUILD_TYPE=Release",
                 "-DLOCKSTEP_TESTS=ON", f"-DPython3_EXECUTABLE={sys.executable}",
                 *(f"-D{variable}" for variable in options.define)]
    if not (run(configure, folder) and build(folder, needed, None)):
        sys.exit("the unchanged code does not build")
    if failed := test(folder, needed):
        sys.exit(f"the unchanged code does not pass {failed}")

    results = dict.fromkeys(["does not compile", "noticed", "SURVIVOR"], 0)
    for path, place in chosen:
        original = path.read_text()
        changed, difference = mutated(original, place)
        path.write_text(changed)
        result, by = "does not compile", ""
        if build(folder, names[path]):
            by = test(folder, names[path])
            result = "noticed" if by else "SURVIVOR"
        results[result] += 1
        print(f"{path.relative_to(folder)}:{place[0] + 1}: {result} {by or ''}\n{difference}",
              flush=True)
        path.write_text(original)
    print(", ".join(f"{count} {result}" for result, count in results.items()))
    return 1 if results["SURVIVOR"] else 0


if __name__ == "__main__":
    sys.exit(main())
