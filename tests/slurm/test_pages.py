"""The commands of the two pages about Slurm, as they stand there, on a real one."""

import os
import re
import subprocess
import sys

import pytest

from conftest import Program
from result_files import differences

pytest_plugins = ["runs"]
STUDY = "experiments/studies/quickstart.ini"


@pytest.fixture
def checkout(repository, slurm, binary, tmp_path):
    """What a clone with a build looks like; `shell` runs lines in it, waiting for Slurm between."""
    folder = tmp_path / "my lockstep"
    (folder / "build").mkdir(parents=True)
    (folder / "build/lockstep").symlink_to(binary)
    for name in ["slurm", "experiments", "analysis"]:
        (folder / name).symlink_to(repository / name)
    # Debian's packages belong to its own python3, which runs this too.
    path = f"{os.path.dirname(sys.executable)}:{slurm.variables['PATH']}"
    program = Program(binary, folder)
    program.done("run", STUDY, "-q", "-o", "whole.h5")

    def shell(line):
        ended = subprocess.run(["bash", "-ec", line], cwd=folder, text=True, capture_output=True,
                               check=False, timeout=120, stdin=subprocess.DEVNULL,
                               env=program.environment(**{**slurm.variables, "PATH": path}))
        assert ended.returncode == 0, (line, ended.stdout, ended.stderr)
        return ended.stdout

    shell.folder = folder
    return shell


def block(page, after):
    """Lines of the first shell block after a text."""
    return re.search(r"```sh\n(.*?)```", page[page.index(after):], re.S).group(1).splitlines()


def test_the_readme(repository, slurm, checkout):
    submit, status = block((repository / "README.md").read_text(), "On a cluster, ")
    # The page has had its reader run the study before.
    (checkout.folder / "quickstart.h5").write_bytes((checkout.folder / "whole.h5").read_bytes())
    assert "submitted: 8 tasks as job" in checkout(submit)
    assert re.search(r"^(8 shards of |.*8 shards were merged)", checkout(status))
    slurm.wait()
    assert checkout(status).endswith("shards.h5 is there: 8 shards were merged\n")
    assert differences(checkout.folder / "whole.h5", checkout.folder / "shards.h5") == []


def test_from_a_login_node_to_a_report(repository, slurm, checkout):
    lines = block((repository / "slurm/README.md").read_text(), "From a clean login node")
    assert len(lines) == 10
    clone, configure, build, describe, dry_run, submit, status, resubmit, summary, report = lines
    assert clone.startswith("git clone ") and configure.startswith("cmake -S . -B build ")
    assert build == "cmake --build build --parallel"
    assert "Run time " in checkout(describe)
    assert "not submitted: 8 tasks" in checkout(dry_run) and slurm.queue() == []
    assert "submitted: 8 tasks as job" in checkout(submit)
    checkout(status)
    assert re.search(r"nothing to submit$|is there: 8 shards", checkout(resubmit))
    slurm.wait()
    assert "Mean of 100 trials" in checkout(summary)
    assert differences(checkout.folder / "whole.h5", checkout.folder / "quickstart.h5") == []
    checkout(report)
    assert (checkout.folder / "quickstart.html").stat().st_size > 1e6
