"""Whether there were enough trials."""

import numpy

import estimates
from measures import STEP_TIME, main_measure, there
from picture import NotShown, Panel, Picture, Scale, Series, looks

FEWEST, MOST_POINTS = 8, 6


def convergence(design):
    measure = main_measure(design)
    running, mean_width, tail_width = [], [], []
    for point, look in zip(design.points, looks(design)):
        values = measure.of(design, point)
        known = ~numpy.isnan(values)  # trials of missing shards are not
        values = values[known]
        if values.size < FEWEST:
            continue
        sizes = numpy.unique(numpy.geomspace(FEWEST, values.size, 12).round().astype(int))
        means = [estimates.mean(values[:n]) for n in sizes]
        running.append(Series("line", sizes, [m.value for m in means], point.text, look,
                              low=[m.low for m in means], high=[m.high for m in means],
                              points=point.number))
        mean_width += _widths(sizes, means, point, look)
        if there(design, STEP_TIME):
            steps = design.raw(point, "step_time")[known]
            tails = [estimates.pooled_quantile(steps[:n], 0.99) for n in sizes]
            tail_width += _widths(sizes, tails, point, look)
    if not running:
        raise NotShown(f"no design point has {FEWEST} trials")
    count = "number of trials"
    return Picture(
        "Convergence with the number of trials",
        "Left: mean of the first trials with its 95 % interval. Right: half the interval's width "
        "over the estimate; none where the sample does not bound it.",
        [panel for panel in [
            Panel(Scale(count, log=True), Scale(measure.label), running, "Running mean"),
            Panel(Scale(count, log=True), Scale(f"half width, mean {measure.title} [%]", log=True),
                  mean_width, "Mean"),
            Panel(Scale(count, log=True), Scale("half width, p99 of step time [%]", log=True),
                  tail_width, "99th percentile")] if panel.series],
        most_points=MOST_POINTS)


def _widths(sizes, found, point, look):
    kept = [(int(n), 100 * e.half_width / abs(e.value)) for n, e in zip(sizes, found)
            if numpy.isfinite(e.half_width) and e.half_width > 0 and e.value]
    return [Series("line", [n for n, _ in kept], [w for _, w in kept], point.text, look,
                   points=point.number)] if kept else []
