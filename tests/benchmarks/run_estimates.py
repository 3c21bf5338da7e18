"""What `lockstep describe` says that each shipped study takes against what it takes, and the ratio
of both (goal: 1.5 at most, either way). Never part of a verdict: run it on a quiet machine.

usage: run_estimates.py PROGRAM STUDY.ini ...
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import time

SECONDS = {"s": 1, "min": 60, "h": 3600, "days": 86400}


def estimate(program, study):
    """[s], or None below a second."""
    text = subprocess.run([program, "describe", study], check=True, capture_output=True, text=True).stdout
    found = re.search(r"^Run time about (\d+) (s|min|h|days) ", text, re.M)
    return found and int(found[1]) * SECONDS[found[2]]


def main(program, *studies):
    print(f"{'study':24}{'estimate s':>12}{'took s':>10}{'ratio':>8}")
    for study in studies:
        said = estimate(program, study)
        with tempfile.TemporaryDirectory() as folder:
            start = time.monotonic()
            subprocess.run([program, "run", study, "-q", "-o", f"{folder}/result.h5"], check=True,
                           stdout=subprocess.DEVNULL)
            took = time.monotonic() - start
        ratio = f"{said / took:8.2f}" if said else f"{'-':>8}"
        print(f"{pathlib.Path(study).stem:24}{said or '< 1':>12}{took:10.1f}{ratio}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
