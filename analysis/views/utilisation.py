"""What the chips' time goes to within a step."""

from measures import COMMUNICATION, MFU, summaries, there
from picture import NotShown, Panel, Picture, Scale, Series, look_of, looks
from views.rows import INTERVAL, mark_rows, point_rows


def utilisation(design):
    if not there(design, COMMUNICATION):
        raise NotShown("it holds no communication times")
    style = looks(design)
    panels = [mark_rows(design, label, summaries(design, m), style)
              for m, label in ((MFU, MFU.label), (COMMUNICATION, f"{COMMUNICATION.title} [% of step]"))
              if there(design, m)]
    return Picture("MFU and communication",
                   f"{INTERVAL} Communication counts where no computation hides it.", panels, columns=2)


def waiting(design):
    series = []
    for number, generation in enumerate(design.generations):
        for point in design.points:
            e = design.estimate(point, "wait_fraction_by_generation", element=generation, factor=100)
            if e.known:
                place = point.number + (number - (len(design.generations) - 1) / 2) * 0.22
                series.append(Series("marks", [e.value], [place], generation, look_of(number),
                                     low=[e.low], high=[e.high], across=True,
                                     points=point.number))
    if not series:
        raise NotShown("it holds no waiting by chip generation")
    panel = Panel(Scale("share of the step waiting [%]"), point_rows(design), series)
    return Picture("Waiting by chip generation", "Share of the step in which a chip neither "
                   f"computes nor takes part in noise-free communication. {INTERVAL}", [panel],
                   columns=1)
