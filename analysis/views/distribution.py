"""The distribution of step time: pooled steps of all trials of a design point."""

import numpy

import estimates
from measures import STEP_TIME, between, there
from picture import NotShown, Panel, Picture, Scale, Series, looks
from views.rows import point_rows

MOST = 8
BODY, TAIL = 160, 40  # vertices of a curve: evenly in share, and the largest and smallest steps


def distribution(design):
    if not there(design, STEP_TIME):
        raise NotShown("the file holds no step times")
    steps = [design.raw(point, "step_time") for point in design.points]
    style = looks(design)
    body, violins, tail = [], [], []
    for point, values, look in zip(design.points, steps, style):
        flat = numpy.sort(estimates.finite(values))
        if flat.size:
            body.append(_curve(point, values, flat, look))
            violins += _violin(point, values, flat, look)
            tail += _tail(point, values, flat, look)
    scale = "step time [s]"
    return Picture(
        "Distribution of step time",
        "Steps of all trials pooled. Bands and bars are 95 % intervals over trials; marks are the "
        "median on violins, p99 and p99.9 in the tail, and an open triangle says that the sample "
        "does not bound the quantile above.",
        [Panel(Scale(scale), Scale("share of steps at or below", limits=(0, 1.02)), body,
               "Distribution"),
         Panel(Scale(scale), point_rows(design), violins, "Density"),
         Panel(Scale(scale), Scale("share of steps above", log=True), tail, "Upper tail")],
        most_points=MOST)


def _thinned(size):
    """Positions of a sorted sample worth drawing: even in share, all at both ends."""
    ends = numpy.arange(min(TAIL, size))
    even = numpy.linspace(0, size - 1, min(BODY, size)).round()
    return numpy.unique(numpy.concatenate([ends, even, size - 1 - ends])).astype(int)


def _curve(point, values, flat, look):
    x = flat[_thinned(flat.size)]
    share, half = estimates.share_below(values, x)
    x, share, half = (numpy.insert(column, 0, first)  # it rises from 0, also of equal steps
                      for column, first in ((x, x[0]), (share, 0), (half, 0)))
    return Series("step", x, share, point.text, look, low=numpy.clip(share - half, 0, 1),
                  high=numpy.clip(share + half, 0, 1), points=point.number)


def _violin(point, values, flat, look):
    """Gaussian kernel density (Silverman's width) as an outline, and the median."""
    spread = min(flat.std(), (numpy.quantile(flat, 0.75) - numpy.quantile(flat, 0.25)) / 1.34) \
        or flat.std() or abs(flat[0]) * 1e-3 or 1e-9
    width = 0.9 * spread * flat.size ** -0.2
    bins = 2000
    counts, edges = numpy.histogram(flat, bins, (flat[0] - 3 * width, flat[-1] + 3 * width))
    middle = (edges[1:] + edges[:-1]) / 2
    at = numpy.unique(numpy.concatenate([
        numpy.linspace(middle[0], middle[-1], 40), numpy.quantile(flat, numpy.linspace(0, 1, 120))]))
    full = counts > 0
    density = (counts[full] * numpy.exp(-0.5 * ((at[:, None] - middle[full]) / width) ** 2)).sum(1)
    half = 0.42 * density / density.max()
    outline = numpy.concatenate([at, at[::-1]])
    sides = point.number + numpy.concatenate([half, -half[::-1]])
    median = estimates.pooled_quantile(values, 0.5)
    return [Series("fill", outline, sides, point.text, look, points=point.number, legend=False),
            Series("marks", [median.value], [point.number], point.text, look, low=[median.low],
                   high=[median.high], across=True, points=point.number, legend=False,
                   texts=[f"median {between(median, 's')}"])]


def _tail(point, values, flat, look):
    """Share of steps above against step time, down to the largest step, with p99 and p99.9."""
    at = _thinned(flat.size)
    above = 1 - (at + 1) / flat.size
    kept = above > 0
    found = [Series("step", flat[at][kept], above[kept], point.text, look, points=point.number)]
    for p in (0.99, 0.999):
        if (1 - p) * flat.size < 1:
            continue  # fewer than one step is expected beyond it
        e = estimates.pooled_quantile(values, p)
        found.append(Series("marks", [e.value], [1 - p], point.text, look, low=[e.low],
                            high=[e.high], across=True, points=point.number, legend=False,
                            texts=[f"p{p * 100:g} {between(e, 's')}"]))
    return found
