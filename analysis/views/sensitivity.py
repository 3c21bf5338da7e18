"""Which uncertain inputs the spread of the output comes from."""

from estimate import read
from measures import STEP_TIME, main_measure, there
from picture import LINES, Look, NotShown, Panel, Picture, Scale, Series, looks
from views.curves import curved



def sensitivity(design):
    if not design.inputs:
        raise NotShown("no parameter of the study is uncertain (a distribution)")
    points, fewer = curved(design)
    asked = [m for m in dict.fromkeys([main_measure(design), STEP_TIME]) if there(design, m)]
    told = design.series("sensitivity", [m.name for m in asked], points)
    panels = [panel for measure in asked for panel in
              _panels(design, measure, [(p, row) for p, row in told if row["variable"] == measure.name])]
    if not panels:
        raise NotShown("its trials are too few, or what comes out does not vary")
    return Picture(
        "Sensitivity to uncertain inputs",
        "Left: share of the variance between trials that an input explains alone (first-order "
        "Sobol index, from the stored draws), with 95 % intervals; inputs without effect stay left "
        "of the chance line in 95 % of cases. Right: Spearman's rank correlation." + fewer,
        panels, columns=2, most_points=LINES, points=[p.number for p in points],
        subject=design.subject)


def _panels(design, measure, told):
    style = looks(design)
    count = len(design.points)
    shares, ranks, chance = [], [], []
    for point, row in told:
        place = design.inputs.index(row["input"].removeprefix("input.")) + \
            ((point.number + 0.5) / count - 0.5) * (0.7 if count > 1 else 0)
        share, rank = read(row["share"]), read(row["rank"])
        if share.known and row["chance"] is not None:
            chance.append(row["chance"])
            shares.append(_mark(share, place, point, style[point.number]))
        if rank.known:
            ranks.append(_mark(rank, place, point, style[point.number]))
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
