"""Which errors in the code no test notices.

    python3 tests/mutation/mutate.py [--count 28] [--seed 1] [--under engine topologies] [--folder DIR]

Copies the checkout to DIR, builds it, then again and again changes one place of a source file (a
comparison, a sign, a factor, a limit), builds what depends on it and runs the quick tests. A change
that compiles and that every test lets pass is a survivor: either it changes nothing that anybody
could see, or a test is missing. Survivors are printed as they come, with a diff. Outside of the tests
that always run: a mutant takes from seconds to minutes. Ends with 1 where there are survivors.
"""

import argparse
import pathlib
import random
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
QUICK = "unit|invariants|structure|storage"

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


def run(command, folder, seconds):
    """Whether it ended well within the time."""
    try:
        return subprocess.run(command, cwd=folder, timeout=seconds, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0
    except subprocess.TimeoutExpired:  # a loop without end is noticed
        return False


def copy_of(folder):
    """The checkout as it is committed or changed, without what git ignores."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True,
                           capture_output=True, text=True).stdout.split("\n")
    for name in filter(None, names):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=28)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--under", nargs="+", default=["engine", "topologies"])
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("mutants"))
    parser.add_argument("--tests", default=QUICK, help="labels of ctest")
    options = parser.parse_args()
    folder = options.folder.resolve()
    copy_of(folder)
    build = ["cmake", "--build", "build", "-j"]
    test = ["ctest", "--test-dir", "build", "-L", options.tests, "-LE", "long", "-j", "2",
            "--stop-on-failure"]
    configure = ["cmake", "-S", ".", "-B", "build", "-DCMAKE_BUILD_TYPE=Release"]
    if not (run(configure, folder, 600) and run(build, folder, 7200) and run(test, folder, 3600)):
        sys.exit("the unchanged code does not pass its own tests")

    sources = sorted(path for room in options.under for path in (folder / room).rglob("*.cpp"))
    candidates = [(path, place) for path in sources for place in places(path)]
    chosen = random.Random(options.seed).sample(candidates, min(options.count, len(candidates)))
    survivors = noticed = 0
    for path, place in chosen:
        original = path.read_text()
        changed, difference = mutated(original, place)
        path.write_text(changed)
        if run(build, folder, 3600):
            if run(test, folder, 3600):
                survivors += 1
                print(f"survivor: {path.relative_to(folder)}:{place[0] + 1}\n{difference}", flush=True)
            else:
                noticed += 1
        path.write_text(original)
    print(f"{noticed} of {noticed + survivors} changes that compile were noticed; "
          f"{len(chosen) - noticed - survivors} do not compile")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
