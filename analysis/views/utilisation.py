"""What the chips' time goes to within a step."""

import estimates
from measures import MFU, summaries, there
from picture import NotShown, Panel, Picture, Scale, Series, look_of, looks
from views.rows import mark_rows, point_rows


def utilisation(design):
    if not design.has("communication_time"):
        raise NotShown("the file holds no communication times")
    style = looks(design)
    share = [estimates.mean(100 * design.trials(p, "communication_time")
                            / design.trials(p, "step_time")) for p in design.points]
    panels = [mark_rows(design, "communication not hidden [% of step]", share, style)]
    if there(design, MFU):
        panels.insert(0, mark_rows(design, MFU.label, summaries(design, MFU), style))
    return Picture("MFU and communication", "Mean over trials with its 95 % interval. "
                   "Communication counts where no computation hides it.", panels, columns=2)


def waiting(design):
    if not design.generations or not design.has("wait_fraction_by_generation"):
        raise NotShown("the file holds no waiting by chip generation")
    series = []
    for number, generation in enumerate(design.generations):
        for point in design.points:
            values = 100 * design.raw(point, "wait_fraction_by_generation")[:, number]
            e = estimates.mean(values)
            if e.value == e.value:
                place = point.number + (number - (len(design.generations) - 1) / 2) * 0.22
                series.append(Series("marks", [e.value], [place], generation, look_of(number),
                                     low=[e.low], high=[e.high], across=True,
                                     points=point.number))
    panel = Panel(Scale("share of the step waiting [%]"), point_rows(design), series)
    return Picture("Waiting by chip generation", "Share of the step in which a chip neither "
                   "computes nor takes part in noise-free communication; mean over trials with "
                   "its 95 % interval.", [panel], columns=1)
