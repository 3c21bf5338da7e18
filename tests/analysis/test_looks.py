"""What a figure must not hide: extremes, lines told apart on grey paper, what is no number."""

import itertools

import matplotlib
import numpy
import pytest

import paint
from conftest import LONG_RUN, SCALING
from design import _titles, number_of, Axis
from measures import main_measure, ranking
from picture import LINES, NotShown, Panel, Scale, look_in, looks, representatives
from views import FIGURES
from views.places import places


def draw(design, name):
    return next(f for f in FIGURES if f.name == name).draw(design)


def drawn(design):
    for figure in FIGURES:
        try:
            yield figure.draw(design)
        except NotShown:
            continue


def axis(*labels, unit="s"):
    return Axis("reliability.checkpoint_interval", "interval", labels, labels,
                tuple(number_of(label) for label in labels), unit)


def test_the_upper_tail_ends_at_the_largest_step(opened):
    """One spike is a hundredth of nothing, and what the figure is for."""
    design = opened("mixed.h5")
    tails = [s for s in draw(design, "distribution").panels[2].series if s.kind == "drop"]
    for point, tail in zip(design.points, tails, strict=True):
        steps = design.data.step_time.values[point.index]
        assert tail.x[-1] == steps.max() and tail.y[-1] == pytest.approx(1 / steps.size)


def test_densities_stay_within_the_sample_and_between_its_peaks_are_low(altered):
    random = numpy.random.default_rng(2)

    def change(file):
        shape = file["step_time"].shape
        file["step_time"][:] = numpy.where(random.random(shape) < 0.5, 1, 3) + 0.01 * random.random(shape)

    design = altered("mixed.h5", change)
    fills = [s for s in draw(design, "distribution").panels[1].series if s.kind == "fill"]
    for point, fill in zip(design.points, fills, strict=True):
        steps = design.data.step_time.values[point.index]
        assert steps.min() <= min(fill.x) and max(fill.x) <= steps.max()
        width = abs(numpy.array(fill.y) - point.number)
        between = width[(1.5 < numpy.array(fill.x)) & (numpy.array(fill.x) < 2.5)]
        assert width.max() > 0.4 and (between < 0.1).all()


def test_equal_steps_are_drawn_and_curves_over_one_another_named(altered):
    def change(file):
        file["step_time"][:] = 1.5

    picture = draw(altered("mixed.h5", change), "distribution")
    for curve in picture.panels[0].series:
        assert set(curve.x) == {1.5} and (curve.y[0], curve.y[-1]) == (0, 1)
    names = "; ".join(["ring, equal", "ring, proportional", "tree, equal", "tree, proportional"])
    assert f"Equal, one curve over another: {names}." in picture.caption


@pytest.mark.parametrize("name", ["mixed.h5", "long_run.h5", "scaling.h5", "uncertain.h5", "slices.h5"])
def test_no_two_lines_of_a_panel_have_one_dash(opened, name):
    """On grey paper colours are nothing."""
    design, lines = opened(name, curves=1000), 0
    for picture in drawn(design):
        shown = representatives(ranking(design, main_measure(design)), picture.most_points)
        order = {number: place for place, number in enumerate(sorted(shown))}
        for panel in picture.panels:
            found = [look_in(s, order).dash for s in panel.series
                     if s.kind in ("line", "step", "drop") and not s.plain
                     and (not isinstance(s.points, int) or s.points in order)]
            lines += len(found)
            assert len(set(found)) == len(found), (picture.title, panel.title)
    assert lines > 2 and len(set(map(str, paint.DASHES))) == len(set(paint.MARKERS)) == LINES


def test_design_points_of_three_axes_look_different(run):
    design = run(SCALING.replace("topology.kind = ring, tree", "topology.kind = ring, tree, torus\n"
                                 "noise.step_jitter = 0, 0.01\njob.overlap = 0, 1").replace(
        'H100:64, "H100:32, GB200:32", H100:256, GB200:64', "H100:64"), "--trials", "1")
    marks = {(look.colour, look.marker) for look in looks(design)}
    assert len(marks) == len(design.points) == 12


@pytest.mark.parametrize("labels, joined, order", [
    (("optimal", "2min", "10min"), [1, 2], [0, 1, 2]),
    (("8", "32", "unlimited"), [0, 1], [0, 1, 2]),
    (("never", "7d", "1d", "1h"), [3, 2, 1], [3, 2, 1, 0]),
    (("0", "0.00001", "0.001", "0.1"), [1, 2, 3], [0, 1, 2, 3]),  # log: 0 is infinitely far
    (("0", "1", "2"), [0, 1, 2], [0, 1, 2]),
    (("2", "1"), [1, 0], [1, 0]),
    (("a", "b", "1"), [], [0, 1, 2]),
])
def test_lines_join_numbers_alone_and_in_their_order(labels, joined, order):
    found = places(axis(*labels))
    assert found.joined == joined
    assert sorted(range(len(labels)), key=lambda i: found.positions[i]) == order
    assert len(set(found.positions)) == len(labels)
    assert [text for _, text in found.ticks] == [labels[i] for i in order]


def test_a_word_is_a_mark_beside_the_line(opened):
    panel = draw(opened("long_run.h5"), "goodput").panels[0]
    lines, marks = ([s for s in panel.series if s.kind == kind] for kind in ("line", "marks"))
    assert len(lines) == len(marks) == 3
    for line, mark in zip(lines, marks):
        assert line.x == [600, 7200] and line.look == mark.look
        assert mark.texts[0].startswith("optimal: ") and mark.x[0] < 600 and not mark.legend


def test_too_many_lines_are_fewer_and_said(run):
    design = run("title = Many\n" + LONG_RUN.replace("= 0, 40, unlimited", "= " + ", ".join(
        map(str, range(12)))), "--trials", "2")
    picture = draw(design, "goodput")
    assert max(len([s for s in p.series if s.kind == "line"]) for p in picture.panels) == LINES
    assert "Some lines only" in picture.caption


def test_curves_of_some_design_points_are_said_to_be_so(opened):
    picture = draw(opened("long_run.h5", curves=3), "distribution")
    assert len(picture.points) == 3 and "Curves of 3 of the 9 design points" in picture.caption
    assert {s.points for panel in picture.panels for s in panel.series} == set(picture.points)


def test_panels_of_one_quantity_begin_and_end_alike():
    figure, grid = matplotlib.pyplot.subplots(1, 4)
    quantities = [("time [s]", False), ("time [s]", False), ("MFU [%]", False), ("time [s]", True)]
    for axes, ends in zip(grid, [(1, 2), (0, 1.5), (5, 6), (0.1, 9)]):
        axes.set_xlim(ends)
    paint._share_ends([Panel(Scale(label, log=log), Scale(""), []) for label, log in quantities], grid)
    assert [axes.get_xlim() for axes in grid] == [(0, 2), (0, 2), (5, 6), (0.1, 9)]
    matplotlib.pyplot.close(figure)


@pytest.mark.parametrize("keys, titles", [
    ([["chip.H100.peak"], ["chip.H200.peak"], ["job.overlap"]], ["H100 peak", "H200 peak", "overlap"]),
    ([["noise.job.sigma"], ["fleet.job.sigma"]], ["noise job sigma", "fleet job sigma"]),
    ([["chip.H100.peak", "chip.H200.peak"]], ["H100 peak and H200 peak"]),
    ([["topology.kind"], ["fleet.chips"]], ["topology", "fleet"]),
])
def test_no_two_axes_have_one_title(keys, titles):
    assert _titles(keys) == titles


def test_rows_say_what_their_names_are_values_of(opened):
    assert draw(opened("mixed.h5"), "design_points").panels[0].y.label == "topology, work share"


def test_numbers_along_a_panel_do_not_touch(opened, tmp_path):
    """Steps that differ in the fourth digit have long numbers."""
    figure, axes = matplotlib.pyplot.subplots(figsize=(3, 3))
    axes.set_xlim(6.8034, 6.8267)
    paint._space_ticks(axes)
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in axes.get_xticklabels() if label.get_text()]
    assert len(boxes) >= 2
    assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))
    matplotlib.pyplot.close(figure)


def test_the_list_of_a_file_says_what_it_gives(script):
    printed = dict(line.split(maxsplit=1) for line in
                   script("plot.py", "--list", "mixed.h5").stdout.splitlines())
    assert list(printed) == [figure.name for figure in FIGURES]
    assert printed["distribution"].startswith("step time: ")
    assert printed["goodput"] == "not of this file: the study follows no failures (reliability.horizon)"
    for name, words in printed.items():
        ended = script("plot.py", "mixed.h5", "--figure", name, "-o", "x.png") \
            if words.startswith("not of this file") else None
        assert ended is None or ended.returncode == 2


def test_marks_of_one_value_stand_side_by_side(opened):
    """Fleets of one size have no order in size, and ring and tree hardly differ."""
    panel = draw(opened("scaling.h5"), "scaling").panels[0]
    ring, tree = panel.series
    assert ring.kind == tree.kind == "marks"
    assert all(0.05 < b - a < 0.3 for a, b in zip(ring.x, tree.x))  # of rows 1 apart


def test_panels_of_one_quantity_have_one_scale(run):
    """A small and a large model: either alone would be linear."""
    design = run(SCALING.replace("topology.kind = ring, tree", "topology.kind = ring, tree, torus\n"
                                 "job.model_parameters = 8e9, 2e11\nnoise.step_jitter = 0, 0.01, 0.02").replace(
        'H100:64, "H100:32, GB200:32", H100:256, GB200:64', "H100:64, H100:128"), "--trials", "2")
    panels = [p for p in draw(design, "scaling").panels if p.y.label == "step time [s]"]
    ends = [[y for s in p.series for y in s.y] for p in panels]
    assert len(panels) == 2 and max(map(max, ends)) > 10 * min(map(min, ends))
    assert not all(max(y) > 10 * min(y) for y in ends)
    assert [p.y.log for p in panels] == [True, True]


def test_equal_bands_do_not_add_up(altered):
    """Four times the same would be four times as dark."""
    def change(file):
        file["step_time"][:] = file["step_time"][:1, :1]

    panel = draw(altered("mixed.h5", change), "distribution").panels[0]
    figure, axes = matplotlib.pyplot.subplots()
    paint._panel(axes, panel, {number: number for number in range(4)}, labelled=True)
    assert len(axes.lines) == 4 and len(axes.collections) == 1
    matplotlib.pyplot.close(figure)
