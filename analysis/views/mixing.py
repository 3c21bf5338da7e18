"""What mixing generations costs, against each generation alone."""

from measures import MFU, MIXING_TAX, summaries, there
from picture import NotShown, Picture, looks
from views.rows import INTERVAL, mark_rows


def mixing_tax(design):
    if not there(design, MIXING_TAX):
        raise NotShown("the study has no mixed fleet beside fleets of each of its generations alone")
    style = looks(design)
    return Picture(
        "Mixing tax", "Share of the tokens a second that the chips would reach in fleets of one "
        "generation each, but that the mixed fleet does not. Fleets of one generation have none. "
        + INTERVAL,
        [mark_rows(design, m.label, summaries(design, m), style) for m in (MIXING_TAX, MFU)],
        columns=2)
