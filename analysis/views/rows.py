"""Panels with one row a design point."""

from picture import Panel, Scale, Series

INTERVAL = "Mean over trials with its 95 % interval."


def point_rows(design):
    return Scale(design.subject, ticks=[(p.number, p.text) for p in design.points], by_point=True)


def mark_rows(design, label, estimates, looks, title="", log=False):
    """A panel of marks, one a design point, each with its interval."""
    series = [Series("marks", [e.value], [p.number], p.text, look, low=[e.low], high=[e.high],
                     across=True, points=p.number, legend=False)
              for p, e, look in zip(design.points, estimates, looks) if e.known]
    return Panel(Scale(label, log=log), point_rows(design), series, title)
