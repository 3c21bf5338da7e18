"""Whether there were enough trials."""

import math

from estimate import read
from measures import STEP_TIME, main_measure, there
from picture import LINES, NotShown, Panel, Picture, Scale, Series, looks
from views.curves import curved, over_one_another

FEWEST = 3  # numbers of trials of a curve


def convergence(design):
    measure = main_measure(design)
    points, fewer = curved(design)
    style = looks(design)
    running, mean_width, tail_width, largest = [], [], [], 0
    asked = [measure.name] + [STEP_TIME.name] * (measure != STEP_TIME and there(design, STEP_TIME))
    for point, row in design.series("convergence", asked, points):
        sizes, look = row["trials"], style[point.number]
        if len(sizes) < FEWEST:
            continue
        largest = max(largest, sizes[-1])
        if row["variable"] == measure.name:
            means = [read(e, measure.factor) for e in row["mean"]]
            running.append(Series(
                "line", sizes, [m.value for m in means], point.text, look,
                low=[m.low for m in means], high=[m.high for m in means], points=point.number))
            mean_width += _widths(sizes, means, point, look)
        if row["variable"] == STEP_TIME.name:
            tail_width += _widths(sizes, [read(e) for e in row["p99"]], point, look)
    if not running:
        raise NotShown("its trials are too few for a curve")
    count = Scale("number of trials", log=True, ticks=_counts(min(s.x[0] for s in running), largest))
    return Picture(
        "Convergence with the number of trials",
        "Left: mean of the first trials with its 95 % interval. Right: half the interval's width "
        "over the estimate; none where the sample does not bound it." + over_one_another(running) + fewer,
        [Panel(count, scale, series, title) for scale, series, title in [
            (Scale(measure.label), running, "Running mean"),
            (Scale(f"half width, mean {measure.title} [%]", log=True), mean_width, "Mean"),
            (Scale("half width, p99 of step time [%]", log=True), tail_width, "99th percentile")]
         if any(len(s.x) > 1 for s in series)],
        most_points=LINES, points=[p.number for p in points], subject=design.subject)


def _counts(first, last):
    """Ticks that people count in, and the ends."""
    round_ones = [m * 10**e for e in range(len(str(last))) for m in (1, 2, 5)]
    between = [n for n in round_ones if first * 1.2 < n < last / 1.2]
    return [(n, f"{n:,}") for n in [first, *between, last]]


def _widths(sizes, found, point, look):
    kept = [(n, 100 * e.half_width / abs(e.value)) for n, e in zip(sizes, found)
            if e.known and math.isfinite(e.half_width) and e.half_width > 0 and e.value]
    return [Series("line", [n for n, _ in kept], [w for _, w in kept], point.text, look,
                   points=point.number)] if kept else []
