"""Measures along an axis of the study, one line for each combination of the other axes."""

import numpy

import estimates
from measures import (GOODPUT, MFU, MFU_EFFECTIVE, STEP_TIME, main_measure, text, there)
from picture import NotShown, Panel, Picture, Scale, Series, look_of

MOST_LINES = 8  # of a panel; with more, another axis is cut into panels
INTERVALS = "Mean over trials; bands are 95 % intervals."


def along(design, over, measure, title="", band=None):
    """Panels of `measure` along the axis at position `over`. `band` gives low and high of a
    design point, by default the interval of the mean. Where lines are too many for a panel, each
    value of the other axis with the fewest gets its own."""
    rows = design.groups(over)
    others = [i for i, axis in enumerate(design.axes) if i != over and len(axis.labels) > 1]
    if len(rows) <= MOST_LINES or len(others) < 2:
        return [_panel(design, over, measure, title, band, rows, ())]
    cut = min(others, key=lambda i: len(design.axes[i].labels))
    place = cut - (cut > over)
    return [_panel(design, over, measure, ". ".join(filter(None, [
                f"{design.axes[cut].title}: {value}", title])), band,
                   {labels: row for labels, row in rows.items() if labels[place] == value}, (cut,))
            for value in design.axes[cut].labels]


def _panel(design, over, measure, title, band, rows, fixed):
    axis = design.axes[over]
    place, ticks, log = _places(axis)
    series = []
    for number, (others, row) in enumerate(rows.items()):
        values = [estimates.mean(measure.of(design, point)) for point in row]
        ends = [band(point) if band else (v.low, v.high) for point, v in zip(row, values)]
        label = ", ".join(design.axes[i].said(value) for value, i in zip(
            others, [i for i in range(len(design.axes)) if i != over])
            if len(design.axes[i].labels) > 1 and i not in fixed)
        series.append(Series(
            "line", [place[p.index[over]] for p in row], [v.value for v in values], label,
            look_of(number), low=[e[0] for e in ends], high=[e[1] for e in ends],
            points=[p.number for p in row],
            texts=[f"{axis.labels[p.index[over]]}: {text(v, measure.unit)}"
                   for p, v in zip(row, values)]))
    name = f"{axis.title} [{axis.unit}]" if axis.unit not in ("", "1") and ticks is None else axis.title
    if axis.name == "fleet.chips" and axis.numeric:
        name = "chips"
    drawn = [y for s in series for y in s.y if y == y]
    wide = not measure.unit == "%" and drawn and max(drawn) > 10 * min(drawn) > 0
    return Panel(Scale(name, log=log, ticks=ticks), Scale(measure.label, log=wide), series, title)


def _places(axis):
    """Where the values of an axis stand: at their numbers, if all are numbers and differ, else in
    the order of the study."""
    numbers = axis.numbers
    spread = axis.numeric and len(set(numbers)) == len(numbers)
    if not spread:
        return list(range(len(axis.labels))), list(enumerate(axis.labels)), False
    labels = [f"{n:,.0f}" for n in numbers] if axis.name == "fleet.chips" else axis.labels
    ascending = sorted(numbers)
    if ascending[0] > 0 and ascending[-1] / ascending[0] > 10:
        return list(numbers), list(zip(numbers, labels)), True
    if ascending[0] <= 0 and len(numbers) > 2 and ascending[-1] / ascending[1] > 10:
        return list(range(len(labels))), list(enumerate(labels)), False
    closest = min(b - a for a, b in zip(ascending, ascending[1:])) if len(numbers) > 1 else 1
    if closest < 0.06 * (ascending[-1] - ascending[0]):
        return list(numbers), None, False
    return list(numbers), list(zip(numbers, labels)), False


def sweep(design):
    over = [i for i, axis in enumerate(design.axes) if axis.ordered and len(axis.labels) > 2]
    if not over:
        raise NotShown("no axis of the study is one of three numbers or more")
    measure = main_measure(design)
    return Picture(f"{measure.title[0].upper()}{measure.title[1:]} along the axes", INTERVALS,
                   [panel for i in over for panel in along(design, i, measure)], columns=2)


def scaling(design):
    over = design.axis("fleet.chips")
    if over is None or len(set(design.axes[over].numbers)) < 2:
        raise NotShown("the study has no axis that changes the number of chips")

    if not there(design, STEP_TIME):
        raise NotShown("the file holds no step times")

    def most_steps(point):
        steps = estimates.finite(design.raw(point, "step_time"))
        return tuple(numpy.quantile(steps, [0.05, 0.95])) if steps.size else (None, None)

    panels = along(design, over, STEP_TIME, "Bands: p5 to p95 of the steps", most_steps)
    if there(design, MFU):
        panels += along(design, over, MFU, "Bands: 95 % intervals")
    return Picture("Scaling over chips", "Means over trials; the batch is that of the study.",
                   panels, columns=2)


def checkpoints(design):
    names = ("reliability.checkpoint_interval", "reliability.spares")
    over = [i for i, axis in enumerate(design.axes)
            if axis.name in names and len(axis.labels) > 1]
    if not there(design, GOODPUT):
        raise NotShown("the study follows no failures (reliability.horizon)")
    if not over:
        raise NotShown("the study sweeps neither checkpoint interval nor spares")
    shown = [GOODPUT] + ([MFU_EFFECTIVE] if there(design, MFU_EFFECTIVE) and len(over) == 1 else [])
    panels = [panel for i in over for measure in shown for panel in along(design, i, measure)]
    return Picture("Goodput", INTERVALS, panels, columns=2)
