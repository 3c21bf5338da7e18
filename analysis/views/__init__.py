"""The table of figures: name, summary, and the function that draws it of a design."""

from typing import NamedTuple

from views.design_points import design_points
from views.distribution import distribution
from views.lines import checkpoints, scaling, sweep
from views.losses import time_lost
from views.mixing import mixing_tax
from views.money import money
from views.power import power, power_trace
from views.sampling import convergence
from views.sensitivity import sensitivity
from views.serving import serving
from views.step_parts import step_parts
from views.timeline import timeline
from views.utilisation import utilisation, waiting


class Figure(NamedTuple):
    name: str
    summary: str
    draw: object  # Design -> Picture; raises NotShown


FIGURES = [Figure(*row) for row in [
    ("distribution", "step time: distribution, violins, and the tail with p99 and p99.9",
     distribution),
    ("design_points", "what the study is judged by, at every design point", design_points),
    ("sweep", "what the study is judged by along each axis of numbers", sweep),
    ("scaling", "step time and MFU over the number of chips", scaling),
    ("utilisation", "MFU and the share of the step spent in communication", utilisation),
    ("step_parts", "what a step without noise is the sum of: compute, bubble, exposed phases",
     step_parts),
    ("waiting", "waiting of each chip generation", waiting),
    ("mixing_tax", "what mixed fleets lose against their generations alone", mixing_tax),
    ("goodput", "goodput against checkpoint interval and spares", checkpoints),
    ("time_lost", "wall time lost, by cause", time_lost),
    ("power", "power at the site's meter, its swing, and the energy that smoothing costs", power),
    ("power_trace", "power over time in one trial, and its spectrum beside utilities' limits",
     power_trace),
    ("serving", "latency of requests against load by router, use of each generation", serving),
    ("money", "what the same fleet makes, draws and earns, training and serving", money),
    ("timeline", "one trial's month, from `lockstep timeline` (--timeline FILE.csv)", timeline),
    ("sensitivity", "which uncertain inputs the output's spread comes from", sensitivity),
    ("convergence", "intervals against the number of trials", convergence),
]]
