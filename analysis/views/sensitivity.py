"""Which uncertain inputs the spread of the output comes from."""

import estimates
from measures import STEP_TIME, main_measure, there
from picture import Look, NotShown, Panel, Picture, Scale, Series, looks

MOST_POINTS = 6


def sensitivity(design):
    if not design.inputs:
        raise NotShown("no parameter of the study is uncertain (a distribution)")
    panels = []
    for measure in dict.fromkeys([main_measure(design), STEP_TIME]):
        panels += _panels(design, measure) if there(design, measure) else []
    if not panels:
        raise NotShown("fewer than 20 trials, or outputs that do not vary")
    return Picture(
        "Sensitivity to uncertain inputs",
        "Left: share of the variance between trials that an input explains alone (first-order "
        "Sobol index, from the stored draws), with bootstrap 95 % intervals; inputs without effect "
        "stay left of the chance line in 95 % of cases. Right: Spearman's rank correlation.",
        panels, columns=2, most_points=MOST_POINTS)


def _panels(design, measure):
    style = looks(design)
    count = len(design.points)
    shares, ranks, chance = [], [], []
    for point, look in zip(design.points, style):
        output = measure.of(design, point)
        for row, name in enumerate(design.inputs):
            drawn = design.trials(point, f"input.{name}")
            place = row + ((point.number + 0.5) / count - 0.5) * (0.7 if count > 1 else 0)
            share = estimates.first_order_share(drawn, output)
            rank = estimates.rank_correlation(drawn, output)
            if share.value == share.value:
                chance.append(estimates.chance_level(drawn, output))
                shares.append(_mark(share, place, point, look))
            ranks.append(_mark(rank, place, point, look))
    if not shares:
        return []
    rows = Scale("", ticks=list(enumerate(design.inputs)), limits=(-0.6, len(design.inputs) - 0.4))
    level = max(chance)
    shares.append(Series("line", [level, level], [-0.6, len(design.inputs) - 0.4],
                         "chance (5 %)", Look(6, 2, 0), plain=True))
    return [Panel(Scale("first-order share of variance", limits=(-0.02, 1.02)), rows, shares,
                  f"Of {measure.title}"),
            Panel(Scale("rank correlation", limits=(-1.05, 1.05)), rows, ranks,
                  f"With {measure.title}")]


def _mark(estimate, place, point, look):
    return Series("marks", [estimate.value], [place], point.text, look, low=[estimate.low],
                  high=[estimate.high], across=True, points=point.number)
