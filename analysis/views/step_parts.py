"""What a step without noise is the sum of."""

from measures import plain
from picture import COLOURS, NotShown, Panel, Picture, Scale, Series, look_of
from views.rows import point_rows


def parts(design):
    """{name: what it adds to a step at each design point [s]}: the largest, and the rest in one."""
    known = [design.known(point, "phase_exposed") for point in design.points]
    found = {name: [one.get(name, 0) for one in known]
             for name in map(str, design.data["phase"].values)}
    found = {name: times for name, times in found.items() if any(times)}
    if len(found) <= len(COLOURS):
        return found
    steps = [sum(one.values()) for one in known]
    shares = {name: max(t / s for t, s in zip(times, steps)) for name, times in found.items()}
    large = sorted(shares, key=shares.get)[-(len(COLOURS) - 1):]
    small = [times for name, times in found.items() if name not in large]
    return {name: times for name, times in found.items() if name in large} | {
        "smaller parts": [sum(column) for column in zip(*small)]}


def step_parts(design):
    if not any(design.known(point, "phase_exposed") for point in design.points):
        raise NotShown("its steps take no time")
    numbers = [point.number for point in design.points]
    steps = [sum(design.known(point, "phase_exposed").values()) for point in design.points]
    series, base = [], [0.0] * len(numbers)
    for number, (name, times) in enumerate(parts(design).items()):
        name = name.replace("_", " ")
        series.append(Series(
            "bar", times, numbers, name, look_of(number), across=True, base=list(base),
            points=numbers, texts=[f"{name}: {plain(t)} s, {plain(100 * t / s)} % of the step"
                                   for t, s in zip(times, steps)]))
        base = [b + t for b, t in zip(base, times)]
    panel = Panel(Scale("step without noise [s]"), point_rows(design), series)
    return Picture("Parts of a step",
                   "A step that synchronizes, without noise: compute, the pipeline's bubble, of each "
                   "phase of communication what nothing hides, clipping and optimizer; of jobs side "
                   "by side the one that takes longest.", [panel], columns=1)
