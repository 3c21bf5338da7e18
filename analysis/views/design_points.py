"""What a study is judged by, at every design point."""

from measures import GOODPUT, MFU, MFU_EFFECTIVE, STEP_TIME, main_measure, summaries, there
from picture import Picture, looks
from views.rows import INTERVAL, mark_rows


def design_points(design):
    first = main_measure(design)
    beside = {STEP_TIME: MFU, MFU: STEP_TIME, GOODPUT: MFU_EFFECTIVE}.get(first)
    chosen = [first] + ([beside] if beside and there(design, beside) else [])
    panels = [mark_rows(design, m.label, summaries(design, m), looks(design)) for m in chosen]
    return Picture("Design points", INTERVAL, panels, columns=len(panels))
