"""Page, sentences and figures show the program's numbers, and say so where there is no program."""

import json
import re
import shutil
import stat
import subprocess

import h5py
import pytest

import program
import report
from answers import first_paragraph
from lockstep_results import ResultsError
from measures import text
from estimate import read
from views import FIGURES


def told(binary, results, name, *options):
    return json.loads(subprocess.run(
        [binary, "summary", results / name, "--json", *options], text=True, capture_output=True,
        check=True, timeout=120).stdout)


def script_of(folder, *lines):
    path = folder / "lockstep"
    path.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_the_table_holds_the_numbers_of_the_summary(binary, results, opened):
    page = report.page_of(opened("mixed.h5"), {})
    rows = [r for r in told(binary, results, "mixed.h5")["answers"] if r["variable"] == "step_time"]
    assert len(rows) == 4
    for row in rows:
        cells = re.search(f'<tr data-point="{row["point"]}".*?</tr>', page, re.S).group(0)
        shown = [float(v) for v in re.findall(r'data-value="([^"]*)"', cells)[:4]]
        known = [row[name]["value"] for name in ("mean", "p50", "p95", "p99")]
        assert shown == pytest.approx(known, rel=1e-8)
        assert shown[1:] == sorted(shown[1:])


def test_figures_hold_the_numbers_of_the_summary(binary, results, opened):
    design = opened("mixed.h5")
    drawn = {figure.name: figure.draw(design) for figure in FIGURES
             if figure.name in ("distribution", "design_points", "convergence")}
    answers = told(binary, results, "mixed.h5")["answers"]
    means = [r["mean"] for r in answers if r["variable"] == "step_time"]
    marks = drawn["design_points"].panels[0].series
    assert [(m.x[0], m.low[0], m.high[0]) for m in marks] == \
        [(e["value"], e["lower"], e["upper"]) for e in means]
    curves = told(binary, results, "mixed.h5", "--variable", "step_time", "--distribution")
    below, _, tail = (panel.series for panel in drawn["distribution"].panels)
    tail = [series for series in tail if series.kind == "drop"]
    for row, up, down in zip(curves["distributions"], below, tail, strict=True):
        shares = row["shares"]
        assert (up.x[1:], up.y[1:], up.low[1:]) == (
            shares["value"], shares["below"], shares["below_lower"])
        assert (down.x, down.y) == (shares["value"], shares["above"])
    runs = told(binary, results, "mixed.h5", "--variable", "step_time", "--convergence")
    for row, line in zip(runs["convergence"], drawn["convergence"].panels[0].series, strict=True):
        assert (line.x, line.y) == (row["trials"], [e["value"] for e in row["mean"]])


def test_a_sentence_compares_as_the_program_does(binary, results, opened):
    """Tree against ring, of balanced jobs alone: one paired difference."""
    row, = told(binary, results, "mixed.h5", "--variable", "step_time", "--pairs", "1:3")["differences"]
    change = read(row["mean"]["relative"], 100)
    size = text(change if change.value > 0 else change.scaled(-1), "%")
    words = "longer" if change.value > 0 else "shorter"
    said = " ".join(first_paragraph(opened("mixed.h5", choices={"job.work_share": ["proportional"]})))
    assert f"Against ring: with tree the step is {size} {words}" in said, said


def test_nothing_is_estimated_here(repository):
    """What would be needed for it is not there, but for the reader of files."""
    files = [f for f in (repository / "analysis").rglob("*.py") if f.name != "lockstep_results.py"]
    assert len(files) > 15
    for file in files:
        assert not re.search(r"^\s*(import|from) (numpy|scipy|statistics|xarray|random)\b",
                             file.read_text(), re.M), file


def test_no_trial_is_read(opened):
    """A page of a million trials costs what one of ten does: the file's texts are enough."""
    design = opened("mixed.h5")
    page = report.page_of(design, {})
    design.data = design.data.drop_vars([n for n, v in design.data.variables.items()
                                         if "trial" in v.dims])
    assert report.page_of(design, {}) == page


def test_the_program_is_found_beside_the_script_in_build_or_on_the_path(tmp_path, monkeypatch):
    analysis, build, path = (tmp_path / n for n in ("analysis", "build", "path"))
    for folder in (analysis, build, path):
        folder.mkdir()
        script_of(folder)
    monkeypatch.setattr(program, "HERE", analysis)
    monkeypatch.setenv("PATH", str(path))
    for folder in (analysis, build, path):
        assert program.find() == str(folder / "lockstep")
        shutil.rmtree(folder)
    with pytest.raises(ResultsError, match="was not found beside this script, in build/ or on the PATH"):
        program.find()


@pytest.mark.parametrize("name", ["report.py", "plot.py"])
def test_a_program_that_is_none_is_one_line(script, tmp_path, name):
    out = tmp_path / "x.html" if name == "report.py" else tmp_path / "x.png"
    ended = script(name, "mixed.h5", "-o", out, "--program", "absent")
    assert (ended.returncode, ended.stderr) == (2, f"{name}: --program absent is no program\n")


@pytest.mark.parametrize("line", ["echo '{\"format\": 1}'", "echo topology.kind", "true"])
def test_another_program_is_told_apart(script, tmp_path, line):
    ended = script("plot.py", "mixed.h5", "-o", "x.png", "--program", script_of(tmp_path, line))
    assert ended.returncode == 2
    assert re.fullmatch(r"plot.py: \S* does not speak format 2 of summary --json: .*\n", ended.stderr)


def test_shards_are_merged_by_the_program(script, opened, results, tmp_path):
    with program.one_file(str(opened("mixed.h5").summary.program), [results / "shards"]) as merged, \
            h5py.File(merged) as whole, h5py.File(results / "mixed.h5") as file:
        assert (whole["step_time"][:] == file["step_time"][:]).all()
    shard = "shards/mixed.0-of-3.h5"
    ended = script("plot.py", shard, shard, "-o", tmp_path / "x.png")
    assert ended.returncode == 2
    assert re.fullmatch(r"plot.py: .*mixed.0-of-3.h5.*\n", ended.stderr), ended.stderr
    (tmp_path / "none").mkdir()
    ended = script("plot.py", tmp_path / "none", "-o", tmp_path / "x.png")
    assert "holds no shards" in ended.stderr and ended.returncode == 2
