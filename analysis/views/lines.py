"""Measures along an axis of the study, one line for each combination of the other axes."""

from measures import GOODPUT, MFU, MFU_EFFECTIVE, STEP_TIME, main_measure, text, there
from picture import LINES, NotShown, Panel, Picture, Scale, Series, look_of, representatives
from views.places import places

MOST_PANELS = 4  # of one axis
WIDTH = 0.06  # of the whole length, over which marks of one value stand
WIDE = 10  # times as large: a quantity stands on a log scale
INTERVALS = "Mean over trials; bands and bars are 95 % intervals. Lines join numbers only."
FEWER = " Some lines only, evenly spread in the study's order."


def along(design, over, measure, title="", band=None):
    """Panels of `measure` along the axis at position `over`, and whether lines were left out.
    `band` gives low and high of a design point, by default the interval of the mean. Where lines
    are too many for a panel, each value of the other axis with the fewest gets its own."""
    rows = design.groups(over)
    others = [i for i, axis in enumerate(design.axes) if i != over and len(axis.labels) > 1]
    if len(rows) <= LINES or len(others) < 2:
        return [_panel(design, over, measure, title, band, _few(rows, LINES), ())], len(rows) > LINES
    cut = min(others, key=lambda i: len(design.axes[i].labels))
    place = cut - (cut > over)
    panels, fewer = [], len(design.axes[cut].labels) > MOST_PANELS
    for value in representatives(design.axes[cut].labels, MOST_PANELS):
        mine = {labels: row for labels, row in rows.items() if labels[place] == value}
        fewer |= len(mine) > LINES
        panels.append(_panel(
            design, over, measure, ". ".join(filter(None, [
                f"{design.axes[cut].title}: {value}", title])), band, _few(mine, LINES), (cut,)))
    return panels, fewer


def _few(rows, most):
    return {key: rows[key] for key in representatives(list(rows), most)}


def _panel(design, over, measure, title, band, rows, fixed):
    axis = design.axes[over]
    where = places(axis)
    series = []
    for number, (others, row) in enumerate(rows.items()):
        label = ", ".join(design.axes[i].said(value) for value, i in zip(
            others, [i for i in range(len(design.axes)) if i != over])
            if len(design.axes[i].labels) > 1 and i not in fixed)
        apart = [i for i in range(len(row)) if i not in where.joined]
        for kind, indices in (("line", where.joined), ("marks", apart)):
            points = [row[i] for i in indices]
            values = [measure.of(design, point) for point in points]
            ends = [band(p) if band else (v.low, v.high) for p, v in zip(points, values)]
            if points:
                shift = WIDTH * ((number + 0.5) / len(rows) - 0.5)
                series.append(Series(
                    kind, [where.positions[i] if kind == "line" else where.aside(i, shift)
                           for i in indices], [v.value for v in values], label,
                    look_of(number), low=[e[0] for e in ends], high=[e[1] for e in ends],
                    points=[p.number for p in points], legend=kind == "line" or not where.joined,
                    texts=[f"{axis.labels[i]}: {text(v, measure.unit)}"
                           for i, v in zip(indices, values)]))
    name = f"{axis.title} [{axis.unit}]" if axis.unit not in ("", "1") and where.ticks is None \
        else axis.title
    if axis.name == "fleet.chips" and where.joined:
        name = "chips"
    return Panel(Scale(name, log=where.log, ticks=where.ticks), Scale(measure.label), series, title)


def _picture(title, caption, found):
    """The picture of what several calls of `along` gave."""
    panels = [panel for some, _ in found for panel in some]
    for label in {panel.y.label for panel in panels if not panel.y.label.endswith("[%]")}:
        alike = [panel for panel in panels if panel.y.label == label]
        values = [y for panel in alike for series in panel.series for y in series.y if y == y]
        for panel in alike:
            panel.y.log = bool(values) and max(values) > WIDE * min(values) > 0
    return Picture(title, caption + FEWER * any(fewer for _, fewer in found), panels, columns=2)


def sweep(design):
    over = [i for i, axis in enumerate(design.axes) if axis.ordered and len(axis.labels) > 2]
    if not over:
        raise NotShown("no axis of the study is one of three numbers or more")
    measure = main_measure(design)
    return _picture(f"{measure.title[0].upper()}{measure.title[1:]} along the axes", INTERVALS,
                    [along(design, i, measure) for i in over])


def scaling(design):
    over = design.axis("fleet.chips")
    if over is None or len(set(design.axes[over].numbers)) < 2:
        raise NotShown("the study has no axis that changes the number of chips")
    if not there(design, STEP_TIME):
        raise NotShown("it holds no step times")

    def most_steps(point):
        return tuple(STEP_TIME.of(design, point, name).value for name in ("p5", "p95"))

    found = [along(design, over, STEP_TIME, "Bands: p5 to p95 of the steps", most_steps)]
    if there(design, MFU):
        found.append(along(design, over, MFU, "Bands: 95 % intervals"))
    return _picture("Scaling over chips", "Means over trials; the batch is that of the study. Lines "
                    "join numbers only.", found)


def checkpoints(design):
    names = ("reliability.checkpoint_interval", "reliability.spares")
    over = [i for i, axis in enumerate(design.axes)
            if axis.name in names and len(axis.labels) > 1]
    if not there(design, GOODPUT):
        raise NotShown("the study follows no failures (reliability.horizon)")
    if not over:
        raise NotShown("the study sweeps neither checkpoint interval nor spares")
    shown = [GOODPUT] + ([MFU_EFFECTIVE] if there(design, MFU_EFFECTIVE) and len(over) == 1 else [])
    return _picture("Goodput", INTERVALS, [along(design, i, m) for i in over for m in shown])
