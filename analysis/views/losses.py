"""Where the wall time of a long run goes."""

from measures import GOODPUT, plain, there
from picture import NotShown, Panel, Picture, Scale, Series, look_of
from views.rows import point_rows

WORDS = {"lost_work": "work since the checkpoint", "shrunk": "running smaller"}


def shares_lost(design, point):
    """{cause: share of the wall time [%]}, "useful" first."""
    causes = design.summary.elements("time_share")
    return {"useful": GOODPUT.of(design, point)} | {
        cause: design.estimate(point, "time_share", element=cause, factor=100) for cause in causes}


def time_lost(design):
    if not there(design, GOODPUT):
        raise NotShown("the study follows no failures (reliability.horizon)")
    shares = [shares_lost(design, point) for point in design.points]
    series, base = [], [0.0] * len(shares)
    for number, cause in enumerate(shares[0]):
        width = [s[cause].value if s[cause].known else 0 for s in shares]
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
