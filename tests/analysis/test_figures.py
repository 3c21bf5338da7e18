"""Every figure of a real result file is a picture with something in it, or refused by name."""

import pathlib
import re
import zlib

import pytest

from measures import main_measure, ranking
from paint import save
from views import FIGURES

# Which result file gives which figure.
SOURCE = {"distribution": "mixed", "design_points": "mixed", "sweep": "long_run",
          "scaling": "scaling", "utilisation": "mixed", "step_parts": "mixed", "waiting": "mixed",
          "mixing_tax": "scaling", "goodput": "long_run", "time_lost": "long_run",
          "power": "power", "power_trace": "power", "serving": "serving", "money": "serving",
          "timeline": "long_run", "sensitivity": "uncertain", "convergence": "mixed"}
EVENTS = """time_s,cause,action
3600.000,"node failure, place 12","loses 1.2 min of work, restarts with spares in place, runs from 0d 01:11:00.0"
90000.000,"repair, place 12","back as a spare, or at a place that waits"
900000.000,"node failure, place 3","loses 0 min of work, restarts with 7 of 8 replicas, runs from 10d 10:11:00.0"
2592000.000,horizon,"190384 steps are done, goodput 50.20 %, 2 interruptions"
"""


def pixels(path):
    """Bytes of a PNG's rows as they are after the filter of each: an empty picture has few kinds."""
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG")
    parts, at = [], 8
    while at < len(data):
        size = int.from_bytes(data[at:at + 4], "big")
        if data[at + 4:at + 8] == b"IDAT":
            parts.append(data[at + 8:at + 8 + size])
        at += 12 + size
    return zlib.decompress(b"".join(parts))


@pytest.fixture
def events(results):
    (results / "events.csv").write_text(EVENTS)
    return "events.csv"


def test_every_figure_has_a_source():
    assert set(SOURCE) == {figure.name for figure in FIGURES}


@pytest.mark.parametrize("name", SOURCE)
@pytest.mark.filterwarnings("error")
def test_a_figure_is_drawn(opened, results, events, name, tmp_path):
    design = opened(f"{SOURCE[name]}.h5", timeline=results / events)
    picture = next(f for f in FIGURES if f.name == name).draw(design)
    out = tmp_path / f"{name}.png"
    save(picture, str(out), design.title, ranking(design, main_measure(design)))
    assert out.stat().st_size > 15_000
    assert len(set(pixels(out))) > 100
    assert picture.title and picture.caption and picture.panels
    for panel in picture.panels:
        assert panel.series and panel.x.label
        assert panel.y.label or panel.y.ticks
        for series in panel.series:
            lengths = {len(c) for c in (series.x, series.y, series.low, series.high, series.base)
                       if c is not None}
            assert len(lengths) == 1
            if isinstance(series.points, list):
                assert lengths == {len(series.points)}


def test_the_default_is_the_distribution(script, tmp_path):
    ended = script("plot.py", "mixed.h5", "-o", tmp_path / "default.svg")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    texts = re.findall(r"<!-- (.*?) -->", (tmp_path / "default.svg").read_text())
    assert {"Distribution", "Density", "Upper tail", "Mixed fleet"} <= set(texts)


@pytest.mark.parametrize("ending, begin", [("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_other_formats_are_the_same_bytes_twice(script, tmp_path, ending, begin):
    files = [tmp_path / f"{i}.{ending}" for i in (1, 2)]
    for file in files:
        assert script("plot.py", "mixed.h5", "--figure", "waiting", "-o", file).returncode == 0
    assert files[0].read_bytes().startswith(begin)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_timeline_sorts_events_by_what_followed(opened, results, events):
    design = opened("long_run.h5", timeline=results / events)
    picture = next(f for f in FIGURES if f.name == "timeline").draw(design)
    assert [series.label for series in picture.panels[0].series] == [
        "restarts with spares in place", "back as a spare", "restarts with fewer replicas"]
    assert picture.panels[1].series[0].x == [0, 3600 / 86400, 900000 / 86400, 30]
    assert "3 events of events.csv. At the end 190384 steps are done" in picture.caption


def test_shards_are_drawn_like_the_file(script, tmp_path):
    one, other = tmp_path / "one.svg", tmp_path / "other.svg"
    for source, file in [("mixed.h5", one), ("shards", other)]:
        assert script("plot.py", source, "--figure", "utilisation", "-o", file).returncode == 0
    assert one.read_bytes() == other.read_bytes()


def test_points_can_be_chosen(script, tmp_path):
    out = tmp_path / "tree.svg"
    ended = script("plot.py", "mixed.h5", "-o", out, "--figure", "design_points",
                   "--select", "topology.kind=tree")
    assert ended.returncode == 0, ended.stderr
    texts = re.findall(r"<!-- (.*?) -->", out.read_text())
    assert "proportional" in texts and not any("ring" in text for text in texts)


@pytest.mark.parametrize("arguments, words", [
    (["mixed.h5", "--figure", "goodput", "-o", "x.png"],
     "no figure goodput of this file: .*follows no failures"),
    (["mixed.h5", "--figure", "nothing", "-o", "x.png"], "nothing is no figure .they are distribution"),
    (["mixed.h5", "-o", "x.bmp"], "-o FIGURE is due, ending in .png"),
    (["mixed.h5", "-o", "no/x.png"], "the folder no does not exist"),
    (["mixed.h5", "--select", "topology.kind=star", "-o", "x.png"],
     "star is no value of topology.kind .they are ring; tree"),
    (["mixed.h5", "--select", "job.kind=a", "-o", "x.png"], "job.kind is no axis"),
    (["absent.h5", "-o", "x.png"], "absent.h5 does not exist"),
    (["mixed.ini", "-o", "x.png"], "mixed.ini is no readable HDF5 file"),
    (["-o", "x.png"], "no file was given"),
    (["long_run.h5", "--timeline", "mixed.ini", "-o", "x.png"], "mixed.ini has no column time_s"),
])
def test_what_cannot_be_drawn_ends_with_one_line(script, results, arguments, words):
    ended = script("plot.py", *arguments)
    assert ended.returncode == 2 and ended.stdout == ""
    assert re.fullmatch(f"plot.py: .*{words}.*\n", ended.stderr), ended.stderr
    assert not pathlib.Path(results / "x.png").exists()


def test_the_list_names_every_figure(script):
    printed = script("plot.py", "--list").stdout.splitlines()
    assert [line.split()[0] for line in printed] == list(SOURCE)


def test_the_parts_of_a_step_are_stacked_to_its_end(opened, run):
    """Nine colours: of more parts the eight largest, and the others in one."""
    many = run("[sampling]\ntrials = 1\n[fleet]\nchips = H100:128\n[job]\nmodel_parameters = 47e9\n"
               "active_parameters = 13e9\nlayers = 32\nhidden = 4096\nexperts = 8\ntop_k = 2\n"
               "expert = 4\ntensor = 2\npipeline = 2\ntokens_per_chip = 16384\n[sweep]\n"
               "job.data_parallel = distributed_optimizer, fsdp\n")
    for design, merged in [(many, True), (opened("mixed.h5"), False)]:
        picture = next(f for f in FIGURES if f.name == "step_parts").draw(design)
        bars = picture.panels[0].series
        exposed = design.data.phase_exposed.values.reshape(len(design.points), -1)
        shown = (exposed > 0).any(axis=0).sum()
        assert (shown > 9) == merged and len(bars) == (9 if merged else shown)
        assert bars[0].label == "compute"
        assert (bars[-1].label == "smaller parts") == merged
        assert ("Smaller parts are" in picture.caption) == merged
        for point, whole in enumerate(exposed.sum(axis=1)):
            ends = [bar.base[point] + bar.x[point] for bar in bars]
            assert ends == sorted(ends) and ends[-1] == pytest.approx(whole, rel=1e-12)
            assert bars[0].x[point] == exposed[point][0]
