"""`cmake --install` in a folder of its own: the program, the scripts and another project run there."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
CMAKE = os.environ.get("LOCKSTEP_CMAKE", "cmake")


def run(*command, folder):
    """What it prints. No lockstep is on its PATH."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("LOCKSTEP")}
    kept["PATH"] = os.pathsep.join(place for place in kept["PATH"].split(os.pathsep)
                                   if not (pathlib.Path(place) / "lockstep").exists())
    ended = subprocess.run([str(part) for part in command], cwd=folder, text=True, timeout=300,
                           capture_output=True, check=False, env=kept)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    place = tmp_path_factory.mktemp("install") / "prefix"
    run(CMAKE, "--install", os.environ["LOCKSTEP_BUILD"], "--prefix", place, folder=place.parent)
    return place


@pytest.fixture(scope="module")
def result(prefix, tmp_path_factory):
    """A result file that the installed program wrote of an installed study, elsewhere."""
    folder = tmp_path_factory.mktemp("elsewhere")
    run(prefix / "bin/lockstep", "run", prefix / "share/lockstep/studies/quickstart.ini", "-q",
        "--trials", 20, folder=folder)
    return folder / "quickstart.h5"


def test_every_study_is_installed(prefix, repository):
    shipped = {path.name: path.read_bytes() for path in (repository / "experiments/studies").iterdir()}
    installed = {path.name: path.read_bytes() for path in (prefix / "share/lockstep/studies").iterdir()}
    assert shipped == installed and len(shipped) > 5


def test_the_figures_are_drawn_by_the_installed_program(prefix, result):
    pytest.importorskip("matplotlib")
    run(prefix / "share/lockstep/analysis/plot.py", result, "-o", "figure.png", folder=result.parent)
    assert (result.parent / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_the_slurm_scripts_find_the_installed_program(prefix, result):
    study = prefix / "share/lockstep/studies/quickstart.ini"
    script = prefix / "share/lockstep/slurm/local.sh"
    run(script, study, "--tasks", 2, "-o", "local.h5", "--trials", 20, folder=result.parent)
    assert (result.parent / "local.h5").exists()


@pytest.fixture(scope="module")
def consumer(prefix, tmp_path_factory):
    """The build folder of another project that finds the package by its prefix alone."""
    folder = tmp_path_factory.mktemp("consumer")
    shutil.copytree(HERE / "consumer", folder / "source")
    compiler = os.environ["LOCKSTEP_COMPILER"]
    run(CMAKE, "-S", "source", "-B", "build", f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DCMAKE_CXX_COMPILER={compiler}", f"-DCMAKE_CXX_FLAGS={os.environ['LOCKSTEP_CXX_FLAGS']}",
        folder=folder)
    run(CMAKE, "--build", "build", folder=folder)
    return folder / "build"


def test_another_project_computes_what_the_program_does(prefix, result, consumer):
    said = run(consumer / "consumer", result, folder=result.parent).splitlines()
    summary = json.loads(run(prefix / "bin/lockstep", "summary", result, "--json", "--variable",
                             "step_time", folder=result.parent))
    means = [answer["mean"]["value"] for answer in summary["answers"]]
    assert len(means) == 6 and [float(line) for line in said[:6]] == means
    listed = run(prefix / "bin/lockstep", "list", "topologies", folder=result.parent)
    assert said[6:] == re.findall(r"^(\S+)", listed, re.M) and len(said) > 10


def test_another_project_is_compiled_for_equal_bits(prefix, consumer):
    command, = [entry["command"] for entry in json.loads((consumer / "compile_commands.json").read_text())]
    for option in ("-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd",
                   "-std="):
        assert f" {option}" in command
    for option in ("-Wshadow", "-Werror", "-ffast-math"):
        assert option not in command
    assert f"{prefix}/include/lockstep" in command


def test_nothing_installed_points_to_where_it_was_built(prefix, repository):
    build = pathlib.Path(os.environ["LOCKSTEP_BUILD"]).resolve()
    texts = [path for path in prefix.rglob("*") if path.suffix in (".cmake", ".py", ".sh", ".hpp")]
    assert len(texts) > 100
    for path in texts:
        text = path.read_text()
        assert str(build) not in text and f"{repository}/" not in text, path
