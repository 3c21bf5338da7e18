"""What the same fleet makes, draws and is worth in both uses: training and serving."""

from picture import NotShown, Panel, Picture, Scale, Series, look_of
from views.rows import INTERVAL, point_rows

# Panels: label, factor from the file's unit, element, and each series' name and variable.
PANELS = [
    ("made [% of peak or rated]", 100, None, [("training: MFU", "mfu"),
                                              ("serving: share of rated tokens",
                                               "serving_rated_share")]),
    ("power at the meter [MW]", 1e-6, None, [("training", "power_mean"),
                                             ("serving", "serving_power")]),
    ("dollars of a quarter of a year [million]", 1e-6, "quarter", [("leased", "rent_revenue"),
                                                      ("selling tokens", "token_revenue"),
                                                      ("chips over their life", "capital_cost"),
                                                      ("electricity, training",
                                                       "electricity_cost"),
                                                      ("electricity, serving",
                                                       "serving_electricity_cost")]),
    ("margin of a quarter of a year [million]", 1e-6, "quarter", [("leased", "rent_margin"),
                                                                  ("selling tokens",
                                                                   "token_margin")]),
]


def money(design):
    if not any(design.estimate(p, "capital_cost", element="year").known for p in design.points):
        raise NotShown("the study counts no money (money.count)")
    panels = []
    for label, factor, element, rows in PANELS:
        series = []
        for number, (name, variable) in enumerate(rows):
            found = [(p, design.estimate(p, variable, element=element, factor=factor))
                     for p in design.points]
            found = [(p, e) for p, e in found if e.known]
            if found:
                series.append(Series("marks", [e.value for _, e in found],
                                     [p.number for p, _ in found], name, look_of(number),
                                     low=[e.low for _, e in found], high=[e.high for _, e in found],
                                     across=True, points=[p.number for p, _ in found]))
        if series:
            panels.append(Panel(Scale(label), point_rows(design), series))
    return Picture("The same fleet in both uses", "What it makes, draws and earns in each use, as if "
                   f"it had no other. {INTERVAL}", panels, columns=2)
