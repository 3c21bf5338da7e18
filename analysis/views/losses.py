"""Where the wall time of a long run goes."""

import numpy

import estimates
from measures import GOODPUT, plain, there
from picture import NotShown, Panel, Picture, Scale, Series, look_of
from views.rows import point_rows

WORDS = {"lost_work": "work since the checkpoint", "shrunk": "running smaller"}


def shares_lost(design, point):
    """{cause: mean share of the wall time over trials, as an estimate}, "useful" first."""
    lost, useful = design.raw(point, "time_lost"), design.trials(point, "goodput")
    with numpy.errstate(invalid="ignore", divide="ignore"):
        share = lost / lost.sum(axis=1, keepdims=True) * (1 - useful[:, None])
    share = numpy.where(lost == 0, 0 * lost, share)
    causes = [str(c) for c in design.data["cause"].values]
    found = {"useful": estimates.mean(useful)}
    return found | {cause: estimates.mean(share[:, i]) for i, cause in enumerate(causes)}


def time_lost(design):
    if not there(design, GOODPUT) or not design.has("time_lost"):
        raise NotShown("the study follows no failures (reliability.horizon)")
    shares = [shares_lost(design, point) for point in design.points]
    series, base = [], [0.0] * len(shares)
    for number, cause in enumerate(shares[0]):
        width = [100 * s[cause].value for s in shares]
        if not any(w > 0 for w in width):
            continue
        name = WORDS.get(cause, cause.replace("_", " "))
        series.append(Series(
            "bar", width, [p.number for p in design.points], name, look_of(number), across=True,
            base=list(base), points=[p.number for p in design.points],
            texts=[f"{name}: {plain(w)} % of the time" for w in width]))
        base = [b + w for b, w in zip(base, width)]
    panel = Panel(Scale("share of wall time [%]", limits=(0, 100)), point_rows(design), series)
    return Picture("Time lost by cause", "Mean over trials; the first bar is useful work.",
                   [panel], columns=1)
