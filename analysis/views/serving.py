"""What a fleet serves: latency against load by router, and how much of each generation is used."""

from measures import Measure, there
from picture import LINES, NotShown, Panel, Picture, Scale, Series, look_of, representatives
from views.rows import INTERVAL

RATE = Measure("serving_output_rate", "tokens served", "1/s", 1, True)
LOAD, ROUTER = "serving.load", "serving.router"
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
            panels.append(_latency(design, load, line, at, title))
        shares = _generations(design, load, line, at, title)
        if len(shares.series) > 1 or len(design.generations) == 1:  # of one alone it is the load
            panels.append(shares)
    others = [f"{axis.title} {axis.labels[0]}" for i, axis in enumerate(design.axes)
              if i not in (load, line, fleet) and len(axis.labels) > 1]
    fixed = f" At {', '.join(others)}." if others else ""
    return Picture("Serving", "The 99th percentile of the time to the first token, and tokens that a "
                   f"generation of a mix makes over its rated ones. {INTERVAL}{fixed}", panels,
                   columns=2)


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


def _latency(design, load, line, at, title):
    loads = design.axes[load]
    series = []
    for number in representatives(range(len(design.axes[line].labels) if line is not None else 1),
                                  LINES):
        points = [_point(design, {**at, line: number, load: i}) for i in range(len(loads.labels))]
        values = [design.estimate(point, "time_to_first_token", element="p99") for point in points]
        label = design.axes[line].labels[number] if line is not None else ""
        series.append(Series("line", list(loads.numbers), [v.value for v in values], label,
                             look_of(number), low=[v.low for v in values],
                             high=[v.high for v in values], points=[p.number for p in points]))
    return Panel(Scale("load, share of rated"), Scale("time to first token, p99 [s]", log=True),
                 series, title)


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
