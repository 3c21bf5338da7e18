"""CPU time of planning a study of 10,000 design points of 1,024 chips, and of a shard of ten of them
that plans for itself and that is given what planning found (run --points), each with its ratio to the
goal. Never part of a verdict: run it on a quiet machine.

usage: planning.py PROGRAM
"""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

GOALS = {"planning": 2.0, "shard": 0.3}  # [s]; a design point in 0.2 ms
SIDE = 100
STUDY = f"""\
[sampling]
trials = 16
steps = 10
[fleet]
chips = H100:1024
[job]
tensor = 8
[topology]
kind = ring
[sweep]
noise.straggler_fraction = {", ".join(f"{i / 100000:.5f}" for i in range(SIDE))}
noise.slow_link_fraction = {", ".join(f"{i / 100000:.5f}" for i in range(SIDE))}
"""


def cpu_seconds(*command, times=1):
    """Median of some runs, whose last file stays."""
    seconds = []
    for _ in range(times):
        pathlib.Path(command[-1]).unlink(missing_ok=True)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            _, status, usage = os.wait4(process.pid, 0)
        assert status == 0, command
        seconds.append(usage.ru_utime + usage.ru_stime)
    return statistics.median(seconds)


def show(name, seconds, goal):
    print(f"{name:32}{seconds:10.2f} s{goal / seconds:10.2f} of goal", flush=True)


def main(program):
    with tempfile.TemporaryDirectory() as folder:
        study, points, shard = (f"{folder}/{name}" for name in ("s.ini", "points.h5", "shard.h5"))
        pathlib.Path(study).write_text(STUDY)
        run = [program, "run", study, "-q", "--threads", "1", "--shard", f"0/{SIDE * SIDE // 10}"]
        show("describe --points", cpu_seconds(program, "describe", study, "--no-estimate", "--points", points),
             GOALS["planning"])
        show("shard", cpu_seconds(*run, "-o", shard), GOALS["shard"])
        show("shard --points", cpu_seconds(*run, "--points", points, "-o", shard, times=5), GOALS["shard"])


if __name__ == "__main__":
    main(*sys.argv[1:])
