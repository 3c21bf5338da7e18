"""Which design points a figure draws curves of."""

from measures import main_measure, ranking
from picture import representatives

MOST_NAMED = 4


def curved(design):
    """The design points that curves are asked for, evenly spread from best to worst where they are
    too many for all, and a sentence that says so."""
    ranked = ranking(design, main_measure(design))
    chosen = sorted(representatives(ranked, design.curves))
    said = f" Curves of {len(chosen)} of the {len(ranked):,} design points, from best to worst." \
        if len(chosen) < len(ranked) else ""
    return [design.points[number] for number in chosen], said


def over_one_another(series):
    """A sentence on the curves of which all but the last are hidden by an equal one."""
    alike = {}
    for one in series:
        alike.setdefault((tuple(one.x), tuple(one.y)), []).append(one.label)
    said = ""
    for names in alike.values():
        if len(names) > 1:
            more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            said += f" Equal, one curve over another: {'; '.join(names[:MOST_NAMED])}{more}."
    return said
