"""Which design points a figure draws curves of."""

from measures import main_measure, ranking
from picture import representatives


def curved(design):
    """The design points that curves are asked for, evenly spread from best to worst where they are
    too many for all, and a sentence that says so."""
    ranked = ranking(design, main_measure(design))
    chosen = sorted(representatives(ranked, design.curves))
    said = f" Curves of {len(chosen)} of the {len(ranked):,} design points, from best to worst." \
        if len(chosen) < len(ranked) else ""
    return [design.points[number] for number in chosen], said
