"""What a step without noise is the sum of."""

from measures import plain
from picture import COLOURS, NotShown, Panel, Picture, Scale, Series, look_of
from views.rows import point_rows

CAPTION = ("A step that synchronizes, without noise: compute, the pipeline's bubble, of each phase of "
           "communication what nothing hides, clipping and optimizer; of jobs side by side the one "
           "that takes longest.")


def parts(design, steps):
    """{name: what it adds to a step at each design point [s]} of the largest, and the others."""
    known = [design.known(point, "phase_exposed") for point in design.points]
    found = {name: [one.get(name, 0) for one in known]
             for name in map(str, design.data["phase"].values)}
    found = {name: times for name, times in found.items() if any(times)}
    if len(found) <= len(COLOURS):
        return found, {}
    share = {name: max(t / s for t, s in zip(times, steps)) for name, times in found.items()}
    large = sorted(share, key=share.get)[1 - len(COLOURS):]
    return ({name: times for name, times in found.items() if name in large},
            {name: times for name, times in found.items() if name not in large})


def step_parts(design):
    steps = [design.known(point, "noise_free_step_time") for point in design.points]
    if not all(steps):
        raise NotShown("there are steps that take no time")
    shown, small = parts(design, steps)
    caption = CAPTION
    if small:
        shown["smaller_parts"] = [sum(column) for column in zip(*small.values())]
        caption += f" Smaller parts are {', '.join(small).replace('_', ' ')}."
    numbers = [point.number for point in design.points]
    series, base = [], [0.0] * len(numbers)
    for number, (name, times) in enumerate(shown.items()):
        name = name.replace("_", " ")
        series.append(Series(
            "bar", times, numbers, name, look_of(number), across=True, base=list(base),
            points=numbers, texts=[f"{name}: {plain(t)} s, {plain(100 * t / s)} % of the step"
                                   for t, s in zip(times, steps)]))
        base = [b + t for b, t in zip(base, times)]
    panel = Panel(Scale("step without noise [s]"), point_rows(design), series)
    return Picture("Parts of a step", caption, [panel], columns=1)
