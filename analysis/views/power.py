"""What the fleet draws at the site's meter, how far that swings, and what smoothing costs."""

from measures import Measure, summaries, there
from picture import NotShown, Panel, Picture, Scale, Series, looks
from views.rows import INTERVAL, mark_rows

SWING = Measure("power_swing", "swing", "MW", 1e-6, False)
MEAN = Measure("power_mean", "mean power", "MW", 1e-6, False)
ENERGY = Measure("energy_overhead", "energy of smoothing", "%", 100, False)


def power(design):
    if not there(design, SWING):
        raise NotShown("the study meters no power (power.meter)")
    style = looks(design)
    panels = [mark_rows(design, m.label, summaries(design, m), style) for m in (SWING, MEAN)]
    swings, costs = summaries(design, SWING), summaries(design, ENERGY)
    if any(e.known and e.value != 0 for e in costs):
        panels.append(Panel(Scale(ENERGY.label), Scale(SWING.label), [
            Series("marks", [cost.value], [swing.value], point.text, look, points=point.number,
                   low=[swing.low], high=[swing.high])
            for point, cost, swing, look in zip(design.points, costs, swings, style)
            if cost.known and swing.known], "Energy against swing"))
    return Picture("Power at the site's meter", "Swing is from the lowest to the highest value of a "
                   f"trial's trace. {INTERVAL}", panels, columns=2)
