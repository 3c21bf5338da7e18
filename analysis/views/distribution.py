"""The distribution of step time: pooled steps of all trials of a design point."""

from measures import STEP_TIME, between, there
from picture import LINES, NotShown, Panel, Picture, Scale, Series, looks
from views.curves import curved, over_one_another
from views.rows import point_rows

FILLS = 0.42  # of the distance of rows, a density at its highest


def distribution(design):
    if not there(design, STEP_TIME):
        raise NotShown("it holds no step times")
    points, fewer = curved(design)
    style = looks(design)
    body, violins, tail = [], [], []
    for point, row in design.series("distributions", [STEP_TIME.name], points):
        shares, look = row["shares"], style[point.number]
        if not shares["value"]:
            continue
        body.append(_below(point, shares, look))
        violins += _violin(design, point, row["density"], look)
        tail += _above(design, point, shares, look)
    scale = "step time [s]"
    return Picture(
        "Distribution of step time",
        "Steps of all trials pooled. Bands and bars are 95 % intervals over trials; marks are the "
        "median on violins, p99 and p99.9 in the tail, and an open triangle says that the sample "
        "does not bound the quantile above." + over_one_another(body) + fewer,
        [Panel(Scale(scale), Scale("share of steps at or below", limits=(0, 1.02)), body,
               "Distribution"),
         Panel(Scale(scale), point_rows(design), violins, "Density"),
         Panel(Scale(scale), Scale("share of steps at or above", log=True), tail, "Upper tail")],
        most_points=LINES, points=[p.number for p in points], subject=design.subject)


def _below(point, shares, look):
    """It rises from 0, also of equal steps."""
    first = shares["value"][0]
    return Series("step", [first, *shares["value"]], [0, *shares["below"]], point.text, look,
                  low=[0, *shares["below_lower"]], high=[0, *shares["below_upper"]],
                  points=point.number)


def _above(design, point, shares, look):
    """Down to the largest step, with p99 and p99.9 where a step is expected beyond them."""
    found = [Series("drop", shares["value"], shares["above"], point.text, look, points=point.number)]
    for name, beyond in (("p99", 0.01), ("p99.9", 0.001)):
        if shares["above"][-1] > beyond:
            continue
        e = STEP_TIME.of(design, point, name)
        found.append(Series("marks", [e.value], [beyond], point.text, look, low=[e.low],
                            high=[e.high], across=True, points=point.number, legend=False,
                            texts=[f"{name} {between(e, 's')}"]))
    return found


def _violin(design, point, density, look):
    """The density as an outline, and the median."""
    median = STEP_TIME.of(design, point, "p50")
    found = [Series("marks", [median.value], [point.number], point.text, look, low=[median.low],
                    high=[median.high], across=True, points=point.number, legend=False,
                    texts=[f"median {between(median, 's')}"])]
    if density["value"]:
        highest = max(density["density"])
        half = [FILLS * d / highest for d in density["density"]]
        sides = [point.number + h for h in half] + [point.number - h for h in half[::-1]]
        found.insert(0, Series("fill", density["value"] + density["value"][::-1], sides, point.text,
                               look, points=point.number, legend=False))
    return found
