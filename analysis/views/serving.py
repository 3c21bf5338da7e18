"""What a fleet serves: latencies against load by router, and how much of each generation is used."""

from measures import Measure, failing, there
from picture import (COLOURS, LINES, Look, NotShown, Panel, Picture, Scale, Series, look_of,
                     representatives)
from views.rows import INTERVAL

RATE = Measure("serving_output_rate", "tokens served", "1/s", 1, True)
LOAD, ROUTER = "serving.load", "serving.router"
LATENCIES = [("time_to_first_token", "time to first token [s]"),
             ("time_per_token", "time per token after it [s]")]
OVERLOADED = Look(COLOURS.index("#000000"), 0, 6)  # a black cross
MOST_PANELS = 4  # fleets


def serving(design):
    if not there(design, RATE):
        raise NotShown("the fleet serves nothing (serving.load)")
    load, router = design.axis(LOAD), design.axis(ROUTER)
    line = router if router is not None else _first(design, {load})
    fleet = _first(design, {load, line})
    panels = []
    for place in _shown(design, fleet):
        at = {fleet: place}
        title = design.axes[fleet].labels[place] if fleet is not None else ""
        if load is not None and len(design.axes[load].labels) > 1:
            panels += [_latency(design, load, line, at, title, *latency) for latency in LATENCIES]
        shares = _generations(design, load, line, at, title)
        if len(shares.series) > 1 or len(design.generations) == 1:  # of one alone it is the load
            panels.append(shares)
    others = [f"{axis.title} {axis.labels[0]}" for i, axis in enumerate(design.axes)
              if i not in (load, line, fleet) and len(axis.labels) > 1]
    fixed = f" At {', '.join(others)}." if others else ""
    latencies = "Latencies: with marks the 99th percentile of requests, without the median; where " \
        "requests pile up (black crosses: in some trial) they are those of the window, and grow " \
        "with it. "
    said = latencies if load is not None and len(design.axes[load].labels) > 1 else ""
    return Picture("Serving", f"{said}Tokens made: those of a generation over its rated ones. "
                   f"{INTERVAL}{fixed}", panels, columns=2)


def _first(design, taken):
    """The first axis of several values beside those taken, or None."""
    return next((i for i, axis in enumerate(design.axes)
                 if i not in taken and len(axis.labels) > 1), None)


def _shown(design, axis):
    """Places of the values of an axis that get panels."""
    if axis is None:
        return [0]
    return representatives(range(len(design.axes[axis].labels)), MOST_PANELS)


def _point(design, at):
    """The design point at these places of axes, the first of all others."""
    index = tuple(at.get(i, 0) for i in range(len(design.axes)))
    return next(point for point in design.points if point.index == index)


def _latency(design, load, line, at, title, variable, label):
    loads, failed = design.axes[load], failing(design)
    series, crosses = [], []
    for number in representatives(range(len(design.axes[line].labels) if line is not None else 1),
                                  LINES):
        points = [_point(design, {**at, line: number, load: i}) for i in range(len(loads.labels))]
        name = design.axes[line].labels[number] if line is not None else ""
        for quantile in ("p50", "p99"):
            values = [design.estimate(point, variable, element=quantile) for point in points]
            last = quantile == "p99"
            series.append(Series("line", list(loads.numbers), [v.value for v in values], name,
                                 look_of(number), low=[v.low for v in values],
                                 high=[v.high for v in values], points=[p.number for p in points],
                                 legend=last, plain=not last))
        crosses += [(x, v.value, p.number) for x, v, p in zip(loads.numbers, values, points)
                    if p in failed]
    if crosses:
        x, y, numbers = map(list, zip(*crosses))
        series.append(Series("marks", x, y, "overloaded", OVERLOADED, low=y, high=y, points=numbers))
    return Panel(Scale("load, share of rated"), Scale(label, log=True), series, title)


def _generations(design, load, line, at, title):
    """At the highest load that the fleet is rated for."""
    where = dict(at)
    if load is not None:
        numbers = design.axes[load].numbers
        rated = [i for i, number in enumerate(numbers) if number is not None and number <= 1]
        where[load] = max(rated, key=lambda i: numbers[i]) if rated else 0
        title += f"{': ' if title else ''}at load {design.axes[load].labels[where[load]]}"
    labels = design.axes[line].labels if line is not None else ("",)
    series = []
    for number, generation in enumerate(design.generations):
        points = [_point(design, {**where, line: i}) for i in range(len(labels))]
        found = [(i, p, design.estimate(p, "serving_utilization", element=generation, factor=100))
                 for i, p in enumerate(points)]
        found = [row for row in found if row[2].known]
        if found:
            aside = (number - (len(design.generations) - 1) / 2) * 0.15
            series.append(Series("marks", [e.value for _, _, e in found],
                                 [i + aside for i, _, _ in found], generation, look_of(number),
                                 low=[e.low for _, _, e in found], high=[e.high for _, _, e in found],
                                 across=True, points=[p.number for _, p, _ in found]))
    return Panel(Scale("tokens made [% of rated]"), Scale("", ticks=list(enumerate(labels))), series,
                 title)
